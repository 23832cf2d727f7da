from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import msgspec
import pytest
import simcord
from discord.ext import commands

from tests.github_stage import (
    EXAMPLE,
    EXTENSION,
    PlainBot,
    Upstream,
    buttons,
    github,
    of_the_channel,
    problem,
    settings_for,
    staged,
    values,
)
from tux_http.host import attach, detach, host_of
from tux_http.http_client import HTTPClient, http_client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

HOSTILE = "@everyone @here <@1> <@&2> [x](https://evil.example) **b**"


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        yield served


async def test_a_slash_command_shows_the_card(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        message = await stage.slash("octocat/Hello-World")
    (embed,) = message.embeds
    assert embed.title == "octocat/Hello-World"
    assert embed.url == "https://github.com/octocat/Hello-World"
    assert embed.author.name == "octocat"
    assert values(message)["⭐ Stars"] == "80"
    assert values(message)["👀 Watchers"] == "42"
    assert list(buttons(message)) == ["Repository", "Issues", "Pull requests", "Releases", "Homepage"]
    assert buttons(message)["Issues"] == "https://github.com/octocat/Hello-World/issues"
    assert not message.flags.ephemeral


async def test_a_prefix_command_shows_the_same_card(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        by_slash = await stage.slash("octocat/Hello-World")
        by_prefix = await stage.say("!repo octocat/Hello-World")
    assert by_prefix.embeds == by_slash.embeds
    assert buttons(by_prefix) == buttons(by_slash)


async def test_it_works_in_direct_messages(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        user = stage.env.create_user("grace")
        result = await user.slash("repo", repository="octocat/Hello-World")
        await user.send_dm("!repo octocat/Hello-World")
        by_prefix = user.dm_channel.history()[-1]
    assert result.response is not None
    assert result.response.embeds == by_prefix.embeds
    assert by_prefix.embeds[0].title == "octocat/Hello-World"


async def test_discord_shows_what_the_command_takes_and_where_it_works(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        command = stage.bot.tree.get_command("repo")
    assert isinstance(command, discord.app_commands.Command)
    assert command.description == "Shows a repository on GitHub."
    assert {parameter.name: parameter.description for parameter in command.parameters} == {
        "repository": "owner/name, or a link to it; the server's default repository if left out",
        "public": "Whether everybody sees the answer, or only you",
    }
    assert command.allowed_installs is not None
    assert command.allowed_installs.user
    assert command.allowed_contexts is not None
    assert command.allowed_contexts.dm_channel
    assert command.allowed_contexts.private_channel


@pytest.mark.parametrize(
    "typed",
    [
        "https://github.com/octocat/Hello-World/issues/3#issuecomment-1",
        "<https://github.com/octocat/Hello-World>",
        "git@github.com:octocat/Hello-World.git",
    ],
)
async def test_links_are_understood(upstream: Upstream, typed: str) -> None:
    async with staged(settings_for(upstream)) as stage:
        by_slash = await stage.slash(typed)
        by_prefix = await stage.say(f"!repo {typed}")
    assert by_slash.embeds == by_prefix.embeds
    assert by_slash.embeds[0].title == "octocat/Hello-World"
    assert {request.path for request in upstream.requests} == {"/repos/octocat/Hello-World"}


async def test_links_to_the_configured_server_are_understood(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        message = await stage.slash(f"{upstream.url}/octocat/Hello-World/pulls")
    assert message.embeds[0].title == "octocat/Hello-World"


@pytest.mark.parametrize("typed", ["tux", "https://gitlab.com/a/b", "https://github.com/topics/x", "a/.."])
async def test_a_bad_name_is_answered_with_an_example_and_sent_nowhere(
    upstream: Upstream, typed: str
) -> None:
    async with staged(settings_for(upstream), failing=True) as stage:
        by_slash = await stage.slash(typed)
        by_prefix = await stage.say(f"!repo {typed}")
    assert by_slash.flags.ephemeral
    assert problem(by_slash) == problem(by_prefix)
    assert "`allthingslinux/tux`" in problem(by_slash)[1]
    assert upstream.requests == []


async def test_nothing_typed_is_answered(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), failing=True) as stage:
        message = await stage.say("!repo")
    assert "repository" in problem(message)[1]


async def test_a_renamed_repository_says_so(upstream: Upstream) -> None:
    new_home = f"{upstream.url}/repositories/1296269"
    upstream.has("/repos/octocat/old-name", {"url": new_home}, status=301, Location=new_home)
    upstream.has("/repositories/1296269", EXAMPLE)
    async with staged(settings_for(upstream)) as stage:
        message = await stage.slash("octocat/old-name")
    assert message.embeds[0].title == "octocat/Hello-World"
    assert "Renamed from octocat/old-name" in str(message.embeds[0].description)


async def test_a_body_of_nulls_is_shown(upstream: Upstream) -> None:
    upstream.has("/repos/demo/nulls", dict.fromkeys(EXAMPLE) | {"full_name": "demo/nulls"})
    upstream.has("/repos/demo/minimal", {"full_name": "demo/minimal"})
    async with staged(settings_for(upstream)) as stage:
        nulls = await stage.slash("demo/nulls")
        minimal = await stage.say("!repo demo/minimal")
    assert [message.embeds[0].title for message in (nulls, minimal)] == ["demo/nulls", "demo/minimal"]
    assert [values(message) for message in (nulls, minimal)] == [{}, {}]
    assert [buttons(message) for message in (nulls, minimal)] == [{}, {}]


@pytest.mark.parametrize("length", [1, 5000])
async def test_hostile_text_mentions_nobody_and_is_taken_by_discord(upstream: Upstream, length: int) -> None:
    texts = dict.fromkeys(("description", "language", "homepage", "full_name"), HOSTILE * length)
    upstream.has(
        "/repos/demo/hostile",
        EXAMPLE | texts | {"topics": [HOSTILE * length] * 20, "license": {"name": HOSTILE * length}},
    )
    async with staged(settings_for(upstream)) as stage:
        await stage.slash("demo/hostile")
        message = await stage.say("!repo demo/hostile")
    assert "@everyone" not in str(message.embeds[0].description)
    assert "@everyone" not in str(message.embeds[0].title)
    assert not message.mention_everyone
    assert message.mentions == []


async def test_a_private_repository_is_answered_in_the_words_for_a_missing_one(upstream: Upstream) -> None:
    upstream.has("/repos/demo/private", EXAMPLE | {"full_name": "demo/private", "private": True})
    async with staged(settings_for(upstream), failing=True) as stage:
        private = [await stage.slash("demo/private"), await stage.say("!repo demo/private")]
        missing = [await stage.slash("demo/missing"), await stage.say("!repo demo/missing")]
    assert {problem(message) for message in private} == {problem(message) for message in missing}
    assert len({problem(message) for message in private}) == 1
    assert [message.flags.ephemeral for message in private] == [True, False]
    assert all("demo" not in str(message.embeds[0].to_dict()) for message in private)


async def test_a_private_repository_is_shown_where_the_operator_allows_it(upstream: Upstream) -> None:
    upstream.has("/repos/demo/private", EXAMPLE | {"full_name": "demo/private", "private": True})
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        message = await stage.slash("demo/private")
    assert message.embeds[0].title == "demo/private"
    assert "🔒 Private" in str(message.embeds[0].description)


@pytest.mark.parametrize(("token", "sent"), [("ghp_planted", "Bearer ghp_planted"), (None, None)])
async def test_a_token_is_sent_if_there_is_one(
    upstream: Upstream, token: str | None, sent: str | None
) -> None:
    async with staged(settings_for(upstream, token=token)) as stage:
        await stage.slash("octocat/Hello-World")
    (request,) = upstream.requests
    assert request.headers.get("Authorization") == sent
    assert request.headers["Accept"] == "application/vnd.github+json"
    assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert request.headers["User-Agent"].startswith("tux-http/")


async def test_the_extension_works_alone_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    bot = PlainBot()
    async with simcord.run(bot):
        host = host_of(bot)
        assert host is not None
        assert host.http is http_client
        await host.http.get_client()
        await bot.reload_extension(EXTENSION)
        assert bot.get_command("repo") is not None
        assert bot.tree.get_command("repo") is not None
        assert {name.partition(" ")[0] for name in bot.cogs} == {"GitHub"}
        await http_client.get_client()
        await bot.unload_extension(EXTENSION)
        assert bot.get_command("repo") is None
        assert bot.tree.get_command("repo") is None
        assert dict(bot.cogs) == {}
        assert host_of(bot) is None
        assert not http_client.is_open


async def test_the_card_is_shown_after_a_reload_too(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        await stage.bot.reload_extension(EXTENSION)
        message = await stage.slash("octocat/Hello-World")
    assert message.embeds[0].title == "octocat/Hello-World"


class Taken(commands.Cog, name="GitHub"):
    """A cog of somebody else's with the name of ours."""


async def test_a_cog_that_can_not_be_added_leaves_nothing(upstream: Upstream) -> None:
    bot = PlainBot()
    host = attach(bot, "test", http=HTTPClient(), settings=settings_for(upstream))
    await bot.add_cog(Taken())
    with pytest.raises(commands.ExtensionFailed):
        await bot.load_extension(EXTENSION)
    assert host.users == {"test"}
    await bot.remove_cog("GitHub")
    bot.add_command(commands.Command(_repo, name="repo"))
    with pytest.raises(commands.ExtensionFailed):
        await bot.load_extension(EXTENSION)
    assert host.users == {"test"}
    await detach(bot, "test")
    assert host_of(bot) is None


async def _repo(ctx: commands.Context[Any]) -> None:
    """A command of somebody else's with the name of ours."""


async def test_missing_settings_stop_the_extension_and_leave_nothing(upstream: Upstream) -> None:
    bot = PlainBot()
    attach(bot, "test", http=HTTPClient(), settings=msgspec.structs.replace(settings_for(upstream), apis={}))
    with pytest.raises(commands.ExtensionFailed):
        await bot.load_extension(EXTENSION)
    assert dict(bot.cogs) == {}
    host = host_of(bot)
    assert host is not None
    assert host.users == {"test"}
    await detach(bot, "test")

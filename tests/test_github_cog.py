from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import msgspec
import pytest
import simcord
from aiohttp import web
from discord.ext import commands

from tux_http.config import GitHubSettings, Settings
from tux_http.host import attach, detach, host_of
from tux_http.http_client import HTTPClient, http_client
from tux_http.policy import HTTPSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from simcord.actors import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.env import Env

EXTENSION = "tux_http.cogs.github"
EXAMPLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "github" / "repository.json").read_text(encoding="utf-8")
)
NOT_FOUND = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
HOSTILE = "@everyone @here <@1> <@&2> [x](https://evil.example) **b**"


@dataclass
class Upstream:
    """A GitHub on loopback. It knows what is in `answers`, by path; the rest is not found."""

    answers: dict[str, web.Response] = field(default_factory=dict[str, web.Response])
    requests: list[web.Request] = field(default_factory=list[web.Request])
    hangs_up: set[str] = field(default_factory=set[str])
    url: str = ""

    def has(self, path: str, body: Any, *, status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[path] = web.Response(body=content, status=status, headers=headers)

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        if request.path in self.hangs_up and request.transport is not None:
            request.transport.abort()
        answer = self.answers.get(request.path, web.json_response(NOT_FOUND, status=404))
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    served = Upstream()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    served.has("/repos/octocat/Hello-World", EXAMPLE)
    yield served
    await runner.cleanup()


def settings_for(upstream: Upstream, *, allow_private: bool = False, token: str | None = None) -> Settings:
    defaults = Settings()
    return Settings(
        apis={"github": msgspec.structs.replace(defaults.apis["github"], base_url=upstream.url)},
        http=HTTPSettings(trust_env=False),
        github=GitHubSettings(allow_private=allow_private),
        tokens={} if token is None else {"github": token},
    )


class PlainBot(commands.Bot):
    """Somebody else's bot, with nothing of ours but the extension."""

    def __init__(self) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(command_prefix="!", intents=intents)

    async def setup_hook(self) -> None:
        await self.load_extension(EXTENSION)
        await self.tree.sync()


@dataclass
class Stage:
    """A bot with the cog, and a person in a channel of a server."""

    bot: commands.Bot
    env: Env
    channel: ChannelHandle
    member: MemberActor

    def seen(self) -> discord.Message:
        """The last message that the person sees, which is the bot's."""
        message = self.channel.history(viewer=self.member.user)[-1]
        assert message.author.id != self.member.id
        return message

    async def slash(self, repository: str) -> discord.Message:
        await self.member.slash(self.channel, "repo", repository=repository)
        return self.seen()

    async def say(self, text: str) -> discord.Message:
        await self.member.send(self.channel, text)
        return self.seen()


@contextlib.asynccontextmanager
async def staged(settings: Settings, *, failing: bool = False) -> AsyncGenerator[Stage]:
    bot = PlainBot()
    async with HTTPClient() as client:
        attach(bot, "test", http=client, settings=settings)
        async with simcord.run(bot, check_errors=not failing) as env:
            guild = env.create_guild()
            channel = guild.create_text_channel("general")
            yield Stage(bot, env, channel, guild.add_member(env.create_user("ada")))
            await bot.unload_extension(EXTENSION)
        await detach(bot, "test")


def values(message: discord.Message) -> dict[str, str]:
    return {str(field.name): str(field.value) for field in message.embeds[0].fields}


def buttons(message: discord.Message) -> dict[str, str]:
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    return {
        str(item.label): str(item.url)
        for row in rows
        for item in row.children
        if isinstance(item, discord.Button)
    }


def problem(message: discord.Message) -> tuple[str, str]:
    """What the embed of a failure says, without its reference."""
    (embed,) = message.embeds
    assert re.fullmatch(r"Reference [0-9a-f]{8}", embed.footer.text or "")
    assert message.components == []
    return str(embed.title), str(embed.description)


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
    (parameter,) = command.parameters
    assert (parameter.name, parameter.description) == ("repository", "owner/name, or a link to it")
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
    async with staged(settings_for(upstream, allow_private=True)) as stage:
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


FAILURES: list[tuple[int, bytes, dict[str, str], str]] = [
    (404, b'{"message": "Not Found"}', {}, "Nothing found"),
    (
        403,
        b'{"message": "API rate limit exceeded for 127.0.0.1"}',
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "60", "X-RateLimit-Reset": "4102444800"},
        "asks us to wait",
    ),
    (
        403,
        b'{"message": "You have exceeded a secondary rate limit."}',
        {"Retry-After": "60"},
        "asks us to slow down",
    ),
    (401, b'{"message": "Bad credentials"}', {}, "doesn't know this bot"),
    (451, b'{"message": "Repository access blocked"}', {}, "legal reasons"),
    (500, b"<html>Unicorn!</html>", {}, "has a problem"),
    (200, b'{"full_name": "demo/fai', {}, "answer"),
    (200, b"[]", {}, "answer"),
]


@pytest.mark.parametrize(("status", "body", "headers", "title"), FAILURES)
async def test_a_failure_of_the_upstream_is_answered(
    upstream: Upstream, status: int, body: bytes, headers: dict[str, str], title: str
) -> None:
    upstream.has("/repos/demo/failing", body, status=status, **headers)
    async with staged(settings_for(upstream, token="ghp_planted"), failing=True) as stage:
        by_slash = await stage.slash("demo/failing")
        by_prefix = await stage.say("!repo demo/failing")
    assert problem(by_slash)[0].endswith(title) or title in problem(by_slash)[0]
    # A limit is obeyed by the second call unasked, and its time is the quota's, not simcord's.
    timeless = [re.sub(r"<t:\d+:R>", "", "\n".join(problem(each))) for each in (by_slash, by_prefix)]
    assert timeless[0] == timeless[1]
    assert by_slash.flags.ephemeral
    for message in (by_slash, by_prefix):
        shown = str(message.embeds[0].to_dict())
        assert "ghp_planted" not in shown
        assert "127.0.0.1" not in shown
        assert "Unicorn" not in shown


async def test_an_upstream_that_hangs_up_is_answered(upstream: Upstream) -> None:
    upstream.hangs_up.add("/repos/demo/cut-off")
    async with staged(settings_for(upstream), failing=True) as stage:
        by_slash = await stage.slash("demo/cut-off")
        by_prefix = await stage.say("!repo demo/cut-off")
    assert problem(by_slash) == problem(by_prefix)
    assert "GitHub" in " ".join(problem(by_slash))


async def test_an_upstream_that_is_not_there_is_answered(upstream: Upstream) -> None:
    settings = settings_for(upstream)
    nowhere = msgspec.structs.replace(settings.apis["github"], base_url="http://127.0.0.1:1")
    async with staged(msgspec.structs.replace(settings, apis={"github": nowhere}), failing=True) as stage:
        message = await stage.slash("octocat/Hello-World")
    assert problem(message)[0].endswith("GitHub can't be reached")


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
        assert list(bot.cogs) == ["GitHub"]
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

"""What `/release`, `/commit`, `/ghuser` and `/ghsearch` have in common: where they work, Refresh, privacy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest

from tests.discord_markdown import kinds, parse
from tests.found_stage import (
    CHANGED,
    COMMANDS,
    COMMIT,
    FOUND,
    FRESH,
    HELLO,
    HITS,
    ORGANIZATION,
    RELEASE,
    USER,
    Given,
    furnish,
    give,
    given,
    paths,
)
from tests.github_stage import (
    EXAMPLE,
    EXTENSION,
    Upstream,
    github,
    of_the_channel,
    problem,
    settings_for,
    staged,
    text,
    title,
)
from tests.test_github_card import HOSTILE
from tests.test_github_refresh import as_before_a_restart, now, refresh_buttons, whispered

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

OF_A_REPOSITORY = [command for command in COMMANDS if command.paths[0] == HELLO]


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served, **FRESH)
        yield served


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_a_card_is_shown_to_everybody_and_a_typed_command_shows_the_same(
    upstream: Upstream, command: Given
) -> None:
    async with staged(settings_for(upstream)) as stage:
        by_slash = await given(stage, command)
        by_prefix = await stage.say(command.typed)
    assert title(by_slash) == command.title
    assert not by_slash.flags.ephemeral
    assert by_prefix.embeds == by_slash.embeds
    assert [row.to_dict() for row in by_prefix.components] == [row.to_dict() for row in by_slash.components]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_it_works_in_direct_messages(upstream: Upstream, command: Given) -> None:
    async with staged(settings_for(upstream)) as stage:
        user = stage.env.create_user("grace")
        result = await user.slash(command.command, **command.options)
    assert result.response is not None
    assert result.response.embeds[0].title == command.title


@pytest.mark.parametrize("name", ["release", "commit", "ghuser", "ghsearch"])
async def test_discord_shows_where_a_command_works(upstream: Upstream, name: str) -> None:
    async with staged(settings_for(upstream)) as stage:
        known = stage.bot.tree.get_command(name)
    assert isinstance(known, discord.app_commands.Command | discord.app_commands.Group)
    assert known.allowed_contexts is not None
    assert known.allowed_contexts.dm_channel
    assert known.allowed_installs is not None
    assert known.allowed_installs.user


# Hostile text and nothing.


def hostile(key: str, value: Any) -> Any:
    """Every text but addresses, times and what is looked up, at every depth, made hostile."""
    match value:
        case dict():
            return {name: hostile(str(name), inner) for name, inner in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case list():
            return [hostile(key, inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]
        case str() if not key.endswith(("url", "_at", "date", "visibility")):
            return HOSTILE * 50
        case _:
            return value


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_hostile_text_in_every_field_mentions_nobody_and_is_taken_by_discord(
    upstream: Upstream, command: Given
) -> None:
    path = command.paths[min(1, len(command.paths) - 1)]
    bodies = {"release": RELEASE, "commit": COMMIT, "ghuser": USER}
    body = bodies.get(command.command, FOUND if "repositories" in path else HITS)
    if path == "/orgs/github":
        upstream.has("/users/github", hostile("", ORGANIZATION) | {"type": "Organization", "login": "github"})
        body = ORGANIZATION
    upstream.has(path, hostile("", body))
    async with staged(settings_for(upstream)) as stage:
        message = await given(stage, command)
        by_prefix = await stage.say(command.typed)
    assert by_prefix.embeds == message.embeds
    assert not by_prefix.mention_everyone
    assert by_prefix.mentions == by_prefix.role_mentions == []
    embed = message.embeds[0]
    for shown in (title(message), text(message), *(str(field.value) for field in embed.fields)):
        nodes = parse(shown)
        assert kinds(nodes) <= {"text", "code", "masked", "link", "bold", "timestamp"}, shown
        assert not [node for node in nodes if node.kind == "timestamp" and node.text == "1"]
        assert not [node for node in nodes if node.kind == "masked" and "evil" in node.target]
    assert "evil" in str(embed.to_dict())


# Private repositories.


@pytest.mark.parametrize("headers", [{}, FRESH, FRESH | {"Age": "61"}])
@pytest.mark.parametrize("command", OF_A_REPOSITORY, ids=str)
async def test_what_is_private_is_told_from_what_does_not_exist_by_nothing(
    upstream: Upstream, command: Given, headers: dict[str, Any]
) -> None:
    upstream.has("/repos/demo/private", EXAMPLE | {"full_name": "demo/private", "private": True}, **headers)
    for path, body in (("releases/latest", RELEASE), ("commits/HEAD", COMMIT)):
        upstream.has(f"/repos/demo/private/{path}", body, **headers)
    async with staged(settings_for(upstream, token="ghp_planted"), failing=True) as stage:
        for _ in range(2):
            private = await give(stage, command.command, repository="demo/private")
            asked = paths(upstream)
            upstream.requests.clear()
            missing = await give(stage, command.command, repository="demo/missing")
            assert problem(private) == problem(missing)
            assert "demo" not in str(private.embeds[0].to_dict())
            assert set(asked) == {"/repos/demo/private"}  # a second time if it is old, in the background
            assert set(paths(upstream)) == {"/repos/demo/missing"}
            upstream.requests.clear()


@pytest.mark.parametrize("command", OF_A_REPOSITORY, ids=str)
async def test_what_became_private_is_not_shown_from_the_cache(upstream: Upstream, command: Given) -> None:
    async with staged(settings_for(upstream), failing=True) as stage:
        card = await given(stage, command)
        upstream.has(HELLO, EXAMPLE | {"private": True}, **CHANGED)
        result = await stage.member.click(card, label="Refresh")
        assert "Nothing found" in whispered(result)[0]
        message = await given(stage, command)
    assert problem(message)[0].endswith("Nothing found")


@pytest.mark.parametrize("command", OF_A_REPOSITORY, ids=str)
async def test_what_is_private_is_shown_where_the_operator_allows_it_and_nowhere_else(
    upstream: Upstream, command: Given
) -> None:
    upstream.has(HELLO, EXAMPLE | {"private": True}, **FRESH)
    async with staged(settings_for(upstream), failing=True, access=of_the_channel) as stage:
        message = await given(stage, command)
        other = stage.member.guild.create_text_channel("random")
        await stage.member.slash(other, command.command, **command.options)
        elsewhere = other.history(viewer=stage.member.user)[-1]
    assert title(message) == command.title
    assert problem(elsewhere)[0].endswith("Nothing found")


@pytest.mark.parametrize("command", OF_A_REPOSITORY, ids=str)
async def test_what_moved_meanwhile_to_where_nobody_may_look_is_not_shown(
    upstream: Upstream, command: Given
) -> None:
    moved = f"{upstream.url}/moved"
    upstream.has("/moved", RELEASE if command.command == "release" else COMMIT)
    upstream.has(command.paths[1], {"url": moved}, status=301, Location=moved)
    async with staged(settings_for(upstream), failing=True) as stage:
        assert title(await given(stage, command)) == command.title
        upstream.has(HELLO, EXAMPLE | {"private": True}, **CHANGED)
        message = await given(stage, command)
    assert problem(message)[0].endswith("Nothing found")


@pytest.mark.parametrize("command", OF_A_REPOSITORY, ids=str)
async def test_a_renamed_repository_is_followed_and_says_so(upstream: Upstream, command: Given) -> None:
    home = f"{upstream.url}/repositories/1296269"
    upstream.has("/repos/octocat/old-name", {"url": home}, status=301, Location=home)
    upstream.has("/repositories/1296269", EXAMPLE)
    async with staged(settings_for(upstream)) as stage:
        options = command.options | {"repository": "octocat/old-name"}
        message = await give(stage, command.command, **options)
    assert "➡️ Renamed from octocat/old-name" in text(message)
    assert "octocat/Hello-World" in text(message)
    assert paths(upstream) == ["/repos/octocat/old-name", "/repositories/1296269", command.paths[1]]


# Refresh.


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_refresh_asks_github_again_for_everything(upstream: Upstream, command: Given) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await given(stage, command)
        result = await stage.member.click(card, label="Refresh")
        after = now(stage, card)
    assert title(after) == command.title
    assert "Refreshed" in str(after.embeds[0].footer.text) or after.embeds[0].timestamp is not None
    assert tuple(paths(upstream)) == command.paths * 2
    assert [request.headers.get("If-None-Match") for request in upstream.requests] == [
        *[None] * len(command.paths),
        *['"1"'] * len(command.paths),
    ]
    assert result.followups == []
    assert [row.to_dict() for row in after.components] == [row.to_dict() for row in card.components]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_a_card_of_before_a_restart_can_be_refreshed(upstream: Upstream, command: Given) -> None:
    async with staged(settings_for(upstream)) as stage:
        (button,) = refresh_buttons(await given(stage, command))
    async with staged(settings_for(upstream)) as stage:
        card = await as_before_a_restart(stage, str(button.custom_id))
        await stage.member.click(card, label="Refresh")
        assert title(now(stage, card)) == command.title


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_an_unloaded_extension_takes_its_buttons_along_and_a_reload_brings_them_back(
    upstream: Upstream, command: Given
) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await given(stage, command)
        await stage.bot.unload_extension(EXTENSION)
        result = await stage.member.click(card, label="Refresh")
        assert (result.response, result.followups) == (None, [])
        await stage.bot.load_extension(EXTENSION)
        await stage.member.click(card, label="Refresh")
        assert now(stage, card).embeds[0].timestamp is not None


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_an_answer_that_stands_in_says_how_old_it_is(upstream: Upstream, command: Given) -> None:
    path = command.paths[min(1, len(command.paths) - 1)]
    path = command.paths[0] if command.command == "ghuser" else path
    old = {"Cache-Control": "max-age=60, stale-while-revalidate=0", "Age": "725"}
    upstream.answers[path].headers.update(old)
    async with staged(settings_for(upstream)) as stage:
        await given(stage, command)
        upstream.has(path, b"", status=503)
        message = await given(stage, command)
    assert title(message) == command.title
    assert "12 min old — GitHub is not answering" in str(message.embeds[0].footer.text)

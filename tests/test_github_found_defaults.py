"""How `/release`, `/commit`, `/ghuser` and `/ghsearch` go by what a server has set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.found_stage import COMMANDS, FRESH, HELLO, Given, furnish, give, given
from tests.github_stage import EXAMPLE, Upstream, github, problem, settings_for, title
from tests.test_github_refresh import whispered
from tests.test_github_servers import server
from tux_http.cogs.github.commits import parse_commit
from tux_http.cogs.github.links import CommitLink, ReleaseLink
from tux_http.cogs.github.reference import Reference
from tux_http.cogs.github.releases import parse_release
from tux_http.config import PrivateAccess
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from simcord.builders import ChannelHandle, GuildHandle, RoleHandle

HOME = Reference("octocat", "Hello-World")


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served, **FRESH)
        served.has(f"{HELLO}/commits/HEAD", served.answers[COMMANDS[1].paths[1]].body)
        yield served


def test_the_default_repository_is_meant_where_none_is_named() -> None:
    assert parse_release(None, default=HOME) == ReleaseLink(HOME)
    assert parse_release(None, "v1", default=HOME) == ReleaseLink(HOME, "v1")
    assert parse_release("demo/other", default=HOME) == ReleaseLink(Reference("demo", "other"))
    assert parse_commit(None, default=HOME) == CommitLink(HOME, "HEAD")
    assert parse_commit("@6dcb09b", default=HOME) == CommitLink(HOME, "6dcb09b")
    assert parse_commit("other@6dcb09b", default=HOME) == CommitLink(Reference("octocat", "other"), "6dcb09b")


@pytest.mark.parametrize("parse", [parse_release, parse_commit])
def test_without_a_default_one_a_repository_is_asked_for(parse: object) -> None:
    assert callable(parse)
    for typed in (None, ""):
        with pytest.raises(InvalidInput):
            parse(typed)
    with pytest.raises(InvalidInput):
        parse("", default=HOME)


@pytest.mark.parametrize(("command", "shown"), [("release", "v1.0.0"), ("commit", "Fix all the bugs")])
async def test_a_server_has_a_repository_that_is_meant(upstream: Upstream, command: str, shown: str) -> None:
    async with server(settings_for(upstream), failing=True) as here:
        without = await give(here.stage, command)
        await here.set("default", repository="octocat/Hello-World")
        by_slash = await give(here.stage, command)
        by_prefix = await here.stage.say(f"!{command}")
    assert "no default one" in problem(without)[1]
    assert title(by_slash) == title(by_prefix) == shown


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_an_answer_is_for_whoever_asks_alone_if_they_or_the_server_say_so(
    upstream: Upstream, command: Given
) -> None:
    async with server(settings_for(upstream)) as here:
        stage = here.stage

        async def is_private(**options: bool) -> bool:
            await stage.member.slash(stage.channel, command.command, **command.options, **options)
            card = stage.seen()
            assert title(card) == command.title
            return card.flags.ephemeral

        assert [await is_private(), await is_private(public=False)] == [False, True]
        await here.set("visibility", public=False)
        assert [await is_private(), await is_private(public=True)] == [True, False]
        assert not (await stage.say(command.typed)).flags.ephemeral


@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[1]], ids=str)
async def test_a_role_sees_what_is_private_where_nobody_else_sees_it(
    upstream: Upstream, command: Given
) -> None:
    upstream.has(HELLO, EXAMPLE | {"private": True}, **FRESH)
    allowed: list[RoleHandle] = []

    def of_a_role(guild: GuildHandle, _: ChannelHandle) -> tuple[PrivateAccess, ...]:
        allowed.append(guild.create_role("staff"))
        return (PrivateAccess(guild=guild.id, roles=(allowed[0].id,)),)

    async with server(settings_for(upstream), failing=True, access=of_a_role) as here:
        stage = here.stage
        before = await given(stage, command)
        eve = stage.member.guild.add_member(stage.env.create_user("eve"), roles=allowed)
        await eve.slash(stage.channel, command.command, **command.options, public=False)
        alone = stage.channel.history(viewer=eve.user)[-1]
        await eve.slash(stage.channel, command.command, **command.options)
        in_public = stage.channel.history(viewer=eve.user)[-1]
    assert problem(before)[0].endswith("Nothing found")
    assert title(alone) == command.title
    assert alone.flags.ephemeral
    assert problem(in_public)[0].endswith("Nothing found")


async def test_the_pages_of_a_search_that_its_person_alone_sees_can_be_turned(upstream: Upstream) -> None:
    async with server(settings_for(upstream)) as here:
        stage = here.stage
        await stage.member.slash(stage.channel, "ghsearch repositories", query="x", public=False)
        card = stage.seen()
        await stage.member.click(card, label="Next")
        after = stage.seen()
        assert (after.id, after.flags.ephemeral) == (card.id, True)
        assert "Page 2 of 8" in str(after.embeds[0].footer.text)
        upstream.has("/search/repositories", b"", status=451)
        failed = await stage.member.click(after, label="Next")
    assert "legal reasons" in whispered(failed)[0]

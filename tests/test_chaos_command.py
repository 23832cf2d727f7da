"""`/chaos` in the sandbox: what it does to the next command, and that it ends."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import discord
import msgspec
import pytest

from tests.screenshots import SCENES
from tux_http.chaos import Faults, parse
from tux_http.config import Settings
from tux_http.policy import Breaker
from tux_http.problems import problem_of, table
from tux_http.sandbox.chaos import EXAMPLES
from tux_http.sandbox.problems import PROBLEMS
from tux_http.sandbox.upstream import SampleGitHub
from tux_http.sandbox.world import World, opened

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.slow

CARD = "/repo octocat/hello-world"


@asynccontextmanager
async def sandbox(rules: str = "", **policy: Any) -> AsyncGenerator[World]:
    settings = Settings()
    github = msgspec.structs.replace(settings.apis["github"], **policy)
    settings = msgspec.structs.replace(settings, apis={"github": github})
    faults = Faults(parse(rules))
    async with SampleGitHub() as upstream, opened(settings, upstream=upstream, faults=faults) as world:
        yield world


async def say(world: World, text: str) -> discord.Embed:
    message = await world.member.send(world.channel, text)
    return message.embeds[0]


async def test_a_rule_holds_from_the_next_command_until_it_is_cleared() -> None:
    async with sandbox() as world:
        assert (await say(world, CARD)).title == "octocat/Hello-World"
        told = await say(world, "/chaos set github:status=404")
        assert told.description == "`github:status=404` — waits for a call"
        assert "Nothing found" in ((await say(world, CARD)).title or "")
        assert (
            await say(world, "/chaos show")
        ).description == "`github:status=404` — happened to 1 of 1 calls"
        assert "No rule is in force" in ((await say(world, "/chaos clear")).description or "")
        assert (await say(world, CARD)).title == "octocat/Hello-World"


async def test_an_outage_is_met_by_the_breaker_and_over_when_it_is_cleared() -> None:
    async with sandbox(breaker=Breaker(open_for=0.5, max_open_for=0.5)) as world:
        await say(world, "/chaos set github:status=503")
        titles = [(await say(world, CARD)).title or "" for _ in range(4)]
        assert "unavailable" in titles[0]
        assert "is having trouble" in titles[-1]
        await say(world, "/chaos clear")
        assert (await say(world, CARD)).title == "octocat/Hello-World"
        for _ in range(4):  # and the samples fail each for itself again
            await say(world, "/repo demo/down")
        assert (await say(world, CARD)).title == "octocat/Hello-World"


async def test_a_limit_is_obeyed_until_it_is_cleared() -> None:
    async with sandbox() as world:
        await say(world, "/chaos set github:limit,times=1")
        for _ in range(2):
            assert "asks us to wait" in ((await say(world, CARD)).title or "")
        await say(world, "/chaos clear")
        assert (await say(world, CARD)).title == "octocat/Hello-World"


async def test_rules_of_the_start_are_in_force_from_the_first_command_on() -> None:
    async with sandbox("github:status=451") as world:
        assert "legal" in ((await say(world, CARD)).title or "")


async def test_a_hang_ends_with_the_deadline() -> None:
    async with sandbox("github:timeout", deadline=0.5) as world:
        assert "taking too long" in ((await say(world, CARD)).title or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("github:stauts=503", "there is no 'stauts'; did you mean status?"),
        ("gihub:reset", "there is no API 'gihub'; did you mean github?"),
        (" ;", "There is no rule in it."),
    ],
)
async def test_a_wrong_rule_is_told_and_changes_nothing(text: str, said: str) -> None:
    async with sandbox("github:status=404") as world:
        result = await world.member.slash(world.channel, "chaos set", rule=text)
        told = [answer for answer in (result.response, *result.followups) if answer is not None][-1]
        shown = told.message.embeds[0].description or ""
        assert said in shown.replace("\\", "")
        assert "github:status=503" in shown  # an example of what would have been right
        assert "Nothing found" in ((await say(world, CARD)).title or "")


async def test_examples_are_offered_while_typing() -> None:
    async with sandbox() as world:
        offered = await world.member.autocomplete(world.channel, "chaos set", "rule", "limit")
        assert {choice["value"] for choice in offered} == {value for value in EXAMPLES if "limit" in value}
        everything = await world.member.autocomplete(world.channel, "chaos set", "rule", "")
        assert len(everything) == len(EXAMPLES)
        codes = await world.member.autocomplete(world.channel, "chaos problem", "code", "miss")
        assert [choice["value"] for choice in codes] == [code for code in PROBLEMS if "miss" in code]


async def test_what_is_offered_is_right_and_is_for_an_api_that_there_is() -> None:
    async with sandbox() as world:
        for rule in EXAMPLES:
            assert world.stage.read(rule)


@pytest.mark.parametrize("code", PROBLEMS)
def test_what_makes_a_problem_is_that_problem(code: str) -> None:
    assert problem_of(PROBLEMS[code]()).code == code


def test_there_is_a_picture_of_each_problem_that_people_are_told() -> None:
    assert set(SCENES) == {row.code for row in table()}


async def test_a_problem_that_no_upstream_causes_can_be_seen() -> None:
    titles = {row.code: row.title for row in table()}
    async with sandbox() as world:
        for code in ("missing-permissions", "cooldown", "internal"):
            assert titles[code] in ((await say(world, f"/chaos problem {code}")).title or "")
        assert "doesn't fit" in ((await say(world, "/chaos problem nothing")).title or "")


async def test_the_introduction_says_how_to_have_github_fail() -> None:
    async with sandbox() as world:
        await world.introduce()
        channel = world.bot.get_channel(world.channel.id)
        assert isinstance(channel, discord.TextChannel)
        (message,) = [message async for message in channel.history()]
        assert any("/chaos set" in (field.value or "") for field in message.embeds[0].fields)

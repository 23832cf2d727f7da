"""The log stays readable while the same thing fails again and again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.discord_world import failure_log, plain_bot, world
from tests.failures import status_error
from tests.virtual_time import simulated
from tux_http.call import call_of
from tux_http.error_handler import ErrorHandler
from tux_http.noise import MINUTE, Noise, Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import discord
    from discord.ext import commands
    from loguru import Record


@pytest.fixture
def log() -> Iterator[list[Record]]:
    with failure_log() as records:
        yield records


def heard(records: list[Record]) -> list[tuple[str, str]]:
    """Level and message of what an operator sees, who looks at INFO and above; references left out."""
    return [
        (record["level"].name, record["message"].partition(", ref ")[0])
        for record in records
        if record["level"].no >= 20
    ]


# The counting.


def test_the_first_is_news_and_the_rest_of_its_minute_is_counted() -> None:
    repeats, counts = Repeats(), list[int]()
    assert repeats.is_news("a", 0.0, counts.append)
    assert not any(repeats.is_news("a", second, counts.append) for second in range(1, 15))
    assert repeats.is_news("b", 3.0, counts.append)
    repeats.settle(59.9)
    assert counts == []
    repeats.settle(60.0)
    assert counts == [14]
    assert repeats.is_news("a", 61.0, counts.append)


def test_one_that_comes_after_the_minute_is_news_and_ends_the_count() -> None:
    repeats, counts = Repeats(), list[int]()
    assert repeats.is_news("a", 0.0, counts.append)
    assert not repeats.is_news("a", 1.0, counts.append)
    assert repeats.is_news("a", 60.0, counts.append)
    assert counts == [1]


def test_what_happened_once_is_not_counted() -> None:
    repeats, counts = Repeats(), list[int]()
    assert repeats.is_news("a", 0.0, counts.append)
    repeats.settle(1000.0)
    assert counts == []
    assert len(repeats) == 0


@given(
    most=st.integers(1, 4),
    events=st.lists(st.tuples(st.integers(0, 6), st.floats(0, 40))),
)
def test_each_is_told_or_counted_once_and_no_more_kinds_are_kept_than_allowed(
    most: int, events: list[tuple[int, float]]
) -> None:
    repeats, now, told, counted = Repeats(most=most), 0.0, 0, list[int]()
    last_told = dict[int, float]()
    for kind, passed in events:
        now += passed
        if repeats.is_news(kind, now, counted.append):
            told += 1
            last_told[kind] = now
        else:
            assert now - last_told[kind] < MINUTE
        assert len(repeats) <= most
    repeats.settle(now + MINUTE)
    assert len(repeats) == 0
    assert told + sum(counted) == len(events)


def test_the_count_is_told_when_the_minute_is_over_though_nothing_more_happens() -> None:
    async def scenario() -> list[tuple[float, str, int]]:
        noise, loop, said = Noise(), asyncio.get_running_loop(), list[tuple[float, str, int]]()

        def saying(kind: str) -> Callable[[int], None]:
            return lambda more: said.append((loop.time(), kind, more))

        for kind, times in (("a", 3), ("b", 2)):
            for _ in range(times):
                noise.is_news(kind, saying(kind))
            await asyncio.sleep(10)
        await asyncio.sleep(100)
        noise.is_news("a", saying("a"))
        noise.is_news("a", saying("a"))
        noise.close()
        return said

    assert simulated(scenario()) == [(60.0, "a", 2), (70.0, "b", 1), (120.0, "a", 1)]


# What is in the log, when people use a bot.


def bot_that_fails(*failures: BaseException, endless: bool = False) -> commands.Bot:
    """A bot whose /look fails, each time with the next of these."""
    bot = plain_bot()
    ErrorHandler(bot, names={"github": "GitHub"}, everything=True).install()
    left = list(failures)

    @bot.tree.command(description="fails")
    async def look(interaction: discord.Interaction[Any]) -> None:
        raise left[0] if endless else left.pop(0)

    assert look.name
    return bot


async def test_the_same_problem_of_an_api_is_logged_once_a_minute_and_then_counted(log: list[Record]) -> None:
    errors = [status_error(503) for _ in range(17)]
    async with world(bot_that_fails(*errors)) as discord_:
        for _ in range(15):
            await discord_.slash("look")
        full = ("WARNING", "look failed: unavailable (HTTPStatusError)")
        assert heard(log) == [full]
        await discord_.advance(61)
        counted = ("WARNING", "github: unavailable: … and 14 more like it in the last minute")
        assert heard(log) == [full, counted]
        await discord_.slash("look")
        assert heard(log) == [full, counted, full]


async def test_what_is_counted_is_at_debug_with_its_reference(log: list[Record]) -> None:
    async with world(bot_that_fails(*(status_error(503) for _ in range(2)))) as discord_:
        first = await discord_.slash("look")
        second = await discord_.slash("look")
    shown = [
        (result.response.embeds[0].footer.text or "").removeprefix("Reference ")
        for result in (first, second)
        if result.response is not None
    ]
    assert [(record["level"].name, record["extra"]["reference"]) for record in log] == [
        ("WARNING", shown[0]),
        ("DEBUG", shown[1]),
    ]


async def test_another_problem_of_the_api_is_news(log: list[Record]) -> None:
    async with world(bot_that_fails(status_error(503), status_error(502), status_error(503))) as discord_:
        for _ in range(3):
            await discord_.slash("look")
    assert heard(log) == [
        ("WARNING", "look failed: unavailable (HTTPStatusError)"),
        ("WARNING", "look failed: bad-gateway (HTTPStatusError)"),
    ]


async def test_the_same_problem_of_another_api_is_news(log: list[Record]) -> None:
    errors = [status_error(503) for _ in range(4)]
    for error in errors[::2]:
        call = call_of(error)
        assert call is not None
        call.api = "weather"
    async with world(bot_that_fails(*errors)) as discord_:
        for _ in errors:
            await discord_.slash("look")
        await discord_.advance(61)
    full = ("WARNING", "look failed: unavailable (HTTPStatusError)")
    assert heard(log) == [
        full,
        full,
        ("WARNING", "weather: unavailable: … and 1 more like it in the last minute"),
        ("WARNING", "github: unavailable: … and 1 more like it in the last minute"),
    ]


async def test_whichever_command_meets_it_it_is_the_same_problem_of_the_api(log: list[Record]) -> None:
    bot = bot_that_fails(status_error(503))

    @bot.tree.command(description="fails too")
    async def peek(interaction: discord.Interaction[Any]) -> None:
        raise status_error(503)

    assert peek.name
    async with world(bot) as discord_:
        await discord_.slash("look")
        await discord_.slash("peek")
    assert heard(log) == [("WARNING", "look failed: unavailable (HTTPStatusError)")]


@pytest.mark.parametrize("status", [403, 404, 410, 418, 422, 429, 451])
async def test_what_an_upstream_refuses_is_no_warning(status: int, log: list[Record]) -> None:
    async with world(bot_that_fails(status_error(status))) as discord_:
        await discord_.slash("look")
    assert [record["level"].name for record in log] == ["INFO"]
    assert log[0]["exception"] is None


async def test_credentials_that_an_upstream_does_not_take_are_an_error(log: list[Record]) -> None:
    async with world(bot_that_fails(status_error(401))) as discord_:
        await discord_.slash("look")
    assert [record["level"].name for record in log] == ["ERROR"]


async def test_a_fault_of_ours_is_an_error_with_its_traceback_and_another_one_is_too(
    log: list[Record],
) -> None:
    async with world(bot_that_fails(KeyError("a"), ZeroDivisionError(), endless=False)) as discord_:
        await discord_.slash("look")
        await discord_.slash("look")
    assert [(record["level"].name, record["exception"] is None) for record in log] == [
        ("ERROR", False),
        ("ERROR", False),
    ]


async def test_the_same_fault_of_ours_is_shown_with_its_traceback_once_a_minute(log: list[Record]) -> None:
    async with world(bot_that_fails(KeyError("a"), endless=True)) as discord_:
        for _ in range(3):
            await discord_.slash("look")
        await discord_.advance(61)
    assert heard(log) == [
        ("ERROR", "look failed: internal (KeyError)"),
        ("ERROR", "look: internal: … and 2 more like it in the last minute"),
    ]


async def test_taking_the_error_layer_off_tells_what_is_counted_so_far(log: list[Record]) -> None:
    bot = plain_bot()
    handler = ErrorHandler(bot, names={}, everything=True).install()

    @bot.tree.command(description="fails")
    async def look(interaction: discord.Interaction[Any]) -> None:
        raise httpx.ConnectError("no")

    assert look.name
    async with world(bot) as discord_:
        await discord_.slash("look")
        await discord_.slash("look")
        handler.uninstall()
    assert heard(log)[-1] == ("WARNING", "look: unreachable: … and 1 more like it in the last minute")

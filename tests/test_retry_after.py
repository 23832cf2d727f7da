"""How long the retry layer waits when the upstream tells it, and that it is in time."""

from __future__ import annotations

import math
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from tests.retries import NOW, World, answers
from tux_http.transports.retry import told_wait


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1", 1.0),
        (" 120 ", 120.0),
        ("007", 7.0),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30.0),
        ("0", 0.0),
        ("00", 0.0),
        (format_datetime(NOW - timedelta(seconds=30), usegmt=True), 0.0),
        ("Thu, 01 Jan 1998 00:00:00 GMT", 0.0),
        ("99999999999", 86400.0),  # no upstream is believed to be closed for longer than a day
        ("-1", math.inf),
        ("-0", math.inf),
        ("+5", math.inf),
        ("1.5", math.inf),
        ("5s", math.inf),
        ("1, 2", math.inf),
        ("1e3", math.inf),
        ("soon", math.inf),
        ("", math.inf),
        ("2026-01-01T12:00:30Z", math.inf),
        ("Mon, 99 Xyz 2026 99:99:99 GMT", math.inf),
    ],
)
def test_it_is_seconds_or_a_date_and_anything_else_never_comes(value: str, seconds: float) -> None:
    assert told_wait(httpx.Response(503, headers={"Retry-After": value}), NOW) == seconds


def test_without_it_nothing_is_told() -> None:
    assert told_wait(httpx.Response(503), NOW) is None
    assert told_wait(httpx.Response(429), NOW) is None
    assert told_wait(httpx.ReadError("reset"), NOW) is None


def test_a_429_may_tell_by_its_limits_reset() -> None:
    reset = str(int(NOW.timestamp()) + 9)
    answer = httpx.Response(429, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
    assert told_wait(answer, NOW) == 9.0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_it_is_obeyed_to_the_second_when_it_fits_the_deadline(status: int) -> None:
    world = World([*answers(status, Retry_After="7"), *answers(200)], draw=0.0)
    assert (await world.call(deadline=15)).status_code == 200
    assert world.waits == [7.0]


async def test_a_zero_leaves_the_wait_to_the_back_off() -> None:
    world = World([*answers(503, Retry_After="0"), *answers(200)])
    await world.call()
    assert world.waits == pytest.approx([0.05])


@pytest.mark.parametrize("value", ["15", "60", "soon", "-1"])
async def test_an_answer_that_asks_for_too_much_or_nonsense_is_given_at_once(value: str) -> None:
    world = World(answers(503, Retry_After=value))
    assert (await world.call(deadline=15)).status_code == 503
    assert (world.attempts, world.waits, world.budget.tokens) == (1, [], 500)


@pytest.mark.parametrize(("value", "attempts"), [("20", 3), ("21", 1), ("soon", 1)])
async def test_without_a_deadline_the_longest_wait_is_the_longest_back_off(value: str, attempts: int) -> None:
    world = World(answers(503, Retry_After=value))
    await world.call(deadline=None)
    assert world.attempts == attempts


async def test_no_wait_is_begun_that_would_end_after_the_deadline() -> None:
    world = World(answers(429))
    assert (await world.call(deadline=1.0)).status_code == 429
    assert (world.attempts, world.waits) == (1, [])


async def test_time_spent_in_attempts_counts_towards_the_deadline() -> None:
    world = World(answers(503, 503, 200, Retry_After="2"), seconds_per_attempt=3.0)
    assert (await world.call(deadline=9.0)).status_code == 503
    assert (world.attempts, world.waits) == (2, [2.0])

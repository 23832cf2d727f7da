"""How long the retry layer waits when nobody tells it."""

from __future__ import annotations

import httpx
import pytest

from tests.retries import World, answers
from tux_http.policy import Retry
from tux_http.transports.retry import backoff


@pytest.mark.parametrize(
    ("retries", "status", "draw", "seconds"),
    [
        (0, 503, 1.0, 0.05),
        (1, 503, 1.0, 0.1),
        (2, 503, 1.0, 0.2),
        (8, 503, 1.0, 12.8),
        (9, 503, 1.0, 20.0),
        (10_000, 503, 1.0, 20.0),
        (0, 429, 1.0, 1.0),
        (1, 429, 1.0, 2.0),
        (4, 429, 1.0, 16.0),
        (5, 429, 1.0, 20.0),
        (0, 503, 0.0, 0.0),
        (0, 503, 0.5, 0.025),
        (1, 429, 0.25, 0.5),
        (50, 503, 0.5, 10.0),
    ],
)
def test_it_doubles_from_50_ms_or_1_s_up_to_20_s_with_full_jitter(
    retries: int, status: int, draw: float, seconds: float
) -> None:
    assert backoff(Retry(), retries, httpx.Response(status), draw) == pytest.approx(seconds)


def test_network_errors_back_off_as_an_overloaded_server_does() -> None:
    assert backoff(Retry(), 1, httpx.ReadError("reset"), 1.0) == pytest.approx(0.1)


async def test_each_attempt_waits_by_the_table() -> None:
    world = World(answers(503, 429, 502, 503, 200), policy=Retry(attempts=9))
    assert (await world.call()).status_code == 200
    assert world.waits == pytest.approx([0.05, 2.0, 0.2, 0.4])

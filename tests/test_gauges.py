"""How the APIs do, as Prometheus reads it: breakers, quotas, lanes and the memory of the cache."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
from prometheus_client import CollectorRegistry

from tests.measured import exposed, measured
from tux_http import gauges
from tux_http.gauges import GAUGES
from tux_http.http_client import HTTPClient
from tux_http.metrics import Metrics
from tux_http.policy import Breaker, Caching, Lane, Policy, Quota, Retry
from tux_http.transports.circuit import Verdict

if TYPE_CHECKING:
    import pytest

    from tests.measured import Measured

OFF = Policy(retry=Retry(attempts=1), caching=Caching(enabled=False))


def told(service: Measured) -> dict[str, float]:
    """The gauges of "github"; those of its breaker with their state."""
    found: dict[str, float] = {}
    for sample in service.samples():
        if sample.name in GAUGES and sample.labels["api"] == "github":
            state = sample.labels.get("state")
            found[sample.name.removeprefix("tux_http_") + (f" {state}" if state else "")] = sample.value
    return found


async def test_an_api_that_nothing_happened_to_has_its_sizes() -> None:
    policy = Policy(lane=Lane(concurrency=7, queue=9))
    async with measured(lambda _: httpx.Response(200), policy=policy) as service:
        assert told(service) == {
            "breaker_origins open": 0,
            "breaker_origins half-open": 0,
            "quota_pause_seconds": 0,
            "lane_under_way": 0,
            "lane_slots": 7,
            "lane_waiting": 0,
            "lane_queue": 9,
        }


async def test_what_is_off_is_not_told() -> None:
    policy = Policy(breaker=Breaker(enabled=False), quota=Quota(enabled=False))
    async with measured(lambda _: httpx.Response(200), policy=policy) as service:
        assert {name.partition("_")[0] for name in told(service)} == {"lane"}


async def test_origins_that_are_left_alone_and_those_that_are_tried_are_counted() -> None:
    policy = Policy(breaker=Breaker(minimum_calls=1))
    async with measured(lambda _: httpx.Response(200), policy=policy) as service:
        circuits, now = service.http.apis["github"].layers.circuits, time.monotonic()
        for origin, failed_at in (("a", now), ("b", now), ("c", now - 60)):
            circuit = circuits.of(f"https://{origin}.example")
            permit = circuit.admit(failed_at)
            assert permit is not None
            circuit.settle(permit, Verdict.FAILURE, failed_at)
        found = told(service)
        assert (found["breaker_origins open"], found["breaker_origins half-open"]) == (2, 1)


def limits(remaining: int, limit: int, resource: str, seconds: int = 600) -> dict[str, str]:
    reset = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(reset.timestamp())),
        "X-RateLimit-Resource": resource,
    }


async def test_of_several_quotas_the_one_that_is_nearest_to_its_end_is_told() -> None:
    heads = {"/core": limits(4000, 5000, "core"), "/search": limits(9, 30, "search", 60)}
    async with measured(lambda r: httpx.Response(200, headers=heads[r.url.path]), policy=OFF) as service:
        for path in heads:
            await service.http.apis["github"].get(path)
        now = told(service)
        assert (now["quota_remaining"], now["quota_limit"]) == (9, 30)
        assert 0 < now["quota_reset_seconds"] <= 60


async def test_a_pause_that_the_upstream_asked_for_is_told_while_it_lasts() -> None:
    secondary: dict[str, Any] = {
        "headers": {"Retry-After": "30"},
        "json": {"message": "secondary rate limit"},
    }
    async with measured(lambda _: httpx.Response(429, **secondary), policy=OFF) as service:
        await service.http.apis["github"].get("/a", raise_for_status=False)
        assert 0 < told(service)["quota_pause_seconds"] <= 30


async def test_calls_under_way_and_waiting_are_told_and_gone_when_they_end() -> None:
    let_go = asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        await let_go.wait()
        return httpx.Response(200)

    policy = Policy(lane=Lane(concurrency=2, queue=5), caching=Caching(enabled=False))
    async with measured(slow, policy=policy) as service:
        calls = [asyncio.create_task(service.http.apis["github"].get(f"/{number}")) for number in range(5)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert (told(service)["lane_under_way"], told(service)["lane_waiting"]) == (2, 3)
        let_go.set()
        await asyncio.gather(*calls)
        assert (told(service)["lane_under_way"], told(service)["lane_waiting"]) == (0, 0)


async def test_answers_in_memory_are_counted_and_weighed() -> None:
    fresh = {"Cache-Control": "max-age=60"}
    async with measured(lambda _: httpx.Response(200, headers=fresh, content=b"x" * 1000)) as service:
        for number in range(3):
            await service.http.apis["github"].get(f"/{number}")
        now = told(service)
        assert now["cache_entries"] == 3
        assert now["cache_bytes"] > 3000


async def test_another_thread_is_told_what_the_event_loop_knows() -> None:
    async with measured(lambda _: httpx.Response(200)) as service:
        assert await asyncio.to_thread(told, service) == told(service) != {}


async def test_a_stuck_event_loop_leaves_the_gauges_out_and_not_the_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gauges, "PATIENCE", 0.05)
    async with measured(lambda _: httpx.Response(200), policy=OFF) as service:
        await service.http.apis["github"].get("/a")
        reading = asyncio.get_running_loop().run_in_executor(None, service.text)
        time.sleep(0.3)  # noqa: ASYNC251  # nothing else runs in the event loop: it is stuck
        text = await reading
        assert "tux_http_lane_slots{" not in text
        assert 'tux_http_calls_total{api="github"' in text
        assert "tux_http_lane_slots{" in service.text()


def test_without_an_event_loop_there_are_no_gauges() -> None:
    registry, http = CollectorRegistry(), HTTPClient()
    http.api("github", base_url="https://api.example")
    metrics = Metrics(http, registry=registry)
    metrics.listen()
    try:
        assert "tux_http_lane_slots{" not in exposed(registry)
        asyncio.run(http.get_client())  # and one that is over
        assert "tux_http_lane_slots{" not in exposed(registry)
    finally:
        metrics.close()

"""How long 100 different GETs at once take on a client that has no connection yet, 50 ms away.

The floor is three round trips: TCP, TLS 1.3 and the request. Then the same client is asked once more, warm. Each
contender is made anew in every round; how many connections it made is counted by the proxy that makes the distance.
"""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tests.bench._contenders import NEW_CLIENT, OURS, contenders, versions
from tests.bench._distance import distant
from tests.bench._rounds import quiet, rotated, spend
from tests.bench._site import site
from tests.bench._tables import at_most, table

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from tests.bench._distance import Proxy
    from tests.bench._serving import HTTP, Endpoint

SHORT: Final = ("--rounds", "1", "--requests", "10", "--round-trip", "0.01", "--http", "2")

COLD: Final = 230.0
WARM: Final = 90.0
"""Milliseconds."""


@dataclass
class Burst:
    """What came of one contender's bursts, by round; times are in milliseconds."""

    cold: list[float] = field(default_factory=list[float])
    warm: list[float] = field(default_factory=list[float])
    connections: list[int] = field(default_factory=list[int])
    failures: int = 0


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=7, help="how often each has its turn (7)")
    parser.add_argument("--requests", type=int, default=100, help="how many at once (100)")
    parser.add_argument("--round-trip", type=float, default=0.05, help="seconds (0.05)")
    parser.add_argument(
        "--http", nargs="+", choices=["1.1", "2"], default=["2", "1.1"], help="versions (both)"
    )


def run(arguments: Namespace) -> Iterator[str]:
    quiet()
    with site() as served:
        yield f"server: {served.server}, {arguments.round_trip * 1000:g} ms away; {versions()}"
        for http in arguments.http:
            endpoint = served.endpoints[http]
            with distant(urlsplit(endpoint.url).port or 0, round_trip=arguments.round_trip) as proxy:
                far = dataclasses.replace(endpoint, url=f"https://localhost:{proxy.port}")
                yield f"HTTP/{http}, {arguments.requests} at once, {arguments.rounds} rounds"
                bursts = asyncio.run(_measured(far, proxy, arguments.rounds, arguments.requests))
                yield from _report(http, bursts)


async def _measured(endpoint: Endpoint, proxy: Proxy, rounds: int, requests: int) -> dict[str, Burst]:
    bursts = {name: Burst() for name in contenders() if name != NEW_CLIENT}
    for number in range(rounds):
        for name in rotated(bursts, number):
            await _burst(name, endpoint, proxy, requests, bursts[name])
    return bursts


async def _burst(name: str, endpoint: Endpoint, proxy: Proxy, requests: int, burst: Burst) -> None:
    before = proxy.accepted
    async with contenders()[name](endpoint, requests) as ask:
        for times, temperature in ((burst.cold, "cold"), (burst.warm, "warm")):
            paths = [f"/repos/{temperature}/{number}" for number in range(requests)]
            started = time.perf_counter()
            burst.failures += (await spend(paths, ask, requests)).total()
            times.append((time.perf_counter() - started) * 1000)
        burst.connections.append(proxy.accepted - before)


def _report(http: HTTP, bursts: dict[str, Burst]) -> Iterator[str]:
    rows = [
        [
            name,
            f"{statistics.median(burst.cold):,.0f}",
            f"{min(burst.cold):,.0f}",
            f"{statistics.median(burst.warm):,.0f}",
            f"{min(burst.warm):,.0f}",
            str(max(burst.connections)),
            str(burst.failures),
        ]
        for name, burst in bursts.items()
    ]
    columns = ("", "cold ms", "best", "warm ms", "best", "connections", "failed")
    yield from table(columns, rows)
    for name, burst in bursts.items():
        if http == "2" and name.startswith(OURS):
            yield at_most(f"{name}: connections", max(burst.connections), 1)
            yield at_most(f"{name}: cold", statistics.median(burst.cold), COLD, " ms")
            yield at_most(f"{name}: warm", statistics.median(burst.warm), WARM, " ms")

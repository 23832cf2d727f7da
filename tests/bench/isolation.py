"""How long a healthy API's calls take while another one on the same client hangs under 500 calls.

Beside it, one httpx client is shared by both, as a bot does that has one client for all. Healthy calls go, ten at
once, to different paths; the hung server takes connections and never answers. In each round a contender is
measured alone and then beside the hung calls, with its defaults.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.bench._contenders import OURS, versions
from tests.bench._rounds import percentile, quiet, rotated
from tests.bench._site import site
from tests.bench._tables import at_most, table
from tux_http import HTTPClient
from tux_http.policy import HTTPSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator

    from tests.bench._serving import Endpoint

    Ask = Callable[[str], Coroutine[Any, Any, Any]]

SHORT: Final = ("--rounds", "1", "--seconds", "0.3", "--hung", "130")

GOAL: Final = 1.2
"""Times its own 99th percentile alone."""

HEALTHY: Final = 10
"""Callers of the healthy API."""


@dataclass
class Result:
    """Seconds of the healthy calls, by round; and what failed of them while the other API hung."""

    alone: list[float] = field(default_factory=list[float])
    beside: list[float] = field(default_factory=list[float])
    medians: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    served: int = 0
    failures: Counter[str] = field(default_factory=Counter[str])
    hung: Counter[str] = field(default_factory=Counter[str])

    def slower(self) -> float:
        pairs = zip(self.beside, self.alone, strict=True)
        return statistics.median(beside / alone for beside, alone in pairs)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="how often each has its turn (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each half of a turn (3)")
    parser.add_argument("--hung", type=int, default=500, help="calls to the API that hangs (500)")
    parser.add_argument("--http", choices=["1.1", "2"], default="2", help="the healthy one's version (2)")


def run(arguments: Namespace) -> Iterator[str]:
    quiet()
    with site() as served:
        yield f"server: {served.server}, HTTP/{arguments.http}; {versions()}"
        endpoint = served.endpoints[arguments.http]
        results = asyncio.run(_measured(endpoint, arguments.rounds, arguments.seconds, arguments.hung))
    yield from _report(results)


async def _measured(endpoint: Endpoint, rounds: int, seconds: float, hung: int) -> dict[str, Result]:
    results = {name: Result() for name in CONTENDERS}
    numbers = itertools.count()
    async with _hanging() as silent:
        for number in range(rounds):
            for name in rotated(CONTENDERS, number):
                async with CONTENDERS[name](endpoint, silent) as (healthy, hanging):
                    await _turn(results[name], healthy, hanging, numbers, seconds, hung)
    return results


async def _turn(
    result: Result, healthy: Ask, hanging: Ask, numbers: Iterator[int], seconds: float, hung: int
) -> None:
    await _load(healthy, numbers, min(seconds / 4, 0.5))  # the connection is made, the code is warm
    alone, _ = await _load(healthy, numbers, seconds)
    calls = [asyncio.create_task(hanging(f"/{number}")) for number in range(hung)]
    await asyncio.sleep(min(seconds / 4, 0.5))
    beside, failures = await _load(healthy, numbers, seconds)
    for call in calls:
        call.cancel()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    result.hung += Counter(type(end).__name__ for end in ends)
    result.alone.append(percentile(alone, 0.99))
    result.beside.append(percentile(beside or [seconds], 0.99))
    result.medians.append((statistics.median(alone), statistics.median(beside or [seconds])))
    result.served += len(beside)
    result.failures += failures


async def _load(ask: Ask, numbers: Iterator[int], seconds: float) -> tuple[list[float], Counter[str]]:
    """How long each call took that was begun within so many seconds, and what failed."""
    taken, failures, until = list[float](), Counter[str](), time.perf_counter() + seconds

    async def work() -> None:
        while (started := time.perf_counter()) < until:
            try:
                await ask(f"/repos/octocat/{next(numbers)}")
            except httpx.HTTPError as exc:
                failures[type(exc).__name__] += 1
            else:
                taken.append(time.perf_counter() - started)

    async with asyncio.TaskGroup() as workers:
        for _ in range(HEALTHY):
            workers.create_task(work())
    return taken, failures


@contextlib.asynccontextmanager
async def _hanging() -> AsyncGenerator[str]:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                pass
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0, backlog=1024)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def _tux_http(endpoint: Endpoint, silent: str) -> AsyncGenerator[tuple[Ask, Ask]]:
    async with HTTPClient(HTTPSettings(trust_env=False), verify=endpoint.trusted()) as client:
        healthy = client.api("healthy", base_url=endpoint.url)
        hanging = client.api("hanging", base_url=silent)
        yield healthy.get, hanging.get


@contextlib.asynccontextmanager
async def _httpx(endpoint: Endpoint, silent: str) -> AsyncGenerator[tuple[Ask, Ask]]:
    async with httpx.AsyncClient(verify=endpoint.trusted(), http2=endpoint.http == "2") as client:
        yield (lambda path: client.get(endpoint.url + path)), (lambda path: client.get(silent + path))


CONTENDERS: Final[dict[str, Callable[[Endpoint, str], Any]]] = {OURS: _tux_http, "one httpx client": _httpx}


def _report(results: dict[str, Result]) -> Iterator[str]:
    def ms(values: list[float]) -> str:
        return f"{statistics.median(values) * 1000:,.1f}"

    rows = [
        [
            name,
            ms([alone for alone, _ in result.medians]),
            ms([beside for _, beside in result.medians]),
            ms(result.alone),
            ms(result.beside),
            f"{result.slower():.2f}",
            f"{result.served:,}",
            str(result.failures.total()),
        ]
        for name, result in results.items()
    ]
    columns = (
        "",
        "median ms alone",
        "beside",
        "p99 ms alone",
        "beside",
        "times",
        "answered beside",
        "failed",
    )
    yield from table(columns, rows)
    for name, result in results.items():
        failed = f"; healthy calls that failed: {dict(result.failures)}" if result.failures else ""
        yield f"{name}: the hung calls ended with {dict(result.hung)}{failed}"
    yield at_most(f"{OURS}: p99 beside a hung API, in times its own alone", results[OURS].slower(), GOAL)

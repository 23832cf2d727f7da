"""Whether memory, sockets or tasks grow over very many requests to a healthy server.

Each contender runs in a fresh process against one server in another, over TLS: an API with all layers on but
the cache, its log written and thrown away, and plain httpx beside it. With `--cached` the API has its cache
too: it answers most requests from memory, and asks for each resource anew every second, behind the back
of those who get the old one. The goal is a growth of resident memory of less than 5 MiB after the first 10,000
of 100,000 requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import resource
import sys
import time
import tracemalloc
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from loguru import logger

from tests.bench._serving import FRESH, Endpoint, serving
from tux_http import HTTPClient
from tux_http.policy import Caching, Policy

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    Get = Callable[[int], Awaitable[httpx.Response]]

SHORT: Final = ("--requests", "300", "--warm-up", "100")

GOAL: Final = 5.0
"""MiB."""

MIB: Final = 1024 * 1024
SIZES: Final = 1000
"""How many resources the server has, of 1,000 bytes and more each."""

CALLERS: Final = 5000

GOOD_FOR: Final = 1.0
"""Seconds for which the cache gives an answer without a second look, if it is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one contender is to do. The first `warm_up` of the `requests` are before the first measurement."""

    contender: str
    endpoint: Endpoint
    requests: int
    warm_up: int
    concurrency: int
    cached: bool
    trace: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What the process holds; `resident` in MiB."""

    resident: float
    sockets: int
    tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one contender's plan; `grown` are the lines of code whose memory grew most."""

    plan: Plan
    seconds: float
    failures: Counter[str]
    warm: Footprint
    end: Footprint
    closed: Footprint
    grown: tuple[str, ...] = ()

    @property
    def growth(self) -> float:
        return self.end.resident - self.warm.resident


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=100_000, help="how many (100,000)")
    parser.add_argument("--warm-up", type=int, default=10_000, help="of which before the first look (10,000)")
    parser.add_argument("--concurrency", type=int, default=40, help="how many at once (40)")
    parser.add_argument("--http", choices=["1.1", "2"], default="2", help="the server's HTTP version (2)")
    parser.add_argument("--only", choices=list(CONTENDERS), help="one contender")
    parser.add_argument("--cached", action="store_true", help="let the API answer from its cache")
    parser.add_argument("--trace", action="store_true", help="say which lines hold what grew; slow")


def run(arguments: Namespace) -> Iterator[str]:
    results: list[Result] = []
    with serving(arguments.http) as endpoint:
        for contender in [arguments.only] if arguments.only else CONTENDERS:
            yield f"{contender}: {arguments.requests:,} requests over HTTP/{arguments.http} ..."
            plan = Plan(
                contender=contender,
                endpoint=endpoint,
                requests=arguments.requests,
                warm_up=min(arguments.warm_up, arguments.requests),
                concurrency=arguments.concurrency,
                cached=arguments.cached,
                trace=arguments.trace,
            )
            results.append(_in_fresh_process(plan))
    yield from _report(results)


def _in_fresh_process(plan: Plan) -> Result:
    with ProcessPoolExecutor(1, mp_context=FRESH) as process:
        return process.submit(_measured, plan).result()


def _measured(plan: Plan) -> Result:
    logger.remove()
    logger.add(lambda _: None, level="INFO")
    if plan.trace:
        tracemalloc.start()
    return asyncio.run(_soaked(plan))


async def _soaked(plan: Plan) -> Result:
    failures = Counter[str]()
    numbers = itertools.count()
    loops_own = _sockets()
    async with CONTENDERS[plan.contender](plan) as get:
        started = time.perf_counter()
        await _spend(itertools.islice(numbers, plan.warm_up), get, failures, plan.concurrency)
        warm, before = _footprint(loops_own), _snapshot()
        await _spend(itertools.islice(numbers, plan.requests - plan.warm_up), get, failures, plan.concurrency)
        seconds = time.perf_counter() - started
        end = _footprint(loops_own)
        grown = _grown(before, _snapshot())
    return Result(
        plan=plan,
        seconds=seconds,
        failures=failures,
        warm=warm,
        end=end,
        closed=_footprint(loops_own),
        grown=grown,
    )


async def _spend(numbers: Iterator[int], get: Get, failures: Counter[str], concurrency: int) -> None:
    async def work() -> None:
        for number in numbers:
            size = 1000 + number % SIZES
            try:
                response = await get(number)
            except httpx.HTTPError as exc:
                failures[type(exc).__name__] += 1
            else:
                failures["wrong answer"] += len(response.content) != size

    async with asyncio.TaskGroup() as workers:
        for _ in range(concurrency):
            workers.create_task(work())


@contextlib.asynccontextmanager
async def _tux_http(plan: Plan) -> AsyncGenerator[Get]:
    caching = Caching(default_ttl=GOOD_FOR) if plan.cached else Caching(enabled=False)
    async with HTTPClient(verify=plan.endpoint.trusted()) as client:
        api = client.api("soak", base_url=plan.endpoint.url, policy=Policy(caching=caching))
        yield lambda number: api.get(f"/size/{1000 + number % SIZES}", caller=number % CALLERS)


@contextlib.asynccontextmanager
async def _httpx(plan: Plan) -> AsyncGenerator[Get]:
    async with httpx.AsyncClient(
        base_url=plan.endpoint.url, verify=plan.endpoint.trusted(), http2=plan.endpoint.http == "2"
    ) as client:
        yield lambda number: client.get(f"/size/{1000 + number % SIZES}")


CONTENDERS: Final[dict[str, Callable[[Plan], Any]]] = {"tux_http": _tux_http, "httpx": _httpx}


def _footprint(loops_own: int) -> Footprint:
    """Without the sockets of the event loop itself, and without the task that asks."""
    return Footprint(
        resident=_resident() / MIB, sockets=_sockets() - loops_own, tasks=len(asyncio.all_tasks()) - 1
    )


def _resident() -> int:
    """Bytes; where the system does not tell, the most there ever were."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _sockets() -> int:
    """Open sockets; 0 where the system does not list them."""
    files = Path("/proc/self/fd")
    if not files.exists():
        return 0
    return sum(_target(file).startswith("socket:") for file in files.iterdir())


def _target(file: Path) -> str:
    with contextlib.suppress(OSError):  # the one by which the list is read is gone by then
        return file.readlink().name
    return ""


def _snapshot() -> tracemalloc.Snapshot | None:
    return tracemalloc.take_snapshot() if tracemalloc.is_tracing() else None


def _grown(before: tracemalloc.Snapshot | None, after: tracemalloc.Snapshot | None) -> tuple[str, ...]:
    if before is None or after is None:
        return ()
    return tuple(str(line) for line in after.compare_to(before, "lineno")[:12])


COLUMNS: Final[dict[str, Callable[[Result], str]]] = {
    "": lambda result: result.plan.contender,
    "requests": lambda result: f"{result.plan.requests:,}",
    "failed": lambda result: f"{result.failures.total():,}",
    "req/s": lambda result: f"{result.plan.requests / result.seconds:,.0f}",
    "MiB warm": lambda result: f"{result.warm.resident:.1f}",
    "MiB end": lambda result: f"{result.end.resident:.1f}",
    "growth": lambda result: f"{result.growth:+.1f}",
    "sockets": lambda result: str(result.end.sockets),
    "tasks": lambda result: str(result.end.tasks),
    "sockets, tasks when closed": lambda result: f"{result.closed.sockets}, {result.closed.tasks}",
}


def _report(results: list[Result]) -> Iterator[str]:
    rows = [list(COLUMNS), *([cell(result) for cell in COLUMNS.values()] for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield ""
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    yield ""
    for result in results:
        yield from _remarks(result)


def _remarks(result: Result) -> Iterator[str]:
    if result.failures.total():
        yield f"{result.plan.contender}: failures: {dict(+result.failures)}"
    if result.plan.contender == "tux_http":
        verdict = "met" if result.growth < GOAL else "missed"
        yield f"goal: growth below {GOAL:g} MiB after the first {result.plan.warm_up:,}: {verdict}"
    yield from result.grown

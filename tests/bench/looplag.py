"""The longest stall of the event loop: during 500 calls at once, a 10 MiB JSON body, and opening the client.

A timer asks to be called every millisecond; how late it is called, at the most, is the stall. Beside the time by
the clock, which other processes lengthen, stands the CPU time that the loop's thread used meanwhile. The last row
is a loop that has nothing to do. A chart is not measured: this project draws none.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import ssl
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec

from tests.bench._contenders import OURS, contenders, versions
from tests.bench._rounds import quiet, rotated, spend
from tests.bench._site import site
from tests.bench._tables import at_most, table
from tux_http import HTTPClient
from tux_http.policy import HTTPSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from tests.bench._serving import Endpoint

    Work = Callable[[], Awaitable[object]]

SHORT: Final = ("--rounds", "1", "--at-once", "20")

GOAL: Final = 20.0
GOAL_OF_A_LARGE_BODY: Final = 50.0
"""Milliseconds."""

TICK: Final = 0.001
IDLE: Final = "an idle loop"


@dataclass
class Stalls:
    """The longest of each round, in milliseconds, by the clock and in CPU time of the loop's thread."""

    clock: list[float] = field(default_factory=list[float])
    cpu: list[float] = field(default_factory=list[float])


class Watch:
    """Sees how late a timer is."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.clock = self.cpu = 0.0
        self._seen = time.perf_counter(), time.thread_time()
        self._timer = self._loop.call_later(TICK, self._look)

    def _look(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.clock = max(self.clock, now[0] - self._seen[0] - TICK)
        self.cpu = max(self.cpu, now[1] - self._seen[1])
        self._seen = now
        self._timer = self._loop.call_later(TICK, self._look)

    def stop(self) -> None:
        self._timer.cancel()


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=7, help="how often each has its turn (7)")
    parser.add_argument("--at-once", type=int, default=500, help="calls (500)")
    parser.add_argument("--http", choices=["1.1", "2"], default="2", help="the server's version (2)")


def run(arguments: Namespace) -> Iterator[str]:
    quiet()
    with site() as served:
        yield f"server: {served.server}, HTTP/{arguments.http}; {versions()}"
        endpoint = served.endpoints[arguments.http]
        found: dict[str, Stalls] = {}
        for number in range(arguments.rounds):
            for name in rotated(SCENES, number):
                clock, cpu = asyncio.run(_stall(SCENES[name], endpoint, arguments.at_once))
                stalls = found.setdefault(name, Stalls())
                stalls.clock.append(clock * 1000)
                stalls.cpu.append(cpu * 1000)
    yield from _report(found)


async def _stall(
    scene: Callable[[Endpoint, int], Any], endpoint: Endpoint, at_once: int
) -> tuple[float, float]:
    async with scene(endpoint, at_once) as work:
        await asyncio.sleep(2 * TICK)
        watch = Watch()
        await work()
        await asyncio.sleep(2 * TICK)
        watch.stop()
        return watch.clock, watch.cpu


def _burst(name: str) -> Callable[[Endpoint, int], Any]:
    @contextlib.asynccontextmanager
    async def scene(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Work]:
        numbers = itertools.count()

        def paths() -> list[str]:
            return [f"/repos/octocat/{number}" for number in itertools.islice(numbers, at_once)]

        async with contenders()[name](endpoint, at_once) as ask:
            await spend(paths()[:1], ask, 1)
            yield lambda: spend(paths(), ask, at_once)

    return scene


@contextlib.asynccontextmanager
async def _large(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Work]:
    """As somebody asks who wants some of it: what is read of each item is its name."""
    del at_once
    async with HTTPClient(HTTPSettings(trust_env=False), verify=endpoint.trusted()) as client:
        api = client.api("large", base_url=endpoint.url)
        await api.get("/repos/first")
        yield lambda: api.get("/large", as_=list[Named])


class Named(msgspec.Struct):
    full_name: str


@contextlib.asynccontextmanager
async def _large_httpx(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Work]:
    del at_once
    async with httpx.AsyncClient(verify=endpoint.trusted(), http2=endpoint.http == "2") as client:
        await client.get(endpoint.url + "/repos/first")

        async def work() -> list[str]:
            body = json.loads((await client.get(endpoint.url + "/large")).content)
            return [each["full_name"] for each in body]

        yield work


@contextlib.asynccontextmanager
async def _opening(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Work]:
    del endpoint, at_once
    async with contextlib.AsyncExitStack() as stack:
        client = HTTPClient(HTTPSettings(trust_env=False))
        stack.push_async_callback(client.close)
        yield client.get_client


@contextlib.asynccontextmanager
async def _opening_httpx(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Work]:
    del endpoint, at_once
    async with contextlib.AsyncExitStack() as stack:

        async def work() -> None:
            await stack.enter_async_context(httpx.AsyncClient(http2=True, trust_env=False))

        yield work


@contextlib.asynccontextmanager
async def _idle(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Work]:
    del endpoint, at_once
    ssl.create_default_context()  # once, so that the first who opens a client is not the one who loads it all
    yield lambda: asyncio.sleep(0.1)


AT_ONCE: Final = f"{OURS}: many at once"
LARGE: Final = f"{OURS}: 10 MiB of JSON"
OPENING: Final = f"{OURS}: opening the client"

SCENES: Final[dict[str, Callable[[Endpoint, int], Any]]] = {
    AT_ONCE: _burst(OURS),
    "httpx: many at once": _burst("httpx"),
    LARGE: _large,
    "httpx: 10 MiB of JSON": _large_httpx,
    OPENING: _opening,
    "httpx: opening the client": _opening_httpx,
    IDLE: _idle,
}


def _report(found: dict[str, Stalls]) -> Iterator[str]:
    rows = [
        [
            name,
            f"{_median(found[name].clock)}",
            f"{min(found[name].clock):,.1f}",
            f"{_median(found[name].cpu)}",
        ]
        for name in SCENES
    ]
    yield from table(("longest stall", "ms by the clock", "best", "ms of CPU"), rows)
    for name, goal in ((AT_ONCE, GOAL), (LARGE, GOAL_OF_A_LARGE_BODY), (OPENING, GOAL)):
        yield at_most(name, statistics.median(found[name].clock), goal, " ms")


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):,.1f}"

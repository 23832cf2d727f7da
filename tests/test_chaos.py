"""Thousands of calls, faults and cancellations in a seeded order: each call ends, and nothing is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import httpx
import pytest

from tests import fault_http2, fault_server
from tests.fault_answers import ANSWERS
from tests.fault_server import VERSIONS, fault_server_in_the_open
from tests.servers import settle
from tests.strays import no_strays, pool_of
from tux_http import HTTPClient
from tux_http.call import Call
from tux_http.policy import Breaker, Lane, Policy, Quota
from tux_http.records import LAST, recent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator

    from tests.conftest import TLS
    from tests.fault_server import FaultServer, Version

pytestmark = pytest.mark.slow

CALLS: Final = 4000
AGAIN: Final = 1000
"""So many over each of two versions, and these once more, watched: ten thousand."""

AT_ONCE: Final = 40

DEADLINE: Final = 0.3
LATEST: Final = DEADLINE + 2.0
"""Seconds; a busy machine may be late."""

KEPT: Final = 400 * AGAIN
"""Bytes that may be held after those. A call that left its record behind, or its error, would leave thousands."""

ORDINARY: Final = ("/", "/", "/size?bytes=100", "/size?bytes=100000")
NUMBERS: Final = {"status": "?code=503", "size": "?bytes=2000000", "redirect": "?to=/"}

BEYOND: Final = {"flood", "vanish", "vanish-once", "onion", "heavy-headers"}
"""What takes the processor, or the only connection, from all calls; `test_faults` has them."""

SHARES: Final = {
    "HTTP/1.1": {"ordinary": 6, "answers": 2, "faults": 2},
    "HTTP/2": {"ordinary": 15, "answers": 4, "faults": 1},  # most faults end a connection for all its streams
}

Who: TypeAlias = Literal["tried", "careful", "unnamed"]
WHO: Final[tuple[Who, ...]] = ("tried", "tried", "tried", "careful", "unnamed")


@dataclass(frozen=True, slots=True)
class Step:
    """One call: by whom, for what, and after how many seconds its caller leaves, if that is before the end."""

    who: Who
    path: str
    is_streamed: bool
    leaves_after: float | None


def plan(version: Version, seed: int) -> list[Step]:
    draw = random.Random(seed)
    faults = fault_server.FAULTS if version == "HTTP/1.1" else fault_http2.FAULTS
    paths = {
        "ordinary": ORDINARY,
        "answers": [f"/{name}{NUMBERS.get(name, '')}" for name in sorted({*ANSWERS} - BEYOND)],
        "faults": [f"/{name}" for name in sorted({*faults} - BEYOND)],
    }
    kinds = [kind for kind, share in SHARES[version].items() for _ in range(share)]
    return [
        Step(
            who=draw.choice(WHO),
            path=draw.choice(paths[draw.choice(kinds)]),
            is_streamed=draw.random() < 0.2,
            leaves_after=draw.random() * 0.05 if draw.random() < 0.3 else None,
        )
        for _ in range(CALLS)
    ]


class Chaos:
    """Clients on one pool, before one server."""

    def __init__(self, service: HTTPClient, server: FaultServer) -> None:
        self._service = service
        self._server = server
        self._url = server.url
        # Without what would refuse nearly every call, once it knows this upstream.
        hardy = Policy(lane=Lane(concurrency=30), breaker=Breaker(enabled=False), quota=Quota(enabled=False))
        self._apis = {
            "tried": service.api("tried", base_url=server.url, policy=hardy),
            "careful": service.api("careful", base_url=server.url),
        }
        self.outcomes: Counter[str] = Counter()

    async def play(self, steps: list[Step]) -> None:
        left = iter(steps)
        async with asyncio.TaskGroup() as workers:
            for _ in range(AT_ONCE):
                workers.create_task(self._work(left))
        await self._assert_all_is_over()
        assert (await self._service.get(self._server.url, deadline=5)).text == "ok"
        await self._service.close()
        await settle(lambda: self._server.open_connections == 0)
        self._server.log.seen.clear()

    async def _work(self, left: Iterator[Step]) -> None:
        for step in left:
            started = time.monotonic()
            call = asyncio.ensure_future(self._call(step))
            await asyncio.wait({call}, timeout=step.leaves_after or LATEST)
            was_left = step.leaves_after is not None and call.cancel()
            await asyncio.wait({call}, timeout=LATEST)
            assert call.done(), step
            assert time.monotonic() - started < LATEST, step
            self.outcomes[_outcome(step, call, was_left=was_left)] += 1

    async def _call(self, step: Step) -> httpx.Response:
        client = self._apis.get(step.who, self._service)
        url = step.path if step.who in self._apis else self._url + step.path
        if not step.is_streamed:
            return await client.request("GET", url, deadline=DEADLINE)
        async with client.stream("GET", url, deadline=DEADLINE) as response:
            async for _ in response.aiter_raw():
                break  # and leaves the rest
            return response

    async def _assert_all_is_over(self) -> None:
        pool = await pool_of(self._service)
        assert pool.requests == 0
        await settle(lambda: self._server.open_connections == len(pool.connections))
        assert all(connection.is_idle() for connection in pool.connections)
        for api in self._apis.values():
            assert (api._layers.turns.under_way, api._layers.turns.waiting) == (0, 0)


def _outcome(step: Step, call: asyncio.Future[httpx.Response], *, was_left: bool) -> str:
    if call.cancelled():
        assert was_left, step
        return "cancelled"
    if (error := call.exception()) is None:
        return "answered"
    assert isinstance(error, httpx.HTTPError), (step, error)
    return type(error).__name__


@contextlib.asynccontextmanager
async def serving(version: Version, tls: TLS) -> AsyncGenerator[FaultServer]:
    http2 = version == "HTTP/2"
    async with fault_server.fault_server(version, tls) if http2 else fault_server_in_the_open() as server:
        yield server


@pytest.mark.parametrize("version", VERSIONS)
async def test_thousands_of_calls_end_in_time_and_leave_nothing_behind(
    tls: TLS, version: Version, caplog: pytest.LogCaptureFixture
) -> None:
    # It warns of writing to connections that were lost a moment ago, and pytest would keep that in memory.
    caplog.set_level(logging.CRITICAL, "asyncio")
    steps = plan(version, seed=3)
    async with (
        no_strays(),
        serving(version, tls) as server,
        HTTPClient(verify=tls.client, trust_env=False) as service,
    ):
        chaos = Chaos(service, server)
        await chaos.play(steps)
        with traced() as left:
            await chaos.play(steps[:AGAIN])
        assert left[0] < KEPT
        assert chaos.outcomes.total() == CALLS + AGAIN
        assert all(
            chaos.outcomes[kind] > CALLS / 20 for kind in ("answered", "cancelled", "RemoteProtocolError")
        )


@contextlib.contextmanager
def traced() -> Generator[list[int]]:
    """Gives the bytes that were taken in the block and are still held after it."""
    left: list[int] = []
    gc.collect()
    blank = [Call(method="GET", url="", path="") for _ in range(LAST)]
    tracemalloc.start()
    try:
        yield left
        for call in blank:  # in place of the last calls of the block, which are remembered
            recent.ended(call)
        gc.collect()
        left.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()

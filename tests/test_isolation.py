"""One slow upstream hurts nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from tests.fault_server import VERSIONS, fault_server
from tests.servers import settle
from tests.strays import no_strays
from tux_http import HTTPClient
from tux_http.errors import DeadlineExceeded, LaneFull
from tux_http.policy import Lane, Policy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from tests.conftest import TLS
    from tests.fault_server import FaultServer, Version
    from tux_http.api import API

pytestmark = pytest.mark.slow

CALLS: Final = 1000
AT_ONCE: Final = 10
WAITING: Final = 500
TURNS: Final = 300
"""Of the event loop, in which so many calls have set out; `tux_http.pace` takes a few of them in each."""

ROUNDS: Final = range(1, 9)
"""How often both are measured, in turn: what else disturbs the machine in one round says nothing of us."""

versions = pytest.mark.parametrize("version", VERSIONS)


@contextlib.contextmanager
def short_collections() -> Generator[None]:
    """Takes what is in memory already out of the garbage collector's rounds, which stop everybody."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def p99(api: API) -> float:
    """Makes the calls, some at once, and gives the seconds within which 99 % of them were answered."""
    took: list[float] = []
    left = iter(range(CALLS))

    async def worker() -> None:
        for each in left:  # no two are equal, or they would be one
            started = time.perf_counter()
            assert (await api.get("/", params={"call": each})).text == "ok"
            took.append(time.perf_counter() - started)

    async with asyncio.TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(worker())
    return sorted(took)[CALLS * 99 // 100]


@contextlib.asynccontextmanager
async def waiting_calls(api: API, hung: FaultServer) -> AsyncGenerator[None]:
    """Calls that hang, as many of them as the lane lets through, or wait for their turn."""
    calls = [asyncio.ensure_future(api.get("/hang", params={"call": each})) for each in range(WAITING)]
    await settle(lambda: hung.log.count("/hang") == api.policy.lane.concurrency)
    yield
    assert not any(call.done() for call in calls)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    hung.log.seen.clear()


@versions
async def test_five_hundred_calls_that_wait_for_one_upstream_do_not_slow_another(
    tls: TLS, version: Version
) -> None:
    alone, beside = list[float](), list[float]()
    async with (
        no_strays(),
        fault_server(version, tls) as hung,
        fault_server(version, tls) as well,
        HTTPClient(verify=tls.client, trust_env=False) as client,
    ):
        policy = Policy(
            lane=Lane(queue=WAITING), deadline=60
        )  # room for all of them, for as long as it takes
        a = client.api("a", base_url=hung.url, policy=policy)
        b = client.api("b", base_url=well.url)
        await p99(b)  # opens the connections
        with short_collections():
            while len(beside) < ROUNDS.stop and (
                len(beside) < ROUNDS.start or min(beside) > 1.5 * min(alone)
            ):
                alone.append(await p99(b))
                async with waiting_calls(a, hung):
                    beside.append(await p99(b))
    assert min(beside) <= 1.5 * min(alone), (alone, beside)


@versions
async def test_calls_to_a_hung_upstream_end_at_once_or_by_the_deadline(tls: TLS, version: Version) -> None:
    async with (
        no_strays(),
        fault_server(version, tls) as hung,
        fault_server(version, tls) as well,
        HTTPClient(verify=tls.client, trust_env=False) as client,
    ):
        a = client.api("a", base_url=hung.url, policy=Policy(deadline=1))
        started, ended = time.monotonic(), list[float]()
        calls = [asyncio.ensure_future(a.get("/hang", params={"call": each})) for each in range(WAITING)]
        for call in calls:
            call.add_done_callback(lambda _: ended.append(time.monotonic()))
        for _ in range(TURNS):
            await asyncio.sleep(0)
        refused = [call for call in calls if call.done()]
        await p99(client.api("b", base_url=well.url))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert max(ended) - started < 1 + 1.5
        lane = a.policy.lane
        admitted = lane.concurrency + lane.queue
        assert Counter(map(type, outcomes)) == {DeadlineExceeded: admitted, LaneFull: WAITING - admitted}
        assert [type(call.exception()) for call in refused] == [LaneFull] * (WAITING - admitted)

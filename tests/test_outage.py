"""A total outage of an upstream, in simulated time: what it sees of us meanwhile, and how soon it is back.

Everything but the upstream and the time is real: the layers in the order of `build()`, asyncio's tasks,
timers and deadlines.
"""

from __future__ import annotations

import asyncio
import math
import random
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from msgspec import structs

from tests.virtual_time import VirtualCall, simulated
from tux_http.call import EXTENSION
from tux_http.errors import CircuitOpen, DeadlineExceeded, LaneFull
from tux_http.policy import Breaker, Caching, Policy, Retry
from tux_http.transports import LayerState, Pipeline, build
from tux_http.transports.breaker import CircuitBreaker
from tux_http.transports.circuit import Circuits
from tux_http.transports.guard import Guard
from tux_http.transports.lane import Lane
from tux_http.transports.layer import DEADLINE_AT
from tux_http.transports.quota import Quota
from tux_http.transports.recorder import Recorder
from tux_http.transports.retry import Retrier

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

RATE: Final = 50
"""Calls a second that people make, whatever comes of them."""

OUTAGE: Final = 60.0
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)

OUTAGES: Final = [(0, "refused", 30), (1, "503", 30), (2, "reset", 0), (3, "refused", 0), (4, "503", 0)]
"""Seed, fault, and the seconds in which all was well before."""

WITHIN: Final = 6.0
PROBE: Final = 0.15
"""A probe goes with the first call after it is due, at most 40 ms later, and is served in at most 90 ms."""

DEADLINE: Final = Policy().deadline or math.inf
BREAKER_OFF: Final = Policy(breaker=Breaker(enabled=False))


@dataclass
class Visit:
    """An attempt as the upstream sees it."""

    began: float
    ended: float = math.inf


@dataclass
class Upstream(httpx.AsyncBaseTransport):
    """Serves in 10 to 90 ms, but for the time from `down_at` to `up_at`; what came to it then is lost."""

    clock: Callable[[], float]
    draw: Callable[[], float]
    fault: str = "refused"
    down_at: float = math.inf
    up_at: float = math.inf
    visits: list[Visit] = field(default_factory=list[Visit])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.visits.append(visit := Visit(self.clock()))
        try:
            if self.is_down(visit.began):
                return await self._fail(request)
            await asyncio.sleep(0.01 + 0.08 * self.draw())
            if self.is_down(self.clock()):
                return await self._fail(request)
            return httpx.Response(200, content=b"ok", request=request)
        finally:
            visit.ended = self.clock()

    def is_down(self, now: float) -> bool:
        return self.down_at <= now < self.up_at

    async def _fail(self, request: httpx.Request) -> httpx.Response:
        match self.fault:
            case "refused":
                raise httpx.ConnectError("refused", request=request)
            case "reset":
                await asyncio.sleep(0.1 + 0.2 * self.draw())
                raise httpx.ReadError("reset", request=request)
            case "503":
                await asyncio.sleep(0.1 + 0.2 * self.draw())
                return httpx.Response(503, content=b"down", request=request)
            case _:
                await asyncio.Event().wait()
                raise AssertionError

    def during_outage(self) -> list[Visit]:
        return [visit for visit in self.visits if self.is_down(visit.began)]

    def most_at_once(self, start: float, end: float) -> int:
        """How many attempts were under way together at some moment between."""
        steps = Counter[tuple[float, int]]()
        for visit in self.visits:
            if visit.ended > start and visit.began < end:
                steps[visit.began, 1] += 1
                steps[visit.ended, -1] += 1
        under_way = most = 0
        for (_, step), count in sorted(steps.items()):  # of one moment, who leaves comes first
            under_way += step * count
            most = max(most, under_way)
        return most

    def most_in_a_second(self, start: float) -> int:
        """The largest number of attempts in any second from then on."""
        begun = [visit.began for visit in self.visits if visit.began >= start]
        return max((bisect_left(begun, at + 1) - index for index, at in enumerate(begun)), default=0)


@dataclass
class Outcome:
    """What one call came to."""

    origin: str
    began: float
    ended: float
    status: int | None = None
    error: type[Exception] | None = None

    @property
    def succeeded(self) -> bool:
        return self.status == HTTPStatus.OK


class World:
    """One API over upstreams by origin, and people who call it.

    Args:
        seed: Of all that is drawn.
        policy: Of the API.
        jitter: Of the breaker, from 0 to 1; drawn if not given.
    """

    def __init__(self, seed: int, policy: Policy, *, jitter: float | None = None) -> None:
        self.random = random.Random(seed)
        self.clock = asyncio.get_running_loop().time
        self.policy = policy = structs.replace(
            policy, caching=Caching(enabled=False)
        )  # each call is to be seen
        self.state = LayerState(policy, api="things", base_url=httpx.URL("https://a.example"))
        draw = self.random.random if jitter is None else lambda: jitter
        self.state.circuits = Circuits(policy.breaker, draw=draw)
        self.upstreams: dict[str, Upstream] = {}
        self.outcomes: list[Outcome] = []
        self.layers = self._stacked(httpx.MockTransport(self._route))

    def upstream(self, origin: str, **faults: Any) -> Upstream:
        made = self.upstreams[origin] = Upstream(clock=self.clock, draw=self.random.random, **faults)
        return made

    async def _route(self, request: httpx.Request) -> httpx.Response:
        return await self.upstreams[request.url.host].handle_async_request(request)

    def _stacked(self, network: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        """The layers of `build()`, in its order, on this world's clock."""
        state, policy, clock = self.state, self.policy, self.clock
        made: dict[type, Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]] = {
            Retrier: lambda inner: Retrier(
                inner, policy.retry, state.budget, clock=clock, wall=self.wall, draw=self.random.random
            ),
            CircuitBreaker: lambda inner: CircuitBreaker(
                inner, state.circuits, api=state.api, clock=clock, wall=self.wall
            ),
            Quota: lambda inner: Quota(inner, state.book, api=state.api, wall=self.wall),
            Lane: lambda inner: Lane(inner, state.turns, api=state.api, clock=clock),
            Guard: lambda inner: Guard(inner, policy.caps, api=state.api, clock=clock),
            Recorder: Recorder,
        }
        layers = network
        for kind in reversed(order_of(build(network, state))):
            layers = made[kind](layers)
        return layers

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=self.clock())

    async def offer(self, seconds: float, *origins: str) -> None:
        """Lets people call for so long, `RATE` times a second each origin, and waits for all calls' ends."""
        start = self.clock()
        async with asyncio.TaskGroup() as calls:
            for number in range(int(seconds * RATE)):
                at = start + (number + self.random.random()) / RATE
                await asyncio.sleep(at - self.clock())
                for origin in origins:
                    calls.create_task(self._call(origin))

    async def _call(self, origin: str) -> None:
        """As `ServiceClient.send` makes it: with a record and a deadline."""
        request = httpx.Request("GET", f"https://{origin}/")
        call = VirtualCall("GET", str(request.url), "/", _clock=self.clock())
        until = None if self.policy.deadline is None else self.clock() + self.policy.deadline
        request.extensions = {EXTENSION: call, DEADLINE_AT: until}
        outcome = Outcome(origin, self.clock(), math.inf)
        self.outcomes.append(outcome)
        try:
            async with asyncio.timeout_at(until):
                response = await self.layers.handle_async_request(request)
                outcome.status = response.status_code
        except TimeoutError:
            outcome.error = DeadlineExceeded
        except httpx.HTTPError as exc:
            outcome.error = type(exc)
        outcome.ended = self.clock()

    def calls(self, origin: str = "a.example", *, start: float = 0.0, end: float = math.inf) -> list[Outcome]:
        """Those to an origin that began between, in their order."""
        return [call for call in self.outcomes if call.origin == origin and start <= call.began < end]

    def recovered_at(self, upstream: Upstream) -> float:
        """When the first call was served again."""
        served = (call.ended for call in self.calls(start=upstream.down_at) if call.succeeded)
        return min(served, default=math.inf)

    def opened_at(self) -> float:
        """When the first call was refused by the breaker."""
        return min((call.ended for call in self.calls() if call.error is CircuitOpen), default=math.inf)


def order_of(pipeline: Pipeline) -> list[type[httpx.AsyncBaseTransport]]:
    """The kinds of layers from the outermost to the innermost."""
    kinds: list[type[httpx.AsyncBaseTransport]] = []
    layer: Any = pipeline._outermost
    while layer is not pipeline.engine:
        kinds.append(layer.__class__)
        layer = layer._inner
    return kinds


@lru_cache
def outage(
    seed: int,
    fault: str,
    before: float = 0.0,
    policy: Policy = Policy(),  # noqa: B008  # it is frozen
    *,
    lasts: float = OUTAGE,
    after: float = 8.0,
    jitter: float | None = None,
) -> tuple[World, Upstream]:
    """Plays a time in which people call, an upstream goes down and comes back.

    Args:
        seed: Of all that is drawn.
        fault: How the upstream fails.
        before: Seconds in which all is well.
        policy: Of the API.
        lasts: Seconds of the outage.
        after: Seconds after it.
        jitter: Of the breaker, from 0 to 1; drawn if not given.
    """

    async def scenario() -> tuple[World, Upstream]:
        world = World(seed, policy, jitter=jitter)
        down_at = before + world.random.random()
        upstream = world.upstream("a.example", fault=fault, down_at=down_at, up_at=down_at + lasts)
        await world.offer(before + lasts + after, "a.example")
        return world, upstream

    return simulated(scenario())


def offered(world: World, upstream: Upstream) -> int:
    return len(world.calls(start=upstream.down_at, end=upstream.up_at))


@pytest.mark.parametrize(("seed", "fault", "before"), OUTAGES)
def test_an_upstream_that_is_down_sees_few_of_the_calls_offered(seed: int, fault: str, before: float) -> None:
    world, upstream = outage(seed, fault, before)
    attempts = len(upstream.during_outage())
    assert OUTAGE * RATE <= offered(world, upstream) <= OUTAGE * RATE + 1
    assert attempts <= 1.1 * offered(world, upstream)
    # And far less: all calls until failures outweigh what went well before, the retries that a full budget
    # pays for, then a probe every 3 to 6 s.
    unnoticed = world.opened_at() - upstream.down_at
    assert unnoticed <= before / 2 + 1
    assert attempts <= RATE * unnoticed + Retry().budget / Retry().cost + OUTAGE / 3


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_without_a_breaker_the_retry_budget_alone_keeps_an_outage_from_being_doubled(seed: int) -> None:
    world, upstream = outage(seed, "503", policy=BREAKER_OFF)
    attempts = len(upstream.during_outage())
    assert offered(world, upstream) < attempts <= 1.1 * offered(world, upstream)


@pytest.mark.parametrize(("seed", "fault", "before"), OUTAGES)
def test_an_upstream_that_is_back_serves_again_within_six_seconds(
    seed: int, fault: str, before: float
) -> None:
    world, upstream = outage(seed, fault, before)
    recovered_at = world.recovered_at(upstream)
    assert upstream.up_at <= recovered_at <= upstream.up_at + WITHIN
    assert all(call.succeeded for call in world.calls(start=recovered_at))


@pytest.mark.parametrize("fault", ["refused", "hang"])
def test_the_worst_moment_to_come_back_is_right_after_a_probe(fault: str) -> None:
    world, upstream = outage(5, fault, jitter=0.0)  # the longest pauses
    last = upstream.during_outage()[-1]
    lasts = last.began - upstream.down_at + 0.001
    world, upstream = outage(5, fault, jitter=0.0, lasts=lasts)
    took = world.recovered_at(upstream) - upstream.up_at
    assert WITHIN - PROBE <= took <= WITHIN + PROBE


@pytest.mark.parametrize(("seed", "fault", "before"), OUTAGES)
def test_an_open_origin_gets_one_probe_at_a_time_and_none_for_seconds_after_it(
    seed: int, fault: str, before: float
) -> None:
    world, upstream = outage(seed, fault, before)
    settled_at = world.opened_at() + 1  # what was under way has failed
    recovered_at = world.recovered_at(upstream)
    assert upstream.most_at_once(settled_at, recovered_at) == 1
    probes = [visit.began for visit in upstream.visits if settled_at <= visit.began < recovered_at]
    assert len(probes) >= 9
    assert min(later - sooner for sooner, later in pairwise(probes)) >= 3.0


@pytest.mark.parametrize(("seed", "fault", "before"), OUTAGES)
def test_no_herd_awaits_an_upstream_that_is_back(seed: int, fault: str, before: float) -> None:
    _, upstream = outage(seed, fault, before)
    assert upstream.most_in_a_second(upstream.up_at) <= RATE + 1


@pytest.mark.parametrize("before", [0, 30])
def test_a_hung_upstream_is_found_again_within_six_seconds(before: float) -> None:
    world, upstream = outage(1, "hang", before)
    recovered_at = world.recovered_at(upstream)
    assert len(upstream.during_outage()) <= 0.1 * offered(world, upstream)
    assert upstream.up_at <= recovered_at <= upstream.up_at + WITHIN + PROBE
    assert all(call.succeeded for call in world.calls(start=recovered_at))
    assert all(call.ended - call.began <= DEADLINE + 0.001 for call in world.outcomes)
    errors = {call.error for call in world.outcomes if not call.succeeded}
    assert errors == {DeadlineExceeded, LaneFull, CircuitOpen}


def test_a_hung_upstream_gets_one_probe_at_a_time_too_and_none_of_them_hangs_for_longer() -> None:
    world, upstream = outage(1, "hang")
    settled_at = world.opened_at() + DEADLINE  # what was under way has failed
    recovered_at = world.recovered_at(upstream)
    assert upstream.most_at_once(settled_at, recovered_at) == 1
    probes = [visit for visit in upstream.visits if settled_at <= visit.began < recovered_at]
    assert len(probes) >= 4
    assert all(probe.ended - probe.began == pytest.approx(WITHIN) for probe in probes[:-1])
    assert all(later.began - sooner.began <= WITHIN + PROBE for sooner, later in pairwise(probes))


@pytest.mark.parametrize("policy", [Policy(), BREAKER_OFF], ids=["breaker", "no-breaker"])
def test_an_origin_that_fails_leaves_the_apis_other_origin_alone(policy: Policy) -> None:
    async def scenario() -> None:
        world = World(6, policy)
        sick = world.upstream("a.example", fault="503", down_at=0.0, up_at=OUTAGE)
        well = world.upstream("b.example")
        await world.offer(OUTAGE, "a.example", "b.example")
        assert all(call.succeeded for call in world.calls("b.example"))
        assert len(well.visits) == len(world.calls("b.example")) == OUTAGE * RATE
        assert max(call.ended - call.began for call in world.calls("b.example")) < 0.5
        # Its successes fill the budget that both share; that is not spent on the other beyond measure.
        assert len(sick.visits) <= 1.1 * len(world.calls("a.example"))
        assert not any(call.succeeded for call in world.calls("a.example"))

    simulated(scenario())

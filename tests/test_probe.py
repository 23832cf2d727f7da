"""A probe of an open circuit, in virtual time: for how long it may go on, and what comes after it."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.fault_server import VERSIONS, fault_server
from tests.strays import no_strays
from tests.virtual_time import VirtualCall, simulated
from tux_http import HTTPClient
from tux_http.call import EXTENSION
from tux_http.errors import CircuitOpen, DeadlineExceeded, LaneFull
from tux_http.options import with_options
from tux_http.policy import Breaker, Caps, Policy
from tux_http.transports.breaker import CircuitBreaker
from tux_http.transports.circuit import Circuits
from tux_http.transports.guard import Guard
from tux_http.transports.layer import DEADLINE_AT
from tux_http.transports.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import TLS
    from tests.fault_server import Version
    from tux_http.api import API

URL: Final = "https://api.example/things"
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
DUE: Final = 5.0
"""When the probe is due in an `opened` world."""

HANGS: Final = math.inf
WIDE: Final = Breaker(minimum_calls=1, max_open_for=60.0)


@dataclass
class Body(httpx.AsyncByteStream):
    """Comes after so many seconds."""

    takes: float

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(self.takes)
        yield b"things"


class Queue(httpx.AsyncBaseTransport):
    """A queue of ours over the network, in which calls wait for so many seconds."""

    def __init__(self, inner: httpx.AsyncBaseTransport, waits: float) -> None:
        self._inner = inner
        self._waits = waits

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._waits)
        return await self._inner.handle_async_request(request)


class World:
    """The breaker, over an upstream that is down until `answer` says how it answers."""

    def __init__(self, policy: Breaker = WIDE, *, waits: float = 0.0) -> None:
        self.clock = asyncio.get_running_loop().time
        self.circuits = Circuits(policy, draw=lambda: 0.0)
        network = Guard(Recorder(httpx.MockTransport(self._serve)), Caps())
        self.breaker = CircuitBreaker(
            Queue(network, waits),
            self.circuits,
            api="things",
            clock=self.clock,
            wall=lambda: NOON + timedelta(seconds=self.clock()),
        )
        self._error: Exception | None = httpx.ConnectError("down")
        self._head = self._body = 0.0

    def answer(self, *, head: float = 0.0, body: float = 0.0, error: Exception | None = None) -> None:
        """From now on: in so many seconds, or with an error."""
        self._head, self._body, self._error = head, body, error

    async def _serve(self, _: httpx.Request) -> httpx.Response:
        head, body, error = self._head, self._body, self._error  # what comes later is too late for this call
        if head == HANGS:
            await asyncio.Event().wait()
        await asyncio.sleep(head)
        if error is not None:
            raise error
        return httpx.Response(200, stream=Body(body))

    async def call(
        self, *, deadline: float | None = None, record: bool = True, **options: Any
    ) -> httpx.Response:
        request = httpx.Request("GET", URL)
        with_options(request, **options)
        if record:
            request.extensions[EXTENSION] = VirtualCall("GET", URL, "/things", _clock=self.clock())
        if deadline is None:
            return await self.breaker.handle_async_request(request)
        request.extensions[DEADLINE_AT] = at = self.clock() + deadline
        async with asyncio.timeout_at(at):
            return await self.breaker.handle_async_request(request)

    def state(self) -> str:
        return self.circuits.of("https://api.example").state(self.clock())


async def opened(policy: Breaker = WIDE, *, waits: float = 0.0) -> World:
    """A world whose circuit opened when its clock stood at `waits`, at the moment when a probe is due."""
    world = World(policy, waits=waits)
    with pytest.raises(httpx.ConnectError, match="down"):
        await world.call()
    await asyncio.sleep(DUE)
    assert world.state() == "half-open"
    return world


@pytest.mark.parametrize("record", [True, False])
def test_a_probe_that_hangs_ends_after_six_seconds_and_says_that_it_had_no_answer(record: bool) -> None:
    async def scenario() -> None:
        world = await opened()
        world.answer(head=HANGS)
        with pytest.raises(DeadlineExceeded) as caught:
            await world.call(deadline=15.0, record=record)
        assert world.clock() == pytest.approx(DUE + 6.0)
        assert (caught.value.limit, caught.value.api, caught.value.request.url) == (6.0, "things", URL)
        assert isinstance(caught.value.__cause__, TimeoutError)
        # A ConnectError says that nothing was sent, and that even a POST may be sent again.
        assert not isinstance(caught.value, httpx.ConnectError)

    simulated(scenario())


def test_the_next_probe_is_due_by_the_time_at_which_the_hung_one_was_sent() -> None:
    async def scenario() -> None:
        world = await opened()
        world.answer(head=HANGS)
        with pytest.raises(DeadlineExceeded):
            await world.call()
        world.answer()
        with pytest.raises(CircuitOpen) as caught:
            await world.call()
        assert caught.value.retry_at == NOON + timedelta(seconds=DUE + 10.0)
        await asyncio.sleep(4.0)
        assert (await world.call()).status_code == 200
        assert world.state() == "closed"

    simulated(scenario())


def test_by_default_the_next_probe_may_follow_the_hung_one_at_once() -> None:
    async def scenario() -> None:
        world = await opened(Breaker(minimum_calls=1))
        for _ in range(3):
            world.answer(head=HANGS)
            with pytest.raises(DeadlineExceeded):
                await world.call()
        world.answer()
        assert (await world.call()).status_code == 200
        assert world.clock() == pytest.approx(DUE + 3 * 6.0)

    simulated(scenario())


@pytest.mark.parametrize(
    ("takes", "probe_timeout", "state"),
    [
        (5.9, 6.0, "closed"),
        (8.0, 6.0, "half-open"),  # the price: see `Breaker`
        (8.0, 12.0, "closed"),
        (14.9, 15.0, "closed"),
        (1.0, 0.5, "half-open"),
    ],
)
def test_a_slow_upstream_is_found_again_if_its_probes_have_the_time_for_it(
    takes: float, probe_timeout: float, state: str
) -> None:
    async def scenario() -> None:
        world = await opened(Breaker(minimum_calls=1, probe_timeout=probe_timeout))
        world.answer(head=takes)
        for _ in range(5):
            await asyncio.gather(world.call(deadline=15.0), return_exceptions=True)
            await asyncio.sleep(6.0)
        assert world.state() == state

    simulated(scenario())


def test_only_probes_are_cut_short() -> None:
    async def scenario() -> None:
        world = await opened()
        world.answer()
        await world.call()
        world.answer(head=14.0)
        assert (await world.call(deadline=15.0)).status_code == 200

    simulated(scenario())


def test_the_whole_answer_has_to_come_in_time_unless_the_call_streams() -> None:
    async def scenario() -> None:
        world = await opened()
        world.answer(head=3.0, body=4.0)
        with pytest.raises(DeadlineExceeded):
            await world.call()
        assert world.clock() == pytest.approx(DUE + 6.0)
        await asyncio.sleep(4.0)
        response = await world.call(streaming=True)
        assert world.state() == "closed"
        assert world.clock() == pytest.approx(DUE + 13.0)
        assert await response.aread() == b"things"

    simulated(scenario())


@pytest.mark.parametrize("waits", [2.0, 6.0, 7.5, 20.0])
def test_time_in_our_queues_is_not_taken_from_the_probe(waits: float) -> None:
    async def scenario() -> None:
        world = await opened(waits=waits)
        due = world.clock()
        world.answer(head=HANGS)
        with pytest.raises(DeadlineExceeded):
            await world.call()
        assert world.clock() == pytest.approx(due + waits + 6.0)
        await asyncio.sleep(4.0)
        world.answer(head=5.9)
        assert (await world.call()).status_code == 200

    simulated(scenario())


@pytest.mark.parametrize(
    ("deadline", "state"),
    [
        (2.0, "half-open"),  # too short to judge by; the next call is a probe at once
        (5.5, "open"),
        (6.0, "open"),  # both at one moment
    ],
)
def test_a_deadline_that_ends_sooner_ends_the_probe(deadline: float, state: str) -> None:
    async def scenario() -> None:
        world = await opened()
        world.answer(head=HANGS)
        with pytest.raises((TimeoutError, DeadlineExceeded)):
            await world.call(deadline=deadline)
        assert world.clock() == pytest.approx(DUE + deadline)
        assert world.state() == state
        await asyncio.sleep(10.0)
        world.answer()
        assert (await world.call()).status_code == 200, "the probe's place is free"

    simulated(scenario())


@pytest.mark.parametrize("leaves", [1.0, 5.999, 6.0])
def test_a_caller_that_leaves_is_cancelled_and_frees_the_probes_place(leaves: float) -> None:
    async def scenario() -> None:
        world = await opened()
        world.answer(head=HANGS)
        probe = asyncio.create_task(world.call())
        await asyncio.sleep(leaves)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        world.answer()
        assert (await world.call()).status_code == 200

    simulated(scenario())


@pytest.mark.parametrize(
    "error",
    [LaneFull(limit=1), ExceptionGroup("odd", [OSError()]), KeyError("bug"), TimeoutError("another's")],
    ids=lambda error: type(error).__name__,
)
def test_a_probe_that_says_nothing_of_its_upstream_frees_its_place(error: Exception) -> None:
    async def scenario() -> None:
        world = await opened()
        world.answer(error=error)
        with pytest.raises(type(error)) as caught:
            await world.call()
        assert caught.value is error
        assert world.state() == "half-open"
        world.answer()
        assert (await world.call()).status_code == 200

    simulated(scenario())


@pytest.mark.parametrize("head", [1.0, HANGS])
def test_a_probe_leaves_no_timer_behind(head: float) -> None:
    async def scenario() -> None:
        world = await opened()
        world.answer(head=head)
        await asyncio.gather(world.call(), return_exceptions=True)
        loop: Any = asyncio.get_running_loop()
        assert not [timer for timer in loop._scheduled if not timer.cancelled()]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    simulated(scenario())


@pytest.mark.parametrize("fault", ["hang", "hang-in-body", "drip-body"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_hung_server_is_probed_again_and_again_and_no_socket_or_task_is_left(
    tls: TLS, version: Version, fault: str
) -> None:
    breaker = Breaker(minimum_calls=1, open_for=0.01, max_open_for=0.01, probe_timeout=0.1)
    async with (
        no_strays(),
        fault_server(version, tls) as server,
        HTTPClient(verify=tls.client, trust_env=False) as client,
    ):
        api = client.api("things", base_url=server.url, policy=Policy(breaker=breaker))
        assert (await api.get("/status?code=500", raise_for_status=False)).status_code == 500
        for _ in range(3):
            with pytest.raises(DeadlineExceeded) as caught:
                await when_admitted(api, f"/{fault}")
            assert caught.value.limit == 0.1
        assert (await api.get("/", breaker=False)).text == "ok"
        assert (await when_admitted(api, "/")).text == "ok"
        assert server.log.count(f"/{fault}") == 3, "what was cut short is not repeated"


async def when_admitted(api: API, path: str) -> httpx.Response:
    """What a call comes to that waits until the breaker lets it through."""
    while True:
        try:
            return await api.get(path)
        except CircuitOpen:
            await asyncio.sleep(0)

"""The breaker layer: what counts against an origin, who is refused, and how it is let back in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.servers import read_request, response
from tux_http import errors
from tux_http.call import EXTENSION, Call
from tux_http.options import with_options
from tux_http.policy import Breaker
from tux_http.transports.breaker import CircuitBreaker, origin_of, verdict_of
from tux_http.transports.circuit import Circuits, Verdict
from tux_http.transports.engine import Engine
from tux_http.transports.layer import DEADLINE_AT
from tux_http.transports.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

URL = "https://api.example/things"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = 1000.0
REQUEST = httpx.Request("GET", URL)
POLICY = Breaker(minimum_calls=1, max_open_for=60.0)


@dataclass
class World:
    """An upstream that answers as `outcome` says, or hangs without one, on a clock moved by hand."""

    outcome: httpx.Response | BaseException | None = None
    policy: Breaker = POLICY
    now: float = START
    asked: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.circuits = Circuits(self.policy, draw=lambda: 0.0)
        self.breaker = self.opened_anew()

    def opened_anew(self) -> CircuitBreaker:
        return CircuitBreaker(
            Recorder(httpx.MockTransport(self.answer)),
            self.circuits,
            api="things",
            clock=lambda: self.now,
            wall=lambda: NOW + timedelta(seconds=self.now - START),
        )

    async def answer(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.reached.set()
        if self.outcome is None:
            await asyncio.Event().wait()
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        assert self.outcome is not None
        return self.outcome

    async def call(self, url: str = URL) -> httpx.Response:
        return await self.breaker.handle_async_request(httpx.Request("GET", url))

    async def fail(self) -> None:
        self.outcome = httpx.ConnectError("down")
        with pytest.raises(httpx.ConnectError, match="down"):
            await self.call()

    async def hang(self, request: httpx.Request | None = None) -> asyncio.Task[httpx.Response]:
        """A call that has reached an upstream which does not answer."""
        self.outcome = None
        self.reached.clear()
        task = asyncio.create_task(self.breaker.handle_async_request(request or httpx.Request("GET", URL)))
        await self.reached.wait()
        return task

    def state(self) -> str:
        return self.circuits.of("https://api.example").state(self.now)


def passing() -> httpx.Request:
    """A request whose caller said that the breaker is not to be asked."""
    request = httpx.Request("GET", URL)
    with_options(request, breaker=False)
    return request


async def cancelled(task: asyncio.Task[httpx.Response]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def name_of(value: object) -> str:
    return str(value.status_code) if isinstance(value, httpx.Response) else type(value).__name__


@pytest.mark.parametrize(
    "outcome",
    [
        *(httpx.Response(status) for status in (500, 502, 503, 504, 505, 520, 599)),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        errors.DeadlineExceeded(limit=15),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.CloseError("reset"),
        httpx.RemoteProtocolError("garbage"),
        httpx.ProtocolError("garbage"),
    ],
    ids=name_of,
)
def test_time_outs_network_and_protocol_errors_and_5xx_are_failures(
    outcome: httpx.Response | Exception,
) -> None:
    assert verdict_of(outcome) is Verdict.FAILURE


@pytest.mark.parametrize(
    "outcome",
    [
        *(httpx.Response(status) for status in (200, 204, 304, 400, 401, 403, 404, 408, 422, 429, 451, 501)),
        httpx.DecodingError("gzip"),
        errors.ResponseTooLarge(limit=1),
        errors.InvalidResponse(expected="Thing"),
    ],
    ids=name_of,
)
def test_an_origin_that_answers_is_well_whatever_it_answers(outcome: httpx.Response | Exception) -> None:
    assert verdict_of(outcome) is Verdict.SUCCESS


@pytest.mark.parametrize(
    "outcome",
    [
        errors.LaneFull(limit=100),
        errors.RateLimited(request=REQUEST, response=httpx.Response(429, request=REQUEST)),
        errors.BlockedAddress(reason="loopback"),
        httpx.PoolTimeout("our pool is full"),
        httpx.LocalProtocolError("our header"),
        httpx.UnsupportedProtocol("our URL"),
        httpx.ProxyError("our proxy"),
    ],
    ids=name_of,
)
def test_what_is_our_own_doing_says_nothing_of_the_origin(outcome: httpx.Response | Exception) -> None:
    assert verdict_of(outcome) is Verdict.NONE


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.github.com/repos?q=1#f", "https://api.github.com"),
        ("https://user:secret@API.github.com:443/", "https://api.github.com"),
        ("http://api.github.com/", "http://api.github.com"),
        ("http://localhost:8080/a", "http://localhost:8080"),
        ("http://[::1]:8080/a", "http://[::1]:8080"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_scheme_host_and_port_and_nothing_secret(url: str, origin: str) -> None:
    assert origin_of(httpx.URL(url)) == origin


async def test_a_failing_origin_is_left_alone_and_the_caller_told_until_when() -> None:
    world = World(policy=Breaker())
    for _ in range(10):
        await world.fail()
    world.now += 2
    with pytest.raises(errors.CircuitOpen) as caught:
        await world.call()
    assert world.asked == 10
    error = caught.value
    assert (error.origin, error.api, error.request.url) == ("https://api.example", "things", URL)
    assert error.retry_at == NOW + timedelta(seconds=5)


async def test_answers_with_5xx_open_the_circuit_too_and_are_given_as_they_are() -> None:
    world = World(httpx.Response(503), policy=Breaker())
    assert [(await world.call()).status_code for _ in range(10)] == [503] * 10
    assert world.state() == "open"


async def test_other_origins_of_the_api_go_on() -> None:
    world = World()
    await world.fail()
    world.outcome = httpx.Response(200)
    assert (await world.call("https://other.example/")).status_code == 200
    assert (await world.call("http://api.example/")).status_code == 200
    assert (await world.call("https://api.example:8443/")).status_code == 200
    with pytest.raises(errors.CircuitOpen):
        await world.call("https://api.example/elsewhere")


async def test_one_probe_at_a_time_is_let_through_and_its_success_lets_all_in() -> None:
    world = World()
    await world.fail()
    world.now += 5
    probe = await world.hang()
    for _ in range(100):
        with pytest.raises(errors.CircuitOpen) as caught:
            await world.call()
        assert caught.value.retry_at == NOW + timedelta(seconds=10)
    assert world.asked == 2
    await cancelled(probe)
    world.outcome = httpx.Response(200)
    assert (await world.call()).status_code == 200
    assert world.state() == "closed"


async def test_a_failed_probe_doubles_the_wait() -> None:
    world = World()
    await world.fail()
    world.now += 5
    await world.fail()
    with pytest.raises(errors.CircuitOpen) as caught:
        await world.call()
    assert caught.value.retry_at == NOW + timedelta(seconds=15)


async def test_a_cancelled_call_says_nothing() -> None:
    world = World()
    await cancelled(await world.hang())
    assert world.state() == "closed"


async def test_a_hung_upstream_that_the_deadline_ends_has_failed() -> None:
    world = World()
    call = await world.hang(httpx.Request("GET", URL, extensions={DEADLINE_AT: START + 15}))
    world.now += 15
    await cancelled(call)
    assert world.state() == "open"


async def test_a_caller_that_leaves_before_the_deadline_is_no_failure() -> None:
    world = World()
    call = await world.hang(httpx.Request("GET", URL, extensions={DEADLINE_AT: START + 15}))
    world.now += 14
    await cancelled(call)
    assert world.state() == "closed"


async def test_a_deadline_too_short_to_judge_by_is_no_failure() -> None:
    world = World()
    call = await world.hang(httpx.Request("GET", URL, extensions={DEADLINE_AT: START + 2}))
    world.now += 2
    await cancelled(call)
    assert world.state() == "closed"


@pytest.mark.parametrize(("had", "state"), [(4.0, "closed"), (6.0, "open")])
async def test_only_the_time_that_the_upstream_had_counts_not_that_in_our_queues(
    had: float, state: str
) -> None:
    world, request = World(), httpx.Request("GET", URL)
    record = Call.of(request, api="things")
    request.extensions.update({EXTENSION: record, DEADLINE_AT: START + 15})
    call = await world.hang(request)
    record.attempts[-1].started -= had
    world.now += 15
    await cancelled(call)
    assert world.state() == state


async def test_a_call_that_never_left_our_queues_is_no_failure() -> None:
    world, request = World(), httpx.Request("GET", URL)
    request.extensions.update({EXTENSION: Call.of(request, api="things"), DEADLINE_AT: START + 15})
    queued = asyncio.Event()

    class Queue(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002  # httpx's signature
            queued.set()
            await asyncio.Event().wait()
            raise AssertionError("never")

    breaker = CircuitBreaker(Queue(), world.circuits, clock=lambda: world.now)
    task = asyncio.create_task(breaker.handle_async_request(request))
    await queued.wait()
    world.now += 15
    await cancelled(task)
    assert world.state() == "closed"


async def test_a_call_may_pass_by_an_open_circuit_and_neither_closes_nor_probes_it() -> None:
    world = World()
    await world.fail()
    world.outcome = httpx.Response(200)
    for _ in range(3):
        assert (await world.breaker.handle_async_request(passing())).status_code == 200
        assert world.state() == "open"
    world.now += 5
    hung = await world.hang(passing())
    assert world.state() == "half-open"
    world.outcome = httpx.Response(200)
    assert (await world.call()).status_code == 200, "the probe's place is free"
    await cancelled(hung)


async def test_a_call_that_passes_by_is_not_counted() -> None:
    world, request = World(), passing()
    world.outcome = httpx.Response(503)
    request.extensions[EXTENSION] = record = Call.of(request, api="things")
    for _ in range(20):
        assert (await world.breaker.handle_async_request(request)).status_code == 503
    assert world.state() == "closed"
    assert (record.breaker, record.refused_by) == (None, None)


@pytest.mark.parametrize("said", [None, True])
async def test_a_call_that_does_not_say_no_to_the_breaker_is_refused(said: bool | None) -> None:
    world, request = World(), httpx.Request("GET", URL)
    await world.fail()
    with_options(request, breaker=said)
    with pytest.raises(errors.CircuitOpen):
        await world.breaker.handle_async_request(request)


async def test_what_failed_is_remembered_when_the_api_is_reopened() -> None:
    world = World()
    await world.fail()
    await world.breaker.aclose()
    world.breaker = world.opened_anew()
    with pytest.raises(errors.CircuitOpen):
        await world.call()


async def test_the_record_says_in_which_state_the_circuit_was_found_and_who_refused() -> None:
    world = World()

    async def noted(outcome: httpx.Response | Exception) -> tuple[str | None, str | None]:
        world.outcome = outcome
        request = httpx.Request("GET", URL)
        request.extensions[EXTENSION] = call = Call.of(request, api="things")
        with contextlib.suppress(errors.CircuitOpen):
            await world.breaker.handle_async_request(request)
        return call.breaker, call.refused_by

    assert await noted(httpx.Response(500)) == ("closed", None)
    assert await noted(httpx.Response(200)) == ("open", "breaker")
    world.now += 5
    assert await noted(httpx.Response(200)) == ("half-open", None)
    assert await noted(httpx.Response(200)) == ("closed", None)


async def test_an_answers_head_is_enough_for_a_verdict() -> None:
    read = False

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            read = True
            yield b""

    world = World()
    await world.fail()
    world.now, world.outcome = world.now + 5, httpx.Response(200, stream=Body())
    await world.call()
    assert world.state() == "closed"
    assert not read


async def test_a_dead_server_is_spared_and_found_again_when_it_is_back() -> None:
    now = 0.0
    breaker = CircuitBreaker(Engine(), Circuits(Breaker()), clock=lambda: now)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response(b"back"))
        writer.close()

    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))  # bound, but not listening: connections are refused
        url = f"http://127.0.0.1:{port.getsockname()[1]}/"
        async with httpx.AsyncClient(transport=breaker) as client:
            met = [await error_of(client, url) for _ in range(12)]
            assert met == [httpx.ConnectError] * 10 + [errors.CircuitOpen] * 2
            async with await asyncio.start_server(serve, sock=port):
                assert await error_of(client, url) is errors.CircuitOpen
                now += 5
                assert [(await client.get(url)).text for _ in range(3)] == ["back"] * 3


async def error_of(client: httpx.AsyncClient, url: str) -> type[httpx.HTTPError]:
    with pytest.raises(httpx.HTTPError) as caught:
        await client.get(url)
    return caught.type

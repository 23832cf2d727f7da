"""The retry layer: what is repeated, after how long, how often, and what the caller gets in the end."""

from __future__ import annotations

import asyncio
import gc
import math
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.servers import http1_server, read_request, response, settle
from tux_http.call import EXTENSION, Call
from tux_http.errors import (
    BlockedAddress,
    CircuitOpen,
    DeadlineExceeded,
    InvalidResponse,
    LaneFull,
    RateLimited,
    ResponseTooLarge,
)
from tux_http.options import EXTENSION as OPTIONS
from tux_http.options import CallOptions
from tux_http.policy import Retry
from tux_http.transports.budget import Budget
from tux_http.transports.engine import Engine
from tux_http.transports.layer import DEADLINE_AT
from tux_http.transports.recorder import Recorder
from tux_http.transports.retry import Outcome, Retrier, backoff, is_repeatable, told_wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

URL = "https://api.example/things"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = 1000.0


@dataclass
class World:
    """A clock that only sleeping moves, and an upstream that answers by a script; its last line repeats."""

    script: list[Outcome]
    policy: Retry = field(default_factory=Retry)
    draw: float = 1.0
    seconds_per_attempt: float = 0.0
    now: float = START
    waits: list[float] = field(default_factory=list[float])
    bodies: list[bytes] = field(default_factory=list[bytes])

    def __post_init__(self) -> None:
        self.budget = Budget(self.policy)
        self.retrier = Retrier(
            httpx.MockTransport(self.answer),
            self.policy,
            self.budget,
            clock=lambda: self.now,
            wall=lambda: NOW + timedelta(seconds=self.now - START),
            sleep=self.sleep,
            draw=lambda: self.draw,
        )

    @property
    def attempts(self) -> int:
        return len(self.bodies)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(await request.aread())
        self.now += self.seconds_per_attempt
        outcome = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(outcome, httpx.Response):
            return outcome
        raise outcome

    async def call(
        self, method: str = "GET", *, deadline: float | None = 60.0, **options: Any
    ) -> httpx.Response:
        request = httpx.Request(method, URL, **options)
        if deadline is not None:
            request.extensions[DEADLINE_AT] = START + deadline
        return await self.retrier.handle_async_request(request)


def answers(*statuses: int, **headers: str) -> list[Outcome]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return [httpx.Response(status, headers=fields) for status in statuses]


def refusals() -> Iterable[httpx.HTTPError]:
    request = httpx.Request("GET", URL)
    yield LaneFull(limit=100)
    yield CircuitOpen(origin="https://api.example")
    yield RateLimited(request=request, response=httpx.Response(429, request=request))
    yield BlockedAddress(reason="loopback")
    yield ResponseTooLarge(limit=1)
    yield DeadlineExceeded(limit=1)
    yield InvalidResponse(expected="Thing")


UNSENT = [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full")]
TRANSIENT = [
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.CloseError("reset"),
    httpx.NetworkError("gone"),
    httpx.RemoteProtocolError("garbage"),
    httpx.ReadTimeout("slow"),
    httpx.WriteTimeout("slow"),
    *(httpx.Response(status) for status in (429, 502, 503, 504)),
]
FINAL = [
    httpx.LocalProtocolError("ours"),
    httpx.UnsupportedProtocol("gopher"),
    httpx.ProxyError("407"),
    httpx.DecodingError("gzip"),
    httpx.TooManyRedirects("20"),
    *(httpx.Response(status) for status in (200, 204, 301, 304, 400, 401, 403, 404, 408, 425, 500, 501, 505)),
    *refusals(),
]
IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]
OTHERS = ["POST", "PATCH", "PURGE"]


def name_of(value: object) -> str:
    return str(value.status_code) if isinstance(value, httpx.Response) else type(value).__name__


def request_of(method: str = "GET", *, retry: bool | None = None, **options: Any) -> httpx.Request:
    return httpx.Request(method, URL, extensions={OPTIONS: CallOptions(retry=retry)}, **options)


class TestWhatIsRepeated:
    @pytest.mark.parametrize("outcome", UNSENT, ids=name_of)
    @pytest.mark.parametrize("method", IDEMPOTENT + OTHERS)
    def test_what_was_never_sent_is_repeated_whatever_the_method(self, method: str, outcome: Outcome) -> None:
        assert is_repeatable(request_of(method), outcome)

    @pytest.mark.parametrize("outcome", TRANSIENT, ids=name_of)
    def test_passing_failures_are_repeated_for_idempotent_methods_only(self, outcome: Outcome) -> None:
        assert all(is_repeatable(request_of(method), outcome) for method in IDEMPOTENT)
        assert not any(is_repeatable(request_of(method), outcome) for method in OTHERS)

    @pytest.mark.parametrize("outcome", TRANSIENT, ids=name_of)
    @pytest.mark.parametrize("method", OTHERS)
    def test_a_post_is_repeated_with_a_key_or_on_the_callers_word(
        self, method: str, outcome: Outcome
    ) -> None:
        assert is_repeatable(request_of(method, headers={"Idempotency-Key": "8e03978e"}), outcome)
        assert is_repeatable(request_of(method, retry=True), outcome)
        assert not is_repeatable(request_of(method, headers={"Idempotency-Key": ""}), outcome)

    @pytest.mark.parametrize("outcome", FINAL, ids=name_of)
    def test_other_answers_and_our_own_refusals_are_final(self, outcome: Outcome) -> None:
        assert not is_repeatable(request_of("GET", retry=True), outcome)

    @pytest.mark.parametrize("outcome", UNSENT + TRANSIENT, ids=name_of)
    def test_nothing_is_repeated_against_the_callers_word(self, outcome: Outcome) -> None:
        assert not is_repeatable(request_of("GET", retry=False), outcome)

    @pytest.mark.parametrize("outcome", UNSENT + TRANSIENT, ids=name_of)
    def test_a_body_that_cannot_be_rewound_is_sent_once(self, outcome: Outcome) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"once"

        assert not is_repeatable(request_of("PUT", retry=True, content=chunks()), outcome)
        assert not is_repeatable(request_of("PUT", retry=True, files={"file": b"x"}), outcome)


class TestBackoff:
    @pytest.mark.parametrize(
        ("retries", "status", "draw", "seconds"),
        [
            (0, 503, 1.0, 0.05),
            (1, 503, 1.0, 0.1),
            (2, 503, 1.0, 0.2),
            (8, 503, 1.0, 12.8),
            (9, 503, 1.0, 20.0),
            (10_000, 503, 1.0, 20.0),
            (0, 429, 1.0, 1.0),
            (1, 429, 1.0, 2.0),
            (4, 429, 1.0, 16.0),
            (5, 429, 1.0, 20.0),
            (0, 503, 0.0, 0.0),
            (0, 503, 0.5, 0.025),
            (1, 429, 0.25, 0.5),
            (50, 503, 0.5, 10.0),
        ],
    )
    def test_it_doubles_from_50_ms_or_1_s_up_to_20_s_with_full_jitter(
        self, retries: int, status: int, draw: float, seconds: float
    ) -> None:
        assert backoff(Retry(), retries, httpx.Response(status), draw) == pytest.approx(seconds)

    def test_network_errors_back_off_as_an_overloaded_server_does(self) -> None:
        assert backoff(Retry(), 1, httpx.ReadError("reset"), 1.0) == pytest.approx(0.1)

    async def test_each_attempt_waits_by_the_table(self) -> None:
        world = World(answers(503, 429, 502, 503, 200), policy=Retry(attempts=9))
        assert (await world.call()).status_code == 200
        assert world.waits == pytest.approx([0.05, 2.0, 0.2, 0.4])


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("1", 1.0),
            (" 120 ", 120.0),
            ("007", 7.0),
            (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30.0),
            ("0", 0.0),
            ("00", 0.0),
            (format_datetime(NOW - timedelta(seconds=30), usegmt=True), 0.0),
            ("Thu, 01 Jan 1998 00:00:00 GMT", 0.0),
            ("99999999999", 86400.0),  # no upstream is believed to be closed for longer than a day
            ("-1", math.inf),
            ("-0", math.inf),
            ("+5", math.inf),
            ("1.5", math.inf),
            ("5s", math.inf),
            ("1, 2", math.inf),
            ("1e3", math.inf),
            ("soon", math.inf),
            ("", math.inf),
            ("2026-01-01T12:00:30Z", math.inf),
            ("Mon, 99 Xyz 2026 99:99:99 GMT", math.inf),
        ],
    )
    def test_it_is_seconds_or_a_date_and_anything_else_never_comes(self, value: str, seconds: float) -> None:
        assert told_wait(httpx.Response(503, headers={"Retry-After": value}), NOW) == seconds

    def test_without_it_nothing_is_told(self) -> None:
        assert told_wait(httpx.Response(503), NOW) is None
        assert told_wait(httpx.Response(429), NOW) is None
        assert told_wait(httpx.ReadError("reset"), NOW) is None

    def test_a_429_may_tell_by_its_limits_reset(self) -> None:
        reset = str(int(NOW.timestamp()) + 9)
        answer = httpx.Response(429, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
        assert told_wait(answer, NOW) == 9.0

    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    async def test_it_is_obeyed_to_the_second_when_it_fits_the_deadline(self, status: int) -> None:
        world = World([*answers(status, Retry_After="7"), *answers(200)], draw=0.0)
        assert (await world.call(deadline=15)).status_code == 200
        assert world.waits == [7.0]

    async def test_a_zero_leaves_the_wait_to_the_back_off(self) -> None:
        world = World([*answers(503, Retry_After="0"), *answers(200)])
        await world.call()
        assert world.waits == pytest.approx([0.05])

    @pytest.mark.parametrize("value", ["15", "60", "soon", "-1"])
    async def test_an_answer_that_asks_for_too_much_or_nonsense_is_given_at_once(self, value: str) -> None:
        world = World(answers(503, Retry_After=value))
        assert (await world.call(deadline=15)).status_code == 503
        assert (world.attempts, world.waits, world.budget.tokens) == (1, [], 500)

    @pytest.mark.parametrize(("value", "attempts"), [("20", 3), ("21", 1), ("soon", 1)])
    async def test_without_a_deadline_the_longest_wait_is_the_longest_back_off(
        self, value: str, attempts: int
    ) -> None:
        world = World(answers(503, Retry_After=value))
        await world.call(deadline=None)
        assert world.attempts == attempts


class TestDeadline:
    async def test_no_wait_is_begun_that_would_end_after_it(self) -> None:
        world = World(answers(429))
        assert (await world.call(deadline=1.0)).status_code == 429
        assert (world.attempts, world.waits) == (1, [])

    async def test_time_spent_in_attempts_counts(self) -> None:
        world = World(answers(503, 503, 200, Retry_After="2"), seconds_per_attempt=3.0)
        assert (await world.call(deadline=9.0)).status_code == 503
        assert (world.attempts, world.waits) == (2, [2.0])


class TestTheLoop:
    async def test_a_call_that_works_is_made_once(self) -> None:
        world = World(answers(200))
        assert (await world.call()).status_code == 200
        assert world.attempts == 1

    async def test_the_last_answer_is_given_after_three_attempts(self) -> None:
        world = World(answers(502, 503, 504, 200))
        assert (await world.call()).status_code == 504
        assert world.attempts == 3

    async def test_the_last_error_is_raised_as_it_came(self) -> None:
        last = httpx.ReadTimeout("the third")
        world = World([httpx.ReadError("one"), *answers(503), last])
        with pytest.raises(httpx.ReadTimeout) as caught:
            await world.call()
        assert caught.value is last

    async def test_an_answer_may_follow_an_error_and_an_error_an_answer(self) -> None:
        world = World([httpx.ConnectError("down"), *answers(503, 404)])
        assert (await world.call()).status_code == 404

    async def test_one_attempt_means_no_retry(self) -> None:
        world = World(answers(503), policy=Retry(attempts=1))
        await world.call()
        assert world.attempts == 1

    async def test_every_attempt_sends_the_whole_body(self) -> None:
        world = World(answers(503, 503, 201))
        await world.call("POST", json={"n": 1}, headers={"Idempotency-Key": "k"})
        assert world.bodies == [b'{"n":1}'] * 3

    async def test_what_is_no_http_error_passes_through_untouched(self) -> None:
        class Broken(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002  # httpx's signature
                raise ExceptionGroup("odd", [OSError("one"), OSError("two")])

        retrier = Retrier(Broken(), Retry(), Budget(Retry()))
        with pytest.raises(ExceptionGroup, match="odd"):
            await retrier.handle_async_request(httpx.Request("GET", URL))

    async def test_waits_are_noted_in_the_record(self) -> None:
        world, request = World(answers(503, 503, 200)), httpx.Request("GET", URL)
        call = Call.of(request, api="things")
        request.extensions[EXTENSION] = call
        await world.retrier.handle_async_request(request)
        assert call.waited == pytest.approx(0.15)

    async def test_a_discarded_answer_is_closed_before_the_next_attempt(self) -> None:
        log: list[str] = []

        class Body(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                yield b"busy"

            async def aclose(self) -> None:
                log.append("closed")

        def answer(request: httpx.Request) -> httpx.Response:
            log.append("asked")
            return httpx.Response(503, stream=Body())

        policy = Retry(backoff=1e-9)
        retrier = Retrier(httpx.MockTransport(answer), policy, Budget(policy))
        last = await retrier.handle_async_request(httpx.Request("GET", URL))
        assert log == ["asked", "closed", "asked", "closed", "asked"]
        assert await last.aread() == b"busy", "the last one is the caller's, unread"

    # Answers only: whether an exception's traceback is a cycle differs from one Python to the next.
    @pytest.mark.parametrize("status", [200, 404, 503])
    async def test_a_call_leaves_nothing_to_the_garbage_collector(self, status: int) -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            return httpx.Response(status)

        policy = Retry(attempts=2, backoff=1e-9)
        retrier = Retrier(httpx.MockTransport(answer), policy, Budget(policy))
        gc.collect()
        gc.disable()
        try:
            await retrier.handle_async_request(httpx.Request("GET", URL))
            assert gc.collect() == 0
        finally:
            gc.enable()


class TestBudget:
    @pytest.mark.parametrize(
        ("statuses", "tokens"),
        [
            ([503, 503, 503], 500 - 14 - 14),
            ([429, 429, 429], 500 - 5 - 5),
            ([503, 429, 503], 500 - 14 - 5),
            ([503, 503, 200], 500),  # what worked is refunded
            ([429, 304], 500),
            ([503, 404], 500 - 14),  # not an upstream's success
            ([500], 500),
        ],
    )
    async def test_a_retry_costs_14_or_5_and_one_that_worked_nothing(
        self, statuses: list[int], tokens: int
    ) -> None:
        world = World(answers(*statuses))
        await world.call()
        assert world.budget.tokens == tokens

    async def test_a_clean_success_gives_one_token_back(self) -> None:
        world = World(answers(200))
        assert world.budget.take(100)
        await world.call()
        assert world.budget.tokens == 401

    async def test_an_answer_is_given_as_it_is_when_the_bucket_cannot_pay(self) -> None:
        world = World(answers(503), policy=Retry(budget=14 + 13))
        assert (await world.call()).status_code == 503
        assert (world.attempts, world.budget.tokens) == (2, 13)

    async def test_an_error_is_raised_as_it_is_when_the_bucket_cannot_pay(self) -> None:
        world = World([httpx.ConnectError("down")], policy=Retry(budget=0))
        with pytest.raises(httpx.ConnectError, match="down"):
            await world.call()
        assert (world.attempts, world.waits) == (1, [])

    async def test_an_outage_of_a_minute_is_hardly_louder_than_its_callers(self) -> None:
        world = World(answers(503))
        for _ in range(50 * 60):
            await world.call(deadline=None)
        assert world.attempts == 3000 + 35
        world.bodies.clear()
        for _ in range(100):
            await world.call(deadline=None)
        assert world.attempts == 100, "the bucket is spent"

    async def test_retries_come_back_with_the_upstream(self) -> None:
        world = World(answers(503))
        world.budget.take(500)
        await world.call()
        world.script = answers(200)
        for _ in range(14):
            await world.call()
        world.script = answers(503, 200)
        assert (await world.call()).status_code == 200


class TestCancellation:
    async def test_a_call_cancelled_while_it_waits_is_not_charged(self) -> None:
        waiting = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waiting.set()
            await asyncio.Event().wait()

        budget = Budget(Retry())
        retrier = Retrier(
            httpx.MockTransport(lambda _: httpx.Response(503)), Retry(), budget, sleep=sleep, draw=lambda: 1.0
        )
        task = asyncio.create_task(retrier.handle_async_request(httpx.Request("GET", URL)))
        await waiting.wait()
        assert budget.tokens == 486
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert budget.tokens == 500

    async def test_a_call_cancelled_in_an_attempt_is_not_repeated(self) -> None:
        attempts = 0
        reached = asyncio.Event()

        async def answer(request: httpx.Request) -> httpx.Response:
            nonlocal attempts
            attempts += 1
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError("never")

        retrier = Retrier(httpx.MockTransport(answer), Retry(), Budget(Retry()))
        task = asyncio.create_task(retrier.handle_async_request(httpx.Request("GET", URL)))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert attempts == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}


class TestOnRealSockets:
    """With the real engine under it."""

    POLICY = Retry(backoff=0.001)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=Retrier(Recorder(Engine()), self.POLICY, Budget(self.POLICY)))

    async def test_a_put_reaches_a_server_that_recovers_with_its_whole_body(self) -> None:
        heads: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                heads.append(await read_request(reader))
                if len(heads) == 1:
                    writer.transport.abort()
                    return
                writer.write(response(b"busy", status="503 Busy") if len(heads) == 2 else response(b"ok"))

        async with http1_server(serve) as server, self.client() as client:
            answer = await client.put(f"{server.url}/", content=b"all of it")
        assert (answer.status_code, answer.text) == (200, "ok")
        assert [head.endswith(b"\r\n\r\nall of it") for head in heads] == [True] * 3

    async def test_a_post_to_a_closed_port_is_tried_three_times(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # bound, but not listening
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
            call = Call(method="POST", url=url, path="/")
            async with self.client() as client:
                with pytest.raises(httpx.ConnectError):
                    await client.post(url, content=b"x", extensions={EXTENSION: call})
        assert [attempt.error for attempt in call.attempts] == ["ConnectError"] * 3
        assert call.waited > 0

    async def test_a_post_that_was_reset_after_it_was_sent_is_not_repeated(self) -> None:
        requests = 0

        async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal requests
            await read_request(reader)
            requests += 1
            writer.transport.abort()

        async with http1_server(reset) as server, self.client() as client:
            with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):
                await client.post(f"{server.url}/", content=b"order")
        assert requests == 1

    async def test_discarded_streams_leave_no_connection_busy(self) -> None:
        async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await read_request(reader)
                writer.write(response(bytes(200_000), status="503 Busy"))

        engine = Engine()
        retrier = Retrier(engine, self.POLICY, Budget(self.POLICY))
        async with http1_server(busy) as server, httpx.AsyncClient(transport=retrier) as client:
            async with client.stream("GET", f"{server.url}/") as answer:
                assert answer.status_code == 503
                assert sum(not each.is_idle() for each in engine.pool.connections) == 1
            await settle(lambda: all(each.is_idle() for each in engine.pool.connections))

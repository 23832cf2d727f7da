"""The retry layer: how often it asks, what that costs, and what the caller gets in the end."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.retries import URL, World, answers
from tests.servers import http1_server, read_request, response, settle
from tux_http import HTTPClient, call_of
from tux_http.call import EXTENSION, Call
from tux_http.options import EXTENSION as OPTIONS
from tux_http.options import CallOptions
from tux_http.policy import Retry
from tux_http.transports.budget import Budget
from tux_http.transports.engine import Engine
from tux_http.transports.recorder import Recorder
from tux_http.transports.retry import Retrier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def saying(retry: Retry) -> dict[str, Any]:
    return {OPTIONS: CallOptions(retry=retry)}


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
        await retrier.handle_async_request(httpx.Request("GET", URL))  # what is imported or made but once
        while gc.collect():  # what earlier tests have left, and what that held
            pass
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


class TestTheCallsOwnWord:
    async def test_a_call_may_bring_attempts_and_back_offs_of_its_own(self) -> None:
        world = World(answers(503, 429, 503, 503, 200), policy=Retry(attempts=2))
        own = Retry(attempts=4, backoff=0.5, throttled_backoff=3.0, max_backoff=1.5)
        assert (await world.call(extensions=saying(own))).status_code == 503
        assert (world.attempts, world.waits) == (4, [0.5, 1.5, 1.5])
        assert (await world.call()).status_code == 200
        assert world.attempts == 5, "the next call goes by the policy again"

    async def test_without_a_deadline_its_own_longest_back_off_is_the_longest_wait(self) -> None:
        for longest, attempts in ((5.0, 3), (4.0, 1)):
            world = World(answers(503, Retry_After="5"))
            await world.call(deadline=None, extensions=saying(Retry(max_backoff=longest)))
            assert world.attempts == attempts

    async def test_it_pays_its_own_costs_out_of_the_apis_budget(self) -> None:
        world = World(answers(503, 429, 503))
        await world.call(extensions=saying(Retry(budget=0, cost=100, throttled_cost=30)))
        assert (world.attempts, world.budget.tokens) == (3, 500 - 100 - 30)
        await world.call(extensions=saying(Retry(budget=9999, attempts=9, cost=200)))
        assert (world.attempts, world.budget.tokens) == (3 + 2, 170), "only one more could be paid"

    async def test_it_is_an_option_of_every_verb_of_an_api(self) -> None:
        upstream = httpx.MockTransport(lambda _: httpx.Response(503))
        async with HTTPClient(transport=upstream) as client:
            api = client.api("things", base_url=URL)
            answer = await api.get("/", retry=Retry(attempts=4, backoff=1e-9), raise_for_status=False)
        call = call_of(answer)
        assert call is not None
        assert [attempt.status for attempt in call.attempts] == [503] * 4


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

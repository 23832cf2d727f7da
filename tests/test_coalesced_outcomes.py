"""What each of those who share a flight gets of it: an answer or an error, and a record, of its own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import traceback
from datetime import UTC, datetime

import httpx
import pytest

from tests.flights import URL, World, asking, record, turns
from tests.virtual_time import VirtualCall, simulated
from tux_http import errors
from tux_http.call import Call
from tux_http.errors import RateLimited, attach_call
from tux_http.policy import Caps
from tux_http.transports.coalesce import OWN, Coalesce
from tux_http.transports.guard import Guard


class TestCopies:
    async def test_a_caller_may_change_a_response_without_harm_to_the_next(self) -> None:
        world = World()
        requests = [asking(), asking()]
        calls = await world.sent(*requests)
        headers = [
            ("ETag", '"1"'),
            ("Set-Cookie", "a=b"),
            ("Set-Cookie", "c=d"),
            ("Content-Type", "application/json"),
        ]
        world.upstream.answer(
            httpx.Response(200, json={"a": [1]}, headers=headers, extensions={"http_version": b"HTTP/2"})
        )
        one, other = await asyncio.gather(*calls)
        assert [one.request, other.request] == requests
        one.headers["etag"] = "changed"
        one.extensions["http_version"] = b"changed"
        one.history.append(other)
        one.encoding = "ascii"
        assert (other.headers["etag"], other.http_version, other.history) == ('"1"', "HTTP/2", [])
        assert other.headers.get_list("set-cookie") == ["a=b", "c=d"]
        assert other.encoding == "utf-8"
        assert other.json() == {"a": [1]}

    async def test_responses_are_whole_to_whoever_reads_them(self) -> None:
        upstream = httpx.MockTransport(lambda _: httpx.Response(200, content=b"whole"))
        async with httpx.AsyncClient(transport=Coalesce(Guard(upstream, Caps()))) as client:
            answer = await client.get(URL)
            assert await answer.aread() == b"whole"
            assert [chunk async for chunk in answer.aiter_bytes()] == [b"whole"]
            assert [line async for line in answer.aiter_lines()] == ["whole"]
            assert answer.is_closed
            assert (await client.head(URL)).headers["content-length"] == "5"

    @pytest.mark.parametrize(
        "error",
        [
            httpx.ConnectError("down"),
            httpx.ReadTimeout("slow", request=httpx.Request("GET", URL)),
            httpx.UnsupportedProtocol("gopher"),
            errors.DeadlineExceeded(limit=2.0, api="things"),
            errors.LaneFull(limit=3, api="things"),
            errors.CircuitOpen(origin="https://api.test", retry_at=datetime(2026, 1, 1, tzinfo=UTC)),
            errors.BlockedAddress(reason="loopback"),
            errors.ResponseTooLarge(limit=5, part="header"),
            errors.InvalidResponse(expected="Thing", path="$.a"),
            OSError(24, "Too many open files"),
            ExceptionGroup("several", [ValueError("one")]),
            RuntimeError("a bug"),
        ],
    )
    async def test_the_error_of_one_is_everybodys_each_his_own(self, error: Exception) -> None:
        world = World()
        requests = [asking(), asking()]
        calls = await world.sent(*requests)
        error.__cause__ = cause = OSError("reset")
        error.add_note("noted")
        attach_call(error, record(requests[0]))
        world.upstream.answer(error)
        one, other = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(one, Exception)
        assert isinstance(other, Exception)
        assert len({id(error), id(one), id(other)}) == 3
        for each, request in zip((one, other), requests, strict=True):
            assert type(each) is type(error)
            assert (each.args, str(each), each.__cause__) == (error.args, str(error), cause)
            assert not isinstance(each, httpx.HTTPError) or each.request is request
            assert not hasattr(each, "call"), "each caller has its own record to attach"
        hidden = {"_request", "__notes__", "call"}
        assert {**one.__dict__, **dict.fromkeys(hidden)} == {**error.__dict__, **dict.fromkeys(hidden)}
        one.add_note("one's own")
        assert other.__notes__ == ["noted"]

    async def test_a_status_error_brings_a_response_of_its_own(self) -> None:
        world = World()
        requests = [asking(), asking()]
        calls = await world.sent(*requests)
        refused = httpx.Response(429, headers={"Retry-After": "9"}, request=requests[0])
        retry_at = datetime(2026, 1, 1, tzinfo=UTC)
        world.upstream.answer(
            RateLimited(request=requests[0], response=refused, retry_at=retry_at, scope="core", limit=60)
        )
        one, other = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(one, RateLimited)
        assert isinstance(other, RateLimited)
        assert (other.retry_at, other.scope, other.limit) == (retry_at, "core", 60)
        assert [one.response.request, other.response.request] == requests
        one.response.headers["retry-after"] = "changed"
        assert other.response.headers["retry-after"] == "9"

    async def test_tracebacks_tell_where_it_failed_and_do_not_grow_with_the_callers(self) -> None:
        world = World()
        calls = await world.sent(*(asking() for _ in range(50)))
        world.upstream.answer(httpx.ConnectError("down"))
        failures = await asyncio.gather(*calls, return_exceptions=True)
        depths = {
            len(traceback.extract_tb(each.__traceback__)) for each in failures if isinstance(each, Exception)
        }
        last = failures[-1]
        assert isinstance(last, httpx.ConnectError)
        names = [frame.name for frame in traceback.extract_tb(last.__traceback__)]
        assert len(depths) == 1
        assert names[-1] == "handle_async_request"
        assert names.count("outcome_for") == 1


class TestRecords:
    async def test_everybody_has_the_attempts_and_all_but_the_first_a_mark(self) -> None:
        world = World()
        requests = [asking(), asking(), asking()]
        calls = await world.sent(*requests)
        world.upstream.answer(httpx.Response(418))
        await asyncio.gather(*calls)
        records = [record(request) for request in requests]
        assert [[attempt.status for attempt in each.attempts] for each in records] == [[418]] * 3
        assert [each.coalesced for each in records] == [False, True, True]
        assert len({each.reference for each in records}) == 3
        assert len({id(each.attempts[0]) for each in records}) == 3

    def test_an_attempts_start_counts_from_each_call(self) -> None:
        async def scenario() -> list[float]:
            world = World()
            requests: list[httpx.Request] = []
            calls: list[asyncio.Task[httpx.Response]] = []
            for second in range(3):
                requests.append(asking(call=VirtualCall("GET", URL, "/", _clock=float(second))))
                calls += await world.sent(requests[-1])
                await asyncio.sleep(1)
            world.upstream.answer()
            await asyncio.gather(*calls)
            return [record(request).attempts[0].started for request in requests]

        assert simulated(scenario()) == [0.0, -1.0, -2.0]

    async def test_every_field_is_the_calls_own_or_told(self) -> None:
        told = {field.name: object() for field in dataclasses.fields(Call) if field.name not in OWN}
        told |= {"attempts": [], "waited": 0.0}

        def answer(request: httpx.Request) -> httpx.Response:
            for name, value in told.items():
                setattr(record(request), name, value)
            return httpx.Response(200)

        layer, requests = Coalesce(httpx.MockTransport(answer)), [asking(), asking()]
        before = dataclasses.replace(record(requests[1]))
        await asyncio.gather(*(layer.handle_async_request(request) for request in requests))
        after = record(requests[1])
        assert {name: getattr(after, name) for name in told} == told
        assert all(getattr(after, name) == getattr(before, name) for name in OWN - {"coalesced"})

    async def test_what_redirects_left_in_a_record_stays(self) -> None:
        world = World()
        requests = [asking(), asking()]
        for number, request in enumerate(requests):
            record(request).attempt().status = 301 + number
            record(request).waited = 1.0
        calls = await world.sent(*requests)
        world.upstream.answer()
        await asyncio.gather(*calls)
        statuses = [[attempt.status for attempt in record(request).attempts] for request in requests]
        assert statuses == [[301, 200], [302, 200]]
        assert [record(request).waited for request in requests] == [1.0, 1.0]

    def test_nobody_waited_longer_than_he_was_there(self) -> None:
        async def scenario() -> list[float]:
            async def answer(request: httpx.Request) -> httpx.Response:
                await asyncio.sleep(5)
                record(request).waited += 5.0
                return httpx.Response(200)

            layer = Coalesce(httpx.MockTransport(answer))
            requests = [asking(call=VirtualCall("GET", URL, "/", _clock=at)) for at in (0.0, 3.0)]
            first = asyncio.ensure_future(layer.handle_async_request(requests[0]))
            await asyncio.sleep(3)
            await layer.handle_async_request(requests[1])
            await first
            return [record(request).waited for request in requests]

        assert simulated(scenario()) == [5.0, 2.0]

    async def test_who_leaves_early_knows_the_attempts_until_then(self) -> None:
        world = World()
        requests = [asking(), asking(), asking()]
        calls = await world.sent(*requests)
        for call in calls[:2]:
            call.cancel()
        await turns()
        world.upstream.answer()
        await calls[2]
        left = [record(request).attempts for request in requests[:2]]
        assert [[(attempt.status, attempt.elapsed) for attempt in each] for each in left] == [
            [(None, None)]
        ] * 2

    async def test_who_leaves_last_knows_how_it_ended(self) -> None:
        world = World()
        request = asking()
        (call,) = await world.sent(request)
        call.cancel()
        await asyncio.wait({call})
        (attempt,) = record(request).attempts
        assert attempt.error == "CancelledError"
        assert attempt.elapsed is not None

    async def test_a_request_without_a_record_is_coalesced_all_the_same(self) -> None:
        world = World()
        calls = await world.sent(httpx.Request("GET", URL), httpx.Request("GET", URL))
        world.upstream.answer()
        assert [(await call).text for call in calls] == ["ok", "ok"]
        assert len(world.upstream.asked) == 1


@pytest.mark.parametrize("outcome", [httpx.Response(200), httpx.ConnectError("down")])
async def test_a_call_leaves_nothing_to_the_garbage_collector(outcome: httpx.Response | Exception) -> None:
    async def answer(_: httpx.Request) -> httpx.Response:
        if isinstance(outcome, Exception):
            raise type(outcome)("down")
        return outcome

    layer = Coalesce(httpx.MockTransport(answer))

    async def call() -> None:
        with contextlib.suppress(httpx.ConnectError):
            await layer.handle_async_request(asking())

    await asyncio.gather(call(), call())
    await turns()
    gc.collect()
    gc.disable()
    try:
        await call()
        assert gc.collect() == 0
    finally:
        gc.enable()

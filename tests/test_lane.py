"""The lane: one API's calls, so many at once, with users taking turns."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import httpx
import pytest

from tux_http.call import EXTENSION as CALL
from tux_http.call import Call
from tux_http.errors import LaneFull
from tux_http.options import EXTENSION as OPTIONS
from tux_http.options import CallOptions, current_caller
from tux_http.transports.lane import Lane
from tux_http.transports.turns import Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Body(httpx.AsyncByteStream):
    """Two chunks; may fail while it is read or closed."""

    def __init__(self, *, broken: bool = False, sticks: bool = False) -> None:
        self.broken = broken
        self.sticks = sticks
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"one"
        if self.broken:
            raise httpx.ReadError("reset")
        yield b"two"

    async def aclose(self) -> None:
        self.closed += 1
        if self.sticks:
            raise httpx.CloseError("stuck")


class Upstream(httpx.AsyncBaseTransport):
    """Answers each call when the test says so, and counts those under way."""

    def __init__(self) -> None:
        self.under_way: list[tuple[str, asyncio.Future[httpx.Response]]] = []
        self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        waiting = (request.url.path, asyncio.get_running_loop().create_future())
        self.under_way.append(waiting)
        self.most = max(self.most, len(self.under_way))
        try:
            return await waiting[1]
        finally:
            self.under_way.remove(waiting)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.under_way]

    async def answer(self, outcome: httpx.Response | Exception | None = None) -> None:
        future = self.under_way[0][1]
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome or httpx.Response(200, text="ok"))
        await settle()


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def request(path: str = "/", *, caller: object = None) -> httpx.Request:
    made = httpx.Request("GET", f"https://api.test{path}")
    made.extensions = {OPTIONS: CallOptions(caller=caller), CALL: Call.of(made, api="test")}
    return made


def send(lane: Lane, path: str = "/", *, caller: object = None) -> asyncio.Task[httpx.Response]:
    return asyncio.ensure_future(lane.handle_async_request(request(path, caller=caller)))


async def test_never_more_calls_under_way_than_the_lane_is_wide() -> None:
    upstream = Upstream()
    lane = Lane(upstream, Turns(3, 100))
    calls = [send(lane, f"/{number}") for number in range(50)]
    await settle()
    while upstream.under_way:
        await upstream.answer()
    assert [call.result().text for call in calls] == ["ok"] * 50
    assert upstream.most == 3


async def test_one_users_flood_waits_behind_itself() -> None:
    upstream = Upstream()
    lane = Lane(upstream, Turns(1, 100))
    calls = [send(lane, f"/flood/{number}", caller=1) for number in range(5)]
    await settle()
    calls += [send(lane, "/one", caller=2), send(lane, "/other", caller=3)]
    order: list[str] = []
    await settle()
    while upstream.under_way:
        order += upstream.paths
        await upstream.answer()
    assert order == ["/flood/0", "/flood/1", "/one", "/other", "/flood/2", "/flood/3", "/flood/4"]
    await asyncio.gather(*calls)


async def test_who_calls_is_told_by_the_context_unless_the_call_says_it() -> None:
    upstream = Upstream()
    lane = Lane(upstream, Turns(1, 100))
    token = current_caller.set("user")
    calls = [send(lane, "/context/1"), send(lane, "/context/2"), send(lane, "/context/3")]
    calls.append(send(lane, "/said", caller="guild"))
    current_caller.reset(token)
    calls.append(send(lane, "/nobody"))
    order: list[str] = []
    await settle()
    while upstream.under_way:
        order += upstream.paths
        await upstream.answer()
    assert order == ["/context/1", "/context/2", "/said", "/nobody", "/context/3"]
    await asyncio.gather(*calls)


async def test_a_call_that_asks_for_no_lane_takes_no_slot_and_waits_for_nobody() -> None:
    upstream = Upstream()
    turns = Turns(1, 0)
    lane = Lane(upstream, turns)
    check = request("/health")
    check.extensions[OPTIONS] = CallOptions(lane=False)
    calls = [send(lane, "/1"), asyncio.ensure_future(lane.handle_async_request(check))]
    await settle()
    assert (upstream.paths, turns.under_way, turns.waiting) == (["/1", "/health"], 1, 0)
    with pytest.raises(LaneFull):
        await lane.handle_async_request(request("/2"))
    await upstream.answer()
    assert (upstream.paths, turns.under_way) == (["/health"], 0)
    await upstream.answer()
    assert [call.result().status_code for call in calls] == [200, 200]


async def test_a_caller_that_cannot_be_hashed_is_served_too() -> None:
    upstream = Upstream()
    lane = Lane(upstream, Turns(1, 1))
    caller: list[int] = []
    calls = [send(lane, caller=caller), send(lane, caller=caller)]
    await settle()
    await upstream.answer()
    await upstream.answer()
    assert [call.result().status_code for call in calls] == [200, 200]


async def test_a_full_lane_refuses_at_once_and_says_how_many_wait() -> None:
    upstream = Upstream()
    lane = Lane(upstream, Turns(1, 2), api="github")
    calls = [send(lane) for _ in range(3)]
    await settle()
    refused = request("/refused")
    with pytest.raises(LaneFull) as caught:
        await asyncio.wait_for(lane.handle_async_request(refused), 5)
    assert (caught.value.limit, caught.value.api, caught.value.request) == (2, "github", refused)
    assert caught.value.__cause__ is None
    for _ in calls:
        await upstream.answer()
    assert "/refused" not in upstream.paths
    await asyncio.gather(*calls)


async def test_time_in_the_queue_is_noted_in_the_calls_record() -> None:
    now = 100.0
    upstream = Upstream()
    lane = Lane(upstream, Turns(1, 5), clock=lambda: now)
    first, second, third = request(), request(), request()
    second.extensions[CALL].waited = 1.0  # before an attempt that failed, say
    calls = [asyncio.ensure_future(lane.handle_async_request(sent)) for sent in (first, second, third)]
    await settle()
    now = 102.5
    await upstream.answer()
    now = 103.0
    calls[2].cancel()
    await settle()
    await upstream.answer()
    waited = [sent.extensions[CALL].waited for sent in (first, second, third)]
    assert waited == [0.0, 3.5, 3.0]


@pytest.mark.parametrize("outcome", [httpx.ReadTimeout("slow"), ValueError("a bug below")])
async def test_a_call_that_fails_gives_its_slot_back(outcome: Exception) -> None:
    upstream = Upstream()
    turns = Turns(1, 0)
    call = send(Lane(upstream, turns))
    await settle()
    await upstream.answer(outcome)
    assert call.exception() is outcome
    assert turns.under_way == 0


async def test_a_cancelled_call_gives_its_slot_to_the_next() -> None:
    upstream = Upstream()
    turns = Turns(1, 1)
    lane = Lane(upstream, turns)
    call, following = send(lane, "/1"), send(lane, "/2")
    await settle()
    call.cancel()
    await settle()
    assert call.cancelled()
    assert upstream.paths == ["/2"]
    await upstream.answer()
    assert (following.result().status_code, turns.under_way) == (200, 0)


async def test_a_response_that_is_read_already_holds_no_slot() -> None:
    turns = Turns(1, 0)
    lane = Lane(httpx.MockTransport(lambda _: httpx.Response(200, json={})), turns)
    response = await lane.handle_async_request(request())
    assert response.is_closed
    assert turns.under_way == 0


async def test_a_response_that_is_read_later_holds_its_slot_until_it_is_closed() -> None:
    turns = Turns(1, 0)
    body = Body()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))
    async with httpx.AsyncClient(transport=Lane(transport, turns)) as client:
        async with client.stream("GET", "https://api.test/") as response:
            with pytest.raises(LaneFull):
                await client.get("https://api.test/")
            assert turns.under_way == 1
            assert [chunk async for chunk in response.aiter_bytes()] == [b"one", b"two"]
            assert turns.under_way == 0  # complete: httpx closes it here
        assert (turns.under_way, body.closed) == (0, 1)
        assert (await client.get("https://api.test/")).content == b"onetwo"
    assert turns.under_way == 0


async def test_a_response_that_nobody_reads_to_its_end_gives_its_slot_back_when_closed() -> None:
    turns = Turns(1, 0)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Body()))
    client = httpx.AsyncClient(transport=Lane(transport, turns))
    async with client, client.stream("GET", "https://api.test/"):
        assert turns.under_way == 1
    assert turns.under_way == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [(Body(broken=True), httpx.ReadError), (Body(sticks=True), httpx.CloseError)],
    ids=["while it is read", "while it is closed"],
)
async def test_a_body_that_fails_gives_its_slot_back(body: Body, error: type[Exception]) -> None:
    turns = Turns(1, 0)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))
    async with httpx.AsyncClient(transport=Lane(transport, turns)) as client:
        with pytest.raises(error):
            await client.get("https://api.test/")
    assert turns.under_way == 0


async def test_a_reopened_api_goes_on_with_its_slots() -> None:
    upstream = Upstream()
    turns = Turns(1, 0)
    call = send(Lane(upstream, turns))
    await settle()
    with pytest.raises(LaneFull):
        await Lane(upstream, turns).handle_async_request(request())
    await upstream.answer()
    assert call.result().status_code == 200


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_is_cancelled_when_no_slot_is_lost(seed: int) -> None:
    plan = random.Random(seed)
    turns = Turns(4, 20)

    async def respond(_: httpx.Request) -> httpx.Response:
        for _step in range(plan.randrange(4)):
            await asyncio.sleep(0)
        if plan.random() < 0.2:
            raise httpx.ReadError("reset")
        return httpx.Response(200, stream=Body(broken=plan.random() < 0.2, sticks=plan.random() < 0.2))

    async with httpx.AsyncClient(transport=Lane(httpx.MockTransport(respond), turns)) as client:
        calls: list[asyncio.Task[httpx.Response]] = []
        for number in range(200):
            token = current_caller.set(number % 7)
            calls.append(asyncio.ensure_future(client.get("https://api.test/")))
            current_caller.reset(token)
            await asyncio.sleep(0)
            unfinished = [call for call in calls if not call.done()]
            if unfinished and plan.random() < 0.4:
                plan.choice(unfinished).cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert (turns.under_way, turns.waiting) == (0, 0)
    kinds = {type(outcome) for outcome in outcomes}
    assert kinds <= {httpx.Response, httpx.ReadError, httpx.CloseError, LaneFull, asyncio.CancelledError}
    assert {httpx.Response, asyncio.CancelledError} <= kinds

"""Many callers, who come and go as they like, with deadlines or without, and over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cached_world import record
from tests.flights import URL, World, asking, turns
from tests.servers import http1_server, http2_server, read_request, response, settle
from tests.strays import no_strays, other_tasks
from tests.virtual_time import VirtualCall, simulated
from tux_http import HTTPClient
from tux_http.policy import Breaker, Policy, Retry
from tux_http.transports.breaker import CircuitBreaker
from tux_http.transports.budget import Budget
from tux_http.transports.circuit import Circuits
from tux_http.transports.coalesce import Coalesce
from tux_http.transports.layer import deadline_at
from tux_http.transports.recorder import Recorder
from tux_http.transports.retry import Retrier

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.conftest import TLS
    from tux_http import API

MANY: Final = 1000


class TestDeadlines:
    async def test_the_flight_may_take_as_long_as_the_last_of_its_waiters(self) -> None:
        world = World()
        calls = await world.sent(asking(until=5.0))
        flight = world.upstream.asked[0]
        copied = httpx.Request("GET", URL, extensions=flight.extensions)  # as a conditional request is made
        seen = [deadline_at(flight)]
        for until in (3.0, 9.0, None):
            calls += await world.sent(asking(until=until))
            seen.append(deadline_at(copied))
        assert seen == [5.0, 5.0, 9.0, None]
        seen.clear()
        for call in (calls[1], calls[3], calls[2], calls[0]):
            call.cancel()
            await turns()
            seen.append(deadline_at(copied))
        assert seen == [None, 9.0, 5.0, 5.0], "the last one's stays, for layers to judge by how it ended"

    async def test_a_callers_own_request_is_left_as_it_was(self) -> None:
        world = World()
        requests = [asking(until=5.0), asking(until=9.0)]
        calls = await world.sent(*requests)
        assert [deadline_at(request) for request in requests] == [5.0, 9.0]
        assert world.upstream.asked[0] not in requests
        world.upstream.answer()
        await asyncio.gather(*calls)

    def test_retries_are_made_for_whom_they_come_in_time(self) -> None:
        async def scenario() -> tuple[int, int]:
            loop, statuses = asyncio.get_running_loop(), [503, 200]

            def answer(_: httpx.Request) -> httpx.Response:
                return httpx.Response(statuses.pop(0), headers={"Retry-After": "10"})

            policy = Retry()
            retrier = Retrier(httpx.MockTransport(answer), policy, Budget(policy), clock=loop.time)
            layer = Coalesce(retrier)
            patient = asyncio.ensure_future(layer.handle_async_request(asking(until=60.0)))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout_at(2.0):
                    await layer.handle_async_request(asking(until=2.0))
            left_at = loop.time()
            return round(left_at), (await patient).status_code

        assert simulated(scenario()) == (2, 200)

    @pytest.mark.parametrize(
        ("deadlines", "is_failing"),
        [
            pytest.param([20.0], True, id="one"),
            pytest.param([8.0, 20.0], True, id="the later one joined"),
            pytest.param([20.0, 8.0], True, id="the later one was first"),
            pytest.param([20.0, None], True, id="one without a deadline was cancelled before"),
            pytest.param([None, 20.0], True, id="and if it was the first"),
            pytest.param([2.0, 3.0], False, id="none of them was patient"),
        ],
    )
    def test_an_upstream_that_hangs_until_the_last_deadline_is_failing(
        self, deadlines: list[float | None], is_failing: bool
    ) -> None:
        async def scenario() -> str:
            loop = asyncio.get_running_loop()
            circuits = Circuits(Breaker(minimum_calls=1))
            world = World(lambda upstream: CircuitBreaker(Recorder(upstream), circuits, clock=loop.time))

            async def call(until: float | None) -> None:
                sent = VirtualCall("GET", URL, "/things", _clock=0.0)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        await world.layer.handle_async_request(asking(until=until, call=sent))

            calls = [asyncio.ensure_future(call(until)) for until in deadlines]
            await asyncio.sleep(1)
            for each, until in zip(calls, deadlines, strict=True):
                if until is None:
                    each.cancel()
            await asyncio.wait(calls)
            return circuits.of("https://api.test").state(loop.time())

        assert simulated(scenario()) == ("open" if is_failing else "closed")


PLANS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(0, 2)),
        st.tuples(st.sampled_from(["leave", "answer", "fail", "rest"]), st.integers(0, 12)),
    ),
    max_size=50,
)


class Crowd:
    """Calls that come, leave and are answered in any order, with more or fewer turns of the loop between."""

    def __init__(self) -> None:
        self.layer = Coalesce(httpx.MockTransport(self._fly))
        self.flights: list[tuple[str, asyncio.Future[bool]]] = []
        self.calls: list[tuple[str, asyncio.Task[str]]] = []
        self.left: set[asyncio.Task[str]] = set()

    @property
    def under_way(self) -> list[tuple[str, asyncio.Future[bool]]]:
        return [each for each in self.flights if not each[1].done()]

    async def _fly(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        assert path not in dict(self.under_way), "two equal requests are under way"
        text = f"{path} {len(self.flights)}"
        self.flights.append((path, outcome := asyncio.get_running_loop().create_future()))
        if await outcome:
            return httpx.Response(200, text=f"{text} True")
        raise httpx.ReadError(f"{text} False")

    async def _call(self, path: str) -> str:
        try:
            return (await self.layer.handle_async_request(asking(url=f"https://api.test{path}"))).text
        except httpx.ReadError as exc:
            return str(exc)

    async def play(self, plan: list[tuple[str, int]]) -> None:
        for verb, number in plan:
            match verb:
                case "join":
                    path = f"/{number}"
                    self.calls.append((path, asyncio.ensure_future(self._call(path))))
                case "leave" if number < len(self.calls):
                    call = self.calls[-1 - number][1]
                    if call.cancel():
                        self.left.add(call)
                case "answer" | "fail" if number < len(self.under_way):
                    self.under_way[number][1].set_result(verb == "answer")
                case _:
                    for _ in range(number):
                        await asyncio.sleep(0)
        await self._end()

    async def _end(self) -> None:
        await turns()
        for _, outcome in self.under_way:
            outcome.set_result(True)
        await turns()
        outcomes = {
            f"{path} {number} {outcome.result()}"
            for number, (path, outcome) in enumerate(self.flights)
            if not outcome.cancelled()
        }
        for path, call in self.calls:
            if call.cancelled():
                assert call in self.left, "nobody is cancelled with another"
            else:
                assert call.result() in outcomes
                assert call.result().startswith(f"{path} ")
        assert other_tasks() == set()


@given(PLANS)
def test_whoever_comes_and_goes_each_has_its_flights_outcome_or_its_own_end(
    plan: list[tuple[str, int]],
) -> None:
    async def scenario() -> None:
        await Crowd().play(plan)

    asyncio.run(scenario())


class Served:
    """A server that answers `/wait` when it is told to, and an API with all its layers."""

    def __init__(self, version: str, seen: Callable[[], int], go: asyncio.Event, api: API) -> None:
        self.version = version
        self.seen = seen
        self.go = go
        self.api = api

    def get(self) -> asyncio.Task[httpx.Response]:
        return asyncio.ensure_future(self.api.get("/wait"))


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
async def served(request: pytest.FixtureRequest, tls: TLS) -> AsyncGenerator[Served]:
    go, requests = asyncio.Event(), 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while True:
            await read_request(reader)
            requests += 1
            await go.wait()
            writer.write(response())

    async with no_strays(), contextlib.AsyncExitStack() as stack:
        if request.param == "HTTP/2":
            server = await stack.enter_async_context(http2_server(tls.h2, go=go))
            seen, url = (lambda: server.requests), server.url
        else:
            plain = await stack.enter_async_context(http1_server(script, tls=tls.http11))
            seen, url = (lambda: requests), plain.url
        client = await stack.enter_async_context(HTTPClient(verify=tls.client, trust_env=False))
        yield Served(request.param, seen, go, client.api("served", base_url=url, policy=Policy(deadline=60)))


async def test_a_thousand_equal_gets_are_one_request(served: Served) -> None:
    calls = [served.get() for _ in range(MANY)]
    await settle(lambda: served.seen() == 1)
    served.go.set()
    answers = await asyncio.gather(*calls)
    assert [answer.text for answer in answers] == ["ok"] * MANY
    assert {record(answer).http_version for answer in answers} == {served.version}
    assert [record(answer).coalesced for answer in answers] == [False, *[True] * (MANY - 1)]
    assert served.seen() == 1


async def test_a_thousand_equal_gets_are_one_request_though_the_first_caller_is_cancelled(
    served: Served,
) -> None:
    calls = [served.get() for _ in range(MANY)]
    await settle(lambda: served.seen() == 1)
    calls[0].cancel()
    await asyncio.wait(calls[:1])
    served.go.set()
    answers = await asyncio.gather(*calls[1:])
    assert calls[0].cancelled()
    assert [answer.text for answer in answers] == ["ok"] * (MANY - 1)
    assert served.seen() == 1


async def test_when_all_have_left_the_next_caller_is_answered_by_a_request_of_its_own(served: Served) -> None:
    calls = [served.get() for _ in range(10)]
    await settle(lambda: served.seen() == 1)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    served.go.set()
    assert (await served.get()).text == "ok"
    assert served.seen() == 2

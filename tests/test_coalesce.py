"""The coalesce layer: equal calls share one flight, and nothing else."""

from __future__ import annotations

import asyncio
import functools
import gc
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.flights import URL, World, asking, turns
from tests.strays import other_tasks
from tux_http.options import current_caller, with_options
from tux_http.policy import Retry
from tux_http.transports.coalesce import Coalesce

if TYPE_CHECKING:
    from collections.abc import Callable


class TestEqualCalls:
    async def test_equal_gets_in_flight_are_one(self) -> None:
        world = World()
        calls = await world.sent(*(asking() for _ in range(5)))
        world.upstream.answer(httpx.Response(203, text="shared"))
        answers = await asyncio.gather(*calls)
        assert [(answer.status_code, answer.text) for answer in answers] == [(203, "shared")] * 5
        assert len(world.upstream.asked) == 1

    async def test_a_flight_that_ended_is_not_joined(self) -> None:
        world = World()
        for _ in range(2):
            (call,) = await world.sent(asking())
            world.upstream.answer()
            await call
        assert len(world.upstream.asked) == 2

    @pytest.mark.parametrize(
        "other",
        [
            asking(headers={"traceparent": "00-1-2-00", "tracestate": "a=b", "Baggage": "c=d"}),
            asking(headers={"X-Request-ID": "7"}),
            asking(headers={"Connection": "close", "Keep-Alive": "timeout=5"}),
            asking(deadline=3.0, until=9.0),
            asking(caller="somebody"),
            asking(url=URL + "#fragment"),
        ],
    )
    async def test_what_makes_no_difference_to_the_answer_keeps_nobody_apart(
        self, other: httpx.Request
    ) -> None:
        world = World()
        calls = await world.sent(asking(), other)
        world.upstream.answer()
        await asyncio.gather(*calls)
        assert len(world.upstream.asked) == 1

    @pytest.mark.parametrize(
        "other",
        [
            asking("HEAD"),
            asking(url=URL + "?page=2"),
            asking(url="http://api.test/things"),
            asking(url="https://api.test:8443/things"),
            asking(headers={"Authorization": "Bearer other"}),
            asking(headers={"Cookie": "a=b"}),
            asking(headers={"Accept": "text/html"}),
            asking(headers={"If-None-Match": '"1"'}),
            asking(cache="no-cache"),
            asking(max_body=1),
            asking(retry=False),
            asking(retry=Retry(attempts=2)),
            asking(quota=False),
            asking(extensions={"timeout": {"read": 1.0}}),
            asking(extensions={"sni_hostname": "other.test"}),
        ],
    )
    async def test_what_may_make_a_difference_is_asked_on_its_own(self, other: httpx.Request) -> None:
        world = World()
        first, second, third = await world.sent(asking(), other, asking())
        world.upstream.answer(httpx.Response(200, text="first"))
        world.upstream.answer(httpx.Response(200, text="second"))
        assert [(await call).text for call in (first, second, third)] == ["first", "second", "first"]

    @pytest.mark.parametrize(
        "make",
        [
            functools.partial(asking, "POST"),
            functools.partial(asking, "OPTIONS"),
            functools.partial(asking, content=b"a body"),
            functools.partial(asking, cache="no-store"),
            functools.partial(asking, headers={"Cache-Control": "No-Store"}),
            functools.partial(asking, extensions={"unheard-of": [[]]}),
        ],
    )
    async def test_some_calls_share_nothing(self, make: Callable[[], httpx.Request]) -> None:
        world = World()
        requests = [make(), make()]
        calls = await world.sent(*requests)
        assert world.upstream.asked == requests, "they walk on as they are"
        world.upstream.answer()
        world.upstream.answer()
        await asyncio.gather(*calls)

    async def test_streams_share_nothing(self) -> None:
        world = World()
        requests = [asking(), asking()]
        for request in requests:
            with_options(request, streaming=True)
        calls = await world.sent(*requests)
        assert world.upstream.asked == requests
        world.upstream.answer()
        world.upstream.answer()
        await asyncio.gather(*calls)

    @pytest.mark.parametrize(
        ("first", "second", "asked"),
        [
            ("interactive", "background", 1),
            ("background", "background", 1),
            ("background", "interactive", 2),
        ],
    )
    async def test_nobody_who_waits_depends_on_a_background_call(
        self, first: str, second: str, asked: int
    ) -> None:
        world = World()
        calls = await world.sent(asking(priority=first), asking(priority=second))
        assert len(world.upstream.asked) == asked
        for _ in range(asked):
            world.upstream.answer()
        await asyncio.gather(*calls)

    async def test_the_flight_is_made_on_behalf_of_the_first_caller(self) -> None:
        seen: list[object] = []

        async def answer(_: httpx.Request) -> httpx.Response:
            seen.append(current_caller.get())
            return httpx.Response(200)

        layer = Coalesce(httpx.MockTransport(answer))

        async def call(caller: str) -> None:
            current_caller.set(caller)
            await layer.handle_async_request(asking())

        await asyncio.gather(call("first"), call("second"))
        assert seen == ["first"]


class TestLeaving:
    async def test_a_waiter_that_is_cancelled_touches_only_itself(self) -> None:
        world = World()
        calls = await world.sent(asking(), asking(), asking())
        calls[1].cancel()
        await turns()
        assert calls[1].cancelled()
        world.upstream.answer()
        assert [(await calls[0]).text, (await calls[2]).text] == ["ok", "ok"]
        assert len(world.upstream.asked) == 1

    async def test_the_rest_do_not_notice_that_the_first_caller_is_cancelled(self) -> None:
        world = World()
        calls = await world.sent(asking(), asking(), asking())
        calls[0].cancel()
        calls += await world.sent(asking())
        world.upstream.answer()
        assert [(await call).text for call in calls[1:]] == ["ok"] * 3
        assert len(world.upstream.asked) == 1

    async def test_the_last_to_leave_ends_the_flight(self) -> None:
        world = World()
        calls = await world.sent(asking(), asking())
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert world.upstream.under_way == []
        assert other_tasks() == set()

    async def test_who_comes_while_a_flight_is_being_ended_gets_another(self) -> None:
        world = World()
        world.upstream.dies_slowly = True
        (left,) = await world.sent(asking())
        left.cancel()
        (came,) = await world.sent(asking())
        assert not left.done(), "it waits until nothing of its request is left"
        assert len(world.upstream.asked) == 2
        world.upstream.may_die.set()
        await turns()
        (joined,) = await world.sent(asking())
        assert len(world.upstream.asked) == 2, "the end of the one before leaves the new flight to be joined"
        world.upstream.answer()
        assert [(await came).text, (await joined).text] == ["ok", "ok"]
        assert left.cancelled()

    async def test_a_caller_cancelled_twice_leaves_the_end_to_the_layer(self) -> None:
        world = World()
        world.upstream.dies_slowly = True
        (call,) = await world.sent(asking())
        call.cancel()
        await turns()
        call.cancel()
        await turns()
        assert call.cancelled()
        assert len(world.upstream.under_way) == 1
        world.upstream.may_die.set()
        await world.layer.aclose()
        assert other_tasks() == set()

    @pytest.mark.parametrize("late", [0, 1, 2])
    @pytest.mark.parametrize("fails", [False, True])
    async def test_an_outcome_that_nobody_waits_for_any_more_is_no_news(self, fails: bool, late: int) -> None:
        complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

        async def scenario() -> None:
            world = World()
            calls = await world.sent(asking(), asking())
            world.upstream.answer(httpx.ConnectError("down") if fails else None)
            for _ in range(late):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
            assert all(call.cancelled() for call in calls)

        await scenario()
        await turns()
        gc.collect()
        assert complaints == []
        assert other_tasks() == set()

    async def test_closing_ends_the_flights_with_an_error_that_is_not_a_cancellation(self) -> None:
        world = World()
        calls = await world.sent(asking(), asking(), asking(url=URL + "/other"))
        await world.layer.aclose()
        assert world.upstream.under_way == []
        failures = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(failure) for failure in failures] == [httpx.ReadError] * 3
        assert other_tasks() == set()

    async def test_it_is_usable_after_closing(self) -> None:
        world = World()
        await world.layer.aclose()
        (call,) = await world.sent(asking())
        world.upstream.answer()
        assert (await call).text == "ok"

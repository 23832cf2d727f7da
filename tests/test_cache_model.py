"""The whole cache on any course of events: it serves nothing that the slow model of the RFCs forbids."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import httpx
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.cached_world import World, record
from tests.rfc9111_model import START, Answer, Asked, Rules, answers, operators, permitted, questions
from tux_http.policy import Caching

if TYPE_CHECKING:
    from tux_http.call import Call

Failure = Literal["nothing", "status", "connection"]


@dataclass(frozen=True)
class Wait:
    seconds: int


@dataclass(frozen=True)
class Change:
    """The upstream says something else from now on."""

    to: Answer


@dataclass(frozen=True)
class Fail:
    """It fails, until it says something else, or no longer."""

    how: Failure


@dataclass(frozen=True)
class Write:
    """Somebody changes it through us."""


Step = Wait | Change | Fail | Write | Asked

FAILURES: list[Failure] = ["nothing", "status", "connection"]

STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        questions(),
        questions(),
        (st.integers(0, 90) | st.integers(0, 5000)).map(Wait),
        answers().map(Change),
        st.sampled_from(FAILURES).map(Fail),
        st.just(Write()),
    ),
    min_size=3,
    max_size=14,
)


class Course:
    """An upstream, whose every text has a number, and what the model knows: the last text that may be kept."""

    def __init__(self, first: Answer, rules: Rules) -> None:
        self.rules = rules
        self.says = first
        self.number = 0
        self.failure: Failure = "nothing"
        self.last: tuple[str, Answer] | None = None
        self.world = World(
            Caching(
                default_ttl=rules.default_ttl,
                stale_if_error=rules.stale_if_error,
                stale_while_revalidate=rules.stale_while_revalidate,
            )
        )
        self.world.now = START
        self.world.answer = self._answer

    def _answer(self, request: httpx.Request) -> httpx.Response | Exception:
        if self.failure == "connection":
            return httpx.ConnectError("down")
        if self.failure == "status":
            return httpx.Response(503)
        self.world.now += self.says.took
        answer, text = self._now(), f'"{self.number}"'
        if request.method == "GET" and "no-store" not in request.headers.get("cache-control", ""):
            self.last = (text, answer)
        unchanged = request.headers.get("if-none-match") == text
        return httpx.Response(
            304 if unchanged else answer.status,
            headers=[*answer.fields(), ("etag", text)],
            text="" if unchanged else text,
        )

    def _now(self) -> Answer:
        """What is said, with its times moved on to now."""
        says, on = self.says, int(self.world.now) - START
        return replace(
            says,
            came_at=int(self.world.now),
            date=None if says.date is None else says.date + on,
            expires=says.expires + on if isinstance(says.expires, int) else says.expires,
            last_modified=None if says.last_modified is None else says.last_modified + on,
        )

    async def take(self, step: Step) -> None:
        match step:
            case Wait():
                self.world.now += step.seconds
            case Change():
                self.says, self.number, self.failure = step.to, self.number + 1, "nothing"
            case Fail():
                self.failure = step.how
            case Write():
                await self._write()
            case Asked():
                await self._ask(step)
        await self.world.settled()

    async def _write(self) -> None:
        try:
            response = await self.world.client.put("/x")
        except httpx.ConnectError:
            return
        if not response.is_error:
            self.last = None

    async def _ask(self, asked: Asked) -> None:
        last, now, before = self.last, int(self.world.now), len(self.world.asked)
        request = self.world.client.build_request("GET", "/x", headers=asked.fields())
        try:
            response = await self.world.client.send(request)
        except httpx.ConnectError:
            assert self.failure == "connection"
            return
        call, went_out = record(response), len(self.world.asked) > before
        event(f"{call.cache} {call.stale_because}")
        if call.cache in {"hit", "stale"}:
            assert last is not None, "nothing may be kept"
            text, answer = last
            assert (response.text, response.status_code) == (text, answer.status)
            assert way_of(call) in permitted(answer, asked, self.rules, now)
            assert call.stale_because in {None, "refreshing"} or (
                self.failure != "nothing" and answer.status < 400
            )
        else:
            assert went_out
            assert self.failure == "status" or response.text == f'"{self.number}"'


def way_of(call: Call) -> str:
    """What was done with the answer, in the model's words."""
    if call.cache == "hit":
        return "fresh"
    return "refresh" if call.stale_because == "refreshing" else "stand in"


@settings(max_examples=300)
@given(answers(), operators(), STEPS)
def test_nothing_is_served_that_the_model_forbids(first: Answer, rules: Rules, steps: list[Step]) -> None:
    async def run() -> None:
        course = Course(first, rules)
        for step in steps:
            await course.take(step)
        await course.world.close()

    asyncio.run(run())

"""Slots and turns: never more than there are, none lost, and nobody waits behind another's flood."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tux_http.transports.turns import Turns

if TYPE_CHECKING:
    from tux_http.transports.turns import Slot


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def line_up(turns: Turns, callers: str) -> tuple[list[str], list[asyncio.Task[Slot]]]:
    """One waiter for each letter, and the list in which they note their turn."""
    order: list[str] = []

    async def ask(caller: str) -> Slot:
        slot = await turns.take(caller)
        order.append(caller)
        return slot

    waiters = [asyncio.ensure_future(ask(caller)) for caller in callers]
    await settle()
    return order, waiters


async def test_free_slots_are_given_at_once_and_the_rest_wait() -> None:
    turns = Turns(2, 10)
    order, waiters = await line_up(turns, "abc")
    assert (order, turns.under_way, turns.waiting) == (["a", "b"], 2, 1)
    turns.give(waiters[0].result())
    await settle()
    assert (order, turns.under_way, turns.waiting) == (["a", "b", "c"], 2, 0)


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("aaaa", "aaaa"),
        ("aaaaab", "abaaaa"),  # whose flood it is waits behind itself
        ("aaabbbccc", "abcabcabc"),
        ("abcabc", "abcabc"),
        ("aaaabbc", "abcabaa"),
    ],
)
async def test_callers_take_turns_and_each_is_served_in_its_order(asked: str, served: str) -> None:
    turns = Turns(1, 100)
    slot = await turns.take("somebody else")
    order, waiters = await line_up(turns, asked)
    for number in range(len(asked)):
        turns.give(slot)
        await settle()
        slot = next(task.result() for task in waiters if task.done() and not task.cancelled())
        waiters = [task for task in waiters if not task.done()]
        assert len(order) == number + 1
    assert "".join(order) == served


async def test_a_full_queue_refuses_at_once() -> None:
    turns = Turns(1, 2)
    _, waiters = await line_up(turns, "abc")
    with pytest.raises(asyncio.QueueFull):
        await asyncio.wait_for(turns.take("d"), 5)
    assert (turns.under_way, turns.waiting) == (1, 2)
    turns.give(waiters[0].result())
    await settle()
    _, more = await line_up(turns, "d")
    assert turns.waiting == 2
    for task in [*waiters, *more]:
        task.cancel()
    await settle()


async def test_without_a_queue_nobody_waits() -> None:
    turns = Turns(1, 0)
    slot = await turns.take("a")
    with pytest.raises(asyncio.QueueFull):
        await turns.take("b")
    turns.give(slot)
    assert turns.under_way == 0


async def test_a_cancelled_waiter_leaves_no_trace() -> None:
    turns = Turns(1, 3)
    order, waiters = await line_up(turns, "aabc")
    waiters[2].cancel()
    assert turns.waiting == 2  # at once: somebody else may have its place
    await settle()
    assert waiters[2].cancelled()
    assert list(turns._ring) == ["a", "c"]
    turns.give(waiters[0].result())
    await settle()
    assert order == ["a", "a"]
    turns.give(waiters[1].result())
    await settle()
    assert (order, turns.waiting) == (["a", "a", "c"], 0)


async def test_a_turn_that_comes_while_its_caller_is_cancelled_is_passed_on() -> None:
    turns = Turns(1, 3)
    order, waiters = await line_up(turns, "abc")
    turns.give(waiters[0].result())  # b has its turn, but has not run yet
    waiters[1].cancel()
    await settle()
    assert waiters[1].cancelled()
    assert (order, turns.under_way, turns.waiting) == (["a", "c"], 1, 0)


async def test_a_cancelled_waiter_does_not_cost_its_caller_the_turn() -> None:
    turns = Turns(1, 9)
    order, waiters = await line_up(turns, "xaab")
    waiters[1].cancel()  # not run yet, so still the first of its line
    turns.give(waiters[0].result())
    await settle()
    assert order == ["x", "a"]


async def test_giving_a_slot_twice_frees_one() -> None:
    turns = Turns(2, 0)
    first, _ = await turns.take("a"), await turns.take("a")
    turns.give(first)
    turns.give(first)
    assert turns.under_way == 1


async def test_a_line_of_thousands_who_were_all_cancelled_is_no_trouble() -> None:
    turns = Turns(1, 5000)
    slot = await turns.take("a")
    waiters = [asyncio.ensure_future(turns.take(number)) for number in range(5000)]
    await settle()
    for task in waiters:
        task.cancel()
    turns.give(slot)
    assert (turns.under_way, turns.waiting) == (0, 0)
    await settle()
    assert all(task.cancelled() for task in waiters)


def test_a_slot_that_was_held_in_a_loop_that_is_gone_is_free_in_the_next() -> None:
    turns = Turns(1, 0)
    lost = asyncio.run(turns.take("a"))
    kept = asyncio.run(turns.take("b"))
    turns.give(lost)
    assert turns.under_way == 1
    turns.give(kept)
    assert turns.under_way == 0


@dataclass(eq=False)
class Asking:
    """A call of the machine below: whose, how many were served when it asked, and its way since."""

    caller: int
    alone: bool  # nobody else of this caller waits
    asked_at: int
    done: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    state: str = "new"


class Traffic(RuleBasedStateMachine):
    """Calls come, end and are cancelled at any moment; `tick` lets the loop run once, so that moments differ."""

    @initialize(slots=st.integers(1, 3), queue=st.integers(0, 6))
    def open(self, slots: int, queue: int) -> None:
        self.turns = Turns(slots, queue)
        self.loop = asyncio.new_event_loop()
        self.calls: list[Asking] = []
        self.served: list[Asking] = []
        self.settled = True

    def of(self, *states: str) -> list[Asking]:
        return [call for call in self.calls if call.state in states]

    def _tick(self) -> None:
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    @rule()
    def tick(self) -> None:
        self._tick()
        self.settled = False

    @rule()
    def settle(self) -> None:
        for _ in range(2 * len(self.calls) + 4):
            self._tick()
        self.settled = True

    async def _serve(self, call: Asking) -> None:
        call.state = "waiting"
        slot: Slot | None = None
        try:
            slot = await self.turns.take(call.caller)
            self._note_turn(call)
            await call.done.wait()
        except asyncio.QueueFull:
            call.state = "refused"
        finally:
            if slot is not None:
                self.turns.give(slot)
            if call.state != "refused":
                call.state = "gone"

    def _note_turn(self, call: Asking) -> None:
        call.state = "under way"
        before = self.served[call.asked_at :]
        if call.alone:  # at most one turn of each other caller
            turns = [other.caller for other in before]
            assert len(turns) == len(set(turns)), turns
            assert call.caller not in turns
        earlier = [other for other in self.of("waiting") if other.caller == call.caller]
        assert all(self.calls.index(other) > self.calls.index(call) for other in earlier)
        self.served.append(call)

    @rule(caller=st.integers(0, 3))
    def ask(self, caller: int) -> None:
        self.settle()
        was_full = len(self.of("waiting")) >= self.turns.queue
        was_busy = len(self.of("under way")) >= self.turns.slots
        lines = [sum(call.caller == each for call in self.of("waiting")) for each in range(4)]
        alone = lines[caller] == 0
        has_more = max(lines) > lines[caller] + 1  # somebody, who then makes room
        call = Asking(caller, alone, len(self.served))
        self.calls.append(call)
        call.task = self.loop.create_task(self._serve(call))
        self._tick()
        assert (call.state == "refused") == (was_full and was_busy and not has_more)
        assert (call.state == "under way") == (not was_busy)
        self.settle()

    @precondition(lambda self: bool(self.of("under way")))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.of("under way"))).done.set()
        self.settled = False

    @precondition(lambda self: bool(self.of("under way", "waiting")))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(self.of("under way", "waiting"))).task
        assert task is not None
        task.cancel()
        self.settled = False

    @invariant()
    def never_more_under_way_than_there_are_slots(self) -> None:
        assert len(self.of("under way")) <= self.turns.under_way <= self.turns.slots

    @invariant()
    def no_slot_is_lost_and_none_is_idle_while_somebody_waits(self) -> None:
        if self.settled:
            assert self.turns.under_way == len(self.of("under way"))
            assert self.turns.waiting == len(self.of("waiting")) <= self.turns.queue
            assert sum(map(len, self.turns._ring.values())) == self.turns.waiting
            assert not self.of("waiting") or self.turns.under_way == self.turns.slots

    def teardown(self) -> None:
        if not hasattr(self, "turns"):
            return
        for call in self.of("under way", "waiting"):
            assert call.task is not None
            call.task.cancel()
        self.settle()
        assert (self.turns.under_way, self.turns.waiting) == (0, 0)
        assert all(call.task is not None and call.task.done() for call in self.calls)
        failed = [call.task for call in self.calls if call.task is not None and not call.task.cancelled()]
        assert [task.exception() for task in failed] == [None] * len(failed)
        self.loop.close()


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


async def test_a_flood_makes_room_for_others_and_not_for_itself() -> None:
    turns = Turns(1, 3)
    slot = await turns.take("flood")
    flood = [asyncio.ensure_future(turns.take("flood")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(asyncio.QueueFull):
        await turns.take("flood")
    other = asyncio.ensure_future(turns.take("other"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert isinstance(flood[-1].exception(), asyncio.QueueFull)
    another = asyncio.ensure_future(turns.take("another"))
    await asyncio.sleep(0)
    with pytest.raises(asyncio.QueueFull):  # three callers wait with one each: nobody has too much
        await turns.take("fourth")
    turns.give(slot)
    for waiting in (flood[0], other, another):
        turns.give(await waiting)
    with pytest.raises(asyncio.QueueFull):
        await flood[1]
    assert (turns.under_way, turns.waiting) == (0, 0)

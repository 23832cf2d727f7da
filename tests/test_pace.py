"""Pace: a crowd of calls is worked off in order, and no turn of the loop is longer than its slice."""

from __future__ import annotations

import asyncio

import pytest

from tux_http.pace import SLICE, Pace, pace

PIECE = SLICE / 8


class Crowd:
    """Pieces of work that take so long by a clock of their own, and the turns of the loop in which they were done."""

    def __init__(self, seconds: float = PIECE) -> None:
        self.now = 0.0
        self.order: list[int] = []
        self.turns: list[int] = []
        self._seconds = seconds
        self._pace = Pace(asyncio.get_running_loop(), clock=lambda: self.now)
        self._is_over = False

    async def work(self, number: int) -> None:
        await self._pace.step()
        self.now += self._seconds
        self.order.append(number)
        self.turns[-1] += 1

    async def run(self, count: int, leaves: frozenset[int] = frozenset()) -> None:
        tasks = [asyncio.ensure_future(self.work(number)) for number in range(count)]
        self._count_turns()
        await asyncio.sleep(0)
        for number in leaves:
            tasks[number].cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        self._is_over = True

    def _count_turns(self) -> None:
        self.turns.append(0)
        if not self._is_over:
            asyncio.get_running_loop().call_soon(self._count_turns)


async def test_no_turn_does_more_than_fits_its_slice_and_all_keep_their_order() -> None:
    crowd = Crowd()
    await crowd.run(500)
    assert crowd.order == list(range(500))
    assert max(crowd.turns) * PIECE <= 2 * SLICE
    assert sum(turn > 0 for turn in crowd.turns) <= 500 * PIECE / SLICE * 2


async def test_work_that_fits_one_turn_is_done_in_one() -> None:
    crowd = Crowd(seconds=SLICE / 1000)
    await crowd.run(500)
    assert max(crowd.turns) == 500


async def test_those_who_leave_hold_up_nobody() -> None:
    crowd = Crowd()
    gone = frozenset(range(100, 400))
    await crowd.run(500, leaves=gone)
    assert crowd.order == [number for number in range(500) if number not in gone]


async def test_a_piece_longer_than_a_slice_still_gets_its_turn() -> None:
    crowd = Crowd(seconds=10 * SLICE)
    await crowd.run(20)
    assert len(crowd.order) == 20
    assert max(crowd.turns) == 1


@pytest.mark.parametrize("_again", range(2))
def test_each_loop_has_its_own(_again: int) -> None:
    async def many() -> None:
        await asyncio.gather(*(pace() for _ in range(100)))

    asyncio.run(many())

"""A crowd of calls sets out a few at a time, so that the loop has time for others."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tux_http.pace import Pace


class Turns:
    """Counts the loop's turns."""

    def __init__(self) -> None:
        self.number = 0
        self._turn()

    def _turn(self) -> None:
        self.number += 1
        self._handle = asyncio.get_running_loop().call_soon(self._turn)

    def stop(self) -> None:
        self._handle.cancel()


async def crowd(pace: Pace, size: int) -> list[tuple[int, int]]:
    """In which turn each of a crowd passed, in the order in which they did."""
    turns, passed = Turns(), list[tuple[int, int]]()

    async def one(number: int) -> None:
        await pace.keep()
        passed.append((turns.number, number))

    await asyncio.gather(*(one(number) for number in range(size)))
    turns.stop()
    return passed


async def test_so_many_pass_in_a_turn_and_all_in_the_order_in_which_they_came() -> None:
    passed = await crowd(Pace(4), 21)
    assert [number for _, number in passed] == list(range(21))
    in_each = list(Counter(turn for turn, _ in passed).values())
    assert sum(in_each) == 21
    assert max(in_each) == 4
    assert len(in_each) == 6


async def test_one_at_a_time_waits_for_nothing() -> None:
    pace, turns = Pace(1), Turns()
    for _ in range(5):
        before = turns.number
        await pace.keep()
        assert turns.number == before
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    turns.stop()


async def test_who_is_cancelled_takes_nobodys_turn() -> None:
    pace, passed = Pace(2), list[int]()

    async def one(number: int) -> None:
        await pace.keep()
        passed.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(8)]
    await asyncio.sleep(0)
    for task in tasks[2:6]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert passed == [0, 1, 6, 7]


def test_a_loop_that_ended_in_the_middle_of_a_turn_leaves_nothing_behind() -> None:
    pace = Pace(1)

    async def cut_short() -> None:
        waiting = [asyncio.create_task(pace.keep()) for _ in range(3)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    asyncio.run(cut_short())
    assert asyncio.run(crowd(pace, 3))


@pytest.mark.parametrize("size", [1, 8, 9, 500])
async def test_everybody_passes(size: int) -> None:
    assert len(await crowd(Pace(), size)) == size

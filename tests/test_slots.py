"""Streams of one connection: never more at once than the server takes, and none is lost."""

from __future__ import annotations

import asyncio
import random

import httpcore2
import pytest

from tux_http.transports.engine.slots import Slots


async def test_never_more_than_the_limit_and_first_come_first_served() -> None:
    slots = Slots(2)
    order: list[int] = []
    running = 0

    async def work(number: int) -> None:
        nonlocal running
        await slots.take(None)
        order.append(number)
        running += 1
        assert running <= 2
        await asyncio.sleep(0)
        running -= 1
        slots.give()

    await asyncio.gather(*(work(number) for number in range(20)))
    assert order == list(range(20))
    assert slots.none_taken


@pytest.mark.parametrize("seed", range(20))
async def test_leaving_at_any_moment_loses_no_slot(seed: int) -> None:
    plan = random.Random(seed)
    slots = Slots(3)

    async def work() -> None:
        await slots.take(None)
        try:
            for _ in range(plan.randrange(4)):
                await asyncio.sleep(0)
        finally:
            slots.give()

    tasks = [asyncio.ensure_future(work()) for _ in range(50)]
    for task in tasks:
        await asyncio.sleep(0)
        if plan.random() < 0.5:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert slots.none_taken
    assert not slots.is_full


async def test_waiting_too_long_is_a_pool_timeout() -> None:
    slots = Slots(1)
    await slots.take(None)
    with pytest.raises(httpcore2.PoolTimeout):
        await slots.take(0.01)
    slots.give()
    assert slots.none_taken


async def test_shutting_sends_everybody_elsewhere() -> None:
    slots = Slots(1)
    await slots.take(None)
    waiting = [asyncio.ensure_future(slots.take(None)) for _ in range(3)]
    await asyncio.sleep(0)
    slots.shut()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [httpcore2.ConnectionNotAvailable] * 3


async def test_a_higher_limit_lets_more_in() -> None:
    slots = Slots(0)
    waiting = [asyncio.ensure_future(slots.take(None)) for _ in range(3)]
    await asyncio.sleep(0)
    slots.resize(2)
    await asyncio.wait(waiting, timeout=0.01)
    assert sum(task.done() for task in waiting) == 2
    slots.resize(3)
    await asyncio.gather(*waiting)

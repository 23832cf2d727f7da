"""Keeps many calls that come at once from holding the event loop: each turn of it does some, then others have theirs."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SLICE: Final = 0.008
"""Seconds of one turn of the loop after which more work waits for the next one."""


class Pace:
    """Lets pieces of work go on, in the order in which they come, as many in one turn of a loop as a slice has time for.

    What a piece takes shows only when it is over. So those that had to wait go on in numbers that fit the slice by
    what the turn before took.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter) -> None:
        self.loop = loop
        self._clock = clock
        self._began: float | None = None  # this turn's first piece
        self._done = 0  # pieces of this turn
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_turning = False

    async def step(self) -> None:
        """Returns when the next piece of work may begin: at once, or in another turn of the loop."""
        if self._waiting or (self._began is not None and self._clock() - self._began > SLICE):
            waiter = self.loop.create_future()
            self._waiting.append(waiter)
            await waiter
        if self._began is None:
            self._began = self._clock()
            self._turn_later()
        self._done += 1

    def _turn_later(self) -> None:
        if not self._is_turning:
            self._is_turning = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        took = 0.0 if self._began is None else self._clock() - self._began
        fitting = int(self._done * min(2.0, SLICE / took if took else 2.0))
        self._began, self._done, self._is_turning = None, 0, False
        for _ in range(min(len(self._waiting), max(1, fitting))):
            if not (waiter := self._waiting.popleft()).done():
                waiter.set_result(None)
        if self._waiting:
            self._turn_later()


class _OfThread(threading.local):
    pace: Pace | None = None


_of_thread: Final = _OfThread()


async def pace() -> None:
    """Waits until this turn of the running loop has time for more."""
    loop, known = asyncio.get_running_loop(), _of_thread.pace
    if known is None or known.loop is not loop:
        known = _of_thread.pace = Pace(loop)
    await known.step()

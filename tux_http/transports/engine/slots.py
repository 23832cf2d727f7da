"""As many streams at once as the server takes; the others wait in line, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque

import httpcore2

from tux_http.transports.engine.wire import wait


class Slots:
    """Counts the open streams of one connection."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._shut = False

    @property
    def none_taken(self) -> bool:
        return self._taken == 0

    @property
    def is_full(self) -> bool:
        return self._taken + len(self._queue) >= self.limit

    async def take(self, seconds: float | None) -> None:
        """Waits for a slot.

        Raises:
            httpcore2.PoolTimeout: None became free within `seconds`.
            httpcore2.ConnectionNotAvailable: None will become free here.
        """
        if self._shut:
            raise httpcore2.ConnectionNotAvailable
        if self._taken < self.limit and not self._queue:
            self._taken += 1
            return
        waiter = asyncio.get_running_loop().create_future()
        self._queue.append(waiter)
        try:
            await wait(waiter, seconds, httpcore2.PoolTimeout("no stream became free in time"))
        except BaseException:
            if waiter in self._queue:
                self._queue.remove(waiter)
            elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give()  # granted in the moment of leaving
            raise

    def give(self) -> None:
        self._taken -= 1
        self._grant()

    def resize(self, limit: int) -> None:
        self.limit = limit
        self._grant()

    def shut(self) -> None:
        """Sends everybody who waits to another connection."""
        self._shut = True
        while self._queue:
            if not (waiter := self._queue.popleft()).done():
                waiter.set_exception(httpcore2.ConnectionNotAvailable())

    def _grant(self) -> None:
        while self._queue and self._taken < self.limit:
            if not (waiter := self._queue.popleft()).done():
                self._taken += 1
                waiter.set_result(None)

"""How many calls set out in one turn of the event loop: a crowd of them must not hold up the rest of a bot."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MOST: Final = 8
"""Calls, of some tenths of a millisecond each."""


class Pace:
    """Lets so many pass in a turn, and the others in the next ones, in the order in which they came.

    Args:
        most: How many.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._passed = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def keep(self) -> None:
        """Waits for its turn."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the one before may have ended in the middle of a turn
            self._loop, self._passed = loop, 0
            self._waiting.clear()
        if self._passed < self._most:
            self._pass(loop)
        else:
            self._waiting.append(turn := loop.create_future())
            await turn

    def _pass(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._passed:
            loop.call_soon(self._next_turn, loop)
        self._passed += 1

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._passed = 0
        while self._waiting and self._passed < self._most:
            if not (turn := self._waiting.popleft()).done():  # who was cancelled goes nowhere
                turn.set_result(None)
                self._pass(loop)

"""How long those who wait on one HTTP/2 connection do so: one timer for all, where each would need two of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from tux_http.transports.engine.liveness import SILENCE
from tux_http.transports.engine.wire import nobodys

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class _Limits:
    quiet: float
    ask_at: float
    until: float
    error: Exception


class Patience:
    """Wakes whoever waited too long, and before that asks once, after some silence, whether the server is there.

    Args:
        ask: Is called with the seconds of silence after which to ask.
    """

    def __init__(self, ask: Callable[[float], None]) -> None:
        self._ask = ask
        self._waiting: dict[asyncio.Future[None], _Limits] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, waiter: asyncio.Future[None], seconds: float | None, error: Exception) -> None:
        """Awaits a future, and raises `error` if that takes longer than `seconds`."""
        now = waiter.get_loop().time()
        quiet = SILENCE if seconds is None else min(seconds, SILENCE)
        until = inf if seconds is None else now + seconds
        self._waiting[waiter] = _Limits(quiet, now + quiet, until, error)
        self._look_at(now + quiet)
        try:
            await waiter
        finally:
            del self._waiting[waiter]

    def _look_at(self, due: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = nobodys(asyncio.get_running_loop().call_at, due, self._look)

    def _look(self) -> None:
        self._timer = None
        now, due = asyncio.get_running_loop().time(), inf
        for waiter, limits in tuple(self._waiting.items()):
            if limits.ask_at <= now:
                limits.ask_at = inf
                self._ask(limits.quiet)
            if waiter.done():
                continue
            if limits.until <= now:
                waiter.set_exception(limits.error)
            due = min(due, limits.ask_at, limits.until if limits.until > now else inf)
        if due < inf:
            self._look_at(due)

    def stop(self) -> None:
        """Nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()

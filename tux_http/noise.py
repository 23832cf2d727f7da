"""`Noise`: of what fails in the same way again and again, the first in a minute is told, the others are counted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["MINUTE", "MOST_KINDS", "Noise", "Repeats"]

MINUTE: Final = 60.0

MOST_KINDS: Final = 256
"""Kinds that are counted at a time; what is of another one meanwhile is told each time."""


@dataclass(slots=True)
class _Spell:
    until: float
    say: Callable[[int], object]
    more: int = 0


class Repeats:
    """What is news, and what is one more of the same within a minute. `now` is in seconds of any steady clock.

    Args:
        window: Seconds that a kind is counted for after it was told.
        most: Kinds at a time.
    """

    def __init__(self, *, window: float = MINUTE, most: int = MOST_KINDS) -> None:
        self._window = window
        self._most = most
        self._spells: dict[Hashable, _Spell] = {}

    def __len__(self) -> int:
        return len(self._spells)

    def is_news(self, kind: Hashable, now: float, say: Callable[[int], object]) -> bool:
        """Whether to tell it; if not, it is counted.

        Args:
            kind: What is the same.
            now: The time.
            say: Called with how many more there were, if any, by the first `settle` when their minute is over.
        """
        self.settle(now)
        if (spell := self._spells.get(kind)) is not None:
            spell.more += 1
            return False
        if len(self._spells) < self._most:
            self._spells[kind] = _Spell(now + self._window, say)
        return True

    def settle(self, now: float) -> None:
        """Ends the minutes that are over, and says how many more there were."""
        over = [kind for kind, spell in self._spells.items() if spell.until <= now]
        for spell in [self._spells.pop(kind) for kind in over]:
            if spell.more:
                spell.say(spell.more)

    def next_end(self) -> float | None:
        """When the first minute is over in which there was more to count."""
        return min((spell.until for spell in self._spells.values() if spell.more), default=None)


class Noise:
    """`Repeats` on the event loop's clock: a minute's count is told when the minute is over, whatever comes."""

    def __init__(self, repeats: Repeats | None = None) -> None:
        self._repeats = repeats or Repeats()
        self._timer: asyncio.TimerHandle | None = None

    def is_news(self, kind: Hashable, say: Callable[[int], object]) -> bool:
        """As `Repeats.is_news`; called in an event loop."""
        loop = asyncio.get_running_loop()
        told = self._repeats.is_news(kind, loop.time(), say)
        if not told and (self._timer is None or self._timer.cancelled()):
            self._wait(loop)
        return told

    def close(self) -> None:
        """Tells what is counted so far."""
        if self._timer is not None:
            self._timer.cancel()
        self._repeats.settle(float("inf"))

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        end = self._repeats.next_end()
        self._timer = None if end is None else loop.call_at(end, self._settle, loop, end)

    def _settle(self, loop: asyncio.AbstractEventLoop, end: float) -> None:
        self._repeats.settle(end)  # not the time now: a loop's timers may fire a little early
        self._wait(loop)

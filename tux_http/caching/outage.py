"""`Outage`: when something that failed is tried again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0


class Outage:
    """Leaves a store alone that failed: for 1 s, then twice as long each time, up to 30 s.

    After a pause one operation is let through. If it succeeds, so may all others; if it fails, the next pause
    begins. What was begun before something failed decides nothing: a hundred operations that fail together
    are one failure. One line in the log says that it is gone, one that it is back.

    Args:
        name: What the log calls it.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._pause = 0.0
        self._until = 0.0
        self._trying = False
        self._generation: int = 0

    @property
    def is_out(self) -> bool:
        """Whether what was tried last has failed."""
        return self._pause > 0

    def begin(self) -> Trial | None:
        """Permission for one operation, which must be told how it ended; None while it is left alone."""
        if self.is_out:
            if self._trying or self._clock() < self._until:
                return None
            self._trying = True
        return Trial(self, self._generation)

    def settle(self, generation: int, failure: BaseException | None) -> None:
        if generation != self._generation:
            return
        if failure is not None:
            self._failed(failure)
        elif self.is_out:
            self._pause, self._trying = 0.0, False
            self._generation += 1
            logger.info("{} is back and used again", self._name)

    def abandon(self, generation: int) -> None:
        if generation == self._generation:
            self._trying = False

    def _failed(self, failure: BaseException) -> None:
        if not self.is_out:
            logger.warning("{} can't be used, going on without it: {}", self._name, _reason(failure))
        self._pause = min(self._pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        self._until = self._clock() + self._pause
        self._trying = False
        self._generation += 1


class Trial:
    """One operation that was let through."""

    __slots__ = ("_generation", "_outage")

    def __init__(self, outage: Outage, generation: int) -> None:
        self._outage = outage
        self._generation = generation

    def succeeded(self) -> None:
        self._outage.settle(self._generation, None)

    def failed(self, failure: BaseException) -> None:
        self._outage.settle(self._generation, failure)

    def abandoned(self) -> None:
        """It was cancelled before it could tell anything."""
        self._outage.abandon(self._generation)


def _reason(failure: BaseException) -> str:
    return " ".join(str(failure).split()) or type(failure).__name__

"""Time that passes at once: an event loop whose clock jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tux_http.call import Call

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time; a scenario that waits for nothing fails at once."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_NoWait(self))

    def time(self) -> float:
        return self.now


class _NoWait(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing is left to wait for"
            self._loop.now += timeout
        return ready


def simulated(scenario: Coroutine[Any, Any, T]) -> T:
    """Plays a scenario from second 0 to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scenario)


@dataclass
class VirtualCall(Call):
    """A record on the loop's clock."""

    def age(self) -> float:
        return asyncio.get_running_loop().time() - self._clock

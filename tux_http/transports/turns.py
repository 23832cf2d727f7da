"""`Turns`: a bounded number of slots, and a bounded queue for them in which callers take turns."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    Waiter = asyncio.Future["Slot"]


class Slot:
    """The right to be under way, until it is given back."""

    __slots__ = ()


class Turns:
    """Hands out slots: at once while some are free, in turn to those who wait otherwise.

    Callers who wait stand in a ring, each with a line of its own (round-robin). A free slot goes to the
    first in the line of the foremost caller, who then stands last. So who asks once waits for at most one
    turn of every other caller, however much they ask for. Where the queue is full, the last in the longest
    line makes room for a caller whose line is shorter: a flood fills its own place only.

    Args:
        slots: How many may be under way.
        queue: How many may wait.
    """

    def __init__(self, slots: int, queue: int) -> None:
        self.slots = slots
        self.queue = queue
        self._held: set[Slot] = set()
        self._ring: OrderedDict[Hashable, deque[Waiter]] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def under_way(self) -> int:
        return len(self._held)

    @property
    def waiting(self) -> int:
        # Who has been cancelled waits no more, though it may not have run yet to leave the line.
        return sum(not waiter.done() for line in self._ring.values() for waiter in line)

    async def take(self, caller: Hashable) -> Slot:
        """Waits for a slot. Whoever gets one gives it back.

        Raises:
            asyncio.QueueFull: `queue` others wait already, or came meanwhile and wait for less.
        """
        if (slot := self.take_free()) is not None:
            return slot
        loop = asyncio.get_running_loop()
        if self.waiting >= self.queue and not self._makes_room(caller):
            raise asyncio.QueueFull
        waiter: Waiter = loop.create_future()
        self._ring.setdefault(caller, deque()).append(waiter)
        try:
            return await waiter
        except BaseException:
            self._leave(caller, waiter)
            raise

    def take_free(self) -> Slot | None:
        """A slot, if there is one that nobody waits for."""
        self._adopt(asyncio.get_running_loop())
        return self._hold() if len(self._held) < self.slots else None

    def give(self, slot: Slot) -> None:
        """Passes a slot on. Giving it twice does nothing."""
        if slot in self._held:
            self._held.remove(slot)
            if (waiter := self._next()) is not None:
                waiter.set_result(self._hold())

    def _adopt(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:  # whoever held or wanted a slot in a loop that is gone went with it
            self._loop = loop
            self._held = set()
            self._ring = OrderedDict()

    def _hold(self) -> Slot:
        self._held.add(slot := Slot())
        return slot

    def _next(self) -> Waiter | None:
        """Takes whose turn it is out of the queue; a line of which everybody was cancelled goes."""
        while self._ring:
            caller, line = self._ring.popitem(last=False)
            while line and line[0].done():
                line.popleft()
            if line:
                waiter = line.popleft()
                if line:
                    self._ring[caller] = line
                return waiter
        return None

    def _makes_room(self, caller: Hashable) -> bool:
        lines = {each: [waiter for waiter in line if not waiter.done()] for each, line in self._ring.items()}
        flood = max(lines, key=lambda each: len(lines[each]), default=caller)
        if len(lines.get(flood, [])) <= len(lines.get(caller, [])) + 1:
            return False
        last = lines[flood][-1]
        self._ring[flood].remove(last)
        last.set_exception(asyncio.QueueFull())
        return True

    def _leave(self, caller: Hashable, waiter: Waiter) -> None:
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self.give(waiter.result())  # cancelled in the moment of its turn
            return
        line = self._ring.get(caller)
        if line is None or waiter not in line:
            return
        line.remove(waiter)
        if not line:
            del self._ring[caller]

"""A circuit: whether an origin may be called, by how its last calls went."""

from __future__ import annotations

import enum
import random
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tux_http.policy import Breaker

State: TypeAlias = Literal["closed", "open", "half-open"]

SLOTS: Final = 60
"""Into how many parts the sliding window is counted; memory stays small however many calls there are."""

MAX_ORIGINS: Final = 1024


class Verdict(enum.Enum):
    """What a call says about its origin; NONE where it says nothing, as when it was cancelled."""

    SUCCESS = enum.auto()
    FAILURE = enum.auto()
    NONE = enum.auto()


class Permit(msgspec.Struct, frozen=True, eq=False):
    """Leave to make one call, to be given back with `Circuit.settle`."""

    window: Window | None = None
    """Where its verdict is counted; None for a probe."""

    limit: float | None = None
    """Seconds that the origin may take to answer; None where the breaker sets no limit."""


class Downtime(msgspec.Struct):
    """From the moment when a circuit opens, in seconds, to when it closes, and how many calls ended how meanwhile."""

    since: float
    refused: int = 0
    stale: int = 0


class Circuit:
    """The state machine of one origin; `now` is in seconds of any steady clock.

    Args:
        policy: Of the API.
        draw: Random numbers from 0 to 1. How long the circuit stays open after a failed probe is drawn
            between half of the doubled time and all of it, so that many processes do not probe at once.
            It counts from when the probe was sent: however long that hung, the next is not later for it.
    """

    def __init__(self, policy: Breaker, *, draw: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._draw = draw
        self._window = Window(policy.window)
        self._open_for: float | None = None  # before jitter; None while closed
        self._until = 0.0
        self._probe: Permit | None = None
        self.downtime: Downtime | None = None

    def state(self, now: float) -> State:
        if self._open_for is None:
            return "closed"
        return "open" if now < self._until else "half-open"

    def retry_at(self, now: float) -> float:
        """When to call again: when the next probe is due, or soon if one is under way and may succeed."""
        return self._until if now < self._until else now + self._policy.open_for

    def admit(self, now: float) -> Permit | None:
        """Lets a call through; None refuses it."""
        if self._open_for is None:
            return Permit(self._window)
        if now < self._until or self._probe is not None:
            return None
        self._probe = Permit(limit=self._policy.probe_timeout)
        return self._probe

    def settle(self, permit: Permit, verdict: Verdict, now: float, *, took: float = 0.0) -> None:
        """Ends an admitted call that the origin had for `took` seconds.

        Calls from before the circuit last opened don't count any more.
        """
        if permit is self._probe:
            self._settle_probe(verdict, now - took)
        elif permit.window is self._window and verdict is not Verdict.NONE:
            self._window.add(now, failed=verdict is Verdict.FAILURE)
            if self._is_failing():
                self.downtime = Downtime(now)
                self._open(now, self._policy.open_for, jitter=0.0)

    def _is_failing(self) -> bool:
        calls, failures = self._window.calls, self._window.failures
        return calls >= self._policy.minimum_calls and failures >= self._policy.failure_ratio * calls

    def _settle_probe(self, verdict: Verdict, sent: float) -> None:
        self._probe = None
        if verdict is Verdict.SUCCESS:
            self._open_for = self.downtime = None
        elif verdict is Verdict.FAILURE:
            self._open(sent, 2 * (self._open_for or self._policy.open_for), jitter=self._draw() / 2)

    def _open(self, since: float, open_for: float, *, jitter: float) -> None:
        self._window = Window(self._policy.window)  # a fresh one: verdicts for the old one come too late
        self._open_for = min(open_for, self._policy.max_open_for)
        self._until = since + self._open_for * (1 - jitter)


class _Slot(msgspec.Struct):
    number: int
    calls: int = 0
    failures: int = 0


class Window:
    """Counts the calls of the last `length` seconds; the oldest are forgotten a slot at a time."""

    def __init__(self, length: float) -> None:
        self._width = length / SLOTS
        self._slots: deque[_Slot] = deque()
        self.calls = 0
        self.failures = 0

    def add(self, now: float, *, failed: bool) -> None:
        slot = self._slot(int(now // self._width))
        slot.calls += 1
        slot.failures += failed
        self.calls += 1
        self.failures += failed

    def _slot(self, number: int) -> _Slot:
        self._forget(number - SLOTS)
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        return self._slots[-1]

    def _forget(self, number: int) -> None:
        """Drops all slots up to this one."""
        while self._slots and self._slots[0].number <= number:
            slot = self._slots.popleft()
            self.calls -= slot.calls
            self.failures -= slot.failures


class Circuits:
    """The circuits of one API by origin; those not used for longest make room for new ones."""

    def __init__(
        self, policy: Breaker, *, draw: Callable[[], float] = random.random, limit: int = MAX_ORIGINS
    ) -> None:
        self._policy = policy
        self._draw = draw
        self._limit = limit
        self._circuits: OrderedDict[str, Circuit] = OrderedDict()

    def __len__(self) -> int:
        return len(self._circuits)

    def downtime(self, origin: str) -> Downtime | None:
        """That of an origin whose circuit is not closed."""
        circuit = self._circuits.get(origin)
        return None if circuit is None else circuit.downtime

    def down(self) -> dict[str, Circuit]:
        """The circuits that are not closed, by origin."""
        return {origin: circuit for origin, circuit in self._circuits.items() if circuit.downtime is not None}

    def of(self, origin: str) -> Circuit:
        circuit = self._circuits.get(origin)
        if circuit is None:
            circuit = self._circuits[origin] = Circuit(self._policy, draw=self._draw)
        self._circuits.move_to_end(origin)
        if len(self._circuits) > self._limit:
            self._circuits.popitem(last=False)
        return circuit

"""`Records`: what became of the last calls, and of the last commands that failed, by reference.

Kept in memory only, for whoever runs the bot: `/http why` shows it. There is no word of an exception, no
query, header or body in it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tux_http.call import Call

__all__ = ["LAST", "Failure", "Listener", "Records", "recent"]

LAST: Final = 1000
"""Calls that are remembered, and as many failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a person was told, when, of which command.

    `problem` is the code of the `Problem`, `error` the class of what was raised, `call` the call that failed,
    if one did.
    """

    reference: str
    at: datetime
    name: str
    problem: str
    error: str
    call: Call | None = None

    def __str__(self) -> str:
        return f"{self.reference} · {self.name}: {self.problem}, {self.at:%H:%M:%S} UTC"


class Listener(Protocol):
    """Hears of calls and failures as they end; it must not raise, and takes its time from the calls."""

    def ended(self, call: Call) -> None:
        """As `Records.ended`; of a stream that breaks, a second time: it has an answer and an error then."""
        ...

    def failed(self, failure: Failure) -> None:
        """As `Records.failed`."""
        ...


class Records:
    """The last calls and the last failures; a failure keeps its call for as long as it is kept itself.

    So a busy bot, whose thousand calls pass in seconds, can still tell of what a person asks about.

    Args:
        size: How many calls, and how many failures.
    """

    def __init__(self, size: int = LAST) -> None:
        self._size = size
        self._calls: OrderedDict[str, Call] = OrderedDict()
        self._failures: OrderedDict[str, Failure] = OrderedDict()
        self._listeners: tuple[Listener, ...] = ()

    def listen(self, listener: Listener) -> None:
        """Has somebody hear of what is remembered from now on."""
        self._listeners = (*self._listeners, listener)

    def leave(self, listener: Listener) -> None:
        """Ends that; nothing if it had not begun."""
        self._listeners = tuple(each for each in self._listeners if each is not listener)

    def ended(self, call: Call) -> None:
        """Remembers a call."""
        calls = self._calls
        calls[call.reference] = call
        calls.move_to_end(call.reference)  # a stream may end twice: with its head, and in an error
        if len(calls) > self._size:
            calls.popitem(last=False)
        for listener in self._listeners:
            listener.ended(call)

    def failed(self, failure: Failure) -> None:
        """Remembers a failure; a later one under the same reference takes its place."""
        self._failures[failure.reference] = failure
        self._failures.move_to_end(failure.reference)
        if len(self._failures) > self._size:
            self._failures.popitem(last=False)
        for listener in self._listeners:
            listener.failed(failure)

    def call(self, reference: str) -> Call | None:
        failure = self._failures.get(reference)
        kept = None if failure is None else failure.call
        return kept or self._calls.get(reference)

    def failure(self, reference: str) -> Failure | None:
        return self._failures.get(reference)

    def failures(self, most: int = LAST) -> Iterator[Failure]:
        """The last failures, the newest first."""
        return islice(reversed(tuple(self._failures.values())), most)


recent: Final = Records()
"""Those of this process."""

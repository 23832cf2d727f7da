"""Whether the server at the other end of an HTTP/2 connection is still there.

Deadlines end long before TCP finds out that a peer vanished, and each ends only its own stream; so a dead
connection would take, and lose, one request after the other. A ping tells (RFC 9113, section 6.7): a server
answers it at once, however long it works on requests; one that hangs in a header block cannot (section 6.10).
While an answer is due, new requests wait for it. A slow server keeps its connection; a dead one gets no more.
"""

from __future__ import annotations

from typing import Final

SILENCE: Final = 0.25
"""Seconds in which a server that has something to answer says nothing, after which it is asked."""

ANSWER_WITHIN: Final = 0.5
"""Seconds that it may take to answer that; then new requests go elsewhere, until it speaks."""


class Liveness:
    """What was heard of a server. `now` is in seconds of any steady clock."""

    def __init__(self, now: float) -> None:
        self._heard_at = now
        self._silent_since = now
        self._asked_at: float | None = None

    def expect(self, now: float) -> None:
        """Notes a request, sent while none was under way: the quiet before it was not silence."""
        if self._silent_since <= self._heard_at:
            self._silent_since = now

    def hear(self, now: float) -> bool:
        """Notes that the server said something, and tells whether it had been asked."""
        was_asked = self._asked_at is not None
        self._heard_at = self._silent_since = now
        self._asked_at = None
        return was_asked

    def ask(self, now: float, quiet: float = SILENCE) -> bool:
        """Whether to send a ping: after so many seconds of silence, and one at a time."""
        if self._asked_at is not None or now < self._silent_since + quiet:
            return False
        self._asked_at = now
        return True

    def patience(self, now: float) -> float | None:
        """Seconds, none at the least, that are left for an answer; None if none is due."""
        if self._asked_at is None:
            return None
        return max(0.0, self._asked_at + ANSWER_WITHIN - now)

    def is_lost(self, now: float) -> bool:
        """Whether the server did not answer in time."""
        return self.patience(now) == 0

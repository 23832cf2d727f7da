"""A clock for the offline Discord that runs.

simcord's own stands at New Year 2026 and moves when a test says so. A person in a browser lives in real
time: messages carry today's date, "in 40 minutes" counts down, and a wait of the bot takes as long as it says.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class WallClock:
    """Takes the place of `simcord.Env.backend.clock`."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC)
        # Not time.monotonic: simcord replaces that while it runs.
        self._started = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self._started

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed)

    def advance(self, seconds: float) -> None:
        """Does nothing: time passes by itself."""

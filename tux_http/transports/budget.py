"""The retry budget: a token bucket that keeps an outage from being doubled by its own retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tux_http.policy import Retry


class Budget:
    """The tokens of one API, full at first; it outlives the API's connections.

    A retry takes its cost and calls that succeed put tokens back, so that in the long run an upstream
    sees, beside the retries that worked, at most one for every `cost` clean successes: none while it is
    down. The rules are those of "standard mode" in the AWS SDKs:
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """

    def __init__(self, policy: Retry) -> None:
        self._size = policy.budget
        self.tokens = policy.budget

    def __repr__(self) -> str:
        return f"<Budget {self.tokens}/{self._size}>"

    def take(self, cost: int) -> bool:
        """Pays for one retry, if there is enough."""
        if cost > self.tokens:
            return False
        self.tokens -= cost
        return True

    def put(self, tokens: int) -> None:
        """Gives back; what does not fit is lost."""
        self.tokens = min(self._size, self.tokens + tokens)

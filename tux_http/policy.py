"""Frozen values that say how the service behaves; each checks its bounds where it is made."""

from __future__ import annotations

import math
from typing import Final

import httpx
import msgspec

from tux_http.version import __version__

PROJECT_URL: Final = "https://github.com/allthingslinux/tux-http"
USER_AGENT: Final = f"tux-http/{__version__} (+{PROJECT_URL})"


def _positive(name: str, value: float) -> None:
    if not value > 0 or math.isnan(value):
        raise ValueError(f"{name} must be positive, got {value:g}")


def _not_negative(name: str, value: float) -> None:
    if value < 0:
        raise ValueError(f"{name} must not be negative, got {value:g}")


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all values: keyword-only, immutable, comparable."""


class Timeouts(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds that one socket operation may take; only a deadline bounds a whole call."""

    connect: float = 10.0
    read: float = 30.0
    write: float = 10.0
    pool: float = 5.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            _positive(name, getattr(self, name))

    def as_httpx(self) -> httpx.Timeout:
        return httpx.Timeout(connect=self.connect, read=self.read, write=self.write, pool=self.pool)


class HTTPSettings(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the shared client is opened. `keepalive_expiry` is in seconds."""

    http2: bool = True
    max_connections: int = 100
    max_keepalive_connections: int = 20
    keepalive_expiry: float = 30.0
    follow_redirects: bool = True
    max_redirects: int = 20
    trust_env: bool = True
    user_agent: str = USER_AGENT
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        _positive("max_connections", self.max_connections)
        _positive("keepalive_expiry", self.keepalive_expiry)
        _not_negative("max_keepalive_connections", self.max_keepalive_connections)
        _not_negative("max_redirects", self.max_redirects)
        if not self.user_agent.isascii() or not self.user_agent.isprintable() or not self.user_agent.strip():
            raise ValueError(f"user_agent must be printable ASCII text, got {self.user_agent!r}")

    def limits(self) -> httpx.Limits:
        return httpx.Limits(
            max_connections=self.max_connections,
            max_keepalive_connections=self.max_keepalive_connections,
            keepalive_expiry=self.keepalive_expiry,
        )


class Retry(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Repeating what failed and is safe to repeat. Back-offs are in seconds.

    The budget is a token bucket as AWS's standard mode has it: `budget` tokens, a retry costs `cost`
    (`throttled_cost` after a 429), a clean success gives one back and a retried one what its retries cost.
    """

    attempts: int = 3
    backoff: float = 0.05
    throttled_backoff: float = 1.0
    max_backoff: float = 20.0
    budget: int = 500
    cost: int = 14
    throttled_cost: int = 5

    def __post_init__(self) -> None:
        for name in ("attempts", "backoff", "throttled_backoff", "max_backoff", "cost", "throttled_cost"):
            _positive(name, getattr(self, name))
        _not_negative("budget", self.budget)


class Breaker(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Leaving an origin alone that fails. Times are in seconds.

    Opens when at least `minimum_calls` within `window` had a failure ratio of `failure_ratio` or more;
    probes after `open_for`, doubling to `max_open_for`. That is short by default: what is kept waiting is
    people, and one probe every few seconds hurts no upstream.
    """

    enabled: bool = True
    window: float = 30.0
    minimum_calls: int = 10
    failure_ratio: float = 0.5
    open_for: float = 5.0
    max_open_for: float = 6.0

    def __post_init__(self) -> None:
        for name in ("window", "minimum_calls", "failure_ratio", "open_for", "max_open_for"):
            _positive(name, getattr(self, name))
        if self.failure_ratio > 1:
            raise ValueError(f"failure_ratio must be at most 1, got {self.failure_ratio:g}")
        if self.max_open_for < self.open_for:
            raise ValueError(f"max_open_for must be at least open_for, got {self.max_open_for:g}")


class Quota(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Obeying the limit an upstream announces. `reserve` is the share kept for calls people wait for."""

    enabled: bool = True
    reserve: float = 0.1
    secondary_wait: float = 60.0

    def __post_init__(self) -> None:
        _positive("secondary_wait", self.secondary_wait)
        if not 0 <= self.reserve < 1:
            raise ValueError(f"reserve must be at least 0 and below 1, got {self.reserve:g}")


class Lane(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many calls of one API may be under way, and how many may wait for their turn."""

    concurrency: int = 20
    queue: int = 100

    def __post_init__(self) -> None:
        _positive("concurrency", self.concurrency)
        _not_negative("queue", self.queue)


class Caps(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits on what an upstream may send: bytes of decoded body and of header fields, content codings."""

    max_body: int = 10 * 1024 * 1024
    max_headers: int = 64 * 1024
    max_codings: int = 2

    def __post_init__(self) -> None:
        for name in ("max_body", "max_headers"):
            _positive(name, getattr(self, name))
        _not_negative("max_codings", self.max_codings)


class Policy(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How calls of one named API behave. `deadline` is in seconds and bounds the whole call."""

    deadline: float | None = 15.0
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    quota: Quota = Quota()
    lane: Lane = Lane()
    caps: Caps = Caps()

    def __post_init__(self) -> None:
        if self.deadline is not None:
            _positive("deadline", self.deadline)

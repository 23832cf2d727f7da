"""Frozen values that say how the service behaves; each checks its bounds where it is made."""

from __future__ import annotations

import math
from typing import Final, Literal

import httpx
import msgspec

from tux_http.redaction import redact
from tux_http.version import __version__

PROJECT_URL: Final = "https://github.com/allthingslinux/tux-http"
USER_AGENT: Final = f"tux-http/{__version__} (+{PROJECT_URL})"


def _positive(name: str, value: float) -> None:
    if not value > 0 or math.isnan(value):
        raise ValueError(f"{name} must be positive, got {value:g}")


def _not_negative(name: str, value: float) -> None:
    if not value >= 0:  # NaN neither
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


class CacheSettings(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the service keeps what the cache of its APIs holds; sizes are in bytes.

    `path` is the file of the "sqlite" store, "" for one in the platform's cache directory; `url` the server of
    the "redis" store, as redis://HOST:PORT/DATABASE. `memory_entries` and `memory_bytes` bound what is held in
    memory over any store, `disk_bytes` the file.
    """

    store: Literal["memory", "sqlite", "redis"] = "memory"
    path: str = ""
    url: str = "redis://localhost:6379/0"
    memory_entries: int = 2048
    memory_bytes: int = 32 * 1024 * 1024
    disk_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        for name in ("memory_entries", "memory_bytes", "disk_bytes"):
            _positive(name, getattr(self, name))

    def __repr__(self) -> str:
        shown = {**msgspec.structs.asdict(self), "url": redact(self.url)}
        return f"CacheSettings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


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
    cache: CacheSettings = CacheSettings()

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
    probes after `open_for`, doubling to `max_open_for`, both counted from when a probe was sent. That is
    short by default: what is kept waiting is people, and one probe every few seconds hurts no upstream.

    A probe fails if its answer is not complete (its head, when streaming) `probe_timeout` after it was sent,
    whatever its deadline: so a hung upstream is found again within the longer of that and `max_open_for`.
    The price: one whose every answer takes longer stays refused once its circuit is open. Set it above the
    slowest good answer; at the deadline or above, it cuts no probe short.
    """

    enabled: bool = True
    window: float = 30.0
    minimum_calls: int = 10
    failure_ratio: float = 0.5
    open_for: float = 5.0
    max_open_for: float = 6.0
    probe_timeout: float = 6.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__[1:]:  # all but `enabled`
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


class Caching(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answering from what was answered before (RFC 9111), and asking once for what many ask. Times are in seconds.

    `default_ttl` is for how long an answer is good whose upstream does not say. `stale_if_error` is how old an
    answer may be that stands in while the upstream fails or limits us; `stale_while_revalidate`, for how long
    past its time an answer is given at once while a new one is fetched; both unless the answer forbids it or
    says otherwise (RFC 5861). `patience` is how long an upstream may take before an old answer stands in.
    `max_entry` is the largest body that is kept, in bytes.
    """

    enabled: bool = True
    default_ttl: float = 0.0
    stale_if_error: float = 86400.0
    stale_while_revalidate: float = 60.0
    patience: float = 3.0
    max_entry: int = 1024 * 1024

    def __post_init__(self) -> None:
        for name in ("default_ttl", "stale_if_error", "stale_while_revalidate", "max_entry"):
            _not_negative(name, getattr(self, name))
        _positive("patience", self.patience)


class Policy(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How calls of one named API behave. `deadline` is in seconds and bounds the whole call."""

    deadline: float | None = 15.0
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    quota: Quota = Quota()
    lane: Lane = Lane()
    caps: Caps = Caps()
    caching: Caching = Caching()

    def __post_init__(self) -> None:
        if self.deadline is not None:
            _positive("deadline", self.deadline)

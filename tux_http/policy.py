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
        if self.max_keepalive_connections < 0:
            raise ValueError(
                f"max_keepalive_connections must not be negative, got {self.max_keepalive_connections}"
            )
        if self.max_redirects < 0:
            raise ValueError(f"max_redirects must not be negative, got {self.max_redirects}")
        if not self.user_agent.isascii() or not self.user_agent.isprintable() or not self.user_agent.strip():
            raise ValueError(f"user_agent must be printable ASCII text, got {self.user_agent!r}")

    def limits(self) -> httpx.Limits:
        return httpx.Limits(
            max_connections=self.max_connections,
            max_keepalive_connections=self.max_keepalive_connections,
            keepalive_expiry=self.keepalive_expiry,
        )


class Policy(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How calls of one named API behave. `deadline` is in seconds and bounds the whole call."""

    deadline: float | None = 15.0

    def __post_init__(self) -> None:
        if self.deadline is not None:
            _positive("deadline", self.deadline)

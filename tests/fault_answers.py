"""Whole responses that nobody wants, the same over every version of HTTP; the path of a request names one."""

from __future__ import annotations

import gzip
import time
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    Query: TypeAlias = Mapping[str, str]


class Seen(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: httpx.Headers


@dataclass(slots=True)
class Log:
    """What a server has met: its last requests, and how many connections."""

    seen: deque[Seen] = field(default_factory=lambda: deque[Seen](maxlen=100))
    accepted: int = 0

    def count(self, path: str) -> int:
        """How many of the last requests were for a path, whatever their query."""
        return sum(seen.path.partition("?")[0] == path for seen in self.seen)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    body: bytes = b"ok"
    headers: tuple[tuple[str, str], ...] = ()


def parsed(path: str) -> tuple[str, Query]:
    """The fault that a path names, and its numbers."""
    name, _, query = path.removeprefix("/").partition("?")
    return name, dict(parse_qsl(query))


def _answer(status: int, body: bytes = b"{}", /, **headers: str | int) -> Answer:
    fields = ((name.replace("_", "-"), str(value)) for name, value in headers.items())
    return Answer(status, body, tuple(fields))


def _github(status: int, remaining: int, message: bytes = b"API rate limit exceeded") -> Answer:
    return _answer(
        status,
        b'{"message": "%s"}' % message,
        X_GitHub_Request_Id="ABCD:1234",
        X_RateLimit_Limit=5000,
        X_RateLimit_Remaining=remaining,
        X_RateLimit_Reset=int(time.time()) + 1800,
        X_RateLimit_Resource="core",
    )


def _secondary(_: Query) -> Answer:
    return _answer(403, b'{"message": "You have exceeded a secondary rate limit"}', Retry_After=60)


def _secondary_in_the_body(_: Query) -> Answer:
    return _github(403, 4000, b"You have exceeded a secondary rate limit")


def _ietf(_: Query) -> Answer:
    return _answer(429, RateLimit='"default";r=0;t=30', RateLimit_Policy='"default";q=100;w=60')


def _in_seconds(query: Query) -> Answer:
    return _answer(int(query.get("status", 429)), Retry_After=query.get("in", "60"))


def _encoded(body: bytes, *codings: str) -> Answer:
    return _answer(200, body, Content_Encoding=", ".join(codings))


@cache
def _bomb(times: int) -> bytes:
    """64 MiB of nothing, compressed."""
    body = bytes(64 * 2**20)
    for _ in range(times):
        body = gzip.compress(body, 1)
    return body


ANSWERS: Final[Mapping[str, Callable[[Query], Answer]]] = {
    "": lambda _: Answer(),
    "status": lambda query: _answer(int(query["code"])),
    "size": lambda query: Answer(body=bytes(int(query["bytes"]))),
    "github-primary": lambda _: _github(403, 0),
    "github-primary-429": lambda _: _github(429, 0),
    "github-secondary": _secondary,
    "github-secondary-in-the-body": _secondary_in_the_body,
    "github-permission": lambda _: _github(403, 4000, b"Resource not accessible by integration"),
    "retry-after-seconds": _in_seconds,
    "retry-after-date": lambda _: _answer(503, Retry_After=formatdate(time.time() + 60, usegmt=True)),
    "retry-after-nonsense": lambda _: _answer(503, Retry_After="soon"),
    "ietf-rate-limit": _ietf,
    "redirect": lambda query: _answer(int(query.get("status", 302)), Location=query["to"]),
    "redirect-loop": lambda _: _answer(302, Location="/redirect-loop"),
    "redirect-nowhere": lambda _: _answer(302, Location="https://[::1/"),
    "bomb": lambda _: _encoded(_bomb(1), "gzip"),
    "bomb-in-a-bomb": lambda _: _encoded(_bomb(2), "gzip", "gzip"),
    "onion": lambda _: _encoded(b"", *["gzip"] * 5000),
    "not-gzip": lambda _: _encoded(b"this is no gzip", "gzip"),
    "heavy-headers": lambda _: Answer(headers=tuple((f"x-{number}", "y" * 900) for number in range(80))),
}

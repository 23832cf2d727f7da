"""The record of one call: what was asked, what each attempt met, how long it took."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from loguru import logger

from tux_http.records import recent

if TYPE_CHECKING:
    import httpx

EXTENSION = "tux_http"
"""The key under which requests and responses carry their `Call` in `.extensions`."""

Refuser: TypeAlias = Literal["breaker", "quota", "lane", "guard"]
"""The layers that refuse calls."""

Wait: TypeAlias = Literal["backoff", "asked"]
"""Why a repetition waited: by our own rule, or because the upstream asked for it."""

HELD_BACK: Final = frozenset({"breaker", "quota", "lane"})
"""Layers that refuse before an upstream is asked. A busy bot is refused a lot, and hears it once (see `noise`)."""


_references: Final = random.Random()  # noqa: S311  # not secret, and drawn for every call
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_references.seed)  # or a child would draw its parent's


def new_reference() -> str:
    """Eight hex digits that a person can read out and an operator can search the log for."""
    return f"{_references.getrandbits(32):08x}"


def public_url(url: httpx.URL) -> str:
    """The URL without what may be secret: userinfo, query and fragment."""
    if url.scheme and url.host:  # put together, for httpx parses anew what copy_with gives
        return f"{url.scheme}://{url.netloc.decode('ascii')}{public_path(url)}"
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def public_path(url: httpx.URL) -> str:
    """The path as it is sent, without the query."""
    return url.raw_path.partition(b"?")[0].decode("ascii", "replace")


@dataclass(slots=True)
class Attempt:
    """One request that went to the network. Times are seconds; `started` counts from the call's start.

    If it was repeated because it failed, `wait` is for how long that waited, and `wait_because` why.
    """

    started: float
    elapsed: float | None = None
    status: int | None = None
    error: str | None = None
    http_version: str | None = None
    wait: float | None = None
    wait_because: Wait | None = None


def _no_attempts() -> list[Attempt]:
    return []


@dataclass(slots=True)
class Call:
    """What happened to a call, written as it happens; logs, metrics and the error layer read it.

    `url` has no userinfo, query or fragment. `waited` is the time spent in queues and back-off,
    `elapsed` the time until the answer (or its head, when streaming), both in seconds. `breaker` is the
    state in which the last attempt found its origin's circuit: "closed", "half-open" or "open".
    `answered` is the status of the answer, which the cache may have given, and `error` the class of what was
    raised in place of one.
    `cache` is how the cache answered: "hit" is a good answer from it, "revalidated" one that the upstream said
    is still good, "stale" an old one, "miss" the upstream's; None if it was not asked. `cached_age` is how old
    an answer from it was, in seconds; `stale_because`, why an old one was given: the name of an error or "504",
    a status, "slow" or "refreshing". `coalesced` says that another call's answer was this one's too, and that
    the attempts are that call's.
    `refused_by` is the layer of ours that refused it: "breaker", "quota", "lane" or "guard".
    `lacks` are the scopes or permissions of which the token would have needed one, as far as the upstream says so.
    `limited_until` is when calls like it may be sent again, if its last answer was a limit's refusal.
    """

    method: str
    url: str
    path: str
    api: str | None = None
    reference: str = field(default_factory=new_reference)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    attempts: list[Attempt] = field(default_factory=_no_attempts)
    waited: float = 0.0
    elapsed: float | None = None
    answered: int | None = None
    error: str | None = None
    cache: Literal["hit", "miss", "revalidated", "stale"] | None = None
    cached_age: float | None = None
    stale_because: str | None = None
    coalesced: bool = False
    breaker: str | None = None
    refused_by: Refuser | None = None
    limited_until: datetime | None = None
    lacks: tuple[str, ...] | None = None
    _clock: float = field(default_factory=time.perf_counter, repr=False)

    @classmethod
    def of(cls, request: httpx.Request, *, api: str | None) -> Call:
        url = request.url
        return cls(method=request.method, url=public_url(url), path=public_path(url), api=api)

    def anew(self) -> Call:
        """A record for the same call on the same clock, in which nothing has happened."""
        given = (self.method, self.url, self.path, self.api, self.reference, self.started_at)
        return type(self)(*given, _clock=self._clock)

    @property
    def status(self) -> int | None:
        """That of the answer, or, without one, of the last attempt."""
        if self.answered is not None:
            return self.answered
        return self.attempts[-1].status if self.attempts else None

    @property
    def http_version(self) -> str | None:
        return self.attempts[-1].http_version if self.attempts else None

    def age(self) -> float:
        """Seconds since the call began."""
        return time.perf_counter() - self._clock

    def attempt(self) -> Attempt:
        """Opens the record of one more attempt."""
        self.attempts.append(attempt := Attempt(started=self.age()))
        return attempt

    def end(self) -> None:
        self.elapsed = self.age()


def call_of(carrier: httpx.Response | BaseException) -> Call | None:
    """The record that a response or an exception of this service carries, if it does."""
    extensions: dict[str, object] = getattr(carrier, "extensions", {})
    found = extensions.get(EXTENSION) or getattr(carrier, "call", None)
    return found if isinstance(found, Call) else None


def report(call: Call, error: BaseException | None = None) -> None:
    """Keeps the record, and logs its one line: api, method, path without query, outcome, ms, attempts, reference.

    At DEBUG where no upstream was asked, or for another call that has its line: a busy bot answers most so.
    """
    if error is not None:
        call.error = type(error).__name__
    recent.ended(call)
    asked = (bool(call.attempts) and not call.coalesced) or _went_wrong(call)
    logger.log(
        "INFO" if asked else "DEBUG",
        "{} {} {} -> {} in {:.0f} ms, {} attempt(s), ref {}",
        call.api or "-",
        call.method,
        call.path,
        call.error if error is not None else _outcome(call),
        (call.elapsed or 0.0) * 1000,
        len(call.attempts),
        call.reference,
        call=call,
    )


def _went_wrong(call: Call) -> bool:
    return call.error is not None and call.refused_by not in HELD_BACK


def _outcome(call: Call) -> str:
    if call.lacks and call.status == HTTPStatus.FORBIDDEN:  # a 404 is for what does not exist, mostly
        return f"{call.status} (the token lacks {' or '.join(call.lacks)})"
    if call.cached_age is None:
        return str(call.status)
    because = f" ({call.stale_because})" if call.stale_because else ""
    return f"{call.status} {call.cache}, {call.cached_age:.0f} s old{because},"

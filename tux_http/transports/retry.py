"""The retry layer: repeats what failed, where that is safe, may help, is paid for and in time."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import re
import time
from datetime import UTC, datetime
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx
import msgspec

from tux_http.errors import BlockedAddress, CircuitOpen, LaneFull
from tux_http.limits import limit_of, retry_after
from tux_http.options import options_of
from tux_http.policy import Retry
from tux_http.transports.layer import Layer, deadline_at, record_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tenacity import RetryCallState

    from tux_http.call import Wait
    from tux_http.transports.budget import Budget

Outcome: TypeAlias = httpx.Response | httpx.HTTPError
"""What one attempt came to."""

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""RFC 9110, section 9.2.2."""

TRANSIENT_STATUSES: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
TRANSIENT_ERRORS: Final = (
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
)

UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Raised before a byte of the request left."""

REFUSALS: Final = (BlockedAddress, CircuitOpen, LaneFull)
"""Kinds of `UNSENT` that are our own word: asking again at once gets the same answer."""

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_ZERO: Final = re.compile(r"0+")
_LARGEST_EXPONENT: Final = 64  # any cap is reached by then, and a float still holds it


def is_repeatable(request: httpx.Request, outcome: Outcome) -> bool:
    """Whether sending the request once more is safe and may end better.

    POST and PATCH count as safe with an `Idempotency-Key`, or where the call said `retry=True`; a `Retry`
    of the call says how often and when, not that it is safe.
    """
    wanted = options_of(request).retry
    if wanted is False or not is_rewindable(request) or isinstance(outcome, REFUSALS):
        return False
    if isinstance(outcome, UNSENT):
        return True
    return (wanted is True or is_idempotent(request)) and is_transient(outcome)


def is_rewindable(request: httpx.Request) -> bool:
    """Whether the body can be sent twice; httpx's other streams can be read only once."""
    return isinstance(request.stream, httpx.ByteStream)


def is_idempotent(request: httpx.Request) -> bool:
    return request.method in IDEMPOTENT or bool(request.headers.get("idempotency-key"))


def is_transient(outcome: Outcome) -> bool:
    """Whether an attempt failed in a way that often passes."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in TRANSIENT_STATUSES
    return isinstance(outcome, TRANSIENT_ERRORS)


def is_throttled(outcome: Outcome) -> bool:
    return isinstance(outcome, httpx.Response) and outcome.status_code == HTTPStatus.TOO_MANY_REQUESTS


def backoff(policy: Retry, retries: int, outcome: Outcome, draw: float) -> float:
    """Seconds before the next attempt: exponential, with full jitter.

    Args:
        policy: Of the API or the call.
        retries: How many were made already.
        outcome: Of the last attempt.
        draw: Where in the range the jitter falls, from 0 to 1.
    """
    base = policy.throttled_backoff if is_throttled(outcome) else policy.backoff
    return draw * min(policy.max_backoff, base * 2.0 ** min(retries, _LARGEST_EXPONENT))


def told_wait(outcome: Outcome, now: datetime) -> float | None:
    """Seconds that the upstream asks for: None if it does not ask, infinite if it makes no sense.

    A 429 without `Retry-After` may still tell when its limit is whole again (see `limits`).
    """
    if not isinstance(outcome, httpx.Response):
        return None
    if "retry-after" in outcome.headers:
        return _retry_after(outcome.headers, now)
    limit = limit_of(outcome, now)
    return None if limit is None or limit.retry_at is None else (limit.retry_at - now).total_seconds()


def _retry_after(headers: Mapping[str, str], now: datetime) -> float:
    if (moment := retry_after(headers, now)) is not None:
        return (moment - now).total_seconds()
    return 0.0 if _is_over(headers) else math.inf


def _is_over(headers: Mapping[str, str]) -> bool:
    """Whether a `Retry-After` that asks for no wait is at least well-formed: zero, or a date gone by."""
    is_zero = _ZERO.fullmatch(headers["retry-after"].strip()) is not None
    return is_zero or retry_after(headers, _EPOCH) is not None  # seen from 1970, every date is to come


def _now() -> datetime:
    return datetime.now(UTC)


class Retrier(Layer):
    """Makes up to `policy.attempts` attempts of a request; the caller gets the last one's outcome.

    A call that brings a `Retry` of its own goes by that, at the expense of the same budget.

    Args:
        inner: The layer below; each attempt passes through it from the start.
        policy: Of the API.
        budget: Of the API; kept by it, so that reopening does not refill it.
        clock: In seconds, the one that `tux_http.deadline_at` is of.
        wall: The time of day, for `Retry-After` dates.
        sleep: Waits for seconds.
        draw: Random numbers from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        policy: Retry,
        budget: Budget,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = _now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(inner)
        self.policy = policy
        self.budget = budget
        self.clock = clock
        self.wall = wall
        self.sleep = sleep
        self.draw = draw

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wanted = options_of(request).retry
        policy = wanted if isinstance(wanted, Retry) else self.policy
        return await _Attempts(self, self._inner, request, policy).response()


class _Attempts(msgspec.Struct):
    """One request's walk through tenacity's loop, which asks in turn: repeat? wait how long? stop?

    The first attempt is made before it, for most are not repeated and the loop takes time to set up.
    `spent` are the tokens of retries that were sent, `reserved` those of one that still waits.
    """

    layer: Retrier
    inner: httpx.AsyncBaseTransport
    request: httpx.Request
    policy: Retry
    first: Outcome | None = None
    spent: int = 0
    reserved: int = 0
    wait_because: Wait = "backoff"

    async def response(self) -> httpx.Response:
        outcome = await self._attempt()
        if is_repeatable(self.request, outcome):
            self.first = outcome
            outcome = await self._loop()
        if isinstance(outcome, httpx.Response):
            if not outcome.is_error:
                self.layer.budget.put(self.spent or 1)
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # an error that its own traceback refers to would wait for the garbage collector

    async def _loop(self) -> Outcome:
        from tenacity import AsyncRetrying  # noqa: PLC0415  # see `load`

        loop = AsyncRetrying(
            retry=self._repeat,
            wait=self._wait,
            stop=self._stop,
            before_sleep=_discard,
            sleep=self._sleep,
            retry_error_callback=_outcome,
        )
        try:
            return await loop(self._attempt)
        finally:
            loop.iter_state.reset()  # it refers to the loop, which would wait for the garbage collector
            self.layer.budget.put(self.reserved)  # of a retry that was cancelled while it waited

    async def _attempt(self) -> Outcome:
        if (first := self.first) is not None:
            self.first = None
            return first
        self.spent, self.reserved = self.spent + self.reserved, 0
        try:
            return await self.inner.handle_async_request(self.request)
        except httpx.HTTPError as exc:
            return exc

    def _repeat(self, state: RetryCallState) -> bool:
        return is_repeatable(self.request, _outcome(state))  # raises what is no outcome, a cancellation say

    def _wait(self, state: RetryCallState) -> float:
        outcome, layer = _outcome(state), self.layer
        told = told_wait(outcome, layer.wall())
        self.wait_because = "asked" if told else "backoff"
        return told or backoff(self.policy, state.attempt_number - 1, outcome, layer.draw())

    def _stop(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self.policy.attempts or not self._is_in_time(state.upcoming_sleep):
            return True
        return not self._reserve(_outcome(state))

    def _is_in_time(self, wait: float) -> bool:
        deadline = deadline_at(self.request)
        if deadline is None:  # nobody said how long is too long: no longer than a back-off may be
            return wait <= self.policy.max_backoff
        return self.layer.clock() + wait < deadline

    def _reserve(self, outcome: Outcome) -> bool:
        cost = self.policy.throttled_cost if is_throttled(outcome) else self.policy.cost
        paid = self.layer.budget.take(cost)
        self.reserved = cost if paid else 0
        return paid

    async def _sleep(self, seconds: float) -> None:
        call, started = record_of(self.request), self.layer.clock()
        if call is not None and call.attempts:
            call.attempts[-1].wait, call.attempts[-1].wait_because = seconds, self.wait_because
        try:
            await self.layer.sleep(seconds)
        finally:
            if call is not None:
                call.waited += self.layer.clock() - started


def load() -> None:
    """Imports tenacity, before it is needed."""
    import_module("tenacity")


def _outcome(state: RetryCallState) -> Outcome:
    assert state.outcome is not None, "tenacity asks after an attempt"
    return state.outcome.result()


async def _discard(state: RetryCallState) -> None:
    """Frees the connection of an answer that nobody will read."""
    outcome = _outcome(state)
    if isinstance(outcome, httpx.Response):
        with contextlib.suppress(httpx.HTTPError):  # the answer is given up, and so is how it ends
            await outcome.aclose()

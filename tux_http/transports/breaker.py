"""The breaker layer: leaves an origin alone while it fails, and tries it with one call at a time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx
from loguru import logger

from tux_http.errors import BlockedAddress, CircuitOpen, DeadlineExceeded
from tux_http.options import options_of
from tux_http.transports.circuit import Verdict
from tux_http.transports.layer import Layer, deadline_at, note_refusal, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from tux_http.transports.circuit import Circuit, Circuits, Downtime, Permit, State

PATIENCE: Final = 5.0
"""Seconds that an upstream must have had a call for the deadline's end to count as its time-out."""

FAILURES: Final = (httpx.TimeoutException, httpx.NetworkError, httpx.ProtocolError)
OURS: Final = (httpx.PoolTimeout, httpx.LocalProtocolError, BlockedAddress)
"""Kinds of `FAILURES` that are our own doing, not the origin's; `LaneFull` is a `PoolTimeout`."""

_RESOLUTION: Final = 0.01  # seconds; a loop's timers may fire this much early


def origin_of(url: httpx.URL) -> str:
    """Scheme, host and port, the port only where it is not the scheme's own; no userinfo."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def verdict_of(outcome: httpx.Response | Exception) -> Verdict:
    """What an answer or error says about its origin.

    5xx other than 501 are failures: that server works and only lacks the method. A body that can't be
    decoded or is too large came from an origin that answers. What never left us says nothing.
    """
    if isinstance(outcome, httpx.Response):
        failed = outcome.is_server_error and outcome.status_code != HTTPStatus.NOT_IMPLEMENTED
        return Verdict.FAILURE if failed else Verdict.SUCCESS
    if isinstance(outcome, FAILURES):
        return Verdict.NONE if isinstance(outcome, OURS) else Verdict.FAILURE
    return Verdict.SUCCESS if isinstance(outcome, httpx.DecodingError) else Verdict.NONE


def _now() -> datetime:
    return datetime.now(UTC)


class CircuitBreaker(Layer):
    """Refuses calls to origins whose circuit is open.

    Args:
        inner: The layer below.
        circuits: Of the API; kept by it, so that reopening does not forget what failed.
        api: The API's name.
        title: What the log calls it; its name if not given.
        clock: In seconds, the one that `tux_http.deadline_at` is of.
        wall: The time of day, for `CircuitOpen.retry_at`.
        patience: In seconds; see `PATIENCE`.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        circuits: Circuits,
        *,
        api: str | None = None,
        title: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = _now,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(inner)
        self._circuits = circuits
        self._api = api
        self._title = title or api or "-"
        self._clock = clock
        self._wall = wall
        self._patience = patience

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx.

        Raises:
            CircuitOpen: The origin fails, and it is not time to try it, or another call does.
            DeadlineExceeded: It was time, and this call found no answer within `Breaker.probe_timeout`.
        """
        if options_of(request).breaker is False:
            return await self._inner.handle_async_request(request)
        origin = origin_of(request.url)
        circuit = self._circuits.of(origin)
        permit, time_held = self._admit(circuit, request), _stopwatch(request, self._clock)
        verdict = Verdict.NONE
        try:
            if permit.limit is None:
                response = await self._inner.handle_async_request(request)
            else:
                async with self._limited(permit.limit, time_held, request):
                    response = await self._inner.handle_async_request(request)
            verdict = verdict_of(response)
        except httpx.HTTPError as exc:
            verdict = verdict_of(exc)
            raise
        except asyncio.CancelledError:
            if self._is_overdue(request) and time_held() >= self._patience:
                verdict = Verdict.FAILURE
            raise
        finally:
            before, now = circuit.downtime, self._clock()
            circuit.settle(permit, verdict, now, took=time_held())
            if circuit.downtime is not before:
                self._tell(origin, before, now)
        return response

    def _admit(self, circuit: Circuit, request: httpx.Request) -> Permit:
        now = self._clock()
        _note(request, circuit.state(now))
        if (permit := circuit.admit(now)) is None:
            note_refusal(request, by="breaker")
            retry_at = self._wall() + timedelta(seconds=circuit.retry_at(now) - now)
            origin = origin_of(request.url)
            raise CircuitOpen(origin=origin, retry_at=retry_at, api=self._api, request=request)
        return permit

    @contextlib.asynccontextmanager
    async def _limited(
        self, limit: float, time_held: Callable[[], float], request: httpx.Request
    ) -> AsyncGenerator[None]:
        """Ends a probe that the upstream has had for `limit` seconds."""
        scope = asyncio.timeout(None)
        try:
            async with scope:
                with _expiring(scope, lambda: limit - time_held()):
                    yield
        except TimeoutError as exc:
            if not scope.expired():
                raise
            # Not CircuitOpen, which is a ConnectError and so says that nothing was sent: whoever heeds that
            # would repeat a POST. And not ReadTimeout: the retry would be the next probe, and wait as long.
            raise DeadlineExceeded(limit=limit, api=self._api, request=request) from exc

    def _tell(self, origin: str, over: Downtime | None, now: float) -> None:
        """The log's line of a circuit that has opened, or of the downtime that is over."""
        line = logger.bind(api=self._api, origin=origin)
        if over is None:
            line.warning("{}: failing, and left alone from now on ({})", self._title, origin)
            return
        seconds = now - over.since
        line.bind(seconds=round(seconds, 1), refused=over.refused, stale=over.stale).warning(
            "{}: back after {}, {} call{} refused, {} answered stale ({})",
            self._title,
            duration(seconds),
            over.refused,
            "" if over.refused == 1 else "s",
            over.stale,
            origin,
        )

    def _is_overdue(self, request: httpx.Request) -> bool:
        """Whether a cancellation is the deadline's: it comes as one, and so most hung upstreams end."""
        deadline = deadline_at(request)
        return deadline is not None and self._clock() >= deadline - _RESOLUTION


def _stopwatch(request: httpx.Request, clock: Callable[[], float]) -> Callable[[], float]:
    """Tells for how many seconds from now on the upstream had the request; our queues don't count."""
    started, call = clock(), record_of(request)
    if call is None:
        return lambda: clock() - started
    before = len(call.attempts)
    return lambda: call.age() - call.attempts[before].started if len(call.attempts) > before else 0.0


@contextlib.contextmanager
def _expiring(scope: asyncio.Timeout, time_left: Callable[[], float]) -> Generator[None]:
    """Lets a scope expire when no time is left. Time may stand still, but never runs faster than the loop's."""
    loop = asyncio.get_running_loop()

    def check() -> None:
        nonlocal timer
        if (left := time_left()) > _RESOLUTION:
            timer = loop.call_later(left, check)
        else:
            scope.reschedule(loop.time())

    timer = loop.call_later(time_left(), check)
    try:
        yield
    finally:
        timer.cancel()


def duration(seconds: float) -> str:
    """In hours, minutes and seconds, those that are there: "3 min 12 s"."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if count]
    return " ".join(parts) or "0 s"


def _note(request: httpx.Request, state: State) -> None:
    if (call := record_of(request)) is not None:
        call.breaker = state

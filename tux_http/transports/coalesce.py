"""The coalesce layer: equal GETs and HEADs that are under way at the same time are one.

What walks down to the layers below is a flight: a task that is the layer's own and no caller's, so that each
of those who wait for it may leave and do the others no harm. It is ended when the last one leaves.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
from msgspec import structs

from tux_http.call import EXTENSION, Call
from tux_http.options import EXTENSION as OPTIONS
from tux_http.options import CallOptions, options_of
from tux_http.transports.layer import DEADLINE_AT, Layer, deadline_at, record_of

if TYPE_CHECKING:
    from collections.abc import Hashable

METHODS: Final = frozenset({"GET", "HEAD"})

INDIFFERENT: Final = frozenset(
    {
        b"connection",  # of one hop (RFC 9110, section 7.6.1), as are the next two
        b"keep-alive",
        b"proxy-connection",
        b"traceparent",  # these name a call, not what it asks for (W3C Trace Context and Baggage)
        b"tracestate",
        b"baggage",
        b"x-request-id",
    }
)
"""Header fields that make no difference to an answer."""

OF_A_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})

OWN: Final = frozenset(
    {
        "method",
        "url",
        "path",
        "api",
        "reference",
        "started_at",
        "elapsed",
        "answered",
        "error",
        "coalesced",
        "_clock",
    }
)
"""Fields of a `Call` that each of those who share a flight has for itself."""

_TOLD: Final = tuple(
    field.name for field in dataclasses.fields(Call) if field.name not in OWN | {"attempts", "waited"}
)
"""Fields that the flight's record hands on as they are; None where the flight has nothing to say."""

_OURS: Final = frozenset({EXTENSION, DEADLINE_AT, OPTIONS})  # extensions that are compared otherwise, or not


class Question(NamedTuple):
    """What makes two requests equal. Extensions that this module does not know count, httpx's time-outs also."""

    method: str
    scheme: str
    netloc: bytes
    target: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    extensions: tuple[tuple[str, Hashable], ...]
    options: CallOptions

    @property
    def is_background(self) -> bool:
        return self.options.priority == "background"

    def by_people(self) -> Question:
        """The same question, asked for somebody who waits."""
        return self._replace(options=structs.replace(self.options, priority="interactive"))


def question_of(request: httpx.Request) -> Question | None:
    """What a request asks; None if its answer is to be its own.

    That is so for calls that stream, that have a body, and that want nothing kept: such a call is to be
    answered by nothing but the upstream's word to itself.
    """
    options = options_of(request)
    if request.method not in METHODS or options.streaming or options.cache == "no-store":
        return None
    fields = _deciding(tuple(request.headers.raw))
    if fields is None:
        return None
    if options.deadline is not None or options.caller is not None:
        options = structs.replace(options, deadline=None, caller=None)
    url = request.url
    question = Question(
        request.method,
        url.scheme,
        url.netloc,
        url.raw_path,
        fields,
        tuple([(name, _frozen(it)) for name, it in request.extensions.items() if name not in _OURS]),
        options,
    )
    try:
        hash(question)
    except TypeError:  # an extension of somebody else's, of which we can't tell whether it is equal
        return None
    return question


@lru_cache(maxsize=256)  # most calls of an API have the same ones
def _deciding(fields: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...] | None:
    """The fields that make a difference to an answer; None if they say that it is to be the request's own."""
    found = [(name, value) for raw, value in fields if (name := raw.lower()) not in INDIFFERENT]
    wants_nothing_kept = any(name == b"cache-control" and b"no-store" in told.lower() for name, told in found)
    return None if wants_nothing_kept or not OF_A_BODY.isdisjoint(name for name, _ in found) else tuple(found)


def _frozen(value: Any) -> Hashable:
    return tuple(value.items()) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


class Coalesce(Layer):
    """Has those who ask the same at the same time wait for one answer, of which each gets a copy.

    A background call may join others; nobody who waits for an answer joins a background call, which is
    refused first when a quota runs low. Flights live on the loop of the connections below, and no longer.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        super().__init__(inner)
        self._flights: dict[Question, Flight] = {}
        self._tasks: set[asyncio.Task[httpx.Response]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx.

        Raises:
            httpx.ReadError: The layer was closed meanwhile.
        """
        question = question_of(request)
        if question is None:
            return await self._inner.handle_async_request(request)
        flight = self._under_way(question)
        if flight is None:
            flight = self._started(question, request)
        elif (call := record_of(request)) is not None:
            call.coalesced = True
        return await flight.outcome_for(request)

    async def aclose(self) -> None:
        """Ends the flights, with an error for those who wait, and closes what is below."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await super().aclose()

    def _under_way(self, question: Question) -> Flight | None:
        asked = (question.by_people(), question) if question.is_background else (question,)
        for each in asked:
            flight = self._flights.get(each)
            if flight is not None and flight.is_awaited:  # otherwise it is being ended
                return flight
        return None

    def _started(self, question: Question, request: httpx.Request) -> Flight:
        self._flights[question] = flight = Flight(self._inner, request)
        self._tasks.add(flight.task)
        flight.task.add_done_callback(functools.partial(self._landed, question, flight))
        return flight

    def _landed(self, question: Question, flight: Flight, task: asyncio.Task[httpx.Response]) -> None:
        self._tasks.discard(task)
        if self._flights.get(question) is flight:
            del self._flights[question]
        flight.land()


class Flight:
    """One request on its way for several callers, in the context of the first."""

    def __init__(self, inner: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
        self._record = (record_of(request) or Call.of(request, api=None)).anew()
        self._waiting = Waiting(deadline_at(request))
        # Neither the request nor the record leads back to the flight: an error's traceback holds them, the
        # flight's task the error, and a circle would wait for the garbage collector.
        extensions = {**request.extensions, EXTENSION: self._record, DEADLINE_AT: self._waiting.deadline}
        own = _of_its_own(request, extensions)
        self.task = asyncio.get_running_loop().create_task(inner.handle_async_request(own))
        self._callers = 0

    @property
    def is_awaited(self) -> bool:
        return bool(self._waiting)

    def land(self) -> None:
        """Wakes those who wait."""
        if not self.task.cancelled():
            self.task.exception()  # theirs to raise; if nobody is left, no news
        self._waiting.end()

    async def outcome_for(self, request: httpx.Request) -> httpx.Response:
        """Waits for the outcome; gives or raises a copy of it, and tells the record of a request of its way."""
        self._callers += 1
        landing, call = self._waiting.join(deadline_at(request)), record_of(request)
        joined = 0.0 if call is None else call.age()
        try:
            await landing
        except asyncio.CancelledError:
            if not self._waiting.leave(landing):
                # Awaited, as the caller would have awaited its own request: then nothing of it is left.
                self.task.cancel()
                await asyncio.wait({self.task})
            raise
        finally:
            if call is not None:
                self._tell(call, joined)
        return self._outcome(request)

    def _tell(self, call: Call, joined: float) -> None:
        """Writes into a caller's record, after what redirects left there, what happened until now."""
        record, now = self._record, call.age()
        shift = now - record.age()
        for attempt in record.attempts:
            call.attempts.append(dataclasses.replace(attempt, started=attempt.started + shift))
        call.waited += min(record.waited, now - joined)
        for name in _TOLD:
            if (value := getattr(record, name)) is not None:
                setattr(call, name, value)

    def _outcome(self, request: httpx.Request) -> httpx.Response:
        if self.task.cancelled():  # not by those who wait, or they would not be here
            raise httpx.ReadError("the client was closed", request=request)
        if (error := self.task.exception()) is not None:
            raise own_error(error, request)
        response = self.task.result()
        if self._callers > 1:
            return own_response(response, request)
        response.request = request
        return response


class Waiting:
    """Who waits for a flight, each until its deadline, and so how long the flight may take.

    Deadlines are in seconds of the loop's clock, None for no end. The first one is that of who starts the flight.
    """

    def __init__(self, first: float | None) -> None:
        self._until: dict[asyncio.Future[None], float] = {}
        self._latest = _end(first)

    def __bool__(self) -> bool:
        return bool(self._until)

    def join(self, deadline: float | None) -> asyncio.Future[None]:
        """What is done when the flight is."""
        landing = asyncio.get_running_loop().create_future()
        self._until[landing] = until = _end(deadline)
        self._latest = max(self._latest, until)
        return landing

    def leave(self, landing: asyncio.Future[None]) -> bool:
        """Whether others wait on, or the flight is over. The last one's deadline stays, to be judged by."""
        until = self._until.pop(landing, None)
        if until is None:
            return True
        if until == self._latest:
            self._latest = max(self._until.values(), default=until)
        return bool(self._until)

    def end(self) -> None:
        for landing in self._until:
            if not landing.done():
                landing.set_result(None)
        self._until.clear()

    def deadline(self) -> float | None:
        """The last of the deadlines; None if one has no end."""
        return None if self._latest == math.inf else self._latest


def _end(deadline: float | None) -> float:
    return math.inf if deadline is None else deadline


def own_response(response: httpx.Response, request: httpx.Request) -> httpx.Response:
    """A complete response once more, by the way of httpx's pickling: its constructor takes several times as long."""
    own = type(response).__new__(type(response))
    state = response.__getstate__()
    own.__setstate__(
        {**state, "headers": response.headers.copy(), "history": list(response.history), "_request": request}
    )
    own.extensions = {name: value for name, value in response.extensions.items() if name != EXTENSION}
    return own


def own_error(error: BaseException, request: httpx.Request) -> BaseException:
    """An exception once more, without a call of its constructor, which may ask for anything.

    It knows where the first one came from; what is added to its traceback or its notes is its own.
    """
    own = type(error).__new__(type(error), *error.args)
    own.__dict__ |= {name: value for name, value in error.__dict__.items() if name != "call"}
    if "__notes__" in own.__dict__:
        own.__notes__ = list(own.__notes__)
    own.__cause__, own.__context__ = error.__cause__, error.__context__
    own.__suppress_context__ = error.__suppress_context__
    if isinstance(own, httpx.HTTPError):
        own.request = request
    if isinstance(own, httpx.HTTPStatusError):
        own.response = own_response(own.response, request)
    return own.with_traceback(error.__traceback__)


def _of_its_own(request: httpx.Request, extensions: dict[str, Any]) -> httpx.Request:
    """The same request with other extensions; httpx's constructor would take it all apart again."""
    own = httpx.Request.__new__(httpx.Request)
    own.__dict__ |= request.__dict__
    own.extensions = extensions
    return own

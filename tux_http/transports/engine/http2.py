"""HTTP/2 for the pool, on h2: many requests on one connection that do not harm one another.

RFC 9113. What a request does to the connection ends with the request: leaving, timing out and failing
reset its own stream (section 5.4.2). The connection's flow-control window is given back as bytes
arrive, a stream's as its reader takes them, so a reader that stopped stops nobody else (section 5.2).
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import time
from collections.abc import AsyncIterable
from functools import partial
from typing import TYPE_CHECKING

import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import httpcore2

from tux_http.pace import pace
from tux_http.transports.engine.extensions import timeout_of, traced
from tux_http.transports.engine.goaway import GoAway, GoAwayFilter
from tux_http.transports.engine.liveness import SILENCE, Liveness
from tux_http.transports.engine.messages import (
    CONNECTION_WINDOW,
    MAX_STREAMS,
    MAX_UNREAD,
    STREAM_WINDOW,
    Response,
    error_name,
    handshake,
    request_fields,
)
from tux_http.transports.engine.patience import Patience
from tux_http.transports.engine.resend import resendable, resent
from tux_http.transports.engine.slots import Slots
from tux_http.transports.engine.stream import Body, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from tux_http.transports.engine.stream import Head
    from tux_http.transports.engine.wire import Wire


class HTTP2Connection(httpcore2.AsyncConnectionInterface):
    """One HTTP/2 connection. Driven by its socket's callbacks; it owns no task."""

    def __init__(
        self,
        origin: httpcore2.Origin,
        wire: Wire,
        keepalive_expiry: float | None,
        on_change: Callable[[], None],
    ) -> None:
        self._origin = origin
        self._wire = wire
        self._keepalive_expiry = keepalive_expiry
        self._on_change = on_change
        self._h2 = handshake()
        self._frames = GoAwayFilter()
        self._streams: dict[int, Stream] = {}
        self._slots = Slots(MAX_STREAMS)
        self._unacknowledged = 0
        self._unread = 0  # bytes of answers to pings and the like, since the server takes none
        self._goaway: GoAway | None = None
        self._liveness = Liveness(time.monotonic())
        self._patience = Patience(self._ask)
        self._answered = asyncio.Event()  # set unless a ping's answer is due
        self._answered.set()
        self._requests = 0
        self._flushing = False
        self._exhausted = False  # no stream ids are left
        self._closed = False
        self._idle_since: float | None = time.monotonic()
        wire.on_data = self._receive
        wire.on_lost = self._lost
        self._flush()

    # Requests

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        fields, has_body = request_fields(request)
        await self._admit(request)
        stream = self._open(fields, has_body=has_body)
        try:
            async with traced(request, "http2.send_request_body"):
                await self._send_body(request, stream, timeout_of(request, "write"))
            async with traced(request, "http2.receive_response_headers"):
                head = await self._head(stream, timeout_of(request, "read"))
            await pace()  # answers to many come in one piece
        except BaseException as exc:
            self.leave(stream)
            if stream.error is exc and resendable(request, processed=stream.processed):
                raise resent(request, exc) from exc
            raise
        return Response(
            head,
            Body(partial(self.read, stream, timeout_of(request, "read")), partial(self.leave, stream)),
            {"http_version": b"HTTP/2", "network_stream": self._wire, "stream_id": stream.id},
        )

    async def _admit(self, request: httpcore2.Request) -> None:
        """Waits for a slot.

        Raises:
            httpcore2.ConnectionNotAvailable: The request has to go elsewhere; nothing of it was sent.
        """
        if not self._takes_requests():
            raise httpcore2.ConnectionNotAvailable
        await self._slots.take(timeout_of(request, "pool"))
        try:
            await self._answer()
        except BaseException:
            self._give_back()
            raise

    async def _answer(self) -> None:
        """Waits for the server's answer, if it was asked whether it is there."""
        if not self._answered.is_set():
            try:
                async with asyncio.timeout(self._liveness.patience(time.monotonic())):
                    await self._answered.wait()
            except TimeoutError as exc:
                raise httpcore2.ConnectionNotAvailable from exc
        if not self._takes_requests():  # any more
            raise httpcore2.ConnectionNotAvailable

    def _open(self, fields: list[tuple[bytes, bytes]], *, has_body: bool) -> Stream:
        try:
            stream_id = self._h2.get_next_available_stream_id()
            self._h2.send_headers(stream_id, fields, end_stream=not has_body)
        except (h2.exceptions.NoAvailableStreamIDError, h2.exceptions.TooManyStreamsError) as exc:
            self._exhausted = isinstance(exc, h2.exceptions.NoAvailableStreamIDError)
            self._slots.give()
            raise httpcore2.ConnectionNotAvailable from exc
        except h2.exceptions.ProtocolError as exc:
            self._slots.give()
            raise httpcore2.LocalProtocolError(str(exc)) from exc
        if not self._streams:
            self._liveness.expect(time.monotonic())
        stream = Stream(stream_id, received_before=self._wire.received, complete=not has_body)
        self._streams[stream_id] = stream
        self._requests += 1
        self._idle_since = None
        self._flush_soon()
        return stream

    async def _send_body(self, request: httpcore2.Request, stream: Stream, seconds: float | None) -> None:
        if stream.sent:
            return
        assert isinstance(request.stream, AsyncIterable)
        async for chunk in request.stream:
            await self._send_data(stream, chunk, seconds)
            if stream.is_over:
                break
        if not stream.is_over:  # answered before the body was sent, or failed: the head says which
            self._h2.end_stream(stream.id)
            stream.sent = True
            self._flush_soon()

    async def _send_data(self, stream: Stream, chunk: bytes, seconds: float | None) -> None:
        position = 0
        while position < len(chunk) and not stream.is_over:
            room = min(self._h2.local_flow_control_window(stream.id), self._h2.max_outbound_frame_size)
            if room <= 0:
                await self._wait(stream, seconds, httpcore2.WriteTimeout("the server took no byte in time"))
                continue
            self._h2.send_data(stream.id, chunk[position : position + room])
            self._flush()
            position += room
            await self._wire.drain(seconds)

    async def _head(self, stream: Stream, seconds: float | None) -> Head:
        while stream.head is None:
            if stream.error is not None:
                raise stream.error
            await self._wait(stream, seconds, httpcore2.ReadTimeout("no byte came in time"))
        return stream.head

    async def read(self, stream: Stream, seconds: float | None) -> bytes:
        """The bytes of the body that have arrived, waiting for some; none at the end."""
        while not stream.has_data:
            if stream.error is not None:
                raise stream.error
            if stream.ended:
                return b""
            await self._wait(stream, seconds, httpcore2.ReadTimeout("no byte came in time"))
        data = stream.take()
        if size := stream.returnable(STREAM_WINDOW // 2):
            self._h2.increment_flow_control_window(size, stream.id)
            self._flush_soon()
        return data

    async def _wait(self, stream: Stream, seconds: float | None, error: Exception) -> None:
        """Waits for something on a stream, and after some silence asks whether the server is there."""
        await self._patience.wait(stream.next_change(), seconds, error)

    def leave(self, stream: Stream) -> None:
        """Ends a stream, whatever its state; resets it if the server still works on it."""
        if self._streams.pop(stream.id, None) is None:
            return
        if not self._closed and stream.error is None and not (stream.ended and stream.sent):
            with contextlib.suppress(h2.exceptions.ProtocolError):  # closed by the server in this moment
                self._h2.reset_stream(stream.id, h2.errors.ErrorCodes.CANCEL)
            self._ask(SILENCE)
            self._flush_soon()
        self._h2.forget(stream.id)
        self._give_back()

    def _give_back(self) -> None:
        self._slots.give()
        if not self._streams:
            self._idle_since = time.monotonic()
            if not self._takes_requests():
                self._close()

    def _ask(self, quiet: float) -> None:
        if not self._closed and self._liveness.ask(time.monotonic(), quiet):
            self._answered.clear()
            with contextlib.suppress(h2.exceptions.ProtocolError):  # closed by the server in this moment
                self._h2.ping(b"tux_http")
            self._flush_soon()

    # What the server sends

    def _receive(self, data: bytes) -> None:
        try:
            data, farewells = self._frames.feed(data)
            events = self._h2.receive_data(data)
        except h2.exceptions.ProtocolError as exc:
            self._break_off(f"invalid HTTP/2: {type(exc).__name__}")
            return
        for event in events:
            self._handle(event)
        for farewell in farewells:
            self._say_goodbye(farewell)
        if self._unacknowledged > CONNECTION_WINDOW // 2:
            self._h2.increment_flow_control_window(self._unacknowledged)
            self._unacknowledged = 0
        self._unread = (self._unread + self._flush()) * self._wire.is_choked
        if self._unread > MAX_UNREAD:
            self._break_off("the server asks, and reads no answer")
        elif events or farewells:  # more than a piece of something, such as of headers that never end
            self._hear()

    def _break_off(self, reason: str) -> None:
        self._flush()  # h2 may have written a GOAWAY that says what was wrong
        self._fail_all(httpcore2.RemoteProtocolError(reason))
        self._close()

    def _hear(self) -> None:
        if self._liveness.hear(time.monotonic()):
            self._answered.set()
            self._on_change()

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.DataReceived():
                self._unacknowledged += event.flow_controlled_length or 0
            case h2.events.RemoteSettingsChanged():
                self._apply(event)
            case h2.events.WindowUpdated():
                self._wake_senders()
            case _:
                pass
        stream_id: int | None = getattr(event, "stream_id", None)
        if stream := self._streams.get(stream_id or 0):
            try:
                stream.hear(event)
            except httpcore2.RemoteProtocolError as exc:  # it concerns this stream only (section 8.1.1)
                with contextlib.suppress(h2.exceptions.ProtocolError):  # the server has closed it
                    self._h2.reset_stream(stream.id, h2.errors.ErrorCodes.PROTOCOL_ERROR)
                stream.fail(exc, processed=True)

    def _apply(self, event: h2.events.RemoteSettingsChanged) -> None:
        changed = event.changed_settings.get(h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS)
        if changed is not None:
            self._slots.resize(changed.new_value)
            self._on_change()
        self._wake_senders()  # the initial window may have grown

    def _wake_senders(self) -> None:
        for stream in self._streams.values():
            if not stream.sent:
                stream.wake()

    def _say_goodbye(self, farewell: GoAway) -> None:
        self._goaway = farewell
        reason = f"the server went away: {error_name(farewell.error_code)}"
        for stream in tuple(self._streams.values()):
            if stream.id > farewell.last_stream_id:
                stream.fail(httpcore2.RemoteProtocolError(reason), processed=False)
        self._slots.shut()
        if not self._streams:
            self._close()

    def _lost(self) -> None:
        self._fail_all(httpcore2.RemoteProtocolError("the server closed the connection"))
        self._closed = True
        self._slots.shut()
        self._answered.set()
        self._patience.stop()
        self._on_change()

    def _fail_all(self, error: Exception) -> None:
        kept_alive = self._requests > len(self._streams)
        for stream in self._streams.values():
            # As with HTTP/1.1: it most likely was closing already when the request was written.
            silent = kept_alive and stream.received_before == self._wire.received
            stream.fail(copy.copy(error), processed=None if silent and not self._closed else True)

    def _flush_soon(self) -> None:
        """Once this turn of the loop is over: what all streams have to say goes out in one piece."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> int:
        self._flushing = False
        data = self._h2.data_to_send()
        if data:
            with contextlib.suppress(httpcore2.WriteError):  # the streams hear of it from `_lost`
                self._wire.send(data)
        return len(data)

    # Closing: nothing here suspends, the pool's bookkeeping rests on it

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self._h2.close_connection()
                self._flush()
        self._slots.shut()
        self._answered.set()
        self._wire.abort()

    async def aclose(self) -> None:
        self._fail_all(httpcore2.ReadError("the client was closed"))
        self._close()

    # What the pool asks

    def _takes_requests(self) -> bool:
        usable = not self._closed and not self._exhausted and not self._wire.is_lost
        return usable and self._goaway is None and not self._liveness.is_lost(time.monotonic())

    @property
    def limit(self) -> int:
        """Streams at once, as far as the server said."""
        return self._slots.limit

    def can_handle_request(self, origin: httpcore2.Origin) -> bool:
        return origin == self._origin

    def is_available(self) -> bool:
        return self._takes_requests() and not self._slots.is_full

    def has_expired(self) -> bool:
        if not self.is_idle():
            return False
        overdue = (
            self._keepalive_expiry is not None
            and self._idle_since is not None
            and time.monotonic() > self._idle_since + self._keepalive_expiry
        )
        return overdue or not self._takes_requests()

    def is_idle(self) -> bool:
        return not self._closed and not self._streams and self._slots.none_taken

    def can_multiplex(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self._closed

    def info(self) -> str:
        state = "CLOSED" if self._closed else "IDLE" if self.is_idle() else "ACTIVE"
        return f"{str(self._origin)!r}, HTTP/2, {state}, Request Count: {self._requests}"

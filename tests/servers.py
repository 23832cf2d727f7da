"""Real servers on loopback for the engine's tests: HTTP/2 on h2, and scripted HTTP/1.1."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable


@dataclass
class HTTP2Server:
    """Answers each request with what its path asks for.

    `/` at once; `/size/N` N bytes; `/hang` never; `/wait` when `go` is set; `/refuse-once` after one
    REFUSED_STREAM; `/reset` by RST_STREAM; `/echo` the request's body.
    """

    goaway_every: int | None = None
    max_streams: int = 128
    go: asyncio.Event = field(default_factory=asyncio.Event)
    requests: int = 0
    resets: int = 0
    connections: list[Any] = field(default_factory=list[Any])
    refused: set[str] = field(default_factory=set[str])
    port: int = 0
    scheme: str = "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    @property
    def open_connections(self) -> int:
        return sum(not connection.lost for connection in self.connections)


class HTTP2Protocol(asyncio.Protocol):
    """One connection to an `HTTP2Server`."""

    def __init__(self, server: HTTP2Server) -> None:
        self._server = server
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="ascii")
        )
        self._paths: dict[int, tuple[str, str]] = {}
        self._bodies: dict[int, bytes] = {}
        self._open: set[int] = set()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._window = asyncio.Event()
        self._last: int | None = None
        self.served = 0
        self.lost = False
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._server.connections.append(self)
        self._h2.initiate_connection()
        self._h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self._server.max_streams})
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the protocol's signature
        self.lost = True
        for task in self._tasks.values():
            task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self._transport.close()
            return
        for event in events:
            self._handle(event)
        self._flush()

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._begin(event)
            case h2.events.DataReceived():
                assert event.stream_id is not None
                self._bodies[event.stream_id] = self._bodies.get(event.stream_id, b"") + (event.data or b"")
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            case h2.events.StreamEnded():
                assert event.stream_id is not None
                self._answer(event.stream_id)
            case h2.events.StreamReset():
                assert event.stream_id is not None
                self._server.resets += 1
                if task := self._tasks.get(event.stream_id):
                    task.cancel()
                self._done(event.stream_id)
            case h2.events.WindowUpdated():
                self._window.set()
            case _:
                pass

    def _begin(self, event: h2.events.RequestReceived) -> None:
        assert event.stream_id is not None
        fields = {str(name): str(value) for name, value in event.headers or []}
        if self._last is not None and event.stream_id > self._last:
            return  # after GOAWAY: as if it had never come
        self._paths[event.stream_id] = fields[":method"], fields[":path"]
        self._open.add(event.stream_id)
        self.served += 1
        self._server.requests += 1
        if self._server.goaway_every is not None and self.served == self._server.goaway_every:
            self.goaway(event.stream_id)

    def goaway(self, last: int, code: int = 0) -> None:
        """Says goodbye as nginx does: goes on with the streams it has, and takes no more."""
        self._last = last
        self._flush()
        self._transport.write(GoAwayFrame(0, last_stream_id=last, error_code=code).serialize())

    def _answer(self, stream_id: int) -> None:
        if stream_id not in self._paths:
            return
        method, path = self._paths[stream_id]
        if path == "/refuse-once" and path not in self._server.refused:
            self._server.refused.add(path)
            self._h2.reset_stream(stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
            self._done(stream_id)
        elif path == "/reset":
            self._h2.reset_stream(stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
            self._done(stream_id)
        elif path == "/die":
            self._transport.abort()
        elif path == "/early":
            self._respond(stream_id, b"early")
        elif path != "/hang":
            self._tasks[stream_id] = asyncio.ensure_future(self._send(stream_id, path, method))

    async def _send(self, stream_id: int, path: str, method: str) -> None:
        if path == "/wait":
            await self._server.go.wait()
        body = self._bodies.pop(stream_id, b"") if path == "/echo" else b"ok"
        if path.startswith("/size/"):
            body = bytes(int(path.removeprefix("/size/")))
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._h2.send_headers(stream_id, [(":status", "200"), ("x-method", method)])
            await self._send_data(stream_id, body)
        self._tasks.pop(stream_id, None)
        self._done(stream_id)

    async def _send_data(self, stream_id: int, body: bytes) -> None:
        while body:
            room = min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._window.clear()
                await self._window.wait()
                continue
            self._h2.send_data(stream_id, body[:room])
            self._flush()
            body = body[room:]
            await asyncio.sleep(0)
        self._h2.end_stream(stream_id)
        self._flush()

    def _respond(self, stream_id: int, body: bytes) -> None:
        self._h2.send_headers(stream_id, [(":status", "413")])
        self._h2.send_data(stream_id, body, end_stream=True)
        self._done(stream_id)

    def _done(self, stream_id: int) -> None:
        self._flush()
        self._open.discard(stream_id)
        if self._last is not None and not self._open:
            self._transport.close()

    def _flush(self) -> None:
        if (data := self._h2.data_to_send()) and not self._transport.is_closing():
            self._transport.write(data)


@contextlib.asynccontextmanager
async def http2_server(
    tls: ssl.SSLContext, *, protocol: Callable[[HTTP2Server], HTTP2Protocol] | None = None, **options: Any
) -> AsyncGenerator[HTTP2Server]:
    """Serves HTTP/2 over TLS."""
    make = protocol or HTTP2Protocol
    server = HTTP2Server(**options)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: make(server), "127.0.0.1", 0, ssl=tls, backlog=1024)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for connection in server.connections:
            if not connection.lost:
                connection._transport.abort()
        await settle(lambda: server.open_connections == 0)


Script = "Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]"


@dataclass
class HTTP1Server:
    """Plays one script for each connection."""

    port: int = 0
    scheme: str = "http"
    accepted: int = 0
    open_connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"


@contextlib.asynccontextmanager
async def http1_server(
    script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[HTTP1Server]:
    """Serves whatever `script` writes, over one socket a call."""
    server = HTTP1Server(scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.accepted += 1
        server.open_connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await script(reader, writer)
        finally:
            writer.transport.abort()
            server.open_connections -= 1
            tasks.discard(task)

    listener = await asyncio.start_server(play, "127.0.0.1", 0, ssl=tls, backlog=1024)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The head of one HTTP/1.1 request, and its body if it has a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            head += await reader.readexactly(int(value))
    return head


def response(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole HTTP/1.1 response."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


async def settle(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Lets the loop run until a condition holds; a generous bound keeps a failing test from hanging."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for is a socket's end, which sets no event
            await asyncio.sleep(0.005)

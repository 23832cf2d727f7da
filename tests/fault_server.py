"""A server that fails on purpose, over HTTP/1.1 and HTTP/2: the path of a request names the fault.

`/` answers "ok". `fault_answers.ANSWERS` are whole responses that nobody wants. `FAULTS`, here for HTTP/1.1
and in `fault_http2` for HTTP/2, break off or break rules: `/hang`, `/reset` and `/close` do so before the
response, in its headers (`/hang-in-headers`) or in its body (`/hang-in-body`). A query sets a fault's numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import httpx

from tests.fault_answers import ANSWERS, Answer, Log, Seen, parsed
from tests.fault_http2 import HALF, FaultyHTTP2, reset
from tests.servers import http1_server, http2_server, read_request

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping

    from tests.conftest import TLS
    from tests.fault_answers import Query
    from tests.servers import HTTP1Server, HTTP2Server

Version: TypeAlias = Literal["HTTP/1.1", "HTTP/2"]
VERSIONS: Final[tuple[Version, ...]] = ("HTTP/1.1", "HTTP/2")


@dataclass(frozen=True, slots=True)
class FaultServer:
    """A running server."""

    serving: HTTP1Server | HTTP2Server
    log: Log

    @property
    def url(self) -> str:
        return self.serving.url

    @property
    def open_connections(self) -> int:
        return self.serving.open_connections


@contextlib.asynccontextmanager
async def fault_server(version: Version, tls: TLS, **options: Any) -> AsyncGenerator[FaultServer]:
    """Serves faults over TLS; `options` are those of `HTTP2Server`."""
    async with _http2(tls.h2, options) if version == "HTTP/2" else _http1(tls.http11) as server:
        yield server


def fault_server_in_the_open() -> contextlib.AbstractAsyncContextManager[FaultServer]:
    """Serves faults over HTTP/1.1 without TLS."""
    return _http1(None)


@contextlib.asynccontextmanager
async def _http2(tls: ssl.SSLContext, options: dict[str, Any]) -> AsyncGenerator[FaultServer]:
    log = Log()
    async with http2_server(tls, protocol=lambda server: FaultyHTTP2(server, log), **options) as serving:
        yield FaultServer(serving, log)


@contextlib.asynccontextmanager
async def _http1(tls: ssl.SSLContext | None) -> AsyncGenerator[FaultServer]:
    log = Log()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        log.accepted += 1
        while True:
            request = _seen(await read_request(reader))
            log.seen.append(request)
            name, query = parsed(request.path)
            if (fault := FAULTS.get(name)) is not None:
                return await fault(_Exchange(reader, writer, query))
            writer.write(_serialized(ANSWERS[name](query)))
            await writer.drain()

    async with http1_server(play, tls=tls) as serving:
        yield FaultServer(serving, log)


def _seen(head: bytes) -> Seen:
    first, *fields = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
    method, path, _ = first.decode("ascii").split(" ")
    pairs = (line.partition(b":") for line in fields)
    return Seen(method, path, httpx.Headers([(name, value.strip()) for name, _, value in pairs]))


def _serialized(answer: Answer) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} As Asked",
        f"Content-Length: {len(answer.body)}",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    return "\r\n".join([*lines, "\r\n"]).encode() + answer.body


class _Exchange:
    """A request over HTTP/1.1, and the way to its client. The connection ends with it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, query: Query) -> None:
        self._reader = reader
        self._writer = writer
        self._query = query

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def pause(self, seconds: float | None) -> None:
        """Waits; for ever, if not told how long. Raises ConnectionResetError as soon as the client leaves."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._reader.read(), seconds)
            raise ConnectionResetError

    async def pause_between(self, seconds: float) -> None:
        """As `pause`, for as long as the query says, or else for `seconds`."""
        await self.pause(float(self._query.get("every", seconds)))

    def reset(self) -> None:
        reset(self._writer.transport)


async def _hang(begun: bytes, exchange: _Exchange) -> None:
    await exchange.send(begun)
    await exchange.pause(None)


async def _close(begun: bytes, exchange: _Exchange) -> None:
    await exchange.send(begun)


async def _reset(begun: bytes, exchange: _Exchange) -> None:
    await exchange.send(begun)
    exchange.reset()


async def _drip(begun: bytes, exchange: _Exchange) -> None:
    await exchange.send(begun)
    while True:
        await exchange.send(b"x")
        await exchange.pause_between(1)


async def _inform(exchange: _Exchange) -> None:
    while True:
        await exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        await exchange.pause_between(0.01)


async def _flood(exchange: _Exchange) -> None:
    while True:
        await exchange.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)


Fault: TypeAlias = "Callable[[_Exchange], Awaitable[None]]"

_OK: Final = b"HTTP/1.1 200 OK\r\n"
_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_POISONED: Final = _OK + b"Content-Length: 2\r\n\r\nok" + _OK + b"Content-Length: 6\r\n\r\npoison"

_BEGUN: Final[Mapping[str, bytes]] = {
    "": b"",
    "-in-headers": _OK + b"Content-Type: text/plain\r\nContent-Le",
    "-in-body": _OK + b"Content-Length: 100\r\n\r\n" + HALF,
    "-in-chunks": _CHUNKED + b"5\r\nhello\r\n5\r\nwor",
}


def _anywhere(name: str, fault: Callable[[bytes, _Exchange], Awaitable[None]]) -> dict[str, Fault]:
    return {f"{name}{where}": partial(fault, begun) for where, begun in _BEGUN.items()}


FAULTS: Final[dict[str, Fault]] = {
    **_anywhere("hang", _hang),
    **_anywhere("close", _close),
    **_anywhere("reset", _reset),
    "drip-headers": partial(_drip, _OK + b"X-Long: "),
    "drip-body": partial(_drip, _OK + b"Content-Length: 1000\r\n\r\n"),
    "inform": _inform,
    "flood": _flood,
    "too-little": partial(_close, _OK + b"Content-Length: 10\r\n\r\nok"),
    "too-much": partial(_hang, _POISONED),
    "two-lengths": partial(_hang, _OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
    "no-length": partial(_hang, _OK + b"Content-Length: -2\r\n\r\nok"),
    "bad-chunk": partial(_hang, _CHUNKED + b"ten\r\n0123456789\r\n"),
    "endless-chunk-size": partial(_hang, _CHUNKED + b"f" * 200_000),
    "endless-headers": partial(_hang, _OK + b"X-Long: yes\r\n" * 20_000),
    "garbage": partial(_hang, b"\x00\xff\x16\x03 this is not HTTP\r\n\r\n"),
}
"""What a path does over HTTP/1.1, beside `ANSWERS`."""


# Hosts that do not get as far as HTTP.


@contextlib.contextmanager
def unaccepted() -> Generator[str]:
    """A host and port where connections are opened and nobody takes them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield _address(listener)


@contextlib.contextmanager
def unanswered() -> Generator[str]:
    """A host and port that do not answer to the first packet, for their queue is full."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            caller = sockets.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield _address(listener)


def refused() -> str:
    """A host and port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return _address(listener)


def _address(listener: socket.socket) -> str:
    return f"127.0.0.1:{listener.getsockname()[1]}"

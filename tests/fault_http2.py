"""Faults over HTTP/2: what breaks off a stream or its connection, or breaks RFC 9113."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import h2.errors
import h2.events
import h2.exceptions
import httpx
from hyperframe.frame import ContinuationFrame, HeadersFrame

from tests.fault_answers import ANSWERS, Answer, Seen, parsed
from tests.servers import HTTP2Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fault_answers import Log, Query
    from tests.servers import HTTP2Server

HALF: Final = b"half of what was"
"""The beginning of a body of which 100 bytes were announced."""

STATUS_200: Final = b"\x88"
""":status: 200, as HPACK has it (RFC 7541, appendix A)."""


def reset(transport: asyncio.BaseTransport) -> None:
    """Ends a connection with RST in place of FIN, and without TLS's farewell."""
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    assert isinstance(transport, asyncio.WriteTransport)
    transport.abort()


class FaultyHTTP2(HTTP2Protocol):
    """A connection to a server that fails. Each fault runs in a task of its stream."""

    def __init__(self, server: HTTP2Server, log: Log) -> None:
        super().__init__(server)
        self._log = log
        self._is_cut_off = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._log.accepted += 1
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._server.connections.remove(self)

    def data_received(self, data: bytes) -> None:
        if not self._is_cut_off:
            super().data_received(data)

    def _flush(self) -> None:
        if not self._is_cut_off:
            super()._flush()

    def _begin(self, event: h2.events.RequestReceived) -> None:
        super()._begin(event)
        fields = httpx.Headers([(str(name), str(value)) for name, value in event.headers or []])
        self._log.seen.append(Seen(fields[":method"], fields[":path"], fields))

    def _answer(self, stream_id: int) -> None:
        if stream_id in self._paths:
            name, query = parsed(self._paths[stream_id][1])
            self._tasks[stream_id] = asyncio.ensure_future(self._play(stream_id, name, query))

    async def _play(self, stream_id: int, name: str, query: Query) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):  # the stream is gone, or its connection
            if (fault := FAULTS.get(name)) is not None:
                await fault(self, stream_id, query)
            else:
                await self._send_answer(stream_id, ANSWERS[name](query))

    async def _send_answer(self, stream_id: int, answer: Answer) -> None:
        length = ("content-length", str(len(answer.body)))
        fields = ((name.lower(), value) for name, value in answer.headers)
        self._h2.send_headers(stream_id, [(":status", str(answer.status)), length, *fields])
        await self._send_data(stream_id, answer.body)
        self._done(stream_id)

    def _done(self, stream_id: int) -> None:
        super()._done(stream_id)
        for by_stream in (self._tasks, self._paths, self._bodies):
            by_stream.pop(stream_id, None)

    # What faults do

    def send_raw(self, data: bytes) -> None:
        """Sends bytes past h2, which would not write them."""
        self._flush()
        self._transport.write(data)

    def send(self, stream_id: int, fields: list[tuple[str, str]], body: bytes | None = None) -> None:
        """Sends the head of a response, and with a body all of it."""
        self._h2.send_headers(stream_id, fields)
        if body is not None:
            self._h2.send_data(stream_id, body, end_stream=True)
            self._done(stream_id)
        self._flush()

    def send_part(self, stream_id: int, data: bytes) -> None:
        self._h2.send_data(stream_id, data)
        self._flush()

    def begin(self, stream_id: int, where: str) -> None:
        """Sends what comes before a stream hangs or ends."""
        if where == "-in-headers":
            self.send_raw(HeadersFrame(stream_id, data=STATUS_200).serialize())  # and more to come
            self.cut_off()  # nothing else may come between, not even the answer to a ping (RFC 9113, section 6.10)
        elif where == "-in-body":
            self.send(stream_id, [(":status", "200"), ("content-length", "100")])
            self.send_part(stream_id, HALF)

    def reset_stream(self, stream_id: int, code: h2.errors.ErrorCodes) -> None:
        self._h2.reset_stream(stream_id, code)
        self._done(stream_id)

    def close(self) -> None:
        self._transport.close()

    def cut(self) -> None:
        reset(self._transport)

    def cut_off(self) -> None:
        """From now on nothing is read, and nothing sent but by `send_raw`, whatever other streams wait for."""
        self._is_cut_off = True

    async def stall(self, seconds: float) -> None:
        """Reads nothing for a while; then all that came meanwhile."""
        self._transport.pause_reading()
        await asyncio.sleep(seconds)
        self._transport.resume_reading()

    def is_first(self, name: str) -> bool:
        """Whether nothing has failed so on any connection of the server."""
        first = name not in self._server.refused
        self._server.refused.add(name)
        return first


Fault: TypeAlias = "Callable[[FaultyHTTP2, int, Query], Awaitable[None]]"


async def _hang(where: str, connection: FaultyHTTP2, stream_id: int, _: Query) -> None:
    connection.begin(stream_id, where)
    await asyncio.Event().wait()


async def _close(where: str, connection: FaultyHTTP2, stream_id: int, _: Query) -> None:
    connection.begin(stream_id, where)
    connection.close()


async def _cut(where: str, connection: FaultyHTTP2, stream_id: int, _: Query) -> None:
    connection.begin(stream_id, where)
    connection.cut()


async def _reset_stream(
    code: h2.errors.ErrorCodes, where: str, connection: FaultyHTTP2, stream_id: int, _: Query
) -> None:
    connection.begin(stream_id, where)
    connection.reset_stream(stream_id, code)


async def _vanish(connection: FaultyHTTP2, stream_id: int, query: Query) -> None:
    connection.cut_off()


async def _stall(connection: FaultyHTTP2, stream_id: int, query: Query) -> None:
    await connection.stall(float(query.get("seconds", 0.1)))
    await asyncio.Event().wait()


async def _drip_headers(connection: FaultyHTTP2, stream_id: int, query: Query) -> None:
    connection.begin(stream_id, "-in-headers")
    while True:
        await asyncio.sleep(float(query.get("every", 1)))
        connection.send_raw(ContinuationFrame(stream_id, data=STATUS_200).serialize())


async def _drip_body(connection: FaultyHTTP2, stream_id: int, query: Query) -> None:
    connection.send(stream_id, [(":status", "200"), ("content-length", "1000")])
    while True:
        connection.send_part(stream_id, b"x")
        await asyncio.sleep(float(query.get("every", 1)))


async def _inform(connection: FaultyHTTP2, stream_id: int, query: Query) -> None:
    while True:
        connection.send(stream_id, [(":status", "103"), ("link", "</style.css>")])
        await asyncio.sleep(float(query.get("every", 0.01)))


async def _lie(length: int, connection: FaultyHTTP2, stream_id: int, _: Query) -> None:
    connection.send(stream_id, [(":status", "200"), ("content-length", str(length))], b"ok, more or less")


async def _garbage(connection: FaultyHTTP2, stream_id: int, _: Query) -> None:
    connection.send_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def _go_away(connection: FaultyHTTP2, stream_id: int, _: Query) -> None:
    connection.goaway(max(stream_id - 2, 0))
    connection.close()


async def _once(fault: Fault, name: str, connection: FaultyHTTP2, stream_id: int, query: Query) -> None:
    if connection.is_first(name):
        await fault(connection, stream_id, query)
    else:
        connection.send(stream_id, [(":status", "200")], b"ok")


_refuse: Fault = partial(_reset_stream, h2.errors.ErrorCodes.REFUSED_STREAM, "")


def _anywhere(
    name: str, fault: Callable[[str, FaultyHTTP2, int, Query], Awaitable[None]]
) -> dict[str, Fault]:
    return {f"{name}{where}": partial(fault, where) for where in ("", "-in-headers", "-in-body")}


FAULTS: Final[dict[str, Fault]] = {
    **_anywhere("hang", _hang),
    **_anywhere("close", _close),
    **_anywhere("reset", _cut),
    "reset-stream": partial(_reset_stream, h2.errors.ErrorCodes.INTERNAL_ERROR, ""),
    "reset-stream-in-body": partial(_reset_stream, h2.errors.ErrorCodes.INTERNAL_ERROR, "-in-body"),
    "vanish": _vanish,
    "vanish-once": partial(_once, _vanish, "vanish"),
    "stall": _stall,
    "refuse": _refuse,
    "refuse-once": partial(_once, _refuse, "refuse"),
    "goaway": _go_away,
    "goaway-once": partial(_once, _go_away, "goaway"),
    "drip-headers": _drip_headers,
    "drip-body": _drip_body,
    "inform": _inform,
    "too-little": partial(_lie, 100),
    "too-much": partial(_lie, 2),
    "garbage": _garbage,
}
"""What a path does, beside `ANSWERS`."""

"""One request and its response on an HTTP/2 connection, as far as it has come."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import h2.errors
import h2.events
import httpcore2

from tux_http.transports.engine.messages import error_name, response_head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tux_http.transports.engine.messages import Head


class Stream:
    """State that the connection's callbacks write and one caller reads.

    `processed` tells what is known of a stream that failed: True, the server may have acted on it;
    False, it said that it did not; None, it most likely did not.
    """

    __slots__ = (
        "_chunks",
        "_to_return",
        "_waiter",
        "ended",
        "error",
        "head",
        "id",
        "processed",
        "received_before",
        "sent",
    )

    def __init__(self, stream_id: int, *, received_before: int, complete: bool) -> None:
        self.id = stream_id
        self.received_before = received_before  # bytes on the connection when the stream was opened
        self.sent = complete  # our side is done
        self.head: Head | None = None
        self.ended = False  # the server's side is done
        self.error: Exception | None = None
        self.processed: bool | None = True
        self._chunks: deque[bytes] = deque()
        self._to_return = 0
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_over(self) -> bool:
        return self.ended or self.error is not None

    @property
    def has_data(self) -> bool:
        return bool(self._chunks)

    def put(self, data: bytes, size: int) -> None:
        """Keeps bytes of the body; `size` is what they cost of the window, padding included."""
        if data:
            self._chunks.append(data)
        self._to_return += size

    def take(self) -> bytes:
        """All bytes that have come so far."""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        return data

    def returnable(self, at_least: int) -> int:
        """Bytes of the window that may be given back to the server, once they are worth a frame."""
        if self.ended or self.has_data or self._to_return < at_least:
            return 0
        size, self._to_return = self._to_return, 0
        return size

    def hear(self, event: h2.events.Event) -> None:
        """Notes what the server said on this stream, and wakes whoever waits for it."""
        match event:
            case h2.events.DataReceived():
                self.put(event.data or b"", event.flow_controlled_length or 0)
            case h2.events.ResponseReceived():
                self.head = response_head(event.headers or [])
            case h2.events.StreamEnded():
                self.ended = True
            case h2.events.StreamReset():
                refused = event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
                reason = f"the server reset the stream: {error_name(event.error_code)}"
                self.fail(httpcore2.RemoteProtocolError(reason), processed=not refused)
            case _:
                return
        self.wake()

    def fail(self, error: Exception, *, processed: bool | None) -> None:
        if not self.is_over:
            self.error = error
            self.processed = processed
            self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def next_change(self) -> asyncio.Future[None]:
        """Is done when something happened on this stream; for one caller at a time."""
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter


class Body:
    """A response's body, read as it arrives."""

    def __init__(self, read: Callable[[], Awaitable[bytes]], leave: Callable[[], None]) -> None:
        self._read = read
        self._leave = leave

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if chunk := await self._read():
            return chunk
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._leave()

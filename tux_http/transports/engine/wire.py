"""Sockets for the pool: httpcore2's network interface on asyncio's own transports.

Two things differ from httpcore2's backend, and the pool's bookkeeping rests on both. Closing never
suspends, so a cancellation can't land in the middle of it. And bytes come in through a callback, so
HTTP/2 needs no reader task and no reader that times out for everybody.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

import httpcore2
from aiohappyeyeballs import start_connection  # pyright: ignore[reportUnknownVariableType]

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

P = ParamSpec("P")
T = TypeVar("T")

HIGH_WATER: Final = 256 * 1024
"""Bytes that may wait to be read before the socket is paused."""

HAPPY_EYEBALLS: Final = 0.25
"""Seconds before the next address is tried beside the first (RFC 8305, section 5)."""


class Wire(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """One connected socket, with or without TLS.

    Bytes are kept for `read`, or handed to `on_data` once that is set.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._paused = False
        self._ended = False  # no more bytes will come
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writers: list[asyncio.Future[None]] = []
        self._write_paused = False
        self.lost = self._loop.create_future()
        self.received = 0
        self.on_data: Callable[[bytes], None] | None = None
        self.on_lost: Callable[[], None] | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not one to `isinstance`

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self.on_data is not None:
            self.on_data(data)
            return
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self._ended = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = self._error or exc
        for waiter in (self._reader, *self._writers, self.lost):
            _wake(waiter)
        if self.on_lost is not None:
            self.on_lost()

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        for waiter in self._writers:
            _wake(waiter)

    # httpcore2.AsyncNetworkStream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # its signature
        while not self._buffer and not self._ended:
            self._reader = self._loop.create_future()
            await wait(self._reader, timeout, httpcore2.ReadTimeout("no byte came in time"))
        if not self._buffer and self._error is not None:
            raise httpcore2.ReadError("the connection was lost") from self._error
        data = bytes(self._buffer[:max_bytes])
        del self._buffer[:max_bytes]
        if self._paused and len(self._buffer) <= HIGH_WATER // 2 and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # its signature
        self.send(buffer)
        await self.drain(timeout)

    def send(self, data: bytes) -> None:
        """Hands bytes to the socket without waiting.

        Raises:
            httpcore2.WriteError: The connection is gone.
        """
        if self._transport is None or self._transport.is_closing():
            raise httpcore2.WriteError("the connection was lost")
        if data:
            self._transport.write(data)

    async def drain(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as write
        """Waits until the socket takes more."""
        while self._write_paused and not self.is_lost:
            self._writers.append(waiter := self._loop.create_future())
            try:
                await wait(waiter, timeout, httpcore2.WriteTimeout("the peer took no byte in time"))
            finally:
                self._writers.remove(waiter)
        if self.is_lost:
            raise httpcore2.WriteError("the connection was lost")

    @property
    def is_choked(self) -> bool:
        """Whether the peer is slow to take what was sent."""
        return self._write_paused

    @property
    def is_lost(self) -> bool:
        return self._ended or self._transport is None or self._transport.is_closing()

    def abort(self) -> None:
        """Closes at once, without waiting and without TLS's closing handshake, which a peer may delay."""
        if self._transport is not None:
            self._error = self._error or ConnectionAbortedError("closed on our side")
            self._transport.abort()

    async def aclose(self) -> None:
        self.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # its signature
    ) -> Wire:
        assert self._transport is not None
        try:
            async with asyncio.timeout(timeout):
                self._transport = await self._loop.start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError as exc:
            self.abort()
            raise httpcore2.ConnectTimeout("the TLS handshake took too long") from exc
        except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError; a bad host name a ValueError
            self.abort()
            raise httpcore2.ConnectError(_reason(exc)) from exc
        except BaseException:
            self.abort()
            raise
        if self._transport is None:
            raise httpcore2.ConnectError("the connection was lost in the TLS handshake")
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(self._buffer) or self.is_lost
        if self._transport is None:
            return None
        names = {"server_addr": "peername", "client_addr": "sockname"}
        return self._transport.get_extra_info(names.get(info, info))


class Backend(httpcore2.AsyncNetworkBackend):
    """Connects `Wire`s."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # its signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Wire:
        options = [_KEEPALIVE, *(socket_options or ())]
        return await _connected(self._dial(host, port, local_address, options), timeout)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # its signature
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002  # they are for TCP
    ) -> Wire:
        connecting = asyncio.get_running_loop().create_unix_connection(Wire, path)
        return await _connected(connecting, timeout)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def resolve(self, host: str, port: int) -> list[Any]:
        """The addresses of a host, as `getaddrinfo` gives them, in the order in which they are tried."""
        return await _resolve(host, port)

    async def open(self, addresses: list[Any], local: Any | None = None) -> socket.socket:
        """A socket connected to one of the addresses, and to nothing else."""
        return await start_connection(
            addresses, local_addr_infos=local and [local], happy_eyeballs_delay=HAPPY_EYEBALLS
        )

    async def _dial(
        self, host: str, port: int, local_address: str | None, options: Iterable[Any]
    ) -> tuple[Any, Wire]:
        addresses = await self.resolve(host, port)
        local = None if local_address is None else (await _resolve(local_address, 0))[0]
        sock = await self.open(addresses, local)
        try:
            for option in options:
                sock.setsockopt(*option)
            return await asyncio.get_running_loop().create_connection(Wire, sock=sock)
        except BaseException:
            sock.close()
            raise


# Lets the kernel find out about a peer that vanished while a connection was idle.
_KEEPALIVE: Final = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


async def _resolve(host: str, port: int) -> list[Any]:
    try:  # a literal address needs no thread
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _connected(connecting: Coroutine[Any, Any, tuple[Any, Wire]], seconds: float | None) -> Wire:
    try:
        async with asyncio.timeout(seconds):
            _, wire = await connecting
    except TimeoutError as exc:
        raise httpcore2.ConnectTimeout("the connection took too long") from exc
    except (OSError, OverflowError, UnicodeError) as exc:
        raise httpcore2.ConnectError(_reason(exc)) from exc
    return wire


def _reason(exc: Exception) -> str:
    """Words for the log: what the system said, without addresses."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):  # whose errno means something else
        return f"no TLS: {(exc.reason or type(exc).__name__).replace('_', ' ').lower()}"
    if isinstance(exc, socket.gaierror):
        return "the host name has no address"
    if isinstance(exc, OSError) and exc.errno:
        return os.strerror(exc.errno)
    return type(exc).__name__


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _fail(waiter: asyncio.Future[Any], error: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(error)


def nobodys(schedule: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Schedules what belongs to a connection or a pool, and not to the call or the bot that happens to run."""
    return contextvars.Context().run(schedule, *args, **options)


async def wait(waiter: asyncio.Future[Any], seconds: float | None, error: Exception) -> None:
    """Awaits a future, and raises `error` if that takes longer than `seconds`."""
    if seconds is None:
        await waiter
        return
    timer = waiter.get_loop().call_later(seconds, _fail, waiter, error)
    try:
        await waiter
    finally:
        timer.cancel()

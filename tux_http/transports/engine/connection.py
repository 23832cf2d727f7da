"""One place in the pool: opened by a task of its own, then HTTP/1.1 or HTTP/2."""

from __future__ import annotations

import asyncio
import copy
import time
from typing import TYPE_CHECKING, Any, Final

import httpcore2

from tux_http.transports.engine.extensions import extensions_of, timeout_of, traced
from tux_http.transports.engine.http2 import HTTP2Connection
from tux_http.transports.engine.resend import resendable, resent
from tux_http.transports.engine.wire import nobodys

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    import h11

    from tux_http.transports.engine.wire import Wire

OPENING_LIMIT: Final = 60.0
"""Seconds after which opening is given up, where the request that began it has no connect timeout."""

# A private part of httpcore2's HTTP/1.1 that is used below.
if not hasattr(
    httpcore2.AsyncHTTP11Connection(httpcore2.Origin(b"http", b"", 80), httpcore2.AsyncNetworkStream()),
    "_h11_state",
):
    raise ImportError("this httpcore2 keeps its HTTP/1.1 elsewhere; tux_http needs httpcore2 2.16")


class Connection(httpcore2.AsyncConnectionInterface):
    """A connection to one origin.

    It is opened in a task that belongs to it and to no caller: whoever asked first may leave, and
    the others still get it. Until its protocol is known it takes every request of its origin, so a
    cold burst over HTTP/2 opens one socket; over HTTP/1.1 the pool spreads the rest.
    """

    def __init__(
        self,
        origin: httpcore2.Origin,
        *,
        dial: Callable[[float | None], Any],
        ssl_context: ssl.SSLContext | None,
        http1: bool,
        http2: bool,
        keepalive_expiry: float | None,
        on_change: Callable[[Connection], None],
    ) -> None:
        self.origin = origin
        self._dial = dial
        self._ssl_context = ssl_context
        self._http1 = http1
        self._http2 = http2
        self._keepalive_expiry = keepalive_expiry
        self._on_change = on_change
        self._opening: asyncio.Task[None] | None = None
        self._opening_limit = OPENING_LIMIT
        self._inner: httpcore2.AsyncConnectionInterface | None = None
        self._wire: Wire | None = None
        self._closed = False
        self._requests = 0
        self._opened_at = 0.0

    # Requests

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        if self._inner is None:
            await self._opened(request)
        assert self._inner is not None
        if isinstance(self._inner, HTTP2Connection):
            return await self._inner.handle_async_request(request)
        return await self._over_http11(self._inner, request)

    async def _over_http11(
        self, inner: httpcore2.AsyncConnectionInterface, request: httpcore2.Request
    ) -> httpcore2.Response:
        assert self._wire is not None
        kept_alive = self._requests > 0
        if kept_alive and self.has_expired():  # since the pool chose it
            raise httpcore2.ConnectionNotAvailable
        received = self._wire.received
        self._requests += 1
        try:
            return await inner.handle_async_request(request)
        except (httpcore2.RemoteProtocolError, httpcore2.ReadError, httpcore2.WriteError) as exc:
            # RFC 9112, section 9.3.1: a kept-alive connection that closes before a byte came back
            # was most likely closing already when the request was written.
            if kept_alive and self._wire.received == received and resendable(request, processed=None):
                raise resent(request, exc) from exc
            raise

    # Opening

    async def _opened(self, request: httpcore2.Request) -> None:
        seconds = timeout_of(request, "connect")
        if self._opening is None:
            # In a context of its own: what the first caller carries (a trace, a command) is not the others'.
            self._opening_limit = seconds or OPENING_LIMIT
            self._opening = nobodys(asyncio.create_task, self._open(request, self._opening_limit))
            self._opening.add_done_callback(self._settled)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._opening)
        except TimeoutError as exc:
            raise httpcore2.ConnectTimeout("the connection took too long") from exc
        except asyncio.CancelledError:
            if self._opening.cancelled():  # by close(), not this caller
                raise httpcore2.ConnectError("the client was closed") from None
            raise
        except Exception as exc:
            if isinstance(exc, httpcore2.ConnectTimeout) and self._opening_limit < (seconds or OPENING_LIMIT):
                raise httpcore2.ConnectionNotAvailable from exc  # that was another's limit, who had less time
            raise copy.copy(exc) from exc  # one each: a shared one would collect every caller's traceback

    async def _open(self, request: httpcore2.Request, seconds: float) -> None:
        wire: Wire | None = None
        try:
            async with traced(request, "connection.connect_tcp"):
                wire = await self._dial(seconds)
            assert wire is not None
            if self._ssl_context is not None:
                host: str = extensions_of(request).get("sni_hostname") or self.origin.host.decode("ascii")
                async with traced(request, "connection.start_tls"):
                    # The context is shared; what it offers is read before this suspends.
                    self._ssl_context.set_alpn_protocols(self._alpn())
                    await wire.start_tls(self._ssl_context, host, seconds)
        except BaseException:
            # Of a trace callback too, which may fail, or be waited for while the client closes.
            if wire is not None:
                wire.abort()
            raise
        self._wire = wire
        self._inner = self._speak(wire)
        self._opened_at = time.monotonic()

    def _alpn(self) -> list[str]:
        return ["h2"] * self._http2 + ["http/1.1"] * (self._http1 or not self._http2)

    def _speak(self, wire: Wire) -> httpcore2.AsyncConnectionInterface:
        tls = wire.get_extra_info("ssl_object")
        if (tls is not None and tls.selected_alpn_protocol() == "h2") or (self._http2 and not self._http1):
            return HTTP2Connection(self.origin, wire, self._keepalive_expiry, lambda: self._on_change(self))
        wire.on_lost = lambda: self._on_change(self)
        return httpcore2.AsyncHTTP11Connection(self.origin, wire, self._keepalive_expiry)

    def _settled(self, opening: asyncio.Task[None]) -> None:
        if opening.cancelled() or opening.exception() is not None:  # asking marks it as seen
            self._closed = True
        self._on_change(self)

    # Closing: nothing here suspends, the pool's bookkeeping rests on it

    def abort(self) -> None:
        self._closed = True
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
        if self._wire is not None:
            self._wire.abort()

    async def aclose(self) -> None:
        self.abort()
        if self._inner is not None:
            await self._inner.aclose()

    async def wait_closed(self) -> None:
        """After `aclose`: until the socket is gone."""
        if self._opening is not None:
            await asyncio.wait({self._opening})
        if self._wire is not None:
            await asyncio.wait({self._wire.lost}, timeout=1.0)

    # What the pool asks

    @property
    def is_opening(self) -> bool:
        return self._inner is None and self._opening is not None and not self._closed

    @property
    def limit(self) -> int | None:
        """Requests that it takes at once; None while that is not known."""
        if self._inner is None:
            return None
        return self._inner.limit if isinstance(self._inner, HTTP2Connection) else 1

    @property
    def protocol(self) -> str | None:
        """HTTP/1.1 or HTTP/2; None while it is not known."""
        if self._inner is None:
            return None
        return "HTTP/2" if isinstance(self._inner, HTTP2Connection) else "HTTP/1.1"

    def can_handle_request(self, origin: httpcore2.Origin) -> bool:
        return origin == self.origin

    @property
    def _is_unused(self) -> bool:
        """Open, but whoever asked for it left; httpcore2's HTTP/1.1 connection has no word for that."""
        return self.protocol == "HTTP/1.1" and self._requests == 0 and not self._closed

    def is_available(self) -> bool:
        if self._inner is not None:
            return self._is_unused or self._inner.is_available()
        may_share = self._http2 and (self._ssl_context is not None or not self._http1)
        return may_share and not self._closed

    def has_expired(self) -> bool:
        if self._is_unused and self._wire is not None:
            return self._wire.is_lost or self._is_overdue()
        return self._inner is not None and (self._inner.has_expired() or self._has_surplus)

    @property
    def _has_surplus(self) -> bool:
        """Whether bytes came after a complete response: they must not be taken for the next one's.

        RFC 9112, section 6.3. What still lies in the socket's buffer, httpcore2 sees itself.
        """
        if not isinstance(self._inner, httpcore2.AsyncHTTP11Connection) or not self._inner.is_idle():
            return False
        state: h11.Connection = self._inner._h11_state  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return bool(state.trailing_data[0])

    def _is_overdue(self) -> bool:
        return (
            self._keepalive_expiry is not None and time.monotonic() > self._opened_at + self._keepalive_expiry
        )

    def is_idle(self) -> bool:
        return self._is_unused or (self._inner is not None and self._inner.is_idle())

    def can_multiplex(self) -> bool:
        return self._inner is not None and self._inner.can_multiplex()

    def is_closed(self) -> bool:
        return self._closed or (self._inner is not None and self._inner.is_closed())

    def is_connected(self) -> bool:
        # While opening too: it is open soon, whoever asked for it. One whose only request left before it
        # began is not, and the pool drops it.
        return self._opening is not None and not self.is_closed()

    def info(self) -> str:
        return "OPENING" if self._inner is None else self._inner.info()

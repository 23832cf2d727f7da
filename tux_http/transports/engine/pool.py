"""The pool, and the transport that httpx sees."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

import h2.exceptions
import h11
import httpcore2
import httpx

from tux_http.transports.engine.connection import Connection
from tux_http.transports.engine.wire import Backend

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Generator

KNOWN_ORIGINS: Final = 1024
"""Origins whose protocol the pool remembers."""

# Private parts of the pool that are used here; a new httpcore2 without them is to fail at once.
for _name in ("_assign_requests_to_connections", "_close_connections"):
    if not hasattr(httpcore2.AsyncConnectionPool, _name):
        raise ImportError(f"this httpcore2 has no AsyncConnectionPool.{_name}; tux_http needs httpcore2 2.16")

_HTTPX_ERRORS: Final[tuple[tuple[type[Exception], type[httpx.TransportError]], ...]] = (
    *(
        (getattr(httpcore2, name), getattr(httpx, name))
        for name in (
            "ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout", "TimeoutException",
            "ConnectError", "ReadError", "WriteError", "NetworkError",
            "ProxyError", "UnsupportedProtocol",
            "LocalProtocolError", "RemoteProtocolError", "ProtocolError",
        )
    ),
    (h11.LocalProtocolError, httpx.LocalProtocolError),  # httpcore2 lets these through while a body is sent
    (h11.RemoteProtocolError, httpx.RemoteProtocolError),
    (h2.exceptions.H2Error, httpx.RemoteProtocolError),
    (httpcore2.ConnectionNotAvailable, httpx.ConnectError),
    (UnicodeError, httpx.LocalProtocolError),
    (OSError, httpx.NetworkError),
)  # fmt: skip


@contextlib.contextmanager
def httpx_errors() -> Generator[None]:
    """The one place where the pool's exceptions become httpx's."""
    try:
        yield
    except Exception as exc:
        for ours, theirs in _HTTPX_ERRORS:
            if isinstance(exc, ours):
                raise theirs(str(exc) or type(exc).__name__) from exc
        raise


class Pool(httpcore2.AsyncConnectionPool):
    """httpcore2's pool of our connections; through a proxy, of its own, over HTTP/1.1."""

    def __init__(self, *, backend: Backend | None = None, **options: Any) -> None:
        if options.get("proxy") is not None:
            options["http2"] = False
        super().__init__(network_backend=backend or Backend(), **options)
        self._only_http11: dict[str, None] = {}
        self._is_closed = False

    def create_connection(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        if self._proxy is not None:
            return super().create_connection(origin)
        only_http11 = self._http1 and str(origin) in self._only_http11
        return Connection(
            origin,
            dial=partial(self._dial, origin),
            ssl_context=self._ssl_context if origin.scheme in {b"https", b"wss"} else None,
            http1=self._http1,
            http2=self._http2 and not only_http11,
            keepalive_expiry=self._keepalive_expiry,
            on_change=self._changed,
        )

    def _changed(self, connection: Connection) -> None:
        """A connection opened, failed, or takes more: somebody who waits may go on."""
        if self._is_closed:
            return
        if connection.protocol == "HTTP/1.1":
            self._remember(connection)
        for closing in self._assign_requests_to_connections():
            assert isinstance(closing, Connection)
            closing.abort()

    def _remember(self, connection: Connection) -> None:
        # The next burst to this origin needs not wait for the first connection's protocol.
        self._only_http11[str(connection.origin)] = None
        if len(self._only_http11) > KNOWN_ORIGINS:
            del self._only_http11[next(iter(self._only_http11))]

    async def _dial(self, origin: httpcore2.Origin, seconds: float | None) -> Any:
        if self._is_closed:
            raise httpcore2.ConnectError("the client is closed")
        if self._uds is not None:
            return await self._network_backend.connect_unix_socket(self._uds, seconds, self._socket_options)
        return await self._network_backend.connect_tcp(
            origin.host.decode("ascii"), origin.port, seconds, self._local_address, self._socket_options
        )

    async def aclose(self) -> None:
        self._is_closed = True
        closing = self.connections
        await super().aclose()
        for connection in closing:
            if isinstance(connection, Connection):
                await connection.wait_closed()


class _Body:
    """A response's body, with its exceptions mapped; closing gives the connection back."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        with httpx_errors():
            async for chunk in self._stream:
                yield chunk

    async def aclose(self) -> None:
        with httpx_errors():
            await self._stream.aclose()


class _Seam:
    """What stands where httpx expects httpcore's pool: takes its requests, gives httpcore2's responses."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def handle_async_request(self, request: Any) -> httpcore2.Response:
        url = request.url
        with httpx_errors():
            response = await self.pool.handle_async_request(
                httpcore2.Request(
                    request.method,
                    httpcore2.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target),
                    headers=request.headers,
                    content=request.stream,
                    extensions=dict(request.extensions),
                )
            )
        response.stream = _Body(response.stream)
        return response

    async def aclose(self) -> None:
        await self.pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class Engine(httpx.AsyncHTTPTransport):
    """`httpx.AsyncHTTPTransport`, over our pool. Takes its keywords, but for `retries`.

    Args:
        backend: Makes the pool's sockets; one that asks nobody, if not given.
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | str | bool = True,
        cert: Any = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = False,
        limits: httpx.Limits | None = None,
        proxy: httpx.Proxy | str | None = None,
        uds: str | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
        backend: Backend | None = None,
    ) -> None:
        # Not super().__init__(): it makes a pool and a TLS context that nobody would use.
        limits = limits or httpx.Limits()
        self.pool = Pool(
            backend=backend,
            ssl_context=httpx.create_ssl_context(verify, cert, trust_env),
            proxy=_proxy(proxy),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            http1=http1,
            http2=http2,
            uds=uds,
            local_address=local_address,
            socket_options=socket_options,
        )
        self._pool: Any = _Seam(self.pool)


def _proxy(proxy: httpx.Proxy | str | None) -> httpcore2.Proxy | None:
    if proxy is None:
        return None
    proxy = httpx.Proxy(proxy) if isinstance(proxy, str) else proxy
    url = proxy.url
    return httpcore2.Proxy(
        httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        auth=proxy.raw_auth,
        headers=proxy.headers.raw,
        ssl_context=proxy.ssl_context,
    )

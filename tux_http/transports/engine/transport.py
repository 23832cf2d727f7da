"""The transport that httpx sees, and the boundary where the pool's exceptions become httpx's."""

from __future__ import annotations

from importlib.util import find_spec
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Self, cast

import h2.exceptions
import h11
import httpcore2
import httpx

from tux_http.transports.engine.messages import Request
from tux_http.transports.engine.pool import Pool

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from tux_http.transports.engine.wire import Backend

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


class _HTTPXErrors:
    """The one place where the pool's exceptions become httpx's."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: object
    ) -> None:
        if kind is not None:
            for ours, theirs in _HTTPX_ERRORS:
                if isinstance(exc, ours):
                    raise theirs(str(exc) or kind.__name__) from exc


httpx_errors: Final = _HTTPXErrors()


class _Body(httpx.AsyncByteStream):
    """A response's body, with its exceptions mapped; closing gives the connection back."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._chunks: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._chunks = aiter(self._stream)
        return self

    async def __anext__(self) -> bytes:
        assert self._chunks is not None
        with httpx_errors:
            return await anext(self._chunks)

    async def aclose(self) -> None:
        with httpx_errors:
            await self._stream.aclose()


class _Seam:
    """What stands where httpx expects httpcore's pool: takes its requests, gives httpcore2's responses."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def handle_async_request(self, request: Any) -> httpcore2.Response:
        url = httpcore2.URL(
            scheme=request.url.scheme,
            host=request.url.host,
            port=request.url.port,
            target=request.url.target,
        )
        with httpx_errors:
            response = await self.pool.handle_async_request(
                Request(request.method, url, request.headers, request.stream, request.extensions)
            )
        response.stream = _Body(response.stream)
        return response

    async def aclose(self) -> None:
        await self.pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


_HTTPX_FILE: Final = httpx.AsyncHTTPTransport.aclose.__code__.co_filename


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

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if _is_hooked():
            return await super().handle_async_request(request)
        with httpx_errors:
            method, url = request.method.encode("ascii"), _url(request.url)
            response: Any = await self.pool.handle_async_request(
                Request(method, url, request.headers.raw, request.stream, _extensions(request))
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )


def _is_hooked() -> bool:
    """Whether somebody put something in the place of the method of httpx that is cut short above.

    pytest-httpx, respx and OpenTelemetry do, and see all requests; only where none of them looks on, a request is
    not made of httpx's objects, then httpcore's, then httpcore2's.
    """
    method: Any = httpx.AsyncHTTPTransport.handle_async_request
    return type(method) is not FunctionType or method.__code__.co_filename != _HTTPX_FILE


def _extensions(request: httpx.Request) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", request.extensions)  # pyright: ignore[reportUnknownMemberType]


def _url(url: httpx.URL) -> httpcore2.URL:
    return httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _proxy(proxy: httpx.Proxy | str | None) -> httpcore2.Proxy | None:
    if proxy is None:
        return None
    proxy = httpx.Proxy(proxy) if isinstance(proxy, str) else proxy
    if (
        proxy.url.scheme.startswith("socks") and find_spec("socksio") is None
    ):  # now, as httpx; not at each request
        raise ImportError("a SOCKS proxy needs the package socksio: pip install httpx[socks]")
    return httpcore2.Proxy(
        _url(proxy.url),
        auth=proxy.raw_auth,
        headers=proxy.headers.raw,
        ssl_context=proxy.ssl_context,
    )

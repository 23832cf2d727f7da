"""`ServiceClient`: an `httpx.AsyncClient` that records, bounds and translates every call."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx
import idna

from tux_http.call import EXTENSION, Call, call_of, public_url, report
from tux_http.errors import DeadlineExceeded, ResponseTooLarge, attach_call
from tux_http.options import answerable_until, current_priority, forget_beginning, options_of, with_options
from tux_http.pace import pace
from tux_http.redirects import OriginBound
from tux_http.transports import Pipeline, build
from tux_http.transports.layer import DEADLINE_AT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping

    from tux_http.transports import LayerState

    Progress = Callable[[int, int | None], object]

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

MAX_PORT: Final = 65535

NO_TIME: Final = 0.001
"""Seconds that need no account."""

ERROR_BODY: Final = 64 * 1024
"""Bytes of an error's body that `streamed` reads, so that whoever catches the error can tell its kind."""

# What is overridden or called of httpx's client below is private, so it is looked for here.
for _hook in (
    "_init_transport",
    "_init_proxy_transport",
    "_transport_for_url",
    "_send_handling_auth",
    "_send_handling_redirects",
):
    if not hasattr(httpx.AsyncClient, _hook):
        raise ImportError(f"httpx {httpx.__version__} has no AsyncClient.{_hook}; tux_http needs httpx 0.28")


class ServiceClient(OriginBound):
    """One pooled client. All httpx verbs, `request`, `stream` and `send` pass through `send` below.

    Args:
        layers: What the layers of the API whose client this is remember, with its name and policy; None
            for the unnamed client.
        options: Any keyword of `httpx.AsyncClient`. A given `transport` replaces the engine.
    """

    def __init__(self, *, layers: LayerState | None = None, **options: Any) -> None:
        self._layers = layers  # before super().__init__(), which makes the transports
        mounts: Mapping[str, httpx.AsyncBaseTransport | None] = options.get("mounts") or {}
        options["mounts"] = {
            pattern: None if transport is None else self._built(transport)
            for pattern, transport in mounts.items()
        }
        super().__init__(**options)
        self._cookies = _Cookies(self._cookies.jar)

    @property
    def cookies(self) -> httpx.Cookies:
        """As httpx."""
        return self._cookies

    @cookies.setter
    def cookies(self, cookies: Any) -> None:
        self._cookies = _Cookies(httpx.Cookies(cookies).jar)

    def _init_transport(self, *_: Any, **options: Any) -> httpx.AsyncBaseTransport:
        given: httpx.AsyncBaseTransport | None = options.pop("transport", None)
        return self._built(given or _engine(**options))

    def _init_proxy_transport(self, proxy: httpx.Proxy, *_: Any, **options: Any) -> httpx.AsyncBaseTransport:
        return self._built(_engine(proxy=proxy, **options))

    def _built(self, engine: httpx.AsyncBaseTransport) -> Pipeline:
        return build(engine, self._layers)

    def shared_transport(self) -> httpx.AsyncBaseTransport:
        """This client's pool and proxies for another client, which can't close them."""
        return _Shared(self.engine_for)

    def engine_for(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        """What talks to the network for a URL: the pool, a proxy's, or a mount, without this client's layers."""
        transport = self._transport_for_url(url)
        return transport.engine if isinstance(transport, Pipeline) else transport

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """As httpx, but whatever is wrong with URL or headers is an `httpx` exception.

        Raises:
            httpx.InvalidURL: The URL can't be parsed, encoded or connected to.
            httpx.LocalProtocolError: A header can't be sent.
        """
        return checked_request(super().build_request, method, url, **options)

    async def send(self, request: httpx.Request, *, stream: bool = False, **options: Any) -> httpx.Response:
        """As httpx; the response and every exception carry the call's record."""
        call = Call.of(request, api=self._layers.api if self._layers else None)
        with_options(request, streaming=stream)
        bound = _Bound(call, request, self._deadline_of(request), self._ended)
        forget_beginning(request)  # of this sending, which may not be the last
        request.extensions = {**request.extensions, EXTENSION: call, DEADLINE_AT: bound.at}
        response = await bound.awaited(super().send(request, stream=stream, **options))
        response.extensions[EXTENSION] = call
        call.answered = response.status_code
        if stream:
            response.stream = _Watched(response.stream, bound)
        call.end()
        if not stream:  # httpx notes it where a body is read, and ours is read below
            response.elapsed = timedelta(seconds=call.elapsed or 0.0)
        self._ended(call)
        return response

    async def _send_handling_auth(
        self, request: httpx.Request, auth: httpx.Auth, follow_redirects: bool, history: list[httpx.Response]
    ) -> httpx.Response:
        if type(auth) is httpx.Auth:  # nobody's: one request and no more, without httpx's generators for it
            return await self._send_handling_redirects(request, follow_redirects, history)
        return await super()._send_handling_auth(request, auth, follow_redirects, history)

    def _ended(self, call: Call, error: BaseException | None = None) -> None:
        report(call, error)
        if self._layers is not None:
            self._layers.ended(call)

    def _deadline_of(self, request: httpx.Request) -> float | None:
        default = self._layers.policy.deadline if self._layers else None
        given = options_of(request).deadline
        return default if given is None else given


def _engine(**options: Any) -> httpx.AsyncBaseTransport:
    # Its imports are a third of all; `HTTPClient` has them made off the loop.
    from tux_http.transports.engine import Engine  # noqa: PLC0415  # see above

    return Engine(**options)


class _Cookies(httpx.Cookies):
    """As httpx's, which goes through the standard library's jar for answers without cookies too."""

    def extract_cookies(self, response: httpx.Response) -> None:
        if "set-cookie" in response.headers or "set-cookie2" in response.headers:
            super().extract_cookies(response)


class _Bound:
    """What bounds a call and records its end, for the head and, when streaming, for the body."""

    def __init__(
        self,
        call: Call,
        request: httpx.Request,
        limit: float | None,
        ended: Callable[[Call, BaseException | None], None],
    ) -> None:
        self.call = call
        self._request = request
        self._ended = ended
        began, shown_until = options_of(request).began, answerable_until.get()
        now = asyncio.get_running_loop().time() if began is None else began
        if shown_until is not None and (limit is None or shown_until < now + limit):
            limit = max(shown_until - now, 0.0)
        self._limit = limit
        self.at = None if limit is None else now + limit

    async def awaited(self, work: Awaitable[T]) -> T:
        """What comes of it, if that is in time; whatever is raised ends the record."""
        scope = asyncio.timeout_at(self.at)
        try:
            async with scope:
                return await work
        except BaseException as exc:
            if self._limit is not None and isinstance(exc, TimeoutError) and scope.expired():
                raise self._noted(self._exceeded(self._limit)) from exc
            self._noted(exc)
            raise

    def _exceeded(self, limit: float) -> DeadlineExceeded:
        return DeadlineExceeded(limit=limit, api=self.call.api, request=self._request)

    def _noted(self, error: E) -> E:
        self.call.end()
        attach_call(error, self.call)
        self._ended(self.call, error)
        return error


class _Watched(httpx.AsyncByteStream):
    """A body that is read later: the deadline still holds, and its errors carry the record."""

    def __init__(self, stream: Any, bound: _Bound) -> None:
        self._stream = stream
        self._bound = bound

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._stream)
        while True:
            chunk = await self._bound.awaited(anext(chunks, None))
            if chunk is None:
                return
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class Counted(httpx.AsyncByteStream):
    """A body with a cap in bytes as sent, that tells its progress."""

    def __init__(self, response: httpx.Response, *, limit: int | None, progress: Progress | None) -> None:
        self._stream: Any = response.stream
        self._request = response.request
        self._limit = limit
        self._progress = progress
        self._total = _content_length(response)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        self._check(self._total or 0)
        async for chunk in self._stream:
            received += len(chunk)
            self._check(received)
            if self._progress is not None:
                self._progress(received, self._total)
            yield chunk

    def _check(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            raise ResponseTooLarge(limit=self._limit, request=self._request)

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Shared(httpx.AsyncBaseTransport):
    """Another client's pool; closing this closes nothing."""

    def __init__(self, engine_for: Callable[[httpx.URL], httpx.AsyncBaseTransport]) -> None:
        self._engine_for = engine_for

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._engine_for(request.url).handle_async_request(request)


async def requested(
    client: ServiceClient,
    method: str,
    url: httpx.URL | str,
    *,
    raise_for_status: bool = True,
    auth: Any = httpx.USE_CLIENT_DEFAULT,
    follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    **options: Any,
) -> httpx.Response:
    """Sends one request through a client and reads its body; `HTTPClient.request` documents the rest."""
    began = await _turn()
    request = _built_request(client, method, url, options, began)
    response = await client.send(request, auth=auth, follow_redirects=follow_redirects)
    if raise_for_status:
        raise_for_error(response)
    return response


@contextlib.asynccontextmanager
async def streamed(
    client: ServiceClient,
    method: str,
    url: httpx.URL | str,
    *,
    raise_for_status: bool = True,
    max_bytes: int | None = None,
    progress: Progress | None = None,
    auth: Any = httpx.USE_CLIENT_DEFAULT,
    follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    **options: Any,
) -> AsyncGenerator[httpx.Response]:
    """Sends one request and leaves its body to be read; `API.stream` documents the rest."""
    began = await _turn()
    request = _built_request(client, method, url, options, began)
    response = await client.send(request, stream=True, auth=auth, follow_redirects=follow_redirects)
    try:
        if raise_for_status and response.is_error:
            await _read_some(response)
            raise_for_error(response)
        if max_bytes is not None or progress is not None:
            response.stream = Counted(response, limit=max_bytes, progress=progress)
        yield response
    finally:
        await response.aclose()


OPTIONS: Final = ("deadline", "retry", "breaker", "quota", "lane", "cache", "priority", "caller", "max_body")
"""Keywords of a call that are ours, and not httpx's; see `CallOptions`."""


async def _turn() -> float | None:
    """Waits for its turn in a crowd of calls; tells since when, if that took time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await pace()
    return began if loop.time() - began > NO_TIME else None


def _built_request(
    client: ServiceClient, method: str, url: httpx.URL | str, options: dict[str, Any], began: float | None
) -> httpx.Request:
    ours = {name: options.pop(name, None) for name in OPTIONS}
    ours["began"] = began
    ours["priority"] = ours["priority"] or current_priority.get()
    request = client.build_request(method, url, **options)
    with_options(request, **ours)
    return request


async def _read_some(response: httpx.Response) -> None:
    response.stream = Counted(response, limit=ERROR_BODY, progress=None)
    with contextlib.suppress(httpx.HTTPError):  # the status is the error, a broken body adds nothing
        await response.aread()


def raise_for_error(response: httpx.Response) -> None:
    """Raises for 4xx and 5xx. Unlike httpx's own, lets 3xx pass and names the URL without its query."""
    if not response.is_error:
        return
    message = f"{response.status_code} {response.reason_phrase} from {public_url(response.url)}"
    error = httpx.HTTPStatusError(message, request=response.request, response=response)
    if (call := call_of(response)) is not None:
        attach_call(error, call)
    raise error


def checked_url(url: httpx.URL | str) -> httpx.URL:
    """Parses a URL and finds what httpx would only meet while connecting.

    Raises:
        httpx.InvalidURL: Always that, where httpx raises idna, Unicode and overflow errors.
    """
    try:
        parsed = httpx.URL(url)
        host, port = parsed.host, parsed.port
        host.encode("idna")  # what the resolver will do; refuses empty and over-long labels
    except (UnicodeError, idna.IDNAError) as exc:
        raise httpx.InvalidURL("the URL can't be encoded") from exc
    if port is not None and not 0 < port <= MAX_PORT:
        raise httpx.InvalidURL(f"the port must be between 1 and {MAX_PORT}, got {port}")
    return parsed


def checked_request(
    build: Callable[..., httpx.Request], method: str, url: httpx.URL | str, **options: Any
) -> httpx.Request:
    """What an httpx client's `build_request` gives; `ServiceClient.build_request` documents what is raised."""
    url = checked_url(url)
    try:
        return build(method, url, **options)
    except UnicodeEncodeError as exc:
        raise httpx.LocalProtocolError(f"a header can't be sent: character {exc.start} is not ASCII") from exc


def _content_length(response: httpx.Response) -> int | None:
    value = response.headers.get("content-length", "")
    return int(value) if value.isdecimal() else None

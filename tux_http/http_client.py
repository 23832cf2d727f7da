"""`HTTPClient`: one shared, pooled client for a whole bot, and `http_client`, the process-wide instance."""

from __future__ import annotations

import asyncio
import contextlib
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import httpx
from loguru import logger

from tux_http.api import API
from tux_http.blocking import BlockingClient
from tux_http.caching import rules
from tux_http.caching.shelf import Shelf
from tux_http.certificates import ssl_context
from tux_http.client import ServiceClient, requested, streamed
from tux_http.policy import HTTPSettings, Policy
from tux_http.transports import retry

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Iterable, Mapping
    from http.cookiejar import Cookie
    from urllib.request import Request as UrllibRequest

    from httpx._types import AuthTypes, HeaderTypes

    from tux_http.chaos import Faults
    from tux_http.transports.credential import Credential
    from tux_http.untrusted import Untrusted


class HTTPClient:
    """The shared client: opened lazily, closed by its owner, usable again afterwards.

    Args:
        settings: Defaults for everything below; `HTTPSettings()` if not given.
        transport: Replaces the engine, for tests and ASGI apps.
        options: Any keyword of `httpx.AsyncClient`; wins over `settings`. `auth`, `params` and `cookies`
            are the unnamed client's own; `headers`, `event_hooks`, `timeout` and redirects are every API's
            defaults too.
    """

    def __init__(
        self,
        settings: HTTPSettings | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        **options: Any,
    ) -> None:
        self.settings = settings or HTTPSettings()
        self.shelf = Shelf(self.settings.cache)
        self.faults: Faults | None = (
            None  # on purpose, for named APIs: see `chaos`; to be set before they are called
        )
        self._transport = transport
        self._options = options
        self._apis: dict[str, API] = {}
        self._client: ServiceClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()
        self._closer: AsyncGenerator[None] | None = None

    @property
    def apis(self) -> Mapping[str, API]:
        """The named APIs, read-only; `api()` adds to them."""
        return MappingProxyType(self._apis)

    @property
    def is_open(self) -> bool:
        return self._client is not None and not self._client.is_closed

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that it was last used in; what its layers remember is read there, by other threads too."""
        return self._loop

    def configure(self, settings: HTTPSettings) -> None:
        """Replaces the settings of a client that is not open.

        Raises:
            RuntimeError: It is open, with other settings.
        """
        if self.is_open and settings != self.settings:
            raise RuntimeError("the client is open; close() it before it is configured anew")
        self.settings = settings
        self.shelf.configure(settings.cache)

    async def get_client(self) -> ServiceClient:
        """The one `httpx.AsyncClient` under this service, opened at the first call.

        Raises:
            RuntimeError: It is open in another event loop that still runs.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._adopt(loop)
        if self._client is not None and not self._client.is_closed:
            return self._client
        async with self._lock:
            if self._client is None or self._client.is_closed:
                self._client = await self._open()
        return self._client

    def _adopt(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None and self._loop.is_running() and self.is_open:
            raise RuntimeError("this HTTPClient is open in another running event loop; use one for each loop")
        self._loop = loop
        self._lock = asyncio.Lock()
        self._client = None  # of a loop that is gone: its sockets went with it

    async def _open(self) -> ServiceClient:
        options = self._client_options()
        if self._transport is None:
            # Loading the CA bundle blocks for tens of milliseconds, so it is done off the loop.
            options["verify"] = await asyncio.to_thread(self._ssl_context)
            options.pop("cert", None)
            await asyncio.to_thread(_load)
        client = ServiceClient(transport=self._transport, **options)
        client.cookies = _unkept_cookies(self._options.get("cookies"))
        self._closer = self._close_with_loop(client)
        await anext(self._closer)
        logger.debug("HTTP service opened")
        return client

    async def _close_with_loop(self, client: ServiceClient) -> AsyncGenerator[None]:
        # asyncio.run() and its kin close open async generators before the loop goes, so a script that
        # never calls close() leaves no socket behind.
        try:
            yield
        finally:
            for api in tuple(self._apis.values()):  # the one for users' URLs has sockets of its own
                await api.aclose()
            await self.shelf.aclose()
            await client.aclose()

    def _ssl_context(self) -> ssl.SSLContext:
        options = self._options
        trust_env = options.get("trust_env", self.settings.trust_env)
        return ssl_context(options.get("verify", True), options.get("cert"), trust_env=trust_env)

    def _client_options(self) -> dict[str, Any]:
        """Keywords for `httpx.AsyncClient` and `httpx.Client` alike: the settings, then what was given."""
        settings = self.settings
        headers = httpx.Headers({"User-Agent": settings.user_agent})
        headers.update(self._options.get("headers"))
        return {
            "http2": settings.http2,
            "limits": settings.limits(),
            "timeout": settings.timeouts.as_httpx(),
            "follow_redirects": settings.follow_redirects,
            "max_redirects": settings.max_redirects,
            "trust_env": settings.trust_env,
            **self._options,
            "headers": headers,
        }

    def shared_options(self) -> dict[str, Any]:
        """What an API takes over from the unnamed client: no credential and no cookie is among it."""
        names = ("timeout", "follow_redirects", "max_redirects", "headers", "event_hooks", "default_encoding")
        return {name: value for name, value in self._client_options().items() if name in names}

    def blocking(self) -> httpx.Client:
        """A blocking twin for scripts: same headers, limits, timeouts, redirects and TLS; the caller closes it.

        Its redirects have the same rules too, and it keeps no cookies either.
        """
        options: dict[str, Any] = {**self._client_options(), "verify": self._ssl_context()}
        for name in ("cert", "mounts", "event_hooks"):  # the context holds the first, the others are async
            options.pop(name, None)
        client = BlockingClient(**options)
        client.cookies = _unkept_cookies(self._options.get("cookies"))
        return client

    def api(
        self,
        name: str,
        *,
        base_url: httpx.URL | str,
        headers: HeaderTypes | None = None,
        auth: AuthTypes | None = None,
        policy: Policy | None = None,
        credential: Credential | None = None,
        **options: Any,
    ) -> API:
        """The named upstream; made at the first call, the same one at every further call.

        Args:
            name: Its name in records, logs and settings.
            base_url: What relative URLs are appended to. An API calls no other origin.
            headers: Sent with every call, credentials among them; built once.
            auth: As in httpx.
            policy: How its calls behave; `Policy()` if not given.
            credential: One for `Authorization` that changes, such as `github_app.AppCredential`.
            options: Keywords of `httpx.AsyncClient` that do not concern the pool; see `api.OWN_OPTIONS`.

        Raises:
            ValueError: The name is taken, with other arguments, or `base_url` is not an http(s) URL.
            TypeError: An option concerns the pool.
        """
        made = API(
            self,
            name,
            base_url=base_url,
            headers=headers,
            auth=auth,
            policy=policy or Policy(),
            options=options,
            credential=credential,
        )
        known = self._apis.setdefault(name, made)
        if not known.same_as(made):
            raise ValueError(f"an API named {name!r} exists already, with other arguments")
        return known

    def untrusted(self, *, ports: Iterable[int] = (80, 443)) -> Untrusted:
        """The API for URLs that come from users: public addresses only, checked at the connection.

        Its verbs take absolute URLs. What may not be reached raises `BlockedAddress` and gets no packet.

        Args:
            ports: That such a URL may name; at every further call the same.
        """
        from tux_http.untrusted import NAME, Untrusted, rules  # noqa: PLC0415  # costs 20 ms that few bots need

        made = Untrusted(self, rules(ports=ports), transport=self._transport)
        known = self._apis.setdefault(NAME, made)
        if not isinstance(known, Untrusted) or not known.same_as(made):
            raise ValueError(f"an API named {NAME!r} exists already, with other arguments")
        return known

    async def remove_api(self, name: str) -> None:
        """Closes a named API and forgets it, so that the name can be given anew; nothing if there is none."""
        if (api := self._apis.pop(name, None)) is not None:
            await api.aclose()

    def build_request(self, method: str, url: httpx.URL | str, **kwargs: Any) -> httpx.Request:
        """As httpx. Needs no open client, and opens none."""
        client = self._client or ServiceClient(transport=_nothing, **self._client_options())
        return client.build_request(method, url, **kwargs)

    async def send(self, request: httpx.Request, **kwargs: Any) -> httpx.Response:
        """As httpx: the status is not looked at."""
        return await (await self.get_client()).send(request, **kwargs)

    async def request(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        raise_for_status: bool = True,
        **kwargs: Any,
    ) -> httpx.Response:
        """Sends a request and reads its response.

        Args:
            method: HTTP method.
            url: Absolute URL.
            raise_for_status: Whether 4xx and 5xx raise.
            kwargs: As `httpx.AsyncClient.request`; and of `CallOptions`: `deadline`, the seconds that the
                whole call may take, redirects and body included, `max_body`, `retry`, `priority`, `caller`.

        Raises:
            httpx.HTTPStatusError: The status is 4xx or 5xx.
            httpx.RequestError: No response came; see `tux_http.errors` for the kinds of our own.
            httpx.InvalidURL: The URL is not one.
        """
        client = await self.get_client()
        return await requested(client, method, url, raise_for_status=raise_for_status, **kwargs)

    async def get(self, url: httpx.URL | str, **kwargs: Any) -> httpx.Response:
        return await self.request("GET", url, **kwargs)

    async def post(self, url: httpx.URL | str, **kwargs: Any) -> httpx.Response:
        return await self.request("POST", url, **kwargs)

    async def put(self, url: httpx.URL | str, **kwargs: Any) -> httpx.Response:
        return await self.request("PUT", url, **kwargs)

    async def patch(self, url: httpx.URL | str, **kwargs: Any) -> httpx.Response:
        return await self.request("PATCH", url, **kwargs)

    async def delete(self, url: httpx.URL | str, **kwargs: Any) -> httpx.Response:
        return await self.request("DELETE", url, **kwargs)

    async def head(self, url: httpx.URL | str, **kwargs: Any) -> httpx.Response:
        return await self.request("HEAD", url, **kwargs)

    async def options(self, url: httpx.URL | str, **kwargs: Any) -> httpx.Response:
        return await self.request("OPTIONS", url, **kwargs)

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, url: httpx.URL | str, **kwargs: Any
    ) -> AsyncGenerator[httpx.Response]:
        """As `request`, but the body is not read; see `API.stream` for `max_bytes` and `progress`."""
        async with streamed(await self.get_client(), method, url, **kwargs) as response:
            yield response

    async def close(self) -> None:
        """Closes every API and the pool. Opens again, lazily, at the next use."""
        client, closer = self._client, self._closer
        self._client = self._closer = None
        for api in self._apis.values():
            await api.aclose()
        await self.shelf.aclose()
        if closer is not None and self._loop is asyncio.get_running_loop():
            await closer.aclose()
        if client is not None:
            logger.debug("HTTP service closed")

    async def __aenter__(self) -> Self:
        await self.get_client()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class _KeepNone(DefaultCookiePolicy):
    """A shared jar would replay one command's cookies in another's."""

    def set_ok(self, cookie: Cookie, request: UrllibRequest) -> bool:  # noqa: ARG002
        return False


def _load() -> None:
    """Imports what the first calls need, and whoever only imports this does not."""
    rules.load()
    retry.load()


def _nowhere(request: httpx.Request) -> httpx.Response:
    raise httpx.UnsupportedProtocol("this client only builds requests", request=request)


_nothing = httpx.MockTransport(_nowhere)


def _unkept_cookies(given: Any) -> CookieJar:
    jar = CookieJar(policy=_KeepNone())
    for cookie in httpx.Cookies(given).jar:
        jar.set_cookie(cookie)
    return jar


http_client = HTTPClient()
"""The process-wide instance; `TuxBot` and the extension use it unless given another."""

"""`API`: one named upstream on the shared client, with its own base URL, credentials and policy."""

from __future__ import annotations

import contextlib
import string
from functools import lru_cache
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload
from urllib.parse import quote

import httpx
import msgspec

from tux_http.caching.shortcut import Shortcuts, shape_of
from tux_http.call import call_of
from tux_http.client import ServiceClient, raise_for_error, requested, streamed
from tux_http.errors import InvalidResponse, attach_call
from tux_http.transports import LayerState

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Hashable, Mapping

    from httpx._types import AuthTypes, HeaderTypes

    from tux_http.client import Progress
    from tux_http.http_client import HTTPClient
    from tux_http.policy import Policy
    from tux_http.transports.credential import Credential

T = TypeVar("T")

HARMLESS: Final = frozenset(
    {"params", "deadline", "timeout", "priority", "caller", "retry", "breaker", "quota", "lane"}
)
"""Keywords of a call that make no difference to an answer from memory, beside what is asked for."""

OWN_OPTIONS: Final = frozenset(
    {"params", "cookies", "timeout", "follow_redirects", "max_redirects", "event_hooks", "default_encoding",
     "transport"}
)  # fmt: skip
"""Keywords of `httpx.AsyncClient` that an API may set for itself."""


class API:
    """Calls to one upstream. Made by `HTTPClient.api`, closed with it, and usable again after that.

    It takes over the shared client's pool, proxies, User-Agent and defaults; its headers, auth and
    cookies are its own, and it calls no origin but that of its `base_url`.
    """

    def __init__(
        self,
        service: HTTPClient,
        name: str,
        *,
        base_url: httpx.URL | str,
        headers: HeaderTypes | None,
        auth: AuthTypes | None,
        policy: Policy,
        options: dict[str, Any],
        credential: Credential | None = None,
    ) -> None:
        self.name = name
        self.base_url = httpx.URL(base_url)
        if self.base_url.scheme not in {"http", "https"} or not self.base_url.host:
            raise ValueError(
                f"base_url of {name} must be an absolute http or https URL, got {str(base_url)!r}"
            )
        if unknown := sorted(set(options) - OWN_OPTIONS):
            raise TypeError(f"an API has no option {unknown[0]!r} of its own: it shares the service's pool")
        self.policy = policy
        self._beneath = str(self.base_url.copy_with(query=None, fragment=None)).rstrip("/")
        self._service = service
        self._headers = httpx.Headers(headers)
        self._auth = auth
        self._credential = credential
        if credential is not None:
            self._headers["Authorization"] = credential.stand_in
        self._options = options
        self._jar = CookieJar()  # outlives close(), as the API does
        for cookie in httpx.Cookies(options.get("cookies")).jar:
            self._jar.set_cookie(cookie)
        self._layers = LayerState(policy, api=name, base_url=self.base_url, shelf=service.shelf)
        self._layers.credential = credential
        self._shortcuts = Shortcuts(service.shelf, api=name)
        hooks: dict[str, list[Any]] = {**service.shared_options(), **options}.get("event_hooks") or {}
        self._is_plain = auth is None and policy.caching.enabled and not any(hooks.values())
        self._client: ServiceClient | None = None
        self._pool_of: ServiceClient | None = None

    def __repr__(self) -> str:
        return f"API({self.name!r}, base_url={str(self.base_url)!r})"

    def same_as(self, other: API) -> bool:
        """Whether both were made with equal arguments."""
        return self is other or all(
            getattr(self, name) == getattr(other, name)
            for name in ("name", "base_url", "policy", "_headers", "_auth", "_options", "_credential")
        )

    @property
    def headers(self) -> httpx.Headers:
        """A copy of the headers sent with every call."""
        return self._headers.copy()

    @property
    def layers(self) -> LayerState:
        """What the layers remember: circuits, quotas, lane."""
        return self._layers

    async def get_client(self) -> ServiceClient:
        """The `httpx.AsyncClient` of this API, over the shared pool."""
        owner = await self._service.get_client()
        if self._client is None or self._pool_of is not owner:
            self._layers.faults = self._service.faults
            self._client = self._open(owner)
            self._pool_of = owner
        return self._client

    def _open(self, owner: ServiceClient) -> ServiceClient:
        options = {**self._service.shared_options(), **self._options}
        headers = options["headers"].copy()
        headers.update(self._headers)
        options.update(headers=headers, cookies=self._jar, base_url=self.base_url, auth=self._auth)
        transport = options.pop("transport", None) or owner.shared_transport()
        return ServiceClient(layers=self._layers, transport=transport, **options)

    async def aclose(self) -> None:
        """Part of `HTTPClient.close`; the pool is the service's."""
        client, self._client, self._pool_of = self._client, None, None
        if client is not None:
            await client.aclose()

    def url(self, template: httpx.URL | str, path: Mapping[str, str | int] | None = None) -> httpx.URL:
        """The absolute URL of a template such as `"/repos/{owner}/{repo}"`.

        Each value becomes one percent-encoded segment (RFC 3986, section 3.3).

        Raises:
            httpx.InvalidURL: A value is empty or a dot segment, or the URL leaves this API's origin.
            ValueError: The names in the template and in `path` differ.
        """
        text = str(template) if path is None else expand(str(template), path)
        if text.startswith("/") and not text.startswith("//") and "#" not in text:
            # The same in one parse; what is refused below can't be written so.
            return httpx.URL(self._beneath + text)
        relative = httpx.URL(text)
        if relative.is_absolute_url:
            if _origin(relative) != _origin(self.base_url):
                raise httpx.InvalidURL(f"API {self.name} calls {_origin_text(self.base_url)} only")
            return relative
        if relative.host:
            raise httpx.InvalidURL(f"API {self.name} takes paths, or URLs with their scheme")
        raw = self.base_url.raw_path.rstrip(b"/") + b"/" + relative.raw_path.lstrip(b"/")
        return self.base_url.copy_with(raw_path=raw)

    @overload
    async def request(self, method: str, url: httpx.URL | str, *, as_: type[T], **options: Any) -> T: ...
    @overload
    async def request(
        self, method: str, url: httpx.URL | str, *, as_: None = None, **options: Any
    ) -> httpx.Response: ...
    async def request(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        path: Mapping[str, str | int] | None = None,
        as_: type[Any] | None = None,
        raise_for_status: bool = True,
        **options: Any,
    ) -> Any:
        """Sends a request and reads its response.

        Args:
            method: HTTP method.
            url: Relative to `base_url`, absolute on the same origin, or a template for `path`.
            path: A value for each name in the template.
            as_: A type that msgspec decodes the JSON body into; None gives the `httpx.Response`.
            raise_for_status: Whether 4xx and 5xx raise.
            options: As `httpx.AsyncClient.request`: `params`, `headers`, `json`, `data`, `files`,
                `content`, `timeout`, `follow_redirects`, `auth`. A header given here wins over the
                API's and over the one a body implies (`application/json-patch+json` with `json=`).
                And of `CallOptions`: `deadline` in seconds, `retry`, `breaker`, `quota`, `lane`, `cache`,
                `priority`, `caller`, `max_body`.

        Raises:
            httpx.HTTPStatusError: The status is 4xx or 5xx.
            httpx.RequestError: No response came.
            InvalidResponse: The body is not JSON that fits `as_`.
            httpx.InvalidURL: A path value can't be sent; see `url`.
        """
        given = self._given(method, url, path, options)
        response = None if given is None else self._shortcuts.answer(given)
        if response is None:
            client, target = await self.get_client(), self.url(url, path)
            response = await requested(client, method, target, raise_for_status=False, **options)
            if given is not None:
                self._shortcuts.learn(given, response)
        if raise_for_status:
            raise_for_error(response)
        return response if as_ is None else decode(response, as_, api=self.name)

    def _given(
        self, method: str, url: httpx.URL | str, path: Mapping[str, str | int] | None, options: dict[str, Any]
    ) -> Hashable:
        """What a call comes down to where a fresh answer in memory may serve it as it is; None where not.

        Not where somebody wants to see each request, or writes something into it: hooks, auth, cookies, and
        headers of the call's own.
        """
        if method != "GET" or not self._is_plain or (options and not options.keys() <= HARMLESS):
            return None
        for _ in self._jar:
            return None
        return shape_of(url, path, options.get("params"))

    @overload
    async def get(self, url: httpx.URL | str, *, as_: type[T], **options: Any) -> T: ...
    @overload
    async def get(self, url: httpx.URL | str, *, as_: None = None, **options: Any) -> httpx.Response: ...
    async def get(self, url: httpx.URL | str, **options: Any) -> Any:
        return await self.request("GET", url, **options)

    @overload
    async def post(self, url: httpx.URL | str, *, as_: type[T], **options: Any) -> T: ...
    @overload
    async def post(self, url: httpx.URL | str, *, as_: None = None, **options: Any) -> httpx.Response: ...
    async def post(self, url: httpx.URL | str, **options: Any) -> Any:
        return await self.request("POST", url, **options)

    @overload
    async def put(self, url: httpx.URL | str, *, as_: type[T], **options: Any) -> T: ...
    @overload
    async def put(self, url: httpx.URL | str, *, as_: None = None, **options: Any) -> httpx.Response: ...
    async def put(self, url: httpx.URL | str, **options: Any) -> Any:
        return await self.request("PUT", url, **options)

    @overload
    async def patch(self, url: httpx.URL | str, *, as_: type[T], **options: Any) -> T: ...
    @overload
    async def patch(self, url: httpx.URL | str, *, as_: None = None, **options: Any) -> httpx.Response: ...
    async def patch(self, url: httpx.URL | str, **options: Any) -> Any:
        return await self.request("PATCH", url, **options)

    @overload
    async def delete(self, url: httpx.URL | str, *, as_: type[T], **options: Any) -> T: ...
    @overload
    async def delete(self, url: httpx.URL | str, *, as_: None = None, **options: Any) -> httpx.Response: ...
    async def delete(self, url: httpx.URL | str, **options: Any) -> Any:
        return await self.request("DELETE", url, **options)

    async def head(self, url: httpx.URL | str, **options: Any) -> httpx.Response:
        return await self.request("HEAD", url, **options)

    async def options(self, url: httpx.URL | str, **options: Any) -> httpx.Response:
        return await self.request("OPTIONS", url, **options)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        path: Mapping[str, str | int] | None = None,
        max_bytes: int | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> AsyncGenerator[httpx.Response]:
        """Sends a request and leaves the body to be read with `aiter_bytes()` and its kin.

        Args:
            method: HTTP method.
            url: As in `request`.
            path: As in `request`.
            max_bytes: Cap on the body as sent, in bytes; more raises `ResponseTooLarge`.
            progress: Called with `(received, total or None)` in bytes as sent, after each chunk.
            options: As in `request`.
        """
        client = await self.get_client()
        target = self.url(url, path)
        async with streamed(
            client, method, target, max_bytes=max_bytes, progress=progress, **options
        ) as response:
            yield response


def expand(template: str, path: Mapping[str, str | int]) -> str:
    """Fills a path template; see `API.url`."""
    names = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    if names != set(path):
        raise ValueError(f"the template {template!r} takes {sorted(names)}, got {sorted(path)}")
    return template.format_map({name: _segment(name, value) for name, value in path.items()})


def _segment(name: str, value: str | int) -> str:
    text = str(value)
    if text in {"", ".", ".."}:
        raise httpx.InvalidURL(f"the path value {name!r} must not be empty, '.' or '..'")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as exc:
        raise httpx.InvalidURL(f"the path value {name!r} is not valid Unicode") from exc


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _origin_text(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"


@lru_cache(maxsize=256)
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def decode(response: httpx.Response, type_: type[T], *, api: str | None = None) -> T:
    """Decodes a JSON body.

    Raises:
        InvalidResponse: It is not JSON, or doesn't fit; the message names where, never what.
    """
    try:
        return _decoder(type_).decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        error = InvalidResponse(
            expected=getattr(type_, "__name__", str(type_)),
            path=_path_in(exc),
            api=api,
            request=response.request,
        )
        if (call := call_of(response)) is not None:
            attach_call(error, call)
        raise error from exc


def _path_in(exc: Exception) -> str:
    """The JSON path that msgspec ends its messages with: "... - at `$.stargazers_count`"."""
    _, marker, path = str(exc).rpartition(" - at `")
    return path.rstrip("`") if marker else "$"

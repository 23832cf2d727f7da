"""What survives a redirect: credentials, custom headers and cookies stay on their origin.

httpx drops `Authorization` where a redirect leaves the origin, and forwards everything else: `X-Api-Key`,
`PRIVATE-TOKEN`, and every cookie that was given to a client without a domain. It also follows from https
to http.
"""

from __future__ import annotations

from typing import Final

import httpx
from httpx._client import BaseClient  # what both clients' redirects are built by

ANYWHERE: Final = frozenset({"accept", "accept-encoding", "accept-language", "user-agent"})
"""Header fields that another origin gets too: none of them says who asks."""

OF_CONTENT: Final = frozenset({"content-encoding", "content-length", "content-type", "transfer-encoding"})
"""Header fields that another origin gets with the body, where a redirect keeps it (307 and 308)."""

REDIRECTED_FROM: Final = "tux_http.redirected_from"
"""Request extension: the URL whose answer led here."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

for _client in (httpx.AsyncClient, httpx.Client):
    for _hook in ("_build_redirect_request", "_redirect_url", "_send_single_request"):
        if not hasattr(_client, _hook):
            _missing = f"{_client.__name__}.{_hook}"
            raise ImportError(f"httpx {httpx.__version__} has no {_missing}; tux_http needs httpx 0.28")


def is_same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether scheme, host and port are the same (RFC 6454, section 5)."""
    return _origin(one) == _origin(other)


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port or _DEFAULT_PORTS.get(url.scheme)


def redirected_headers(headers: httpx.Headers, old: httpx.URL, new: httpx.URL) -> httpx.Headers:
    """The header fields of a request after a redirect.

    Args:
        headers: What httpx would send: without Content-Length and Transfer-Encoding if the body is dropped.
        old: The URL that was asked.
        new: The URL that its answer named.
    """
    if is_same_origin(old, new):
        return headers
    has_body = "content-length" in headers or "transfer-encoding" in headers
    kept = ANYWHERE | OF_CONTENT if has_body else ANYWHERE
    fields = [(name, value) for name, value in headers.raw if name.decode("latin-1").lower() in kept]
    return httpx.Headers([(b"Host", new.netloc), *fields])


def refuses(old: httpx.URL, new: httpx.URL) -> bool:
    """Whether a redirect is not to be followed: what was asked for in secret is not asked for in the open."""
    return old.scheme == "https" and new.scheme == "http"


class _RedirectRules(BaseClient):
    """What both clients below do alike: the rules above, where httpx builds a redirect's request."""

    def _build_redirect_request(self, request: httpx.Request, response: httpx.Response) -> httpx.Request:
        redirected = super()._build_redirect_request(request, response)
        # Here and not in _redirect_headers, for httpx adds the cookies last.
        redirected.headers = redirected_headers(redirected.headers, request.url, redirected.url)
        redirected.extensions = {**redirected.extensions, REDIRECTED_FROM: request.url}
        return redirected

    def _redirect_url(self, request: httpx.Request, response: httpx.Response) -> httpx.URL:
        try:
            url = super()._redirect_url(request, response)
            url.host.encode("idna")  # what the resolver will do
        except (httpx.InvalidURL, UnicodeError) as exc:  # idna's errors are UnicodeErrors
            raise httpx.RemoteProtocolError("the redirect's URL is not valid", request=request) from exc
        return url


def _check_followed(request: httpx.Request) -> None:
    # When it is sent and not where it is built, for that is done for callers who follow no redirect too.
    old: httpx.URL | None = request.extensions.get(REDIRECTED_FROM)
    if old is not None and refuses(old, request.url):
        raise httpx.RemoteProtocolError("a redirect from https to http is not followed", request=request)


class OriginBound(_RedirectRules, httpx.AsyncClient):
    """An `httpx.AsyncClient` whose redirects follow the rules above."""

    async def _send_single_request(self, request: httpx.Request) -> httpx.Response:
        _check_followed(request)
        return await super()._send_single_request(request)


class BlockingOriginBound(_RedirectRules, httpx.Client):
    """An `httpx.Client` whose redirects follow the rules above."""

    def _send_single_request(self, request: httpx.Request) -> httpx.Response:
        _check_followed(request)
        return super()._send_single_request(request)

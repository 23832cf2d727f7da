"""The quota of an API: what its upstream announces is obeyed before it has to refuse.

Sources as `tux_http.limits` names them.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx

from tux_http.errors import RateLimited
from tux_http.limits import announced, limit_of
from tux_http.options import options_of
from tux_http.transports.allowance import Answer, Refusal, Ticket
from tux_http.transports.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tux_http.transports.allowance import Book, Route

_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_KEY: Final = secrets.token_bytes(32)  # a digest says nothing outside this process
_LONGEST_SEGMENT: Final = 64


def _now() -> datetime:
    return datetime.now(UTC)


class Quota(Layer):
    """Refuses at once what the upstream would refuse, and learns from every answer.

    An upstream's refusal is handed up as it is.

    Args:
        inner: The layer below.
        book: The API's; outlives this layer.
        api: Its name.
        base_path: Path of its base URL, below which its resources lie.
        wall: The time, aware.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        book: Book,
        *,
        api: str | None = None,
        base_path: str = "/",
        wall: Callable[[], datetime] = _now,
    ) -> None:
        super().__init__(inner)
        self._book = book
        self._api = api
        self._base_path = base_path.rstrip("/") + "/"
        self._wall = wall

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx.

        Raises:
            RateLimited: A quota is spent, or the upstream asked for a pause.
        """
        ticket = self._ticket(request)
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as exc:
            self._book.unanswered(ticket, sent=not isinstance(exc, _NEVER_SENT))
            raise
        now = self._wall()
        self._book.answered(ticket, self._answer(ticket, request, response, now), now)
        return response

    def _ticket(self, request: httpx.Request) -> Ticket:
        now = self._wall()
        background = options_of(request).priority == "background"
        started = self._book.start(_credential(request), self._route(request), now, background=background)
        if isinstance(started, Refusal):
            raise self._refused(started, request, now)
        return started

    def _refused(self, refusal: Refusal, request: httpx.Request, now: datetime) -> RateLimited:
        seconds = math.ceil((refusal.retry_at - now).total_seconds())
        response = httpx.Response(
            HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": str(seconds)}, request=request
        )
        return RateLimited(
            request=request,
            response=response,
            retry_at=refusal.retry_at,
            scope=refusal.scope,
            limit=refusal.limit,
            api=self._api,
        )

    def _route(self, request: httpx.Request) -> Route:
        path = request.url.raw_path.partition(b"?")[0].decode("ascii", "replace")
        segments = path.removeprefix(self._base_path).strip("/").split("/", 2)
        rough, fine = segments[0], "/".join(segments[:2])
        return _origin(request) + rough[:_LONGEST_SEGMENT], _origin(request) + fine[: 2 * _LONGEST_SEGMENT]

    def _answer(
        self, ticket: Ticket, request: httpx.Request, response: httpx.Response, now: datetime
    ) -> Answer:
        # GitHub: a 304 is free, "if the request was made while correctly authorized".
        unchanged = response.status_code == HTTPStatus.NOT_MODIFIED
        return Answer(
            announced=announced(response.headers, now),
            limit=limit_of(response, now, secondary_wait=self._book.secondary_wait(ticket)),
            free=unchanged and "authorization" in request.headers,
            success=not response.is_server_error,
        )


def _credential(request: httpx.Request) -> str:
    """Whose quota a request spends. A redirect may lead to another origin, which has quotas of its own."""
    value = request.headers.get("authorization", "").encode("utf-8", "replace")
    return _origin(request) + hashlib.blake2b(value, key=_KEY, digest_size=16).hexdigest()


def _origin(request: httpx.Request) -> str:
    url = request.url
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}/"

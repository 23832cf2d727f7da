"""The quota of an API: what its upstream announces is obeyed before it has to refuse.

Sources as `tux_http.limits` names them.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime
from functools import lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec

from tux_http.caching.keys import credentials_of
from tux_http.errors import RateLimited
from tux_http.fields import fields_of
from tux_http.limits import LARGEST_MESSAGE, LIMITED_STATUSES, announced, limit_of
from tux_http.options import options_of
from tux_http.transports.allowance import Answer, Refusal, Ticket
from tux_http.transports.decoding import BoundedDecoder
from tux_http.transports.guard import codings_of
from tux_http.transports.layer import Layer, note_refusal, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tux_http.limits import Limit
    from tux_http.transports.allowance import Book, Route
    from tux_http.transports.bulletin import Bulletin

_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


def _now() -> datetime:
    return datetime.now(UTC)


class Quota(Layer):
    """Refuses at once what the upstream would refuse, and learns from every answer.

    An upstream's refusal is handed up as it is. A call with the option `quota=False` is sent whatever is
    known; what it costs and what its answer tells count like any other's.

    Args:
        inner: The layer below.
        book: The API's; outlives this layer.
        api: Its name.
        base_path: Path of its base URL, below which its resources lie.
        bulletin: What shares the book with other processes.
        wall: The time, aware.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        book: Book,
        *,
        api: str | None = None,
        base_path: str = "/",
        bulletin: Bulletin | None = None,
        wall: Callable[[], datetime] = _now,
    ) -> None:
        super().__init__(inner)
        self._book = book
        self._api = api
        self._base_path = base_path.rstrip("/") + "/"
        self._bulletin = bulletin
        self._wall = wall

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx.

        Raises:
            RateLimited: A quota is spent, or the upstream asked for a pause.
        """
        account = _account(request)
        if self._bulletin is not None:
            await self._bulletin.consult(account)
        ticket = self._ticket(request, account)
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as exc:
            self._book.unanswered(ticket, sent=not isinstance(exc, _NEVER_SENT))
            raise
        lesson = _Lesson(self._book, ticket, request, response, self._wall(), self._bulletin, account)
        if lesson.is_incomplete:
            response.stream = _Overheard(response.stream, lesson)
        else:
            lesson.learn()
        return response

    async def aclose(self) -> None:
        try:
            if self._bulletin is not None:
                await self._bulletin.aclose()
        finally:
            await super().aclose()

    def _ticket(self, request: httpx.Request, account: str) -> Ticket:
        now, options = self._wall(), options_of(request)
        started = self._book.start(
            account,
            self._route(request),
            now,
            background=options.priority == "background",
            refusable=options.quota is not False,
        )
        if isinstance(started, Refusal):
            raise self._refused(started, request, now)
        return started

    def _refused(self, refusal: Refusal, request: httpx.Request, now: datetime) -> RateLimited:
        note_refusal(request, "quota")
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
        origin = _origin(request.url)
        return _digest(origin + segments[0]), _digest(origin + "/".join(segments[:2]))


class _Lesson(msgspec.Struct):
    """What the response to a call, which came at `now`, teaches the book."""

    book: Book
    ticket: Ticket
    request: httpx.Request
    response: httpx.Response
    now: datetime
    bulletin: Bulletin | None
    account: str

    @property
    def is_incomplete(self) -> bool:
        """Whether a limit may yet be told in the body, which its caller is going to read."""
        response = self.response
        if response.is_stream_consumed or response.status_code not in LIMITED_STATUSES:
            return False
        limit = limit_of(response, self.now)
        return limit is None or limit.retry_at is None

    def learn(self, body: bytes | None = None) -> None:
        """Ends the call in the book and notes in its record until when others like it are refused."""
        answer = self._answer(body)
        news = self.book.answered(self.ticket, answer, self.now)
        if news and self.bulletin is not None:
            self.bulletin.tell(self.account, news)
        if (call := record_of(self.request)) is not None:
            is_limited = answer.limit is not None and answer.limit.retry_at is not None
            call.limited_until = self.book.held_until(self.ticket, self.now) if is_limited else None

    def _answer(self, body: bytes | None) -> Answer:
        response, now = self.response, self.now
        # GitHub: a 304 is free, "if the request was made while correctly authorized".
        unchanged = response.status_code == HTTPStatus.NOT_MODIFIED
        return Answer(
            announced=announced(fields_of(response), now),
            limit=self._limit(body) if response.status_code in LIMITED_STATUSES else None,
            free=unchanged and "authorization" in self.request.headers,
            success=not response.is_server_error,
        )

    def _limit(self, body: bytes | None) -> Limit | None:
        wait = self.book.secondary_wait(self.ticket)
        return limit_of(self.response, self.now, secondary_wait=wait, body=body)


class _Overheard(httpx.AsyncByteStream):
    """A body that is read later: what was read of it when it is closed completes the lesson."""

    def __init__(self, stream: Any, lesson: _Lesson) -> None:
        self._stream = stream
        self._lesson: _Lesson | None = lesson
        self._heard = bytearray()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._heard += chunk[: LARGEST_MESSAGE - len(self._heard)]
            yield chunk

    async def aclose(self) -> None:
        lesson, self._lesson = self._lesson, None
        try:
            await self._stream.aclose()
        finally:
            if lesson is not None:
                lesson.learn(_decoded(bytes(self._heard), codings_of(lesson.response)))


def _decoded(body: bytes, codings: list[str]) -> bytes:
    """A short body without its content codings; of one that is long or broken, nothing."""
    excess = partial(httpx.DecodingError, "longer than a limit's message")
    try:
        return BoundedDecoder(codings, limit=LARGEST_MESSAGE, excess=excess).decode(body)
    except httpx.DecodingError:
        return b""


def _account(request: httpx.Request) -> str:
    """Whose quota a request spends. A redirect may lead to another origin, which has quotas of its own.

    It is the same in every process, and tells nothing. Cookies, which change from answer to answer, count
    as nobody's.
    """
    return _account_of(_origin(request.url), tuple(request.headers.raw))


@lru_cache(maxsize=256)
def _account_of(origin: str, fields: tuple[tuple[bytes, bytes], ...]) -> str:
    headers = httpx.Headers([field for field in fields if field[0].lower() != b"cookie"])
    return _derived(origin, key=credentials_of(headers))


def _derived(text: str, *, key: bytes = b"") -> str:
    return hashlib.blake2b(text.encode(), key=key, digest_size=16, person=b"tux_http quota").hexdigest()


_digest = lru_cache(maxsize=1024)(_derived)


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}/"

"""The guard layer: caps on what an upstream may send, counted while it arrives and while it is decoded."""

from __future__ import annotations

import gzip
import time
from datetime import timedelta
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec

from tux_http.errors import ResponseTooLarge
from tux_http.fields import fields_of
from tux_http.options import options_of
from tux_http.transports.decoding import BoundedDecoder, allowance
from tux_http.transports.layer import Layer, note_refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tux_http.policy import Caps

SLICE: Final = 4 * 1024
"""Bytes of an encoded body without a cap that are decoded at once; gzip makes 4 MiB of them at most."""

SLICE_LIMIT: Final = 8 * 1024 * 1024
"""Bytes that they may become."""

LONGEST: Final = 20
"""Digits of a Content-Length that is read; one that is longer is a lie."""

BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Answers without a body whatever their Content-Length says (RFC 9110, section 6.4.1)."""


class Guard(Layer):
    """Refuses what is too large, and reads the body of every call that does not stream.

    `max_body` of a call's options wins over the policy's. A streaming call is capped as it is read, and if
    it succeeds only by that option; without, no part of it may grow beyond measure when it is decoded.

    Args:
        inner: The layer below.
        caps: Of the API.
        api: Its name.
        clock: In seconds, for `response.elapsed`.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        caps: Caps,
        *,
        api: str | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(inner)
        self._caps = caps
        self._api = api
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx.

        Raises:
            ResponseTooLarge: The header fields or the body are larger than the caps.
            httpx.DecodingError: The body has too many content codings, or is not in the one it names.
        """
        started = self._clock()
        response = await self._inner.handle_async_request(request)
        response.request = request
        try:
            self._check_head(response)
            _Cap(self._limit_of(response), self._api, request).bound(response)
            if not options_of(request).streaming:
                await response.aread()
                # httpx sets this when it reads a body itself
                response.elapsed = timedelta(seconds=self._clock() - started)
        except BaseException:
            await response.aclose()
            raise
        return response

    def _limit_of(self, response: httpx.Response) -> int | None:
        options = options_of(response.request)
        if options.max_body is not None:
            return options.max_body
        # httpx reads what redirects and asks for credentials to its end, for callers who stream too.
        return None if options.streaming and response.is_success else self._caps.max_body

    def _check_head(self, response: httpx.Response) -> None:
        request, caps = response.request, self._caps
        size = sum(map(len, chain.from_iterable(response.headers.raw)))
        if size > caps.max_headers:
            note_refusal(request, "guard")
            raise ResponseTooLarge(limit=caps.max_headers, part="header", api=self._api, request=request)
        if (count := len(codings_of(response))) > caps.max_codings:
            note_refusal(request, "guard")
            raise httpx.DecodingError(
                f"{count} content codings, of which at most {caps.max_codings} are decoded", request=request
            )


class _Cap(msgspec.Struct, frozen=True):
    """Bytes that a body may have, decoded; None for no cap."""

    limit: int | None
    api: str | None
    request: httpx.Request

    def excess(self) -> ResponseTooLarge:
        note_refusal(self.request, "guard")
        limit = SLICE_LIMIT if self.limit is None else self.limit
        return ResponseTooLarge(limit=limit, api=self.api, request=self.request)

    def decoder(self, codings: list[str]) -> BoundedDecoder:
        if self.limit is None:
            return BoundedDecoder(codings, limit=SLICE_LIMIT, each_call=True, excess=self.excess)
        return BoundedDecoder(codings, limit=self.limit, excess=self.excess)

    def bound(self, response: httpx.Response) -> None:
        """Puts the cap on a body that is not read yet, and checks one that is: a stand-in's for the network."""
        if response.is_stream_consumed:
            self._check(len(response.content), self.limit)
            return
        decoder = self.decoder(codings_of(response))
        limit, slice_ = self.limit, None
        if decoder.has_codings:
            limit, slice_ = (None, SLICE) if limit is None else (allowance(limit), None)
        self._check(_announced(response), limit)
        _decode_with(decoder, response)
        response.stream = _Capped(response.stream, limit, self.excess, slice_=slice_)

    def _check(self, size: int, limit: int | None) -> None:
        if limit is not None and size > limit:
            raise self.excess()


class _Capped(httpx.AsyncByteStream):
    """A body as sent, counted as it arrives; `slice_` is the number of bytes that it is handed on by."""

    def __init__(
        self, stream: Any, limit: int | None, excess: Callable[[], Exception], *, slice_: int | None
    ) -> None:
        self._stream = stream
        self._limit = limit
        self._excess = excess
        self._slice = slice_

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._stream:
            received += len(chunk)
            if self._limit is not None and received > self._limit:
                raise self._excess()
            step = self._slice or len(chunk) or 1
            for start in range(0, len(chunk), step):
                yield chunk[start : start + step]

    async def aclose(self) -> None:
        await self._stream.aclose()


def codings_of(response: httpx.Response) -> list[str]:
    """The content codings of a body, in the order in which they were applied."""
    told = fields_of(response).get("content-encoding")
    return [] if told is None else [name for value in told.split(",") if (name := value.strip().lower())]


def _announced(response: httpx.Response) -> int:
    """The bytes that Content-Length says will come; 0 if it says nothing, or if no body comes."""
    if response.request.method == "HEAD" or response.status_code in BODILESS:
        return 0
    value = fields_of(response).get("content-length", "")
    return int(value) if value.isdecimal() and len(value) <= LONGEST else 0


def _decode_with(decoder: BoundedDecoder, response: httpx.Response) -> None:
    # httpx makes its own decoder only where this private attribute is not set.
    response._decoder = decoder  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]


def _check_httpx() -> None:
    encoded = gzip.compress(b"checked")
    response = httpx.Response(200, headers={"Content-Encoding": "br"}, stream=httpx.ByteStream(encoded))
    _decode_with(BoundedDecoder(["gzip"], limit=len(encoded), excess=AssertionError), response)
    if response.read() != b"checked":
        raise ImportError(f"httpx {httpx.__version__} takes no decoder of ours; tux_http needs httpx 0.28")


_check_httpx()

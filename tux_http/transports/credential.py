"""The layer that puts a credential which changes into requests, just before they are sent.

Above it a request carries a stand-in, which stays the same. So whatever goes by the credential, which is the
keys of the cache, the quota's accounts and what makes two calls equal, outlives each token; and an answer from
the cache needs none at all.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import httpx

from tux_http.redirects import is_same_origin
from tux_http.transports.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Credential", "Signer"]

FIELD: Final = "authorization"

TOLD: Final = ("date", "retry-after")
"""Fields of a refused token's answer that say something of the call that needed it."""


class Credential(Protocol):
    """What stands in `Authorization`, and changes from time to time."""

    @property
    def stand_in(self) -> str:
        """The field's value above the layer: the same in every process, and no secret."""
        ...

    async def current(self) -> str:
        """The field's value for a request that is sent now.

        Raises:
            httpx.HTTPStatusError: There is none: whoever gives them refused.
            httpx.RequestError: There is none, because nothing or nothing useful was answered.
        """
        ...

    def drop(self, value: str) -> bool:
        """Hears that a value was not accepted; says whether another one may be had."""
        ...

    async def aclose(self) -> None:
        """Ends what is under way."""
        ...


class Signer(Layer):
    """Replaces the stand-in by the credential; without the stand-in, which a redirect to elsewhere loses, nothing.

    Neither an answer nor an error leads back to the credential. What refuses to give one, refuses the call.

    Args:
        inner: The layer below.
        credential: Of the API.
        home: A URL of the origin that gets it, and no other does.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, credential: Credential, *, home: httpx.URL) -> None:
        super().__init__(inner)
        self._credential = credential
        self._home = home

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        stands_in = request.headers.get(FIELD) == self._credential.stand_in
        if not stands_in or not is_same_origin(request.url, self._home):
            return await self._inner.handle_async_request(request)
        try:
            value = await self._credential.current()
            response = await self._sent(request, value)
            if response.status_code == HTTPStatus.UNAUTHORIZED and self._may_repeat(request, value):
                await response.aclose()
                response = await self._sent(request, await self._credential.current())
        except httpx.HTTPStatusError as refusal:
            return _refused(request, refusal.response)
        except httpx.RequestError as exc:
            exc.request = request
            raise
        return response

    async def aclose(self) -> None:
        await self._credential.aclose()
        await super().aclose()

    def _may_repeat(self, request: httpx.Request, value: str) -> bool:
        """Whether there may be a better value; what was streamed is gone."""
        return self._credential.drop(value) and isinstance(request.stream, httpx.ByteStream)

    async def _sent(self, request: httpx.Request, value: str) -> httpx.Response:
        headers = request.headers.copy()
        headers[FIELD] = value
        signed = httpx.Request(
            request.method,
            request.url,
            headers=headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        response = await self._inner.handle_async_request(signed)
        response.request = request
        return response


def _refused(request: httpx.Request, refusal: httpx.Response) -> httpx.Response:
    fields: Mapping[str, str] = refusal.headers
    told = {name: fields[name] for name in TOLD if name in fields}
    return httpx.Response(refusal.status_code, headers=told, content=b"", request=request)

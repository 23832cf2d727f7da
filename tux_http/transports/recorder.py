"""The innermost layer: writes each attempt into the call's record."""

from __future__ import annotations

import httpx

from tux_http.call import EXTENSION, Attempt, Call
from tux_http.scopes import lacking


class Recorder(httpx.AsyncBaseTransport):
    """Notes status, protocol, error and time of what went to the network."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = request.extensions.get(EXTENSION)
        if not isinstance(call, Call):  # a request sent round the service, on the bare transport
            return await self._inner.handle_async_request(request)
        attempt = call.attempt()
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as exc:
            attempt.error = type(exc).__name__
            raise
        else:
            _note(attempt, response)
            call.lacks = lacking(response.status_code, response.headers) or None
            return response
        finally:
            attempt.elapsed = call.age() - attempt.started

    async def aclose(self) -> None:
        await self._inner.aclose()


def _note(attempt: Attempt, response: httpx.Response) -> None:
    attempt.status = response.status_code
    attempt.http_version = response.http_version

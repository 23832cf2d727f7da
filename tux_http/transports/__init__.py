"""The pipeline a request walks down and its response walks up; `build` is the only place with its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from tux_http.transports.recorder import Recorder

if TYPE_CHECKING:
    from tux_http.policy import Policy

__all__ = ["Pipeline", "build"]


class Pipeline(httpx.AsyncBaseTransport):
    """Layers over an engine. `engine` stays reachable, so that an API can put its own layers over it."""

    def __init__(self, engine: httpx.AsyncBaseTransport, outermost: httpx.AsyncBaseTransport) -> None:
        self.engine = engine
        self._outermost = outermost

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._outermost.handle_async_request(request)

    async def aclose(self) -> None:
        await self._outermost.aclose()


def build(engine: httpx.AsyncBaseTransport, policy: Policy | None = None) -> Pipeline:
    """Stacks the layers over an engine, innermost first.

    Args:
        engine: What talks to the network, or stands in for it in tests.
        policy: Of a named API; None for the unnamed client, which stays plain.
    """
    del policy  # cache, coalesce, retry, breaker, quota, lane and guard go here, each reading its part
    return Pipeline(engine, Recorder(engine))

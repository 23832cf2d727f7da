"""The quota layer over an upstream that answers as it is told, with a clock that tests put forward."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tux_http.errors import RateLimited
from tux_http.options import EXTENSION as OPTIONS
from tux_http.options import CallOptions
from tux_http.transports.allowance import Book
from tux_http.transports.quota import Quota

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
BACKGROUND = {OPTIONS: CallOptions(priority="background")}
REGARDLESS = {OPTIONS: CallOptions(quota=False)}


class World:
    """An upstream that answers as it is told, the layer over it, a clock, and a list of what was sent."""

    def __init__(self, *, base: str = "https://api.test", reserve: float = 0.1) -> None:
        self.base = base
        self.now = START
        self.sent: list[str] = []
        self.reply: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200)
        self.book = Book(reserve=reserve, secondary_wait=60)
        self.client = httpx.AsyncClient(transport=self.layer(), base_url=base)

    def layer(self, inner: httpx.AsyncBaseTransport | None = None) -> Quota:
        return Quota(
            inner or httpx.MockTransport(self._answer),
            self.book,
            api="test",
            base_path=httpx.URL(self.base).path,
            wall=lambda: self.now,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.url.path)
        return self.reply(request)

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def replies(self, status: int, headers: dict[str, str] | None = None, **options: Any) -> None:
        self.reply = lambda _: httpx.Response(status, headers=headers, **options)

    async def get(self, path: str = "/repos/o/r", **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def is_refused(self, path: str = "/repos/o/r", **options: Any) -> RateLimited:
        before = len(self.sent)
        with pytest.raises(RateLimited) as caught:
            await self.get(path, **options)
        assert len(self.sent) == before, "the network was touched"
        return caught.value

    def github(
        self, remaining: int, *, resource: str = "core", limit: int = 60, reset: float = 1800
    ) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-reset": str(int(self.after(reset).timestamp())),
            "x-ratelimit-resource": resource,
        }


async def hold(world: World, left: int, headers: dict[str, str]) -> None:
    """Sends calls that are not answered until no more may be sent; there must be `left` of them."""
    layer = world.layer(httpx.MockTransport(_never))
    calls: list[asyncio.Task[httpx.Response]] = []
    for _ in range(left + 1):
        request = httpx.Request("GET", f"{world.base}/repos/o/r", headers=headers)
        calls.append(asyncio.ensure_future(layer.handle_async_request(request)))
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    done = [call.done() for call in calls]
    for call in calls:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert done == [False] * left + [True]
    assert isinstance(outcomes[-1], RateLimited)


async def _never(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")

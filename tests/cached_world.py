"""An upstream that is told what to answer, and a client with a cache over it whose clock is set by hand."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

import httpx

from tux_http import call_of
from tux_http.caching.shelf import Shelf
from tux_http.client import ServiceClient
from tux_http.options import with_options
from tux_http.policy import Breaker, CacheSettings, Caching, Policy, Quota, Retry
from tux_http.transports import LayerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tux_http.call import Call

BASE: Final = httpx.URL("https://api.test")
START: Final = 1_800_000_000.0


class World:
    """An upstream, a client of one API over it, and the time of day."""

    def __init__(self, caching: Caching) -> None:
        self.now = START
        self.asked: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], Any] = lambda _: self.fresh()
        self.arrived = asyncio.Event()
        self.held: asyncio.Event | None = None
        self.shelf = Shelf(CacheSettings(), clock=lambda: self.now)
        policy = Policy(
            retry=Retry(attempts=1),
            breaker=Breaker(enabled=False),
            quota=Quota(enabled=False),
            caching=caching,
        )
        self.state = LayerState(policy, api="api", base_url=BASE, shelf=self.shelf)
        self.client = self.opened()

    def opened(self) -> ServiceClient:
        return ServiceClient(layers=self.state, transport=httpx.MockTransport(self._handle), base_url=BASE)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.arrived.set()
        if self.held is not None:
            await self.held.wait()
        answer = self.answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def fresh(self, text: str = "first", *, status: int = 200, **fields: str) -> httpx.Response:
        """An answer that is good for a minute; a field is given as `cache_control="…"`, or None to leave it out."""
        headers = {
            "date": formatdate(self.now, usegmt=True),
            "cache-control": "max-age=60",
            "etag": f'"{text}"',
        }
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        return httpx.Response(status, headers={k: v for k, v in headers.items() if v}, text=text)

    def says(self, *args: Any, **fields: Any) -> None:
        self.answer = lambda _: self.fresh(*args, **fields)

    def fails(self, error: Exception | int) -> None:
        self.answer = lambda _: httpx.Response(error) if isinstance(error, int) else error

    async def get(
        self, url: str = "/x", *, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        request = self.client.build_request("GET", url, headers=headers)
        with_options(request, **options)
        return await self.client.send(request)

    async def settled(self) -> None:
        """Waits until nothing goes on behind."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def close(self) -> None:
        await self.client.aclose()
        await self.shelf.aclose()


def record(response: httpx.Response) -> Call:
    call = call_of(response)
    assert call is not None
    return call


def how(response: httpx.Response) -> tuple[str, str | None, str | None]:
    """The text of an answer, how the cache came by it, and why it is old if it is."""
    call = record(response)
    return response.text, call.cache, call.stale_because

"""An upstream that answers when it is told to, and the coalesce layer over it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import httpx

from tux_http.call import EXTENSION, Call
from tux_http.options import with_options
from tux_http.transports.coalesce import Coalesce
from tux_http.transports.layer import DEADLINE_AT, record_of
from tux_http.transports.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable


URL: Final = "https://api.test/things"


class Upstream(httpx.AsyncBaseTransport):
    """Answers each request when the test says so."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.under_way: list[asyncio.Future[httpx.Response]] = []
        self.dies_slowly = False
        self.may_die = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        outcome: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        self.under_way.append(outcome)
        try:
            return await outcome
        except asyncio.CancelledError:
            if self.dies_slowly:
                async with asyncio.timeout(5):  # a failing test is not to hang
                    await self.may_die.wait()
            raise
        finally:
            self.under_way.remove(outcome)

    def answer(self, outcome: httpx.Response | BaseException | None = None) -> None:
        """Ends the request that has been under way for the longest time."""
        first = next(each for each in self.under_way if not each.done())
        if isinstance(outcome, BaseException):
            first.set_exception(outcome)
        else:
            first.set_result(outcome or httpx.Response(200, text="ok"))


class World:
    """The layer over an upstream, and what calls it makes of requests."""

    def __init__(
        self, over: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = Recorder
    ) -> None:
        self.upstream = Upstream()
        self.layer = Coalesce(over(self.upstream))

    def send(self, request: httpx.Request | None = None) -> asyncio.Task[httpx.Response]:
        return asyncio.ensure_future(self.layer.handle_async_request(request or asking()))

    async def sent(self, *requests: httpx.Request) -> list[asyncio.Task[httpx.Response]]:
        """Calls that have got as far as they can."""
        calls = [self.send(request) for request in requests]
        await turns()
        return calls


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def asking(
    method: str = "GET", url: str = URL, *, until: float | None = None, call: Call | None = None, **given: Any
) -> httpx.Request:
    """A request as the client makes it; `given` are httpx's `headers` and `extensions`, and call options."""
    of_httpx = {name: given.pop(name) for name in ("headers", "extensions", "content") if name in given}
    request = httpx.Request(method, url, **of_httpx)
    record = call or Call.of(request, api="things")
    request.extensions = {**request.extensions, EXTENSION: record, DEADLINE_AT: until}
    with_options(request, streaming=False, **given)
    return request


def record(request: httpx.Request) -> Call:
    call = record_of(request)
    assert call is not None
    return call

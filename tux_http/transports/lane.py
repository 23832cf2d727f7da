"""The lane of an API (a bulkhead): so many calls under way, so many waiting, and users take turns."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import httpx

from tux_http.errors import LaneFull
from tux_http.options import current_caller, options_of
from tux_http.transports.layer import Layer, note_refusal, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Hashable

    from tux_http.transports.turns import Slot, Turns


class Lane(Layer):
    """Lets a call pass when it is its turn, and holds its slot until its response is complete.

    A call with the option `lane=False` takes no slot and waits for nobody.

    Args:
        inner: The layer below.
        turns: The API's; outlives this layer.
        api: Its name.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        turns: Turns,
        *,
        api: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner)
        self._turns = turns
        self._api = api
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx.

        Raises:
            LaneFull: Too many calls wait already.
        """
        if options_of(request).lane is False:
            return await self._inner.handle_async_request(request)
        slot = self._turns.take_free() or await self._slot(request)
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException:
            self._turns.give(slot)
            raise
        if response.is_closed or response.is_stream_consumed:
            self._turns.give(slot)
        else:
            response.stream = _Held(response.stream, self._turns, slot)
        return response

    async def _slot(self, request: httpx.Request) -> Slot:
        try:
            with self._waiting(request):
                return await self._turns.take(_caller_of(request))
        except asyncio.QueueFull:
            note_refusal(request, "lane")
            raise LaneFull(limit=self._turns.queue, api=self._api, request=request) from None

    @contextlib.contextmanager
    def _waiting(self, request: httpx.Request) -> Generator[None]:
        started = self._clock()
        try:
            yield
        finally:
            if (call := record_of(request)) is not None:
                call.waited += self._clock() - started


def _caller_of(request: httpx.Request) -> Hashable:
    caller = options_of(request).caller
    if caller is None:
        caller = current_caller.get()
    try:
        hash(caller)
    except TypeError:
        return id(caller)
    return caller


class _Held(httpx.AsyncByteStream):
    """A body that is read later: its slot is given back when it is closed."""

    def __init__(self, stream: Any, turns: Turns, slot: Slot) -> None:
        self._stream = stream
        self._turns = turns
        self._slot = slot

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._turns.give(self._slot)

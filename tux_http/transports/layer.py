"""What all layers have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from tux_http.call import EXTENSION, Call

if TYPE_CHECKING:
    from tux_http.call import Refuser

DEADLINE_AT: Final = "tux_http.deadline_at"
"""Request extension: when the call must have ended, in seconds of the event loop's clock; or what tells it."""


class Layer(httpx.AsyncBaseTransport):
    """A transport over another one. It owns its own state and nothing below it."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        await self._inner.aclose()


def record_of(request: httpx.Request) -> Call | None:
    """The record of the call that a request belongs to; none if it was sent round the service."""
    call = request.extensions.get(EXTENSION)
    return call if isinstance(call, Call) else None


def note_refusal(request: httpx.Request, by: Refuser) -> None:
    """Notes in the record, if there is one, which layer refused the call."""
    if (call := record_of(request)) is not None:
        call.refused_by = by


def deadline_at(request: httpx.Request) -> float | None:
    """When the call that a request belongs to must have ended; none if nothing bounds it."""
    found = request.extensions.get(DEADLINE_AT)
    found = found() if callable(found) else found  # a shared call's changes while others join and leave it
    return found if isinstance(found, (int, float)) else None

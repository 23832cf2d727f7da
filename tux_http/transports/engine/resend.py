"""When an attempt that a server did not process may go out again, and how often."""

from __future__ import annotations

from typing import Final

import httpcore2
import httpx

from tux_http.transports.engine.extensions import extensions_of

IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
"""RFC 9110, section 9.2.2."""

MAX_RESENDS: Final = 10

_COUNT: Final = "tux_http.resends"


def resendable(request: httpcore2.Request, *, processed: bool | None) -> bool:
    """Whether the pool may send this request once more by itself.

    Args:
        request: Its `stream` must be one that can be read again.
        processed: True where the server may have acted on it; False where it said that it did not
            (GOAWAY, REFUSED_STREAM); None where that is only likely, and the method must be idempotent.
    """
    safe = processed is False or (processed is None and request.method in IDEMPOTENT)
    rewindable = isinstance(request.stream, httpx.ByteStream)
    return safe and rewindable and extensions_of(request).get(_COUNT, 0) < MAX_RESENDS


def resent(request: httpcore2.Request, cause: BaseException) -> httpcore2.ConnectionNotAvailable:
    """Counts one more resend, and gives the exception that makes the pool look for another connection."""
    extensions = extensions_of(request)
    extensions[_COUNT] = extensions.get(_COUNT, 0) + 1
    return httpcore2.ConnectionNotAvailable(str(cause))

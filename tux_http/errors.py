"""What the service raises, beside httpx's own exceptions.

Every class is a kind of the httpx error that a caller would already catch::

    httpx.HTTPError
    ├── httpx.RequestError
    │   ├── httpx.TransportError
    │   │   ├── httpx.TimeoutException
    │   │   │   ├── DeadlineExceeded      the whole call took longer than its deadline
    │   │   │   └── httpx.PoolTimeout
    │   │   │       └── LaneFull          too many calls of this API wait already
    │   │   └── httpx.NetworkError
    │   │       └── httpx.ConnectError
    │   │           ├── CircuitOpen       the origin failed too often; next probe at `retry_at`
    │   │           └── BlockedAddress    the address is not one that may be reached
    │   └── httpx.DecodingError
    │       ├── ResponseTooLarge          the body or header is larger than `limit` bytes
    │       └── InvalidResponse           the body does not fit the expected type
    └── httpx.HTTPStatusError
        └── RateLimited                   the upstream's announced limit is spent until `retry_at`

They carry data for whoever shows or logs them, and messages that are safe to log:
no query, no header, no body. An exception that left the service has its `Call` as `exc.call`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import httpx

if TYPE_CHECKING:
    from datetime import datetime

    from tux_http.call import Call

__all__ = [
    "BlockedAddress",
    "CircuitOpen",
    "DeadlineExceeded",
    "InvalidResponse",
    "LaneFull",
    "RateLimited",
    "ResponseTooLarge",
    "attach_call",
]


class DeadlineExceeded(httpx.TimeoutException):
    """The whole call, waits included, took longer than `limit` seconds."""

    def __init__(self, *, limit: float, api: str | None = None, request: httpx.Request | None = None) -> None:
        super().__init__(f"no complete answer within {limit:g} s", request=request)
        self.limit = limit
        self.api = api


class LaneFull(httpx.PoolTimeout):
    """`limit` calls of this API are waiting already; one more was refused at once."""

    def __init__(self, *, limit: int, api: str | None = None, request: httpx.Request | None = None) -> None:
        super().__init__(f"{limit} calls are waiting already", request=request)
        self.limit = limit
        self.api = api


class CircuitOpen(httpx.ConnectError):
    """Calls to this origin failed too often lately; the next probe is due at `retry_at`."""

    def __init__(
        self,
        *,
        origin: str,
        retry_at: datetime | None = None,
        api: str | None = None,
        request: httpx.Request | None = None,
    ) -> None:
        super().__init__(f"{origin} failed too often lately", request=request)
        self.origin = origin
        self.retry_at = retry_at
        self.api = api


class BlockedAddress(httpx.ConnectError):
    """The URL leads to an address that may not be reached; `reason` says which rule refused it."""

    def __init__(self, *, reason: str, api: str | None = None, request: httpx.Request | None = None) -> None:
        super().__init__(f"address refused: {reason}", request=request)
        self.reason = reason
        self.api = api


class ResponseTooLarge(httpx.DecodingError):
    """The response is larger than `limit` bytes; reading stopped there. `part` is "body" or "header"."""

    def __init__(
        self,
        *,
        limit: int,
        part: Literal["body", "header"] = "body",
        api: str | None = None,
        request: httpx.Request | None = None,
    ) -> None:
        super().__init__(f"the {part} is larger than {limit} bytes", request=request)
        self.limit = limit
        self.part = part
        self.api = api


class InvalidResponse(httpx.DecodingError):
    """The body is not the JSON that the caller asked for; `path` is where it first differs."""

    def __init__(
        self, *, expected: str, path: str = "$", api: str | None = None, request: httpx.Request | None = None
    ) -> None:
        super().__init__(f"the body is not a valid {expected} at {path}", request=request)
        self.expected = expected
        self.path = path
        self.api = api


class RateLimited(httpx.HTTPStatusError):
    """The upstream's announced limit is spent.

    `scope` names the limit ("core", "search", "secondary"), `limit` its size where known,
    `retry_at` when it is whole again.
    """

    def __init__(
        self,
        *,
        request: httpx.Request,
        response: httpx.Response,
        retry_at: datetime | None = None,
        scope: str | None = None,
        limit: int | None = None,
        api: str | None = None,
    ) -> None:
        super().__init__(
            f"rate limit {scope or ''} reached".replace("  ", " "), request=request, response=response
        )
        self.retry_at = retry_at
        self.scope = scope
        self.limit = limit
        self.api = api


def attach_call(exc: BaseException, call: Call) -> None:
    """Gives an exception its record; the first one to do so knows it best."""
    if getattr(exc, "call", None) is None:
        exc.call = call  # pyright: ignore[reportAttributeAccessIssue]  # httpx's classes declare no such slot

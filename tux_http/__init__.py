"""Discord commands answered by HTTP APIs: a discord.py extension and the HTTP service under it."""

from tux_http.api import API
from tux_http.call import Attempt, Call, call_of
from tux_http.errors import (
    BlockedAddress,
    CircuitOpen,
    DeadlineExceeded,
    InvalidResponse,
    LaneFull,
    RateLimited,
    ResponseTooLarge,
)
from tux_http.http_client import HTTPClient, http_client
from tux_http.policy import HTTPSettings, Policy, Timeouts
from tux_http.version import __version__

__all__ = [
    "API",
    "Attempt",
    "BlockedAddress",
    "Call",
    "CircuitOpen",
    "DeadlineExceeded",
    "HTTPClient",
    "HTTPSettings",
    "InvalidResponse",
    "LaneFull",
    "Policy",
    "RateLimited",
    "ResponseTooLarge",
    "Timeouts",
    "__version__",
    "call_of",
    "http_client",
]

"""`BlockingClient`: an `httpx.Client` for scripts, under the shared client's rules for redirects and cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tux_http.client import checked_request
from tux_http.redirects import BlockingOriginBound

if TYPE_CHECKING:
    import httpx


class BlockingClient(BlockingOriginBound):
    """What `HTTPClient.blocking` makes. It has no deadline, no caps and no records."""

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """As httpx, but whatever is wrong with URL or headers is an `httpx` exception.

        Raises:
            httpx.InvalidURL: The URL can't be parsed, encoded or connected to.
            httpx.LocalProtocolError: A header can't be sent.
        """
        return checked_request(super().build_request, method, url, **options)

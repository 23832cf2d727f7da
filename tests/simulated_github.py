"""GitHub on a clock of its own: repositories that change now and then, and a limit on requests by the hour.

As https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api and .../best-practices have it:
a window of an hour begins with the first request; a 304 costs nothing, if it was asked for with a token; and
what comes when nothing is left is answered 403.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

URL: Final = "https://api.github.test"
MAX_AGE: Final = 60
WINDOW: Final = 3600
AUTHENTICATED: Final = 5000
UNAUTHENTICATED: Final = 60


@dataclass
class GitHub:
    """What answers the requests of one client.

    Args:
        clock: The time, in Unix seconds.
        draw: Random numbers from 0 to 1, for how long an answer takes: 50 to 250 ms.
        changes: When each repository changes, in order, by its path.
    """

    clock: Callable[[], float]
    draw: Callable[[], float]
    changes: Mapping[str, Sequence[float]]
    requests: int = 0
    spent: int = 0
    unchanged: int = 0
    refused: int = 0
    told: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _resets_at: float = 0.0
    _used: int = 0

    async def handle(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05 + 0.2 * self.draw())
        try:
            return self._answer(request)
        finally:
            self.requests += 1

    def version(self, path: str, at: float) -> int:
        """How often a repository had changed by then."""
        return bisect_right(self.changes.get(path, ()), at)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self._roll_over()
        authorized = "authorization" in request.headers
        limit = AUTHENTICATED if authorized else UNAUTHENTICATED
        if self._used >= limit:
            self.refused += 1
            return self._told(HTTPStatus.FORBIDDEN, limit, {"message": "API rate limit exceeded for you."})
        version = self.version(request.url.path, self.clock())
        etag = f'W/"{version}"'
        is_unchanged = request.headers.get("if-none-match") == etag
        if is_unchanged:
            self.unchanged += 1
        else:
            self.told[request.url.path].add(version)
        if not (is_unchanged and authorized):
            self._used += 1
            self.spent += 1
        caching = {
            "cache-control": f"{'private' if authorized else 'public'}, max-age={MAX_AGE}, s-maxage={MAX_AGE}",
            "etag": etag,
            "vary": "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With",
        }
        if is_unchanged:
            return self._told(HTTPStatus.NOT_MODIFIED, limit, None, **caching)
        return self._told(HTTPStatus.OK, limit, {"path": request.url.path, "version": version}, **caching)

    def _roll_over(self) -> None:
        if self.clock() >= self._resets_at:
            self._resets_at, self._used = self.clock() + WINDOW, 0

    def _told(
        self, status: HTTPStatus, limit: int, body: dict[str, object] | None, **fields: str
    ) -> httpx.Response:
        headers = {
            "date": formatdate(self.clock(), usegmt=True),
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(limit - self._used),
            "x-ratelimit-used": str(self._used),
            "x-ratelimit-reset": str(int(self._resets_at)),
            "x-ratelimit-resource": "core",
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        content = b"" if body is None else json.dumps(body).encode()
        return httpx.Response(status, headers=headers, content=content)

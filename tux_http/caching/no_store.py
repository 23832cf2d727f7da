"""`NoStore`: nothing beyond the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tux_http.caching.store import StoreStats
    from tux_http.caching.stored import Stored


class NoStore:
    """A `Store` that holds nothing."""

    keeps = False
    shared = False
    available = True

    def is_absent(self, key: str) -> bool:
        del key
        return True

    async def load(self, key: str) -> list[Stored]:
        del key
        return []

    async def save(self, key: str, stored: Stored, *, ttl: float) -> None: ...

    async def remove(self, key: str) -> None: ...

    async def claim(self, key: str, *, seconds: float) -> bool:
        """Always: other processes know nothing of this one."""
        del key, seconds
        return True

    async def release(self, key: str) -> None: ...

    async def stats(self) -> list[StoreStats]:
        return []

    async def clear(self, api: str | None = None) -> int:
        del api
        return 0

    async def aclose(self) -> None: ...

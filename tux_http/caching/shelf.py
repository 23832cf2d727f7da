"""`Shelf`: where one service keeps answers, in memory first and in a store beyond it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tux_http.caching.memory import Held, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tux_http.caching.store import Store
    from tux_http.caching.stored import Stored
    from tux_http.policy import CacheSettings

MOST_VARIANTS = 8
"""Of one key in memory; the oldest make room for new ones."""


class Shelf:
    """The memory and the store of a service's APIs. The memory outlives `aclose`; the store is opened again.

    Args:
        settings: Of the service.
        clock: The time, in Unix seconds, that all of the cache goes by.
    """

    def __init__(self, settings: CacheSettings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings: CacheSettings = settings
        self.clock = clock
        self.memory = _memory(settings)
        self._store: Store | None = None

    def configure(self, settings: CacheSettings) -> None:
        """Replaces the settings, and with others the memory; the store must not be open."""
        if settings != self.settings:
            self.settings = settings
            self.memory = _memory(settings)

    @property
    def store(self) -> Store:
        if self._store is None:
            from tux_http.caching.opening import open_store  # noqa: PLC0415  # a database's driver, before any need

            self._store = open_store(self.settings)
        return self._store

    def recall(self, key: str, headers: httpx.Headers) -> Stored | None:
        """What the memory holds for a request with these fields."""
        return next((held.stored for held in self.memory.get(key) if held.stored.matches(headers)), None)

    def hold(self, key: str, stored: Stored, *, fresh_until: float) -> None:
        """Puts an answer into the memory, in place of an older one to the same request."""
        others = [held for held in self.memory.get(key) if held.stored.vary != stored.vary]
        newest = Held(stored, fresh_until)
        self.memory.put(key, (newest, *others[: MOST_VARIANTS - 1]))

    def forget(self, key: str) -> None:
        self.memory.remove(key)

    async def aclose(self) -> None:
        """Closes the store."""
        store, self._store = self._store, None
        if store is not None:
            await store.aclose()


def _memory(settings: CacheSettings) -> Memory:
    return Memory(entries=settings.memory_entries, size=settings.memory_bytes)

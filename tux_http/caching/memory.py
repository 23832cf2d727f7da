"""`Memory`: the answers that are looked for first."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from tux_http.caching.namespace import api_of, namespace
from tux_http.caching.store import StoreStats

if TYPE_CHECKING:
    from tux_http.caching.stored import Stored


class Held(NamedTuple):
    """A stored answer, and until when it needs no second look (Unix time in seconds)."""

    stored: Stored
    fresh_until: float


class Memory:
    """The answers used last, at most so many and of so many bytes together; all variants of a key are one.

    An `OrderedDict` and not a library's cache, because those bound either the number or the size, and take
    several times as long for a lookup.
    """

    def __init__(self, *, entries: int, size: int) -> None:
        self._most_entries = entries
        self._most_bytes = size
        self._kept: OrderedDict[str, tuple[Held, ...]] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._entries = 0
        self._bytes = 0

    def get(self, key: str) -> tuple[Held, ...]:
        """What is kept under a key, in the order it was put; () if nothing is."""
        held = self._kept.get(key)
        if held is None:
            return ()
        self._kept.move_to_end(key)
        return held

    def put(self, key: str, held: tuple[Held, ...]) -> None:
        """Keeps these in place of what was there, unless they alone are more than may be kept."""
        self.remove(key)
        size = sum(each.stored.size for each in held)
        if not held or size > self._most_bytes or len(held) > self._most_entries:
            return
        self._kept[key] = held
        self._sizes[key] = size
        self._entries += len(held)
        self._bytes += size
        while self._entries > self._most_entries or self._bytes > self._most_bytes:
            self.remove(next(iter(self._kept)))

    def remove(self, key: str) -> None:
        held = self._kept.pop(key, None)
        if held is not None:
            self._entries -= len(held)
            self._bytes -= self._sizes.pop(key)

    def clear(self, api: str | None = None) -> int:
        """Forgets everything, or what is kept for one API; returns how many answers."""
        before = self._entries
        start = "" if api is None else namespace(api)
        for key in [key for key in self._kept if key.startswith(start)]:
            self.remove(key)
        return before - self._entries

    def stats(self) -> list[StoreStats]:
        """How much is kept, by API."""
        entries: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for key, held in self._kept.items():
            entries[api_of(key)] += len(held)
            sizes[api_of(key)] += self._sizes[key]
        return [StoreStats(api=api, entries=entries[api], size=sizes[api]) for api in sorted(entries)]

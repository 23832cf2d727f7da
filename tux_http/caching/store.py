"""What the cache keeps its answers in, beyond its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from tux_http.caching.stored import Stored

SCHEMA: Final = "v1"
"""The first part of every key; what an older or newer version wrote is never read."""


class StoreStats(msgspec.Struct, frozen=True, kw_only=True):
    """How much is stored for one API."""

    api: str
    entries: int
    size: int


class Store(Protocol):
    """Keeps answers under keys of the form `v1:API:DIGEST`; an API's name has no colon.

    Nothing here raises: a store that fails holds nothing, says so in the log, and is tried again later.
    No call waits for it longer than 0.1 s, all that it asks of it taken together.
    """

    keeps: bool
    """Whether anything can be found in it that was put there."""

    shared: bool
    """Whether other processes use it at the same time, so that there is something to `claim`."""

    @property
    def available(self) -> bool:
        """Whether what was last asked of it worked."""
        ...

    def is_absent(self, key: str) -> bool:
        """Whether it is known, without a look, that nothing is stored under a key."""
        ...

    async def load(self, key: str) -> list[Stored]:
        """What is stored under a key: an answer for each variant (`Stored.vary`)."""
        ...

    async def save(self, key: str, stored: Stored, *, ttl: float) -> None:
        """Stores an answer in place of the variant with an equal `method` and `vary`, for `ttl` seconds."""
        ...

    async def remove(self, key: str) -> None:
        """Forgets all variants."""
        ...

    async def claim(self, key: str, *, seconds: float) -> bool:
        """Whether this process may refresh a key: one does at a time, for at most so many seconds."""
        ...

    async def release(self, key: str) -> None:
        """Gives back what `claim` gave."""
        ...

    async def stats(self) -> list[StoreStats]:
        """How much is stored, by API."""
        ...

    async def clear(self, api: str | None = None) -> int:
        """Forgets everything, or what is stored for one API; returns how many answers."""
        ...

    async def aclose(self) -> None:
        """Lets go of files and connections."""
        ...

"""What processes that share a store tell each other by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager


@runtime_checkable
class Board(Protocol):
    """Topics, each with notes that last under keys, and with those who listen.

    `post` and `read` raise nothing and take no longer than 0.1 s, as what a `Store` does.
    """

    async def post(
        self, topic: str, key: str, notes: Mapping[str, bytes], message: bytes, *, ttl: float
    ) -> bool:
        """Puts notes beside those under a key, all of them for `ttl` seconds at least, and tells the listeners.

        Args:
            topic: Of `message`, and of the key.
            key: Of the notes.
            notes: By name; one takes the place of another of its name.
            message: For those who listen.
            ttl: In seconds.

        Returns:
            Whether that worked.
        """
        ...

    async def read(self, topic: str, key: str) -> list[bytes]:
        """The notes under a key."""
        ...

    def listening(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The messages that are posted from now on, one's own among them.

        Raises:
            OSError: The server can't be reached, or no longer; from within the block too.
        """
        ...

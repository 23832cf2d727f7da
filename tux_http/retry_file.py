"""`RetryFile`: what may be tried again, in a file, so that its buttons outlive a restart.

Each holds the arguments of a command, the values of a select or the texts of a modal, and the token that its message is edited with, good for 15 minutes. So the file
is for this user alone, and what is deleted is overwritten.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import platformdirs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tux_http.policy import CacheSettings

__all__ = ["FAILURES", "MOST", "Kept", "RetryFile", "file_beside"]

T = TypeVar("T")

FAILURES: Final = (sqlite3.Error, OSError)
"""What the methods raise."""

MOST: Final = 1000
"""Commands that are kept at once; the oldest go first."""

BUSY: Final = 1.0
"""Seconds that another process's write is waited for."""

NAME: Final = "retries-2.sqlite"
"""With the version of what is in it; another one begins a file of its own."""

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS retries (key TEXT PRIMARY KEY, application INTEGER, until REAL, kept BLOB) WITHOUT ROWID
"""
_OVER: Final = "DELETE FROM retries WHERE until <= ?"
_OLDEST: Final = """
DELETE FROM retries WHERE key IN (SELECT key FROM retries ORDER BY until DESC LIMIT -1 OFFSET ?)
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A command or a component's press that failed, and the message that says so. Times are in seconds since 1970.

    `request` is `replay.request_of` it. Its button works from `ready_at`, or at once, until `until`. The message
    is an interaction's, edited with its `token`, or, without one, of the channel.
    """

    key: str
    application_id: int
    user_id: int
    request: bytes
    ready_at: float | None
    until: float
    message_id: int
    channel_id: int | None
    token: str | None
    language: str = "en"

    def __repr__(self) -> str:
        return f"Kept(key={self.key!r})"


def file_beside(cache: CacheSettings) -> Path | None:
    """The file beside that of the cache; None where the cache has none."""
    if cache.store != "sqlite":
        return None
    if cache.path:
        return Path(cache.path).expanduser().with_name(NAME)
    return platformdirs.user_cache_path("tux_http") / NAME


class RetryFile:
    """All methods block, and may raise `FAILURES`. A damaged file is begun anew."""

    def __init__(self, path: Path, *, most: int = MOST) -> None:
        self.path = path
        self._most = most

    def load(self, application_id: int, now: float) -> list[Kept]:
        """Those of a bot; those that are over go."""

        def load(file: sqlite3.Connection) -> list[tuple[bytes]]:
            file.execute(_OVER, (now,))
            select = "SELECT kept FROM retries WHERE application = ? ORDER BY until"
            return file.execute(select, (application_id,)).fetchall()

        return [kept for (blob,) in self._run(load) if (kept := _read(blob)) is not None]

    def find(self, key: str) -> Kept | None:
        row = self._run(
            lambda file: file.execute("SELECT kept FROM retries WHERE key = ?", (key,)).fetchone()
        )
        return None if row is None else _read(row[0])

    def save(self, kept: Kept, now: float) -> None:
        """Adds one; those that are over go, and the oldest of too many."""

        def save(file: sqlite3.Connection) -> None:
            row = (kept.key, kept.application_id, kept.until, msgspec.msgpack.encode(kept))
            file.execute("INSERT OR REPLACE INTO retries VALUES (?, ?, ?, ?)", row)
            file.execute(_OVER, (now,))
            file.execute(_OLDEST, (self._most,))

        self._run(save)

    def remove(self, key: str) -> None:
        self._run(lambda file: file.execute("DELETE FROM retries WHERE key = ?", (key,)))

    def _run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._once(operation)
        except sqlite3.DatabaseError as exc:
            if type(exc) is not sqlite3.DatabaseError:  # not "is not a database" or "is malformed"
                raise
            for suffix in ("", "-journal"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            return self._once(operation)

    def _once(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(self.path, timeout=BUSY)) as file, file:
            file.execute("PRAGMA secure_delete=ON")
            file.execute(_TABLE)
            return operation(file)


def _read(blob: bytes) -> Kept | None:
    try:
        return msgspec.msgpack.decode(blob, type=Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # of another version
        return None

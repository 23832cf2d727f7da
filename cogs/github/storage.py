"""`GuildFile`: what servers have set, in a file. It blocks, and belongs to one thread at a time.

It is of the user's data, not of the cache: nobody can fetch it again, and caches are cleaned by whoever likes.
SQLite writes it ahead and to the disk before an answer says that something is set, so that a crash takes nothing.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import platformdirs
from loguru import logger

from tux_http.languages import N_
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tux_http.config import GitHubSettings

__all__ = ["FAILURES", "MOST_CHANNELS", "MOST_FAVOURITES", "GuildFile", "path_of"]

T = TypeVar("T")

FAILURES: Final = (sqlite3.Error, OSError)
"""What the methods raise."""

NAME: Final = "github-servers.sqlite"

VERSION: Final = 1
"""Of the tables, in the file's `user_version`."""

MOST_FAVOURITES: Final = 25
"""Of a server: as many as Discord lists while somebody types."""

MOST_CHANNELS: Final = 500
"""Of a server that have a word of their own: as many as it can have."""

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of the file; a server takes some hundreds."""

BUSY: Final = 1.0
"""Seconds that another process's write is waited for."""

_PAGE: Final = 4096
_CORRUPT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PARTS: Final = ("", "-wal", "-shm")

_TABLES: Final = """
CREATE TABLE guilds (guild INTEGER PRIMARY KEY, repository TEXT, unfurls INTEGER, ephemeral INTEGER);
CREATE TABLE favourites (
  guild INTEGER, repository TEXT COLLATE NOCASE, PRIMARY KEY (guild, repository)
) WITHOUT ROWID;
CREATE TABLE channels (guild INTEGER, channel INTEGER, unfurls INTEGER, PRIMARY KEY (guild, channel)) WITHOUT ROWID;
"""

_SET: Final = {
    column: f"INSERT INTO guilds (guild, {column}) VALUES (?, ?) "  # noqa: S608  # columns are ours
    f"ON CONFLICT (guild) DO UPDATE SET {column} = excluded.{column}"
    for column in ("repository", "unfurls", "ephemeral")
}


Row = tuple[str | None, bool, bool]


def path_of(settings: GitHubSettings) -> Path:
    """The file that the settings name, or the one in the user's data directory."""
    if settings.database:
        return Path(settings.database).expanduser()
    return platformdirs.user_data_path("tux_http") / NAME


class GuildFile:
    """All methods may raise `FAILURES`. A damaged file is moved aside, and said; a new one is begun."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def load(self, guild: int) -> tuple[Row, tuple[str, ...], dict[int, bool]]:
        """The default repository, whether links are unfurled and whether answers are private; favourites; channels.

        Where nobody has set anything yet, no file is made for it.
        """
        if self._connection is None and not self.path.exists():
            return (None, False, False), (), {}
        return self._run(lambda file: _load(file, guild))

    def set_repository(self, guild: int, repository: str | None) -> None:
        self._set("repository", guild, repository)

    def set_ephemeral(self, guild: int, value: bool) -> None:
        self._set("ephemeral", guild, value)

    def set_unfurls(self, guild: int, value: bool) -> None:
        self._set("unfurls", guild, value)

    def set_unfurls_in(self, guild: int, channel: int, value: bool) -> None:
        """Raises `InvalidInput` too, where as many have one as may."""

        def write(file: sqlite3.Connection) -> None:
            row = (guild, channel, value)
            file.execute("INSERT OR REPLACE INTO channels VALUES (?, ?, ?)", row)
            (count,) = file.execute("SELECT count(*) FROM channels WHERE guild = ?", (guild,)).fetchone()
            if count > MOST_CHANNELS:
                raise InvalidInput(
                    N_("A server can have {most} channels with a setting."), most=MOST_CHANNELS
                )

        self._run(write)

    def add_favourite(self, guild: int, repository: str) -> bool:
        """Whether it is new; raises `InvalidInput` too, where there are as many as may be."""

        def write(file: sqlite3.Connection) -> bool:
            added = file.execute("INSERT OR IGNORE INTO favourites VALUES (?, ?)", (guild, repository))
            (count,) = file.execute("SELECT count(*) FROM favourites WHERE guild = ?", (guild,)).fetchone()
            if count > MOST_FAVOURITES:
                raise InvalidInput(
                    N_("A server can have {most} favourites; remove one first."), most=MOST_FAVOURITES
                )
            return added.rowcount > 0

        return self._run(write)

    def remove_favourite(self, guild: int, repository: str) -> bool:
        """Whether it was one."""
        forget = "DELETE FROM favourites WHERE guild = ? AND repository = ?"
        return self._run(lambda file: file.execute(forget, (guild, repository)).rowcount > 0)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _set(self, column: str, guild: int, value: Any) -> None:
        self._run(lambda file: file.execute(_SET[column], (guild, value)))

    def _run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """A whole operation, which is on the disk when this returns, or has not happened."""
        try:
            return self._once(operation)
        except sqlite3.DatabaseError as exc:
            self.close()
            if not _is_corrupt(exc):
                raise
        self._move_aside()
        return self._once(operation)

    def _once(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        with _transaction(self._opened()) as file:
            return operation(file)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                self.path.touch(mode=0o600, exist_ok=False)
            self._inode = self.path.stat().st_ino
            connection = sqlite3.connect(
                self.path, timeout=BUSY, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(connection)
            except BaseException:  # whatever it is, the file is not to stay open
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _move_aside(self) -> None:
        """With what SQLite keeps beside it, for whoever wants to save what is in there."""
        if self.path.exists() and self.path.stat().st_ino != self._inode:
            return  # another process has done it, and what is there now is good
        aside = self.path.with_name(f"{self.path.name}.corrupt-{time.time_ns()}")
        for part in _PARTS:
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + part).rename(aside.with_name(aside.name + part))
        logger.error(
            "the file {} was damaged: it is now {}, and what servers had set is in there only",
            self.path,
            aside,
        )


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA max_page_count={LARGEST // _PAGE}")
    connection.execute(f"PRAGMA journal_size_limit={LARGEST // 16}")
    if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    with _transaction(connection) as file:
        (version,) = file.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise sqlite3.NotSupportedError(
                f"the file of what servers have set is of version {version}, this is made for {VERSION}"
            )
        if not version:
            for statement in filter(str.strip, _TABLES.split(";")):
                file.execute(statement)
            file.execute(f"PRAGMA user_version={VERSION}")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:  # whatever it is, half of it is not to stay
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _load(file: sqlite3.Connection, guild: int) -> tuple[Row, tuple[str, ...], dict[int, bool]]:
    select = "SELECT repository, unfurls, ephemeral FROM guilds WHERE guild = ?"
    repository, unfurls, ephemeral = file.execute(select, (guild,)).fetchone() or (None, None, None)
    favourites = file.execute("SELECT repository FROM favourites WHERE guild = ? ORDER BY 1", (guild,))
    channels = file.execute("SELECT channel, unfurls FROM channels WHERE guild = ?", (guild,))
    return (
        (repository, bool(unfurls), bool(ephemeral)),
        tuple(name for (name,) in favourites),
        {channel: bool(value) for channel, value in channels},
    )


def _is_corrupt(exc: sqlite3.DatabaseError) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in _CORRUPT  # the rest of the code says more precisely

"""`SqliteFile`: answers in a file of hishel's SQLite storage. It blocks, and belongs to one thread at a time.

hishel logs what goes wrong and goes on. Here it is raised, so that a corrupt file is replaced and a broken one
left alone.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hishel import SqliteStorage
from loguru import logger

from tux_http.caching.entries import body_of, is_variant, request_of, response_of, stored_in
from tux_http.caching.namespace import api_of, namespace
from tux_http.caching.store import StoreStats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hishel import Entry

    from tux_http.caching.stored import Stored

T = TypeVar("T")

FAILURES: Final = (sqlite3.Error, OSError, RuntimeError)
"""What the methods raise; hishel's RuntimeError is for a database that is somebody else's."""

THREAD: Final = "tux_http-cache"
"""What the names of threads that use a file begin with."""

GRACE: Final = 10.0
"""Seconds without use after which an answer may make room: hishel leaves readers in other processes this long."""

BUSY_MS: Final = 50
"""How long another process's write is waited for."""

LARGEST_LOG: Final = 4 * 1024 * 1024
"""To how many bytes SQLite cuts its write-ahead log back."""

CORRUPT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

TABLES: Final = {
    "entries": {"id", "cache_key", "data", "expires_at"},
    "streams": {"entry_id", "chunk_data"},
}
"""The columns of hishel's tables that are read here."""

_SIZES: Final = """
SELECT cache_key, length(data) + coalesce((SELECT sum(length(chunk_data)) FROM streams WHERE entry_id = id), 0)
FROM entries WHERE (expires_at IS NULL OR expires_at > ?) AND cache_key >= ? AND cache_key < ?
"""
_KEYS: Final = "SELECT cache_key FROM entries"
_FORGET: Final = "DELETE FROM entries WHERE cache_key >= ? AND cache_key < ?"  # their streams go with them


class _Cursor(sqlite3.Cursor):
    """Tells its connection what failed."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        with self._told():
            return super().execute(sql, parameters)

    def fetchone(self) -> Any:
        with self._told():
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with self._told():
            return super().fetchall()

    @contextlib.contextmanager
    def _told(self) -> Any:
        try:
            yield
        except sqlite3.IntegrityError:  # another process made room in between; nothing is wrong with the file
            raise
        except sqlite3.Error as exc:
            connection: Any = self.connection
            connection.failure = exc
            raise


class _Connection(sqlite3.Connection):
    failure: sqlite3.Error | None = None

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def check(self) -> None:
        """Raises what has failed since the last time."""
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure


class SqliteFile:
    """All methods may raise `FAILURES`. It is opened at the first use, and after each failure anew.

    Args:
        size: Bytes that it may have.
        grace: See `GRACE`.
    """

    def __init__(self, path: Path, *, size: int, grace: float = GRACE) -> None:
        self.path = path
        self._size = size
        self._grace = grace
        self._storage: SqliteStorage | None = None
        self._connection: _Connection | None = None
        self._inode = 0
        self._closed = False
        self._version = 0
        self.is_written_elsewhere = False

    def load(self, key: str) -> list[Stored]:
        return self._run(lambda storage: _load(storage, key))

    def save(self, key: str, stored: Stored, ttl: float) -> None:
        self._run(lambda storage: _save(storage, key, stored, ttl))

    def remove(self, key: str) -> None:
        self._run(lambda storage: _remove(storage, storage.get_entries(key)))

    def stats(self) -> list[StoreStats]:
        rows = self._run(lambda _: self._sizes(None))
        entries = Counter(api_of(key.decode()) for key, _ in rows)
        sizes: Counter[str] = Counter()
        for key, size in rows:
            sizes[api_of(key.decode())] += size
        return [StoreStats(api=api, entries=entries[api], size=sizes[api]) for api in sorted(entries)]

    def digests(self) -> set[int]:
        """`digest_of` all keys."""
        rows: list[tuple[bytes]] = self._run(lambda _: self._opened()[1].execute(_KEYS).fetchall())
        return {digest_of(key) for (key,) in rows}

    def clear(self, api: str | None) -> int:
        return self._run(lambda _: self._clear(api))

    def close(self) -> None:
        """Closes it for good."""
        self._closed = True
        self._let_go()

    def _run(self, operation: Callable[[SqliteStorage], T]) -> T:
        try:
            try:
                return self._once(operation)
            except sqlite3.DatabaseError as exc:
                if not _is_corrupt(exc):
                    raise
                self._move_aside()
                return self._once(operation)
        except FAILURES:
            self._let_go()
            raise

    def _once(self, operation: Callable[[SqliteStorage], T]) -> T:
        storage, connection = self._opened()
        result = operation(storage)
        connection.check()
        # It changes with what others write, and with nothing of this connection.
        ((version,),) = connection.execute("PRAGMA data_version").fetchall()
        self.is_written_elsewhere |= self._version not in {0, version}
        self._version = version
        return result

    def _opened(self) -> tuple[SqliteStorage, _Connection]:
        if self._closed:
            raise RuntimeError("it is closed")
        if self._storage is None or self._connection is None:
            _make(self.path)
            self._connection = sqlite3.connect(
                self.path,
                timeout=BUSY_MS / 1000,
                isolation_level=None,
                check_same_thread=False,
                factory=_Connection,
            )
            self._inode = self.path.stat().st_ino
            # A new connection does not tell what was written while there was none.
            self.is_written_elsewhere |= self._version != 0
            self._version = 0
            self._storage = self._set_up(self._connection)
        return self._storage, self._connection

    def _set_up(self, connection: _Connection) -> SqliteStorage:
        storage = SqliteStorage(
            database_path=self.path, default_ttl=None, max_size=self._size, soft_delete_ttl=self._grace
        )
        storage.connection = connection  # given to the constructor, it would be tried in a thread of its own
        storage.get_entries("")  # makes the tables
        noted, connection.failure = connection.failure, None
        try:
            connection.execute("SELECT 1 FROM entries LIMIT 1").fetchone()
        except sqlite3.Error as exc:
            raise noted or exc from None
        # After hishel's own, which would have this thread wait for another process for 5 s.
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute(f"PRAGMA journal_size_limit={LARGEST_LOG}")
        return storage

    def _move_aside(self) -> None:
        self._let_go()
        if self.path.stat().st_ino != self._inode:
            return  # another process has done it
        for older in _set_aside(self.path):
            older.unlink(missing_ok=True)
        aside = self.path.with_name(f"{self.path.name}.corrupt-{int(time.time())}")
        self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        logger.warning("the cache's file {} was corrupt: it is now {}, and a new one begun", self.path, aside)

    def _let_go(self) -> None:
        connection, self._connection, self._storage = self._connection, None, None
        if connection is not None:
            connection.close()

    def _sizes(self, api: str | None) -> list[tuple[bytes, int]]:
        _, connection = self._opened()
        _check_tables(connection)
        return connection.execute(_SIZES, (time.time(), *_range(api))).fetchall()

    def _clear(self, api: str | None) -> int:
        _, connection = self._opened()
        found = len(self._sizes(api))
        connection.execute(_FORGET, _range(api))
        with contextlib.suppress(sqlite3.OperationalError):  # another process uses it: that gives space back
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.failure = None
        return found


def digest_of(key: bytes) -> int:
    """What a key ends with, half of a digest: small enough to be remembered of many."""
    return int.from_bytes(key[-16:])


def _make(path: Path) -> None:
    """The file, for this user alone: it holds what credentials gave access to."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        # Never one that is there: closing it would end the locks of our other connections to it (POSIX).
        path.touch(mode=0o600, exist_ok=False)


def _load(storage: SqliteStorage, key: str) -> list[Stored]:
    found: list[Stored] = []
    for entry in storage.get_entries(key):
        try:
            stored = stored_in(b"".join(_stream(entry)))
        except RuntimeError:  # another process has made room for something else
            continue
        found += [stored] if stored is not None else []
    return found


def _stream(entry: Entry) -> Any:
    return entry.response.stream or ()


def _save(storage: SqliteStorage, key: str, stored: Stored, ttl: float) -> None:
    former = [entry for entry in storage.get_entries(key) if is_variant(entry, stored)]
    response = replace(response_of(stored), stream=iter([body_of(stored)]))
    entry = storage.create_entry(request_of(key, stored), response, key, ttl=ttl)
    for _ in _stream(entry):  # hishel writes as it is read
        pass
    _remove(storage, former)


def _remove(storage: SqliteStorage, entries: list[Entry]) -> None:
    for entry in entries:
        storage.remove_entry(entry.id)


def _range(api: str | None) -> tuple[bytes, bytes]:
    """The least key of an API, or of all, and the least beyond them."""
    first = namespace(api).encode()
    return first, first[:-1] + bytes([first[-1] + 1])


def _check_tables(connection: sqlite3.Connection) -> None:
    for table, columns in TABLES.items():
        found = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        if not columns <= found:
            raise sqlite3.DatabaseError(
                f"hishel's table {table!r} has no {', '.join(sorted(columns - found))}"
            )


def _set_aside(path: Path) -> list[Path]:
    return [each for each in path.parent.iterdir() if each.name.startswith(f"{path.name}.corrupt-")]


def _is_corrupt(exc: sqlite3.DatabaseError) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in CORRUPT  # the rest of the code says more precisely


def _is_not_ours(record: logging.LogRecord) -> bool:
    return not (record.threadName or "").startswith(THREAD)


# hishel reports each failure with a traceback; the store says it in one line.
logging.getLogger(SqliteStorage.__module__).addFilter(_is_not_ours)

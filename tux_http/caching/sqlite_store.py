"""`SqliteStore`: answers that outlive the process, in a file."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tux_http.caching.outage import Outage
from tux_http.caching.sqlite_file import FAILURES, GRACE, THREAD, SqliteFile, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tux_http.caching.outage import Trial
    from tux_http.caching.store import StoreStats
    from tux_http.caching.stored import Stored

T = TypeVar("T")

PATIENCE: Final = 0.1
"""Seconds that a call waits for the file."""

MOST_SAVED: Final = 50_000
"""Answers that were saved, after which it is looked anew which ones are still there."""

CLOSING: Final = 2.0
"""Seconds that closing waits for what is being written."""


class SqliteStore:
    """A `Store` in a file, read and written by one thread of its own, in order, a whole operation at a time.

    So whoever waits can be cancelled or lose patience, and nothing is left half-done. While the thread is
    behind, nobody waits for it: nothing is found, and nothing is kept.

    Args:
        size: Bytes that the file may have.
        patience: Seconds that a call waits.
        grace: Seconds without use after which an answer may make room for another.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: int,
        patience: float = PATIENCE,
        grace: float = GRACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._file = SqliteFile(path, size=size, grace=grace)
        self._patience = patience
        self._outage = Outage(f"the cache's file {path}", clock=clock)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=THREAD)
        self._late: asyncio.Future[Any] | None = None
        self._closed = False
        self._indexing: asyncio.Future[set[int]] | None = None
        self._known: set[int] | None = None  # what may be in the file; None while nobody has looked
        self._saved: set[int] = set()  # since then

    keeps = True
    shared = False  # processes that share a file don't wait for each other

    @property
    def available(self) -> bool:
        return not self._outage.is_out

    def is_absent(self, key: str) -> bool:
        """As `Store` has it; never known while other processes write into the file, too."""
        if self._known is None or self._file.is_written_elsewhere:
            return False
        digest = digest_of(key.encode())
        return digest not in self._known and digest not in self._saved

    async def load(self, key: str) -> list[Stored]:
        found = await self._run(partial(self._file.load, key), [], self._patience)
        if self._indexing is None and self.available and not self._closed:
            loop = asyncio.get_running_loop()
            self._indexing = loop.run_in_executor(self._thread, self._file.digests)
            self._indexing.add_done_callback(self._indexed)
        return found

    def _indexed(self, indexing: asyncio.Future[set[int]]) -> None:
        if indexing is not self._indexing:
            return  # what was saved since this look began is forgotten: see `save`
        if indexing.exception() is None:
            self._known = indexing.result()
        else:
            self._indexing = None

    async def save(self, key: str, stored: Stored, *, ttl: float) -> None:
        self._saved.add(digest_of(key.encode()))
        if len(self._saved) > MOST_SAVED:
            self._saved, self._known, self._indexing = set(), None, None
        await self._run(partial(self._file.save, key, stored, ttl), None, self._patience)

    async def remove(self, key: str) -> None:
        await self._run(partial(self._file.remove, key), None, self._patience)

    async def claim(self, key: str, *, seconds: float) -> bool:
        """Always; see `shared`."""
        del key, seconds
        return True

    async def release(self, key: str) -> None:
        del key

    async def stats(self) -> list[StoreStats]:
        return await self._run(self._file.stats, [], None)

    async def clear(self, api: str | None = None) -> int:
        return await self._run(partial(self._file.clear, api), 0, None)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
        try:
            await asyncio.wait([closing], timeout=CLOSING)
        finally:
            self._thread.shutdown(wait=closing.done())  # then it has nothing left to do, and this is no wait

    async def _run(self, operation: Callable[[], T], default: T, patience: float | None) -> T:
        if self._closed or (self._late is not None and not self._late.done()):
            return default
        trial = self._outage.begin()
        if trial is None:
            return default
        future = asyncio.get_running_loop().run_in_executor(self._thread, operation)
        future.add_done_callback(partial(_settle, trial))
        try:
            async with asyncio.timeout(patience):
                return await asyncio.shield(future)
        except TimeoutError:
            self._late = future
        except FAILURES:
            pass  # the outage has heard of it
        return default


def _settle(trial: Trial, future: asyncio.Future[Any]) -> None:
    if (failure := future.exception()) is None:
        trial.succeeded()
    else:
        trial.failed(failure)

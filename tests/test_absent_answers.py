"""What is known to be in no store, without a look."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING

from tests.stores import GITHUB, OTHER, WEATHER, answer
from tux_http.caching import sqlite_store
from tux_http.caching.no_store import NoStore
from tux_http.caching.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    import pytest


@contextlib.asynccontextmanager
async def opened(path: Path, *, clock: Callable[[], float] = time.monotonic) -> AsyncGenerator[SqliteStore]:
    store = SqliteStore(path / "cache.sqlite", size=10**8, patience=30.0, clock=clock)
    try:
        yield store
    finally:
        await store.aclose()


async def test_where_nothing_is_kept_all_is_absent() -> None:
    store = NoStore()
    await store.save(GITHUB, answer(), ttl=60)
    assert store.is_absent(GITHUB)


async def test_nothing_is_known_of_a_file_before_it_was_looked_into(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        assert not store.is_absent(GITHUB)


async def test_one_look_tells_of_all_keys_that_an_earlier_run_has_left(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.save(GITHUB, answer(), ttl=60)
    async with opened(tmp_path) as store:
        await store.load(WEATHER)
        await store.stats()  # whose turn is after the look
        assert not store.is_absent(GITHUB)
        assert store.is_absent(OTHER)
        assert store.is_absent(WEATHER)


async def test_what_was_saved_is_not_absent_from_then_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.load(GITHUB)
        await store.save(GITHUB, stored := answer(), ttl=60)
        await store.stats()
        assert not store.is_absent(GITHUB)
        assert await store.load(GITHUB) == [stored]
        await store.save(OTHER, answer(), ttl=60)
        assert not store.is_absent(OTHER)


async def test_nothing_is_known_any_more_once_another_process_writes(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, opened(tmp_path) as other:
        await store.load(GITHUB)
        await store.stats()
        assert store.is_absent(GITHUB)
        await other.save(GITHUB, stored := answer(), ttl=60)
        await store.save(WEATHER, answer(), ttl=60)
        assert not store.is_absent(GITHUB)
        assert not store.is_absent(OTHER)
        assert await store.load(GITHUB) == [stored]


async def test_nothing_is_known_any_more_once_the_file_had_to_be_opened_anew(tmp_path: Path) -> None:
    # It fails where another process writes for long, and what that one wrote is not noticed by a new connection.
    now = 0.0
    async with opened(tmp_path, clock=lambda: now) as store, opened(tmp_path) as other:
        await store.load(GITHUB)
        await store.stats()
        assert store.is_absent(GITHUB)
        with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as third:
            third.execute("BEGIN EXCLUSIVE")
            await store.save(WEATHER, answer(), ttl=60)
            assert not store.available
            third.execute("ROLLBACK")
        await other.save(GITHUB, stored := answer(), ttl=60)
        now += 60.0
        await store.save(WEATHER, answer(), ttl=60)
        assert store.available
        assert not store.is_absent(GITHUB)
        assert await store.load(GITHUB) == [stored]


async def test_a_look_that_ends_after_all_was_forgotten_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "MOST_SAVED", 1)
    async with opened(tmp_path) as store:
        await store.load(OTHER)  # which begins the look
        await asyncio.gather(store.save(GITHUB, answer(), ttl=60), store.save(WEATHER, answer(), ttl=60))
        await store.stats()
        assert not store.is_absent(GITHUB)

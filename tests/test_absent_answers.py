"""What is known to be in no store, without a look."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.stores import GITHUB, OTHER, WEATHER, answer
from tux_http.caching.no_store import NoStore
from tux_http.caching.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncGenerator[SqliteStore]:
    store = SqliteStore(path / "cache.sqlite", size=10**8, patience=30.0)
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

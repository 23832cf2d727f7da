"""Answers in a file: there again after a restart, and never in a command's way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import pytest
from hishel import SqliteStorage

from tests.stores import CHECKS, GITHUB, OTHER, SECRETS, answer, messages
from tests.strays import no_strays
from tux_http.caching.opening import open_store
from tux_http.caching.sqlite_file import TABLES, THREAD
from tux_http.caching.sqlite_store import SqliteStore
from tux_http.policy import CacheSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

    from tux_http.caching.store import Store

PATIENT = 30.0
"""Seconds: machines that run tests may be slow, and what is tested here is something else."""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def opened(
    path: Path, *, size: int = 10**8, patience: float = PATIENT, **options: Any
) -> AsyncGenerator[SqliteStore]:
    store = SqliteStore(path, size=size, patience=patience, **options)
    try:
        yield store
    finally:
        await store.aclose()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "missing" / "directories" / "cache.sqlite"


@pytest.mark.parametrize("check", CHECKS)
async def test_it_does_what_a_store_does(
    path: Path, check: Callable[[Store], Coroutine[Any, Any, None]]
) -> None:
    with messages("DEBUG") as lines:
        async with opened(path) as store:
            await check(store)
            assert store.available
            assert await store.claim(GITHUB, seconds=5)
            await store.release(GITHUB)
    assert lines == []


async def test_answers_are_there_after_a_restart(path: Path) -> None:
    stored = answer()
    for number in range(3):
        async with opened(path) as store:
            assert await store.load(GITHUB) == ([stored] if number else [])
            await store.save(GITHUB, stored, ttl=60)


async def test_two_stores_of_one_file_see_each_other(path: Path) -> None:
    async with opened(path) as one, opened(path) as other:
        await one.save(GITHUB, stored := answer(), ttl=60)
        assert await other.load(GITHUB) == [stored]
        await other.remove(GITHUB)
        assert await one.load(GITHUB) == []


async def test_the_file_is_for_its_user_alone_and_nothing_secret_is_in_it(path: Path) -> None:
    async with opened(path) as store:
        await store.save(GITHUB, answer(), ttl=60)
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b'"one"' in content
    assert not any(secret.encode() in content for secret in SECRETS)


async def test_what_is_cleared_is_no_longer_in_the_file(path: Path) -> None:
    async with opened(path) as store:
        await store.save(GITHUB, answer(b"what somebody wants gone"), ttl=60)
        await store.clear()
        content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"what somebody wants gone" not in content


async def test_nothing_is_left_when_it_is_closed(path: Path) -> None:
    async with no_strays():
        async with opened(path) as store:
            await store.save(GITHUB, answer(), ttl=60)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith(THREAD)]
        open_files = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
        assert not [name for name in open_files if name.startswith(str(path))]
        assert (await store.load(GITHUB), await store.clear()) == ([], 0)
        await store.aclose()


async def test_one_that_was_never_used_makes_no_file(path: Path) -> None:
    async with opened(path):
        pass
    assert not path.parent.exists()


async def test_the_loop_turns_while_the_file_is_used(path: Path) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    async with opened(path) as store:
        await store.save(GITHUB, answer(), ttl=60)
    counting.cancel()
    assert turns > 10


async def test_a_cancelled_save_is_whole_or_not_there(path: Path) -> None:
    async with opened(path) as store:
        stored = answer(bytes(10**6))
        saving = asyncio.create_task(store.save(GITHUB, stored, ttl=60))
        await asyncio.sleep(0)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        assert await store.load(GITHUB) == [stored]  # operations are done in order


async def test_the_file_stays_within_its_size_and_the_newest_are_kept(path: Path) -> None:
    size = 1_000_000
    async with opened(path, size=size, grace=0.0) as store:
        for number in range(100):
            await store.save(f"v1:github:{number}", answer(bytes(50_000)), ttl=600)
        assert path.stat().st_size < size + 100_000
        found = [number for number in range(100) if await store.load(f"v1:github:{number}")]
    assert found[-1] == 99
    assert 8 <= len(found) < 20  # hishel makes room for ten at a time


async def test_within_the_grace_period_the_file_does_not_grow_either(path: Path) -> None:
    size = 1_000_000
    async with opened(path, size=size) as store:
        for number in range(40):
            await store.save(f"v1:github:{number}", answer(bytes(50_000)), ttl=600)
        assert path.stat().st_size < size + 100_000
        assert await store.load("v1:github:0")
        assert store.available


async def test_it_is_in_the_user_s_cache_directory_unless_the_settings_name_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_path", tmp_path.joinpath)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path, expected in (("", "tux_http/http-cache-v1.sqlite"), ("~/mine.db", "mine.db")):
        store = open_store(CacheSettings(store="sqlite", path=path))
        assert isinstance(store, SqliteStore)
        assert store.path == tmp_path / expected
        await store.aclose()


async def test_the_memory_store_holds_nothing() -> None:
    store = open_store(CacheSettings())
    await store.save(GITHUB, answer(), ttl=60)
    assert (await store.load(GITHUB), await store.stats(), await store.clear()) == ([], [], 0)
    assert await store.claim(GITHUB, seconds=5)
    await store.release(GITHUB)
    await store.remove(GITHUB)
    await store.aclose()


# What goes wrong.


def set_aside(path: Path) -> list[Path]:
    return [each for each in path.parent.iterdir() if ".corrupt-" in each.name]


async def test_a_file_that_is_none_of_sqlite_is_moved_aside(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.with_name(f"{path.name}.corrupt-1").write_bytes(b"an older one")
    path.write_bytes(b"this is no database, and long enough to be one" * 100)
    with messages("DEBUG") as lines:
        async with opened(path) as store:
            assert await store.load(GITHUB) == []
            await store.save(GITHUB, stored := answer(), ttl=60)
            assert await store.load(GITHUB) == [stored]
            assert store.available
    (aside,) = set_aside(path)
    assert aside.read_bytes().startswith(b"this is no database")
    assert lines == [f"the cache's file {path} was corrupt: it is now {aside}, and a new one begun"]


async def test_a_file_that_becomes_corrupt_while_it_is_used_is_moved_aside(path: Path) -> None:
    async with opened(path) as store:
        for number in range(20):
            await store.save(f"v1:github:{number}", answer(bytes(50_000)), ttl=60)
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)  # all but the first page, which tells of the tables
    with messages() as lines:
        async with opened(path) as store:
            assert await store.load("v1:github:0")
            path.write_bytes(damaged)
            sqlite3.connect(path).close()
            for number in range(20):
                await store.load(f"v1:github:{number}")
                await store.save(f"v1:weather:{number}", answer(), ttl=60)
            assert store.available
            assert await store.load("v1:weather:19")
    assert [line.split(" was corrupt")[0] for line in lines] == [f"the cache's file {path}"]
    assert len(set_aside(path)) == 1


async def test_a_database_of_somebody_else_s_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entries (mine)")
        connection.execute("INSERT INTO entries VALUES ('precious')")
        connection.commit()
    before = path.read_bytes()
    with messages() as lines:
        async with opened(path) as store:
            await store.save(GITHUB, answer(), ttl=60)
            assert (await store.load(GITHUB), await store.clear(), store.available) == ([], 0, False)
    assert path.read_bytes() == before
    assert len(lines) == 1


@pytest.mark.parametrize("kind", ["a directory", "below a file", "no rights"])
async def test_what_cannot_be_written_is_told_once_and_holds_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cache.sqlite"
    if kind == "a directory":
        path.mkdir()
    elif kind == "below a file":
        path.write_bytes(b"")
        path /= "cache.sqlite"
    else:
        path = Path("/proc/cache.sqlite")
    clock = Clock()
    with messages("DEBUG") as lines:
        async with opened(path, clock=clock) as store:
            for _ in range(5):
                await store.save(GITHUB, answer(), ttl=60)
                assert await store.load(GITHUB) == []
                clock.now += 30
            await store.remove(GITHUB)
            assert (await store.clear(), await store.stats(), store.available) == (0, [], False)
    (line,) = lines
    assert line.startswith(f"the cache's file {path} can't be used, going on without it: ")


async def test_one_that_can_be_written_again_is_used_again(tmp_path: Path) -> None:
    path, clock = tmp_path / "cache.sqlite", Clock()
    path.mkdir()
    with messages("INFO") as lines:
        async with opened(path, clock=clock) as store:
            assert await store.load(GITHUB) == []
            path.rmdir()
            await store.save(GITHUB, answer(), ttl=60)
            assert not path.exists()
            clock.now += 1
            await store.save(GITHUB, answer(), ttl=60)
            assert await store.load(GITHUB)
    assert [line.removeprefix(f"the cache's file {path} ")[:6] for line in lines] == ["can't ", "is bac"]


async def test_a_file_that_another_process_locks_holds_up_nobody(path: Path) -> None:
    clock = Clock()
    async with opened(path, clock=clock) as store:
        await store.save(GITHUB, stored := answer(), ttl=60)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            with messages() as lines:
                for number in range(20):
                    await store.save(f"v1:github:{number}", answer(), ttl=60)
            assert time.monotonic() - began < 2  # once, for 50 ms
            assert len(lines) == 1
            other.execute("ROLLBACK")
        clock.now += 1
        assert await store.load(GITHUB) == [stored]
        assert store.available


@pytest.fixture
def _small_files() -> Generator[None]:
    """No file may grow beyond 200 KB, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("_small_files")
async def test_a_full_disk_fails_nothing(path: Path) -> None:
    clock = Clock()
    with messages() as lines:
        async with opened(path, clock=clock) as store:
            await store.save(GITHUB, stored := answer(), ttl=60)
            await store.save(OTHER, answer(bytes(10**6)), ttl=60)
            assert not store.available
            clock.now += 1
            assert await store.load(GITHUB) == [stored]
            assert (await store.load(OTHER), store.available) == ([], True)
    assert len(lines) == 1


async def test_a_file_that_takes_long_is_waited_for_once(path: Path) -> None:
    async with opened(path) as store:
        await store.save(GITHUB, stored := answer(), ttl=60)
    async with opened(path, patience=0.05) as store:
        release = threading.Event()
        store._thread.submit(release.wait)  # pyright: ignore[reportPrivateUsage]  # a disk that takes its time
        began = time.monotonic()
        for _ in range(100):
            assert await store.load(GITHUB) == []
        assert 0.04 < time.monotonic() - began < 1
        release.set()
        async with asyncio.timeout(PATIENT):
            while await store.load(GITHUB) != [stored]:  # noqa: ASYNC110  # the thread sets no event
                await asyncio.sleep(0)
        assert store.available


async def test_hishel_s_tracebacks_are_not_in_the_log_but_those_of_other_users_are(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir(parents=True)
    async with opened(path) as store:
        await store.save(GITHUB, answer(), ttl=60)
    assert caplog.records == []
    logging.getLogger(SqliteStorage.__module__).error("of somebody else's")
    assert [record.message for record in caplog.records] == ["of somebody else's"]


async def test_a_process_that_is_killed_while_it_writes_harms_nothing(path: Path) -> None:
    code = """
import asyncio, pathlib, sys
from tests.stores import GITHUB, answer
from tux_http.caching.sqlite_store import SqliteStore
async def main():
    store = SqliteStore(pathlib.Path(sys.argv[1]), size=10**8, patience=30)
    number = 0
    while True:
        await store.save(f"v1:github:{number % 10}", answer(bytes(300_000)), ttl=60)
        number += 1
        print(number, flush=True)
asyncio.run(main())
"""
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as process:  # noqa: ASYNC220, S603  # ours; lines are read one by one
        assert process.stdout is not None
        for _ in range(15):
            process.stdout.readline()
        process.kill()
    with messages() as lines:
        async with opened(path) as store:
            found = [await store.load(f"v1:github:{number}") for number in range(10)]
    assert all(len(each) in {1, 2} and len(each[0].body) == 300_000 for each in found)
    assert lines == []


def test_the_columns_that_are_read_are_hishel_s(tmp_path: Path) -> None:
    with contextlib.closing(SqliteStorage(database_path=tmp_path / "one.sqlite")) as storage:
        storage.get_entries("")
        assert storage.connection is not None
        for table, columns in TABLES.items():
            found = {row[1] for row in storage.connection.execute(f"PRAGMA table_info({table})")}
            assert columns <= found

"""What servers have set outlives a crash; a damaged file is put aside, and another version's left alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger

from tux_http.cogs.github.defaults import GOOD_FOR, MOST, NOTHING_SET, Defaults, GuildDefaults
from tux_http.cogs.github.reference import Reference
from tux_http.cogs.github.storage import MOST_CHANNELS, MOST_FAVOURITES, VERSION, GuildFile, path_of
from tux_http.config import GitHubSettings
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from loguru import Record

TUX = Reference("allthingslinux", "tux")
HELLO = Reference("octocat", "Hello-World")
GUILD = 123456789012345678


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "servers.sqlite"


@pytest.fixture
def file(path: Path) -> Generator[GuildFile]:
    with contextlib.closing(GuildFile(path)) as opened:
        yield opened


@contextlib.asynccontextmanager
async def opened(path: Path, now: list[float] | None = None) -> AsyncGenerator[Defaults]:
    defaults = Defaults(path, clock=lambda: sum(now or [0.0]))
    try:
        yield defaults
    finally:
        await defaults.aclose()


@contextlib.contextmanager
def heard() -> Generator[list[Record]]:
    records: list[Record] = []
    sink = logger.add(lambda message: records.append(message.record), level="INFO")
    yield records
    logger.remove(sink)


# The file.


def test_what_is_set_is_there_after_it_was_closed(path: Path) -> None:
    with contextlib.closing(GuildFile(path)) as first:
        first.set_repository(GUILD, "a/b")
        first.set_ephemeral(GUILD, True)
        first.set_unfurls(GUILD, True)
        first.set_unfurls_in(GUILD, 7, False)
        assert first.add_favourite(GUILD, "a/b")
    with contextlib.closing(GuildFile(path)) as second:
        assert second.load(GUILD) == (("a/b", True, True), ("a/b",), {7: False})
        assert second.load(GUILD + 1) == ((None, False, False), (), {})


def test_looking_makes_no_file(file: GuildFile) -> None:
    assert file.load(GUILD) == ((None, False, False), (), {})
    assert not file.path.exists()
    assert not file.path.parent.exists()


def test_the_file_is_for_the_bots_user_alone(file: GuildFile) -> None:
    file.set_unfurls(GUILD, True)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def test_it_is_written_ahead_and_to_the_disk(file: GuildFile) -> None:
    file.set_unfurls(GUILD, True)
    connection = file._opened()
    asked = ("journal_mode", "synchronous", "user_version", "max_page_count")
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
    assert found == ["wal", 2, VERSION, 16384]


def test_favourites_are_the_same_in_any_case(file: GuildFile) -> None:
    assert file.add_favourite(GUILD, "A/b")
    assert not file.add_favourite(GUILD, "a/B")
    assert file.remove_favourite(GUILD, "a/b")
    assert not file.remove_favourite(GUILD, "a/b")


def test_there_is_an_end_to_favourites_and_the_one_too_many_is_not_kept(file: GuildFile) -> None:
    for number in range(MOST_FAVOURITES):
        assert file.add_favourite(GUILD, f"a/{number}")
    with pytest.raises(InvalidInput, match="favourites"):
        file.add_favourite(GUILD, "a/b")
    assert not file.add_favourite(GUILD, "a/0")
    assert len(file.load(GUILD)[1]) == MOST_FAVOURITES
    assert file.add_favourite(GUILD + 1, "a/b")


def test_there_is_an_end_to_channels(file: GuildFile) -> None:
    for number in range(MOST_CHANNELS):
        file.set_unfurls_in(GUILD, number, True)
    file.set_unfurls_in(GUILD, 0, False)
    with pytest.raises(InvalidInput, match="channels"):
        file.set_unfurls_in(GUILD, MOST_CHANNELS, True)
    assert len(file.load(GUILD)[2]) == MOST_CHANNELS


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans(), st.booleans()), max_size=10))
def test_it_holds_what_was_set_last(changes: list[tuple[int, int, bool, bool]]) -> None:
    wanted: dict[tuple[int, int], bool] = {}
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        each = stack.enter_context(contextlib.closing(GuildFile(Path(directory) / "f")))
        for guild, channel, value, is_closed in changes:
            each.set_unfurls_in(guild, channel, value)
            wanted[guild, channel] = value
            if is_closed:
                each.close()
        found = {(guild, channel): v for guild in range(3) for channel, v in each.load(guild)[2].items()}
    assert found == wanted


KILLED = """
import sys
from pathlib import Path
from tux_http.cogs.github.storage import GuildFile
file = GuildFile(Path(sys.argv[1]))
for number in range(1_000_000):
    file.set_repository(1, f"a/{number}")
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_what_was_said_to_be_set_is_there_after_a_kill(path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)  # noqa: S603  # this very Python
    assert process.stdout is not None
    for wanted in range(20):
        assert process.stdout.readline() == f"{wanted}\n"
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split("\n")
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    said = max([19, *(int(line) for line in rest[:-1] if line)])
    with contextlib.closing(GuildFile(path)) as file:
        (repository, _, _), _, _ = file.load(1)
    assert repository is not None
    assert int(repository.removeprefix("a/")) in {said, said + 1}


@pytest.mark.parametrize("damage", ["text", "page"])
def test_a_damaged_file_is_put_aside_and_said(path: Path, damage: str) -> None:
    with contextlib.closing(GuildFile(path)) as file:
        for number in range(200):
            file.set_unfurls_in(number, number, True)
    content = path.read_bytes()
    assert len(content) > 8192
    bad = b"not a database at all" if damage == "text" else content[:4096] + b"\xff" * 4096 + content[8192:]
    path.write_bytes(bad)
    with heard() as log, contextlib.closing(GuildFile(path)) as file:
        assert file.load(1) == ((None, False, False), (), {})
        file.set_repository(1, "a/b")
        assert file.load(1)[0][0] == "a/b"
    (aside,) = [each for each in path.parent.iterdir() if ".corrupt-" in each.name]
    assert aside.read_bytes() == bad
    (line,) = log
    assert line["level"].name == "ERROR"
    assert aside.name in line["message"]


def test_what_another_process_has_begun_anew_is_not_put_aside_again(path: Path) -> None:
    with contextlib.closing(GuildFile(path)) as late, contextlib.closing(GuildFile(path)) as other:
        late.set_repository(1, "a/b")
        path.rename(path.with_name("aside"))
        other.set_repository(1, "c/d")
        late.close()
        late._move_aside()
        assert late.load(1)[0][0] == "c/d"
    assert [each.name for each in path.parent.iterdir() if "corrupt" in each.name] == []


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    with contextlib.closing(GuildFile(path)) as file:
        file.set_repository(1, "a/b")
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version={VERSION + 1}")
    with contextlib.closing(GuildFile(path)) as file:
        for _ in range(2):
            with pytest.raises(sqlite3.Error, match=f"version {VERSION + 1}"):
                file.set_repository(1, "c/d")
    with contextlib.closing(sqlite3.connect(path)) as newer:
        assert newer.execute("SELECT repository FROM guilds").fetchall() == [("a/b",)]
    assert [each.name for each in path.parent.iterdir() if "corrupt" in each.name] == []


def test_two_processes_may_write(path: Path) -> None:
    with contextlib.closing(GuildFile(path)) as one, contextlib.closing(GuildFile(path)) as other:
        one.set_repository(1, "a/b")
        other.set_repository(2, "c/d")
        assert (one.load(2)[0][0], other.load(1)[0][0]) == ("c/d", "a/b")


def test_it_lies_with_the_users_data_or_where_the_settings_say(tmp_path: Path) -> None:
    assert path_of(GitHubSettings(database=str(tmp_path / "x"))) == tmp_path / "x"
    assert path_of(GitHubSettings()).is_relative_to(os.environ["XDG_DATA_HOME"])


# At hand.


async def test_what_is_set_is_read_back(path: Path) -> None:
    async with opened(path) as defaults:
        assert await defaults.of(GUILD) == NOTHING_SET
        await defaults.set_repository(GUILD, TUX)
        await defaults.set_ephemeral(GUILD, value=True)
        await defaults.set_unfurls(GUILD, value=True)
        await defaults.set_unfurls(GUILD, value=False, channel=7)
        assert await defaults.add_favourite(GUILD, HELLO)
        found = await defaults.of(GUILD)
        assert found == GuildDefaults(
            repository=TUX, favourites=(HELLO,), ephemeral=True, unfurls=True, channels={7: False}
        )
        await defaults.set_repository(GUILD, None)
        assert (await defaults.of(GUILD)).repository is None
        assert await defaults.of(None) == NOTHING_SET
    assert await defaults.of(GUILD) == NOTHING_SET, "closed"


async def test_what_is_at_hand_is_not_read_again_for_a_minute(path: Path) -> None:
    now = [0.0]
    async with opened(path, now) as defaults:
        await defaults.set_repository(GUILD, TUX)
        assert (await defaults.of(GUILD)).repository == TUX
        with contextlib.closing(GuildFile(path)) as another_process:
            another_process.set_repository(GUILD, str(HELLO))
        now.append(GOOD_FOR - 1)
        assert (await defaults.of(GUILD)).repository == TUX
        now.append(1.0)
        assert (await defaults.of(GUILD)).repository == HELLO


async def test_the_servers_at_hand_are_bounded(path: Path) -> None:
    async with opened(path) as defaults:
        for guild in range(MOST + 10):
            await defaults.of(guild)
        assert len(defaults._known) == MOST


async def test_a_file_that_cannot_be_read_is_said_once_and_nothing_counts_as_set(tmp_path: Path) -> None:
    path = tmp_path / "servers.sqlite"
    path.mkdir()
    with heard() as log:
        async with opened(path) as defaults:
            for _ in range(3):
                assert await defaults.of(GUILD) == NOTHING_SET
            with pytest.raises(sqlite3.OperationalError):
                await defaults.set_repository(GUILD, TUX)
            path.rmdir()
            await defaults.set_repository(GUILD, TUX)
            assert (await defaults.of(GUILD)).repository == TUX
    (line,) = log
    assert line["level"].name == "WARNING"
    assert str(path) in line["message"]


async def test_whoever_leaves_while_it_is_written_loses_nothing(path: Path) -> None:
    async with opened(path) as defaults:
        writing = asyncio.create_task(defaults.set_repository(GUILD, TUX))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait({writing})
    async with opened(path) as defaults:
        assert (await defaults.of(GUILD)).repository == TUX


async def test_a_repository_that_the_file_cannot_mean_is_none(path: Path) -> None:
    with contextlib.closing(GuildFile(path)) as file:
        file.set_repository(GUILD, "../x")
        file.add_favourite(GUILD, "@everyone")
        file.add_favourite(GUILD, "a/b")
    async with opened(path) as defaults:
        found = await defaults.of(GUILD)
    assert (found.repository, found.favourites) == (None, (Reference("a", "b"),))

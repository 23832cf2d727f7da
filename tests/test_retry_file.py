from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tux_http.policy import CacheSettings
from tux_http.retry_file import Kept, RetryFile, file_beside

BOT = 7


def kept(key: str, *, until: float = 1000.0, bot: int = BOT) -> Kept:
    return Kept(
        key=key,
        application_id=bot,
        user_id=2**63,
        request=b'{"name":"repo"}',
        ready_at=None,
        until=until,
        message_id=4,
        channel_id=None,
        token="secret-token",
        language="pt_BR",
    )


def test_what_is_saved_is_found_until_it_is_over(tmp_path: Path) -> None:
    file = RetryFile(tmp_path / "new" / "retries.sqlite")
    first, second = kept("first", until=100), kept("second", until=200)
    file.save(first, 0)
    file.save(second, 0)
    assert file.find("first") == first
    assert file.load(BOT, 99) == [first, second]
    assert file.load(BOT, 100) == [second]
    assert file.load(BOT + 1, 0) == []
    assert file.find("first") is None
    file.save(kept("third"), 200)
    assert file.find("second") is None
    file.remove("third")
    file.remove("third")
    assert file.find("third") is None


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    file = RetryFile(tmp_path / "retries.sqlite", most=3)
    for number in range(10):
        file.save(kept(str(number), until=100 + number), 0)
    assert [each.key for each in file.load(BOT, 0)] == ["7", "8", "9"]


def test_it_is_for_this_user_alone_and_nothing_is_left_of_what_was_deleted(tmp_path: Path) -> None:
    path = tmp_path / "new" / "retries.sqlite"
    file = RetryFile(path)
    file.save(kept("key"), 0)
    assert b"secret-token" in path.read_bytes()
    file.remove("key")
    assert b"secret-token" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_its_repr_shows_neither_token_nor_arguments() -> None:
    assert repr(kept("key")) == "Kept(key='key')"


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be taken for one" * 20, b"SQLite format 3\0x"]
)
def test_a_damaged_file_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "retries.sqlite"
    path.write_bytes(content)
    file = RetryFile(path)
    file.save(kept("key"), 0)
    assert file.find("key") is not None


def test_what_another_version_has_written_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "retries.sqlite"
    file = RetryFile(path)
    file.save(kept("ours", until=2000), 0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO retries VALUES ('theirs', ?, 3000, ?)", (BOT, b"\x80"))
    assert [each.key for each in file.load(BOT, 0)] == ["ours"]
    assert file.find("theirs") is None


@pytest.mark.parametrize(
    ("settings", "file"),
    [
        (CacheSettings(), None),
        (CacheSettings(store="redis"), None),
        (CacheSettings(store="sqlite", path="/srv/bot/cache.sqlite"), Path("/srv/bot/retries-2.sqlite")),
        (CacheSettings(store="sqlite", path="~/cache.sqlite"), Path.home() / "retries-2.sqlite"),
    ],
)
def test_it_lies_beside_the_cache(settings: CacheSettings, file: Path | None) -> None:
    assert file_beside(settings) == file


def test_it_lies_in_the_platforms_directory_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = file_beside(CacheSettings(store="sqlite"))
    assert found is not None
    assert found.name == "retries-2.sqlite"
    assert found.parent.name == "tux_http"

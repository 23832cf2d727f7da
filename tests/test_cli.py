"""The program as it is called: what it says, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

import tux_http
from tests.discord_server import DiscordServer
from tests.stores import WEATHER, answer
from tests.valkey import empty_database
from tux_http import log
from tux_http.caching.redis_store import RedisStore
from tux_http.caching.sqlite_store import SqliteStore
from tux_http.cli import main, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.caching.store import Store

PYTHON = (sys.executable, "-W", "error", "-W", "ignore:'audioop' is deprecated:DeprecationWarning")

WITH_DISCORD_AT = """
import sys
from discord.http import Route
from tux_http.cli import main
Route.BASE = sys.argv[1] + "/api/v10"
sys.exit(main(sys.argv[2:]))
"""

WITHOUT_SIMCORD = """
import sys
sys.modules["simcord"] = None
from tux_http.cli import main
sys.exit(main(sys.argv[1:]))
"""

REFUSED = "a-token-that-discord-refuses"


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory and an environment without settings; and the log as it was, afterwards."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("TUX_HTTP", "REDIS_URL")) or name.endswith(("_TOKEN", "_TOKEN_FILE")):
            monkeypatch.delenv(name)
    yield
    log.reset()
    logger.remove()


def called(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = (*PYTHON, *words)
    return subprocess.run(  # noqa: S603  # ours
        command, capture_output=True, text=True, env={**os.environ, **variables}, timeout=60, check=False
    )


async def called_with_discord(
    server: DiscordServer, *words: str, stop: bool = False, **variables: str
) -> tuple[int | None, list[str]]:
    """The exit status and the lines on stderr of a bot without extensions, stopped once it is logged in."""
    process = await asyncio.create_subprocess_exec(
        *(*PYTHON, "-c", WITH_DISCORD_AT, server.url, *words),
        env={**os.environ, "TUX_HTTP__BOT__EXTENSIONS": "", "XDG_STATE_HOME": str(Path.cwd()), **variables},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            if stop:
                await server.identified.wait()
                process.send_signal(signal.SIGTERM)
            _, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode, stderr.decode().splitlines()


# As a process.


def test_without_a_token_two_lines_say_what_to_do() -> None:
    ended = called("-m", "tux_http")
    first, second = ended.stderr.splitlines()
    assert first.startswith("DISCORD_TOKEN is not set: ")
    assert "https://discord.com/developers/applications" in first
    assert second.endswith("python -m tux_http sandbox")
    assert (ended.returncode, ended.stdout) == (2, "")


def test_wrong_settings_are_told_a_line_each() -> None:
    Path("config.toml").write_text("[http]\nhttp2 = 1\n[bot]\nprefx = '?'\n", encoding="utf-8")
    ended = called("-m", "tux_http", DISCORD_TOKEN=REFUSED, TUX_HTTP__HTTP__TIMEOUTS__READ="-1")
    assert ended.stderr.splitlines() == [
        "config.toml: http.http2 must be true or false, got 1",
        "config.toml: bot.prefx is not a setting; did you mean bot.prefix?",
        "TUX_HTTP__HTTP__TIMEOUTS__READ must be positive, got -1",
    ]
    assert (ended.returncode, ended.stdout) == (2, "")


def test_help_names_the_commands_the_environment_and_the_exit_statuses() -> None:
    ended = called("-m", "tux_http", "--help")
    for part in (
        "usage: python -m tux_http ",
        "sandbox",
        "--config",
        "DISCORD_TOKEN",
        "TUX_HTTP__",
        "\n  2  wrong usage",
    ):
        assert part in ended.stdout
    assert (ended.returncode, ended.stderr) == (0, "")


def test_help_does_not_wait_for_discord_py() -> None:
    code = "import sys; from tux_http.cli import main; main(['--help']); sys.exit('discord' in sys.modules)"
    assert called("-c", code).returncode == 0


def test_the_version_is_the_package_s() -> None:
    ended = called("-m", "tux_http", "--version")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"tux-http {tux_http.__version__}\n", "")


def test_the_installed_command_is_the_same_program() -> None:
    script = Path(sys.executable).parent / "tux-http"
    ended = subprocess.run([script, "--help"], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    assert ended.stdout.startswith("usage: tux-http ")


def test_the_sandbox_without_its_extra_says_how_to_install_it() -> None:
    ended = called("-c", WITHOUT_SIMCORD, "sandbox", "--no-browser")
    (line,) = ended.stderr.splitlines()
    assert 'pip install "tux-http[sandbox]"' in line
    assert (ended.returncode, ended.stdout) == (2, "")


async def test_a_refused_token_ends_the_process_with_3_and_is_not_shown() -> None:
    async with DiscordServer(login=401) as server:
        status, lines = await called_with_discord(
            server, "--log-level", "debug", DISCORD_TOKEN=REFUSED, TUX_HTTP__LOG__FORMAT="json"
        )
    records = [json.loads(line) for line in lines]
    assert status == 3
    assert [record["message"] for record in records if record["level"] == "ERROR"] == [
        "Discord refused the token: check DISCORD_TOKEN, or reset it in the developer portal"
    ]
    assert any(record["level"] == "DEBUG" for record in records)
    assert REFUSED not in "".join(lines)


async def test_sync_sends_the_commands_again() -> None:
    synced: list[int] = []
    for words in ((), ("run",), ("run", "--sync")):
        async with DiscordServer() as server:
            status, lines = await called_with_discord(
                server, *words, stop=True, DISCORD_TOKEN="a-token-of-this-test"
            )
        assert status == 0, lines
        synced.append(len(server.synced))
    assert synced == [1, 0, 1]


def test_an_error_that_nobody_expected_is_logged_redacted_and_ends_with_1() -> None:
    broken = "import discord.http; discord.http.HTTPClient.static_login = lambda self, token: int(token)\n"
    ended = called("-c", broken + WITH_DISCORD_AT, "http://127.0.0.1:9", DISCORD_TOKEN=REFUSED)
    assert ended.returncode == 1
    assert "CRITICAL" in ended.stderr
    assert "ValueError: invalid literal for int() with base 10: '[…]'" in ended.stderr
    assert REFUSED not in ended.stderr


# What is stored.


def stored(store: Store) -> None:
    async def store_some() -> None:
        for number in range(3):
            await store.save(f"v1:github:{number}", answer(bytes(600_000)), ttl=60)
        await store.save(WEATHER, answer(), ttl=60)
        await store.aclose()

    asyncio.run(store_some())


def test_what_is_stored_in_the_file_is_told_and_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    stored(SqliteStore(path, size=10**8, patience=30))
    variables = {"TUX_HTTP__HTTP__CACHE__PATH": str(path)}
    told = called("-m", "tux_http", "cache", "stats", **variables)
    first, *rows = told.stdout.splitlines()
    assert (first, told.returncode, told.stderr) == (str(path), 0, "")
    assert [row.split()[:2] for row in rows] == [["api", "answers"], ["github", "3"], ["weather", "1"]]
    assert rows[1].endswith(" 1.7 MiB")
    assert called("-m", "tux_http", "cache", "stats", "--api", "github", **variables).stdout.count("\n") == 3
    cleared = called("-m", "tux_http", "cache", "clear", "--api", "github", **variables)
    assert cleared.stdout == f"{path}\n3 answers of github forgotten\n"
    assert called("-m", "tux_http", "cache", "clear", **variables).stdout == f"{path}\n1 answer forgotten\n"
    assert called("-m", "tux_http", "cache", "stats", **variables).stdout == f"{path}\nnothing is stored\n"


def test_what_is_stored_on_the_server_is_told_and_forgotten() -> None:
    with empty_database() as url:
        stored(RedisStore(url, patience=30))
        variables = {"TUX_HTTP__HTTP__CACHE__STORE": "redis", "REDIS_URL": url}
        told = called("-m", "tux_http", "cache", "stats", **variables)
        assert [row.split()[:2] for row in told.stdout.splitlines()[2:]] == [
            ["github", "3"],
            ["weather", "1"],
        ]
        cleared = called("-m", "tux_http", "cache", "clear", "--api", "github", **variables)
        assert cleared.stdout == f"{url}\n3 answers of github forgotten\n"


def test_a_store_that_cannot_be_read_ends_with_1_and_a_line_that_says_why() -> None:
    variables = {"TUX_HTTP__HTTP__CACHE__STORE": "redis", "REDIS_URL": "redis://:hunter2hunter2@127.0.0.1:9"}
    ended = called("-m", "tux_http", "cache", "clear", **variables)
    (line,) = ended.stderr.splitlines()
    assert "the cache's server at 127.0.0.1:9 can't be used" in line
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "hunter2" not in line


def test_a_memory_store_has_nothing_to_tell() -> None:
    ended = called("-m", "tux_http", "cache", "stats", TUX_HTTP__HTTP__CACHE__STORE="memory")
    assert ended.stdout.startswith("The store is the memory")
    assert ended.returncode == 0


def test_what_is_stored_is_told_without_waiting_for_discord_py() -> None:
    code = "import sys; from tux_http.cli import main; main(['cache', 'stats']); sys.exit('discord' in sys.modules)"
    assert called("-c", code).returncode == 0


# Its words.


def test_run_is_the_default() -> None:
    assert parse([]) == parse(["run"])
    assert parse([]).command == "run"


@pytest.mark.parametrize(
    "words", [["--config", "a.toml", "--sync", "run"], ["run", "--sync", "--config", "a.toml"]]
)
def test_options_stand_on_both_sides_of_the_command(words: list[str]) -> None:
    options = parse(["--log-level", "warning", *words])
    assert (options.command, options.sync, options.config, options.log_level) == (
        "run",
        True,
        Path("a.toml"),
        "WARNING",
    )


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("sandbox", {}),
        ("sandbox --port 8080 --no-browser --live", {"port": 8080, "browser": False, "live": True}),
        ("sandbox --screenshot a.png", {"screenshot": ["a.png"]}),
        (
            "sandbox --screenshot a.png /repo allthingslinux/tux --live",
            {"screenshot": ["a.png", "/repo", "allthingslinux/tux"], "live": True},
        ),
    ],
)
def test_the_sandbox_takes_its_options(words: str, changed: dict[str, Any]) -> None:
    expected = {
        "command": "sandbox",
        "port": 0,
        "browser": True,
        "live": False,
        "screenshot": None,
        **changed,
    }
    found = vars(parse(words.split()))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "words",
    [
        *("dance", "--nope", "--conf a", "--config", "--log-level LOUD", "run --port 1"),
        *("sandbox --port -1", "sandbox --port 65536", "sandbox --port x", "sandbox --sync"),
        *("sandbox --screenshot", "cache", "cache look", "cache stats --api", "cache clear --sync"),
    ],
)
def test_wrong_words_end_with_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert "error: " in capsys.readouterr().err


# Its settings.


def problem(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    return capsys.readouterr().err


def test_the_file_is_the_named_one_then_the_variable_s_then_config_toml(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problem(capsys).startswith("DISCORD_TOKEN is not set")
    for name in ("config.toml", "variable.toml", "option.toml"):
        Path(name).write_text("nonsense = 1\n", encoding="utf-8")
    assert problem(capsys).startswith("config.toml: ")
    monkeypatch.setenv("TUX_HTTP_CONFIG", "variable.toml")
    assert problem(capsys).startswith("variable.toml: ")
    assert problem(capsys, "--config", "option.toml").startswith("option.toml: ")


def test_a_named_file_has_to_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert problem(capsys, "--config", "a.toml") == "a.toml can't be read: No such file or directory\n"
    assert (
        problem(capsys, "sandbox", "--config", "a.toml")
        == "a.toml can't be read: No such file or directory\n"
    )

"""Files and variables: what is read from them, what is refused, and how that is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.configuration import SHIPPED, problems, written
from tux_http.config import (
    DEFAULT_APIS,
    APISettings,
    Settings,
    load,
)
from tux_http.policy import Timeouts


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A name for a file in the working directory, as an operator gives one."""
    monkeypatch.chdir(tmp_path)
    return Path("bot.toml")


# What is read.


def test_a_file_changes_what_it_names_and_nothing_else(file: Path) -> None:
    settings = written(file, "[http]\nmax_connections = 7\n[http.timeouts]\nread = 5\n")
    changed = msgspec.structs.replace(Settings().http, max_connections=7, timeouts=Timeouts(read=5.0))
    assert settings == Settings(http=changed)
    assert isinstance(settings.http.timeouts.read, float)


def test_a_built_in_api_is_changed_key_by_key(file: Path) -> None:
    settings = written(file, '[apis.github]\ndeadline = 3\nheaders = {accept = "text/html", X-More = "1"}\n')
    default = DEFAULT_APIS["github"]
    headers = {**default.headers, "Accept": "text/html", "X-More": "1"}
    assert settings.apis == {"github": msgspec.structs.replace(default, deadline=3.0, headers=headers)}


def test_an_api_of_the_operator_s_own_is_added(file: Path) -> None:
    settings = written(file, '[apis.weather]\nbase_url = "http://127.0.0.1:8080/v1"\n')
    assert settings.apis == {**DEFAULT_APIS, "weather": APISettings(base_url="http://127.0.0.1:8080/v1")}


def test_a_file_may_begin_with_a_byte_order_mark(file: Path) -> None:
    file.write_bytes('[bot]\nprefix = "é"\n'.encode("utf-8-sig"))
    assert load(file, {}).bot.prefix == "é"


def test_two_limits_that_depend_on_each_other_may_change_together(file: Path) -> None:
    settings = written(file, "[http]\nmax_keepalive_connections = 300\nmax_connections = 300\n")
    assert settings.http.max_keepalive_connections == settings.http.max_connections == 300


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("TUX_HTTP__HTTP__TIMEOUTS__READ", "5", "http.timeouts.read", 5.0),
        ("tux_http__http__max_connections", "7", "http.max_connections", 7),
        ("TUX_HTTP__HTTP__HTTP2", "False", "http.http2", False),
        ("TUX_HTTP__BOT__PREFIX", '"', "bot.prefix", '"'),
        ("TUX_HTTP__BOT__SYNC", "never", "bot.sync", "never"),
        ("TUX_HTTP__BOT__EXTENSIONS", "one, two.three,", "bot.extensions", ("one", "two.three")),
        ("TUX_HTTP__BOT__EXTENSIONS", '["one", "two"]', "bot.extensions", ("one", "two")),
        ("TUX_HTTP__BOT__EXTENSIONS", "", "bot.extensions", ()),
        ("TUX_HTTP__HTTP", "{timeouts = {pool = 1}, http2 = false}", "http.timeouts.pool", 1.0),
    ],
)
def test_a_variable_wins_over_the_file(file: Path, variable: str, text: str, key: str, value: Any) -> None:
    found: Any = written(file, SHIPPED.read_text(encoding="utf-8"), {variable: text})
    for name in key.split("."):
        found = getattr(found, name)
    assert found == value
    assert type(found) is type(value)


def test_variables_reach_apis_and_headers_whose_names_have_hyphens(file: Path) -> None:
    text = '[apis.My-Api]\nbase_url = "https://api.example"\n'
    variables = {
        "TUX_HTTP__APIS__MY_API__DEADLINE": "2",
        "TUX_HTTP__APIS__GITHUB__HEADERS__X_GITHUB_API_VERSION": "2026-01-01",
        "TUX_HTTP__APIS__NEW__BASE_URL": "https://new.example",
    }
    settings = written(file, text, variables)
    assert settings.apis["My-Api"].deadline == 2.0
    assert settings.apis["github"].headers["X-GitHub-Api-Version"] == "2026-01-01"
    assert settings.apis["new"].base_url == "https://new.example"


# What is refused, and how that is said.


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[http]\nhttp2 = 1", "http.http2 must be true or false, got 1"),
        ("[http]\nmax_connections = true", "http.max_connections must be a whole number, got true"),
        ("[http]\nmax_connections = 1.5", "http.max_connections must be a whole number, got 1.5"),
        ("[http]\nmax_connections = 0", "http.max_connections must be positive, got 0"),
        ("[http]\nkeepalive_expiry = '5'", 'http.keepalive_expiry must be a number, got "5"'),
        ("[http.timeouts]\nread = -1", "http.timeouts.read must be positive, got -1"),
        ("[http.timeouts]\nread = nan", "http.timeouts.read must be positive, got nan"),
        ("[http]\ntimeouts = 5", "http.timeouts must be a table, got 5"),
        ("[bot]\nprefix = 1979-05-27", "bot.prefix must be text, got 1979-05-27"),
        ("[bot]\nprefix = {}", "bot.prefix must be text, got a table"),
        ("[bot]\nsync = 'now'", 'bot.sync must be one of "auto", "always", "never", got "now"'),
        ("[bot]\nextensions = 'a'", 'bot.extensions must be a list, each item text, got "a"'),
        ("[bot]\nextensions = ['a', 5]", 'bot.extensions must be a list, each item text, got ["a", 5]'),
        ("[apis.github]\ndeadline = 0", "apis.github.deadline must be positive, got 0"),
        ("[apis.github.headers]\nAccept = 5", "apis.github.headers.Accept must be text, got 5"),
        ("[apis.github.headers]\nX = 'é'", "apis.github.headers.X must be printable ASCII text, got 'é'"),
        (
            "[apis.github.headers]\n'a b' = '1'",
            "apis.github.headers.\"a b\" must be a header name, got 'a b'",
        ),
        ("[apis.weather]\ndeadline = 5", "apis.weather needs base_url"),
        (
            "[apis.discord]\nbase_url = 'https://a.example'",
            "apis.discord needs another name: DISCORD_TOKEN is for the bot",
        ),
        (
            "[apis.GitHub]\nbase_url = 'https://a.example'",
            "apis.GitHub needs another name: GITHUB_TOKEN is for apis.github",
        ),
        (
            "[apis.'a b']\nbase_url = 'https://a.example'",
            'apis."a b" needs another name: letters, digits, - and _, and a letter first',
        ),
        ("mesage = 1", "mesage is not a setting; did you mean messages?"),
        (
            "[http.timeouts]\nraed = 1",
            "http.timeouts.raed is not a setting; did you mean http.timeouts.read?",
        ),
        ("[htpp]\nhttp2 = true", "htpp is not a setting; did you mean http?"),
        (
            "[apis.github]\nbase_ur = ''",
            "apis.github.base_ur is not a setting; did you mean apis.github.base_url?",
        ),
    ],
)
def test_a_wrong_key_or_value_is_named_as_it_was_written(file: Path, text: str, problem: str) -> None:
    assert problems(text, file) == [f"bot.toml: {problem}"]


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("TUX_HTTP__HTTP__HTTP2", "maybe", 'TUX_HTTP__HTTP__HTTP2 must be true or false, got "maybe"'),
        ("TUX_HTTP__HTTP__HTTP2", "", 'TUX_HTTP__HTTP__HTTP2 must be true or false, got ""'),
        ("TUX_HTTP__HTTP__MAX_CONNECTIONS", "1\nx=2", 'a whole number, got "1\\nx=2"'),
        ("tux_http__http__timeouts__read", "-5", "tux_http__http__timeouts__read must be positive, got -5"),
        ("TUX_HTTP__HTTP__TIMEOUTS", "5", "TUX_HTTP__HTTP__TIMEOUTS must be a table, got 5"),
        ("TUX_HTTP__HTTP", "{http2 = 1}", "TUX_HTTP__HTTP: http2 must be true or false, got 1"),
        ("TUX_HTTP__HTTP", "{htp2 = 1}", "TUX_HTTP__HTTP: htp2 is not a setting; did you mean http2?"),
        ("TUX_HTTP__APIS__WEATHER__DEADLINE", "5", "TUX_HTTP__APIS__WEATHER needs base_url"),
        (
            "TUX_HTTP__APIS__GITHUB__HEADERS__X_Y",
            "é",
            "TUX_HTTP__APIS__GITHUB__HEADERS__X_Y must be printable ASCII",
        ),
        (
            "TUX_HTTP__HTTP__TIMEOUTS__RAED",
            "5",
            "TUX_HTTP__HTTP__TIMEOUTS__RAED is not a setting; did you mean TUX_HTTP__HTTP__TIMEOUTS__READ?",
        ),
        ("TUX_HTTP__LOG__LEVEL__X", "5", "TUX_HTTP__LOG__LEVEL__X is not a setting"),
        ("TUX_HTTP__", "5", "TUX_HTTP__ is not a setting"),
        (
            "TUX_HTTP__TOKENS__DISCORD",
            "5",
            "TUX_HTTP__TOKENS__DISCORD is not a setting; set DISCORD_TOKEN instead",
        ),
        ("TUX_HTTP__APIS__GITHUB__TOKEN", "5", "is not a setting; set GITHUB_TOKEN instead"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, text: str, problem: str) -> None:
    (line,) = problems(None, None, {variable: text})
    assert variable in line or line.startswith("TUX_HTTP__APIS__WEATHER needs")
    assert problem in line.replace("TUX_HTTP__TOKENS is", "TUX_HTTP__TOKENS__DISCORD is")


@pytest.mark.parametrize(
    "url",
    [
        *("", "api.example", "//api.example", "ftp://api.example", "https://", "https://a\n.example"),
        *("https://me:pw@api.example", "https://api.example/?q=1", "https://api.example/#top", "https://a:b"),
    ],
)
def test_a_base_url_is_absolute_and_has_nothing_secret(file: Path, url: str) -> None:
    (line,) = problems("[apis.github]\nbase_url = " + msgspec.json.encode(url).decode(), file)
    assert line.startswith(
        "bot.toml: apis.github.base_url must be an absolute http or https URL without user"
    )
    assert "pw" not in line
    assert "q=1" not in line


def test_all_problems_are_told_at_once(file: Path) -> None:
    text = """
        colour = "red"
        [http]
        max_connections = -1
        max_redirects = -2
        timeouts = {read = -3, conect = 4}
        [apis.weather]
        deadline = -5
        [log]
        level = 6
    """
    lines = problems(text, file, {"TUX_HTTP__HTTP__HTTP2": "7", "GITHUB_TOKEN": "a b"})
    assert len(lines) == 10
    for part in (
        "colour",
        "got -1",
        "got -2",
        "got -3",
        "conect",
        "needs base_url",
        "got -5",
        "got 6",
        "HTTP2",
        "one token",
    ):
        assert sum(part in line for line in lines) == 1, part


def test_a_long_value_is_shown_in_part(file: Path) -> None:
    (line,) = problems(f"[log]\nlevel = '{'x' * 500}'", file)
    assert line.endswith("xxx…")
    assert len(line) < 150


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[bot]\nprefix = \n", "bot.toml: line 2, column 10: Invalid value"),
        ("[bot]\nprefix = '", "bot.toml: line 2, column 11: "),
        ("a = 1\na = 2", "bot.toml: line 2, column 6: Cannot overwrite a value"),
        ("a = " + "[" * 5000, "bot.toml: "),
        (b"[bot]\n# caf\xe9\n", "bot.toml must be UTF-8 text; byte 12 is not"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(file: Path, text: str | bytes, problem: str) -> None:
    (line,) = problems(text, file)
    assert line.startswith(problem)


def test_a_file_that_is_not_there_is_one_line(file: Path) -> None:
    assert problems(None, file) == ["bot.toml can't be read: No such file or directory"]
    file.mkdir()
    assert problems(None, file) == ["bot.toml can't be read: Is a directory"]

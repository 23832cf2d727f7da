"""What an operator writes, and what the operator is told about it."""

from __future__ import annotations

import pickle
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.configuration import GITHUB, SHIPPED, problems, written
from tux_http.config import (
    ConfigError,
    Settings,
    from_environment,
    load,
    token_variable,
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A name for a file in the working directory, as an operator gives one."""
    monkeypatch.chdir(tmp_path)
    return Path("bot.toml")


def test_nothing_said_gives_the_defaults() -> None:
    assert load(None, {}) == Settings()


# The shipped file.


def test_the_shipped_file_says_the_defaults() -> None:
    assert load(SHIPPED, {}) == Settings()


def settable(value: Any, at: str = "") -> list[str]:
    """The keys of all settings, as they are written in a file."""
    if isinstance(value, msgspec.Struct):
        value = {name: getattr(value, name) for name in value.__struct_fields__ if name != "tokens"}
    if not isinstance(value, dict):
        return [at]
    return [key for name, item in value.items() for key in settable(item, f"{at}.{name}".lstrip("."))]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any mapping


def commented(text: str) -> set[str]:
    """The keys in a file that have a comment of at least three words right above them."""
    found: set[str] = set()
    table = comment = ""
    for line in text.splitlines():
        key = re.match(r"(?:# )?([\w-]+) = ", line)
        if header := re.fullmatch(r"\[(.+)\]", line):
            table = header[1]
        elif key and len(comment.split()) > 3:
            found.add(f"{table}.{key[1]}")
        comment = line if line.startswith("#") and not key else ""
    return found


def test_the_shipped_file_has_every_setting_with_a_comment() -> None:
    assert commented(SHIPPED.read_text(encoding="utf-8")) == set(settable(Settings()))


def test_a_key_without_a_comment_would_be_noticed() -> None:
    assert commented("[a]\n# What it is for.\nb = 1\nc = 2\n") == {"a.b"}


def test_a_bot_of_somebody_else_s_reads_no_file_that_it_was_not_told_of(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("config.toml", file):
        Path(name).write_text('[bot]\nprefix = "?"\n', encoding="utf-8")
    monkeypatch.delenv("TUX_HTTP_CONFIG", raising=False)
    assert from_environment().bot.prefix == "!"
    monkeypatch.setenv("TUX_HTTP_CONFIG", str(file))
    assert from_environment().bot.prefix == "?"


# Tokens.


def test_tokens_come_from_variables_and_from_files_that_variables_name(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n", encoding="utf-8")
    (tmp_path / "config.toml").write_text(
        "[apis.git-lab]\nbase_url = 'https://a.example'\n", encoding="utf-8"
    )
    environ = {
        "DISCORD_TOKEN_FILE": str(tmp_path / "token"),
        "GITHUB_TOKEN": " from-a-variable ",
        "GIT_LAB_TOKEN": "another",
        "OTHER_TOKEN": "not-ours",
    }
    tokens = load(tmp_path / "config.toml", environ).tokens
    assert dict(tokens) == {"discord": "from-a-file", "github": "from-a-variable", "git-lab": "another"}


def test_an_empty_variable_is_no_token() -> None:
    assert dict(load(None, {"DISCORD_TOKEN": "", "GITHUB_TOKEN": "  ", "GITHUB_TOKEN_FILE": ""}).tokens) == {}


def test_the_variable_of_an_api_is_its_name() -> None:
    assert token_variable("git-lab.2") == "GIT_LAB_2_TOKEN"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "names a file that can't be read: No such file or directory"),
        (b" \n", "names an empty file"),
        (b"\xff\xfe", "names a file that is not text"),
        (b"two\nlines", "must hold one token of printable ASCII characters, without spaces"),
    ],
)
def test_a_token_file_without_a_token_is_a_problem(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    file = tmp_path / "hunter2hunter2"
    if content is not None:
        file.write_bytes(content)
    assert problems(None, None, {"GITHUB_TOKEN_FILE": str(file)}) == [f"GITHUB_TOKEN_FILE {problem}"]


def test_a_token_given_twice_is_a_problem(tmp_path: Path) -> None:
    (line,) = problems(None, None, {"DISCORD_TOKEN": "hunter2hunter2", "DISCORD_TOKEN_FILE": str(tmp_path)})
    assert line == "DISCORD_TOKEN and DISCORD_TOKEN_FILE are both set; keep one"


def test_a_token_that_cannot_be_sent_is_a_problem() -> None:
    (line,) = problems(None, None, {"DISCORD_TOKEN": "Bot hunter2hunter2"})
    assert line == "DISCORD_TOKEN must hold one token of printable ASCII characters, without spaces"


@pytest.mark.parametrize(
    ("text", "key", "variable"),
    [
        ("token = 'hunter2hunter2'", "token", "DISCORD_TOKEN"),
        ("[bot]\nDiscord_Token = 'hunter2hunter2'", "bot.Discord_Token", "DISCORD_TOKEN"),
        ("[tokens]\ngithub = 'hunter2hunter2'", "tokens", "DISCORD_TOKEN"),
        ("[apis.github]\nclient_secret = 'hunter2hunter2'", "apis.github.client_secret", "GITHUB_TOKEN"),
        ("[apis.a.headers]\nAuthorization = 'hunter2hunter2'", "apis.a.headers.Authorization", "A_TOKEN"),
        ("[apis.a.headers]\nx-api-key = 'hunter2hunter2'", "apis.a.headers.x-api-key", "A_TOKEN"),
        (f"[apis.a.headers]\nX-Auth = 'it is {GITHUB}'", "apis.a.headers.X-Auth", "A_TOKEN"),
        (f"[bot]\nextensions = ['{GITHUB}']", "bot.extensions", "DISCORD_TOKEN"),
        ("[http.cache]\nurl = 'redis://:hunter2@host/0'", "http.cache.url", "REDIS_URL"),
        ("[http.cache]\nurl = 'rediss://host/0?password=hunter2'", "http.cache.url", "REDIS_URL"),
        ("[http.cache]\npassword = 'hunter2'", "http.cache.password", "REDIS_URL"),
    ],
)
def test_a_secret_in_the_file_is_refused_without_being_shown(
    file: Path, text: str, key: str, variable: str
) -> None:
    lines = problems(text, file)
    assert lines[0] == (
        f"bot.toml: {key} must not be in a file: set {variable} in the environment, "
        f"or {variable}_FILE to the name of a file that holds it"
    )
    assert not any("hunter2" in line or GITHUB in line for line in lines)


# The server of the cache.

SERVER = "rediss://bot:hunter2%2Fhunter2@cache.example:6380/1"


def test_the_server_of_the_cache_is_the_environment_s_before_the_file_s(file: Path, tmp_path: Path) -> None:
    text = "[http.cache]\nstore = 'redis'\nurl = 'redis://from-the-file'\n"
    assert written(file, text).http.cache.url == "redis://from-the-file"
    assert written(file, text, {"REDIS_URL": SERVER}).http.cache.url == SERVER
    (tmp_path / "server").write_text(f"{SERVER}\n", encoding="utf-8")
    assert written(file, text, {"REDIS_URL_FILE": str(tmp_path / "server")}).http.cache.url == SERVER
    assert written(file, text, {"REDIS_URL": SERVER}).http.cache.store == "redis"
    assert load(None, {"REDIS_URL": SERVER}).http.cache.store == "sqlite"


@pytest.mark.parametrize("variable", ["REDIS_URL", "TUX_HTTP__HTTP__CACHE__URL"])
def test_the_password_of_the_cache_s_server_is_a_secret_as_it_is_written_and_meant(variable: str) -> None:
    settings = load(None, {variable: SERVER})
    assert settings.secrets() == ("hunter2%2Fhunter2", "hunter2/hunter2")
    for shown in (repr(settings), str(settings.http), f"{settings.http.cache}"):
        assert "hunter2" not in shown
        assert "cache.example:6380" in shown


@pytest.mark.parametrize(
    "url", ["http://bot:hunter2hunter2@host", "host:hunter2hunter2", "redis://:hunter2hunter2@host:port"]
)
def test_an_address_that_is_no_server_s_is_a_problem_that_does_not_show_it(url: str) -> None:
    environ = {"TUX_HTTP__HTTP__CACHE__STORE": "redis", "REDIS_URL": url}
    assert problems(None, None, environ) == [
        "REDIS_URL or http.cache.url must be redis://HOST:PORT/DATABASE, rediss:// or unix://PATH"
    ]


def test_a_server_given_twice_is_a_problem(tmp_path: Path) -> None:
    (line,) = problems(None, None, {"REDIS_URL": SERVER, "REDIS_URL_FILE": str(tmp_path)})
    assert line == "REDIS_URL and REDIS_URL_FILE are both set; keep one"


def test_the_shared_cache_without_its_extra_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    environ = {"TUX_HTTP__HTTP__CACHE__STORE": "redis"}
    assert problems(None, None, environ) == [
        'http.cache.store "redis" needs an extra: pip install "tux-http[redis]"'
    ]


def test_how_answers_are_kept_is_told_for_each_api(file: Path) -> None:
    caching = written(file, "[apis.github.caching]\ndefault_ttl = 30\n").apis["github"].policy().caching
    assert (caching.default_ttl, caching.stale_if_error) == (30.0, 86400.0)
    assert problems("[apis.github.caching]\npatience = 0\n", file) == [
        "bot.toml: apis.github.caching.patience must be positive, got 0"
    ]


# Hypothesis tries the words that it finds in our code, too, and those are shown of course.
tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=20, max_size=80).filter(
    lambda token: token not in repr(Settings())
)


@given(token=tokens)
@examples(max_examples=60)
def test_no_problem_shows_a_token(token: str) -> None:
    environ = {
        "DISCORD_TOKEN": token,
        "TUX_HTTP__BOT__SYNC": token,
        "TUX_HTTP__HTTP__HTTP2": f"it is {token}",
        "TUX_HTTP__APIS__GITHUB__BASE_URL": token,
        "TUX_HTTP__HTTP__USER_AGENT": f"é{token}",
        f"TUX_HTTP__{token}": "1",
    }
    assert not any(token in line for line in problems(None, None, environ))


@given(token=tokens)
@examples(max_examples=60)
def test_no_repr_shows_a_token(token: str) -> None:
    variable = "TUX_HTTP__APIS__GITHUB__HEADERS__AUTHORIZATION"
    settings = load(None, {"DISCORD_TOKEN": token, variable: f"Basic {token}"})
    assert settings.tokens["discord"] == token
    assert settings.secrets() == (token, f"Basic {token}")
    for shown in (repr(settings), str(settings), f"{settings.tokens}", repr(settings.apis)):
        assert token not in shown
        assert "[…]" in shown


def test_settings_made_in_code_hide_their_tokens_too() -> None:
    assert "hunter2" not in repr(Settings(tokens={"discord": "hunter2"}))


def test_an_error_survives_pickling() -> None:
    error = ConfigError(["one", "two"])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems  # noqa: S301  # our own

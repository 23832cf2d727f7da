"""Which parts of a text are secrets, and which are not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tux_http import redaction
from tux_http.redaction import MARK, Redactor, contains_token, is_sensitive, redact

DISCORD = "MTE4NzYxNDI5Mzg0NTY3MjM0NQ.GhX1Yz.n3v7Qk0bJ5wR2sT8uV4xY6zA1cD9eF0gH2iJ3k"
GITHUB = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
GITHUB_FINE = "github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghijklmnopqrstuvwxyz"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"


@pytest.mark.parametrize("token", [DISCORD, GITHUB, GITHUB_FINE, JWT, GITHUB.replace("ghp", "ghs")])
@pytest.mark.parametrize("text", ["{}", "it was {}, or so", "a={}", "b'{}'", "https://host/{}/x", "\n{}\n"])
def test_tokens_are_known_by_their_shape(token: str, text: str) -> None:
    shown = redact(text.format(token))
    assert token not in shown
    assert MARK in shown
    assert contains_token(token)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://api.example/a/b?q=1&r=2#top HTTP/1.1", "GET https://api.example/a/b?[…] HTTP/1.1"),
        ("URL('https://host/p?key=1'), next", "URL('https://host/p?[…]'), next"),
        ("<https://host/p?key=it's'so> rest", "<https://host/p?[…]> rest"),
        ("GET /search?q=tux HTTP/2", "GET /search?[…] HTTP/2"),
        ("https://me:pw@host:80/p", "https://[…]@host:80/p"),
        ("redis://:pw@[::1]/0", "redis://[…]@[::1]/0"),
        ("Authorization: token abc\nHost: y", "Authorization: […]\nHost: y"),
        ("{'authorization': 'Basic abc', 'x': 1}", "{'authorization': '[…]', 'x': 1}"),
        ("[(b'Set-Cookie', b'a=b; c'), (b'x', b'y')]", "[(b'Set-Cookie', b'[…]'), (b'x', b'y')]"),
        ("Proxy-Authorization: Basic abc", "Proxy-Authorization: […]"),
        ("Cookie: a=b; c=d", "Cookie: […]"),
        ("sent Bearer abcdefghijklmnopqrstu.", "sent Bearer […]"),
        ('{"token": "aW50", "id": 5}', '{"token": "[…]", "id": 5}'),
        ("Client(api_key='abc', n=1)", "Client(api_key='[…]', n=1)"),
        ("password=hunter2&x=1", "password=[…]&x=1"),
        ("POST /webhooks/123/abcdefghijklmnopqrs/messages", "POST /webhooks/123/[…]/messages"),
    ],
)
def test_credentials_are_known_by_their_place(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "github GET /repos/allthingslinux/tux -> 200 in 123 ms, 1 attempt(s), ref 0a1b2c3d",
        "Discord refused the token: check DISCORD_TOKEN, or reset it in the developer portal",
        "Why? Because (really?) it is so!",
        "git@github.com:owner/name.git",
        "https://host/path",
        "the bearer of basic authentication has a secret",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


pieces = st.sampled_from(
    [
        *(DISCORD, GITHUB, JWT, "x" * 20, "mfa.", "/webhooks/1/"),
        *("://", "a", "?", "@", "=", ":", ", ", "'", '"', "\\", "\n"),
        *("Bearer ", "basic ", "token", "Secret", "PASSWORD", "api-key", "Authorization", "cookie"),
    ]
)
texts = st.lists(pieces | st.text(max_size=5), max_size=12).map("".join)


@given(texts)
def test_the_quick_look_misses_nothing_that_the_pattern_would_change(text: str) -> None:
    assert redact(text) == redaction._PATTERN.sub(redaction._marked, text)


@given(texts)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("part", ["M", "eyJ", "gh", "://", "?", "token'", "cookie ", "a.", "\\", "'"])
def test_hostile_text_takes_linear_time(part: str) -> None:
    text = "?@token" + part * (30_000 // len(part))
    begun = time.perf_counter()
    redact(text)
    assert time.perf_counter() - begun < 1  # quadratic would be minutes


def test_words_are_not_taken_for_known_secrets() -> None:
    assert Redactor(["token"])("the token is a token") == "the token is a token"


def test_known_secrets_are_found_however_they_are_spelt() -> None:
    hide = Redactor(["p/q r'é\"s", "  ", ""])
    for text in (
        "p/q r'é\"s",
        "p%2Fq%20r%27%C3%A9%22s",
        "p%2Fq+r%27%C3%A9%22s",
        "p/q r'\\u00e9\\\"s",
        "p/q r\\'é\"s",
    ):
        assert hide(f"<{text}>") == f"<{MARK}>"


def test_the_longer_of_two_nested_secrets_goes_first() -> None:
    assert Redactor(["the tuxedo", "the tuxedo of mine"])("a the tuxedo of mine") == f"a {MARK}"


@pytest.mark.parametrize(
    "name", ["Authorization", "SET-COOKIE", "X-Api-Key", "PRIVATE-TOKEN", "client_secret"]
)
def test_sensitive_names_are_known(name: str) -> None:
    assert is_sensitive(name)

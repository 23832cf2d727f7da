"""The words, and which exception gets which."""

from __future__ import annotations

import json
import socket
import ssl
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import httpx
import idna
import msgspec
import pytest
from discord import app_commands
from discord.ext import commands

import tux_http.errors
from tests.failures import NOW, discord_error, exceptions_of, problem, raised, request, status_error
from tux_http.api import decode
from tux_http.errors import BlockedAddress, InvalidResponse, LaneFull, ResponseTooLarge
from tux_http.problem_table import CODES, LIMITS, SILENT, STATUSES, TRANSIENT
from tux_http.problem_texts import TEXTS
from tux_http.problems import table

# The table.


@pytest.mark.parametrize("cls", exceptions_of(httpx), ids=lambda cls: cls.__name__)
def test_each_exception_that_httpx_exports_has_its_own_mapping(cls: type[BaseException]) -> None:
    assert cls in CODES


@pytest.mark.parametrize("cls", exceptions_of(tux_http.errors), ids=lambda cls: cls.__name__)
def test_each_exception_of_the_service_has_its_own_mapping(cls: type[BaseException]) -> None:
    assert cls in CODES


@pytest.mark.parametrize(
    "cls",
    [
        *(cls for cls in exceptions_of(commands.errors) if issubclass(cls, commands.CommandError)),
        *exceptions_of(app_commands.errors),
    ],
    ids=lambda cls: cls.__name__,
)
def test_what_a_command_can_meet_is_not_taken_for_a_fault_of_ours(cls: type[BaseException]) -> None:
    found = next(CODES[base] for base in cls.__mro__ if base in CODES)
    opened = {"CommandInvokeError", "HybridCommandError", "CommandError", "AppCommandError"}
    at_start_up = {
        "CommandAlreadyRegistered",
        "CommandLimitReached",
        "CommandSyncFailure",
        "MissingApplicationID",
        "TranslationError",
    }
    assert found != "internal" or cls.__name__ in opened | at_start_up


def test_each_code_of_the_table_has_words_and_each_text_is_used() -> None:
    used = {*CODES.values(), *STATUSES.values(), "moved", "service-error", "refused", "slow-down"}
    assert used == set(TEXTS)


def test_what_may_be_tried_again_is_in_the_table() -> None:
    assert set(TEXTS) >= TRANSIENT | LIMITS
    assert not TRANSIENT & LIMITS


def test_the_table_for_readers_has_every_problem_that_is_answered() -> None:
    rows = table()
    assert [row.code for row in rows] == [code for code in TEXTS if code not in SILENT]
    assert all("{" not in row.title + row.hint for row in rows)
    assert rows[0] == ("timeout", "The service is taking too long", TEXTS["timeout"].hint)


@pytest.mark.parametrize("code", TEXTS)
def test_words_are_short_sentences(code: str) -> None:
    text = TEXTS[code]
    assert len(text.title) <= 60
    assert not text.title.endswith(".")
    for sentence in (text.detail, text.hint):
        assert sentence.endswith(".")
        assert len(sentence) <= 120


# What the libraries really raise.


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        (raised(httpx.URL, "http://[::1"), "bad-address"),
        (raised(idna.encode, "a" * 64), "bad-address"),
        (raised("\ud800".encode), "bad-characters"),
        (raised("a..b".encode, "idna"), "bad-characters"),
        (raised(b"\xff".decode), "unreadable"),
        (raised(json.loads, "{"), "unreadable"),
        (raised(httpx.Response(200, content=b"{").json), "unreadable"),
        (raised(msgspec.json.decode, b"{"), "unreadable"),
        (raised(lambda: msgspec.json.decode(b"1", type=str)), "unexpected-answer"),
        (raised(decode, httpx.Response(200, content=b"1", request=request()), str), "unexpected-answer"),
        (raised(httpx.Response(200, stream=httpx.ByteStream(b"")).json), "internal"),
        (raised(httpx.Response(302, request=request()).raise_for_status), "moved"),
        (raised(socket.inet_aton, "x"), "internal"),
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "connection-lost"),
        (ConnectionRefusedError(), "unreachable"),
        (socket.gaierror(), "unreachable"),
        (ssl.SSLCertVerificationError(), "insecure"),
        (aiohttp.ClientOSError(), "connection-lost"),
        (FileNotFoundError("/etc/secret"), "internal"),
        (KeyError("x"), "internal"),
        (LaneFull(limit=3), "service-busy"),
        (BlockedAddress(reason="private"), "blocked-address"),
        (InvalidResponse(expected="Repository"), "unexpected-answer"),
        (discord_error(discord.Forbidden, 403), "discord-forbidden"),
        (discord_error(discord.NotFound, 404), "discord-not-found"),
        (discord_error(discord.HTTPException, 400), "discord-refused"),
        (discord_error(discord.DiscordServerError, 503), "discord-trouble"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_an_exception_is_its_problem(exc: BaseException, code: str) -> None:
    assert problem(exc).code == code


def test_a_fault_of_ours_is_logged_with_its_traceback_and_an_upstreams_is_not() -> None:
    assert (problem(KeyError()).level, problem(KeyError()).traceback) == ("error", True)
    assert (problem(status_error(502)).level, problem(status_error(502)).traceback) == ("warning", False)


@pytest.mark.parametrize(
    ("limit", "words"), [(900, "900 bytes"), (2_900, "3 kB"), (10_000_000, "10 MB"), (3 * 10**12, "3,000 GB")]
)
def test_a_size_is_told_in_units_that_people_know(limit: int, words: str) -> None:
    assert f"({words})" in problem(ResponseTooLarge(limit=limit)).detail


# Discord's.


async def _callback(ctx: Any, number: int) -> None: ...


ANY_FAILURE = commands.CheckAnyFailure[Any]([], [])
PARAMETER = commands.Command(_callback).clean_params["number"]


@pytest.mark.parametrize(
    ("exc", "code", "detail"),
    [
        (commands.MissingPermissions(["manage_guild", "ban_members"]), "missing-permissions", "Manage Server and Ban Members"),
        (app_commands.MissingPermissions(["kick_members"]), "missing-permissions", "Kick Members"),
        (commands.BotMissingPermissions(["embed_links"]), "bot-missing-permissions", "Embed Links"),
        (app_commands.BotMissingPermissions(["embed_links"]), "bot-missing-permissions", "Embed Links"),
        (commands.MissingRequiredArgument(PARAMETER), "missing-argument", "“number”"),
        (commands.MissingRequiredAttachment(PARAMETER), "missing-argument", "“number”"),
        (commands.RangeError(50, 1, 10), "out-of-range", "between 1 and 10"),
        (commands.RangeError(50, None, 10), "out-of-range", "at most 10"),
        (commands.RangeError(-5, 1, None), "out-of-range", "at least 1"),
        (commands.MemberNotFound("@everyone"), "no-such-thing", "no member here"),
        (commands.ChannelNotReadable(SimpleNamespace(mention="#x")), "no-such-thing", "channel that the bot can read"),  # pyright: ignore[reportArgumentType]
        (commands.BadArgument("raw text"), "invalid-input", "can't be used here"),
        (commands.BadBoolArgument("raw text"), "invalid-input", "can't be used here"),
        (commands.ExpectedClosingQuoteError('"'), "bad-quotes", "quotation mark"),
        (commands.TooManyArguments(), "too-many-arguments", "more text"),
        (commands.NoPrivateMessage(), "server-only", "direct messages"),
        (app_commands.NoPrivateMessage(), "server-only", "direct messages"),
        (commands.PrivateMessageOnly(), "direct-messages-only", "server"),
        (commands.NotOwner(), "owner-only", "whoever runs"),
        (commands.MissingRole("secret role"), "missing-role", "a certain role"),
        (app_commands.MissingAnyRole(["secret role"]), "missing-role", "a certain role"),
        (commands.CheckFailure("raw"), "not-allowed", "not open"),
        (app_commands.CheckFailure("raw"), "not-allowed", "not open"),
        (ANY_FAILURE, "not-allowed", "not open"),
        (commands.MaxConcurrencyReached(1, commands.BucketType.user), "already-running", "same time"),
        (commands.DisabledCommand(), "disabled", "switched off"),
        (app_commands.CommandNotFound("x", []), "outdated-command", "older form"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)  # fmt: skip
def test_an_error_of_discords_is_told_in_plain_words(exc: BaseException, code: str, detail: str) -> None:
    told = problem(exc)
    assert told.code == code
    assert detail in told.detail


@pytest.mark.parametrize("module", [commands, app_commands])
def test_a_cooldown_tells_when_it_is_over(module: Any) -> None:
    cooldown = commands.Cooldown(1, 60)
    args = (cooldown, 42.5) if module is app_commands else (cooldown, 42.5, commands.BucketType.user)
    told = problem(module.CommandOnCooldown(*args))
    assert (told.code, told.retry_at) == ("cooldown", NOW + timedelta(seconds=42.5))


def test_an_unknown_prefix_command_is_silent() -> None:
    assert problem(commands.CommandNotFound("hello there")).silent
    assert not problem(app_commands.CommandNotFound("repo", [])).silent

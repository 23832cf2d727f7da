"""Which exception is which problem: data, read by `problems.py`; the words are in `problem_texts.py`.

A class that is not listed is what its nearest listed base class is.
"""

from __future__ import annotations

import json
import socket
import ssl
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import aiohttp
import discord
import httpx
import idna
import msgspec
from discord import app_commands
from discord.ext import commands

from tux_http import errors, retry_errors
from tux_http.languages import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CODES", "LIMITS", "SILENT", "STATUSES", "THINGS", "TIMED", "TRANSIENT", "status_code"]

_HTTPX: Final[Mapping[type[BaseException], str]] = {
    httpx.HTTPError: "request-failed",
    httpx.RequestError: "request-failed",
    httpx.TransportError: "request-failed",
    httpx.TimeoutException: "timeout",
    httpx.ConnectTimeout: "unreachable",
    httpx.ReadTimeout: "timeout",
    httpx.WriteTimeout: "timeout",
    httpx.PoolTimeout: "busy",
    httpx.NetworkError: "connection-lost",
    httpx.ConnectError: "unreachable",
    httpx.ReadError: "connection-lost",
    httpx.WriteError: "connection-lost",
    httpx.CloseError: "connection-lost",
    httpx.ProxyError: "proxy",
    httpx.ProtocolError: "garbled",
    httpx.LocalProtocolError: "cannot-send",
    httpx.RemoteProtocolError: "garbled",
    httpx.UnsupportedProtocol: "bad-address",
    httpx.DecodingError: "unreadable",
    httpx.TooManyRedirects: "redirect-loop",
    httpx.HTTPStatusError: "refused",  # its status says more: STATUSES
    httpx.InvalidURL: "bad-address",
    httpx.CookieConflict: "internal",
    httpx.StreamError: "internal",
    httpx.StreamConsumed: "internal",
    httpx.StreamClosed: "internal",
    httpx.ResponseNotRead: "internal",
    httpx.RequestNotRead: "internal",
}

_OURS: Final[Mapping[type[BaseException], str]] = {
    errors.DeadlineExceeded: "deadline",
    errors.LaneFull: "service-busy",
    errors.CircuitOpen: "service-down",
    errors.BlockedAddress: "blocked-address",
    errors.ResponseTooLarge: "too-large",
    errors.InvalidResponse: "unexpected-answer",
    errors.RateLimited: "rate-limited",
}

# What httpx lets through, and what a call can meet beside it.
_PYTHON: Final[Mapping[type[BaseException], str]] = {
    idna.IDNAError: "bad-address",
    UnicodeEncodeError: "bad-characters",
    UnicodeDecodeError: "unreadable",
    UnicodeError: "bad-characters",
    json.JSONDecodeError: "unreadable",
    msgspec.MsgspecError: "unreadable",
    msgspec.DecodeError: "unreadable",
    msgspec.EncodeError: "internal",
    msgspec.ValidationError: "unexpected-answer",
    TimeoutError: "timeout",
    ConnectionError: "connection-lost",
    ConnectionRefusedError: "unreachable",
    socket.gaierror: "unreachable",
    ssl.SSLError: "insecure",
    aiohttp.ClientError: "connection-lost",
    OSError: "internal",
    BaseException: "internal",
}

_COMMANDS: Final[Mapping[type[BaseException], str]] = {
    commands.CommandNotFound: "unknown-command",
    commands.UserInputError: "invalid-input",
    commands.BadArgument: "invalid-input",
    commands.BadUnionArgument: "invalid-input",
    commands.BadLiteralArgument: "invalid-input",
    commands.ConversionError: "invalid-input",
    commands.MissingRequiredArgument: "missing-argument",
    commands.MissingRequiredAttachment: "missing-argument",
    commands.MissingRequiredFlag: "missing-argument",
    commands.MissingFlagArgument: "missing-argument",
    commands.TooManyArguments: "too-many-arguments",
    commands.TooManyFlags: "too-many-arguments",
    commands.ArgumentParsingError: "bad-quotes",
    commands.RangeError: "out-of-range",
    commands.CheckFailure: "not-allowed",
    commands.CheckAnyFailure: "not-allowed",
    commands.MissingPermissions: "missing-permissions",
    commands.BotMissingPermissions: "bot-missing-permissions",
    commands.MissingRole: "missing-role",
    commands.MissingAnyRole: "missing-role",
    commands.BotMissingRole: "bot-missing-role",
    commands.BotMissingAnyRole: "bot-missing-role",
    commands.NotOwner: "owner-only",
    commands.NoPrivateMessage: "server-only",
    commands.PrivateMessageOnly: "direct-messages-only",
    commands.NSFWChannelRequired: "age-restricted-only",
    commands.CommandOnCooldown: "cooldown",
    commands.MaxConcurrencyReached: "already-running",
    commands.DisabledCommand: "disabled",
}

_APP_COMMANDS: Final[Mapping[type[BaseException], str]] = {
    app_commands.AppCommandError: "internal",
    app_commands.CommandInvokeError: "internal",
    app_commands.TransformerError: "invalid-input",
    app_commands.CheckFailure: "not-allowed",
    app_commands.MissingPermissions: "missing-permissions",
    app_commands.BotMissingPermissions: "bot-missing-permissions",
    app_commands.MissingRole: "missing-role",
    app_commands.MissingAnyRole: "missing-role",
    app_commands.NoPrivateMessage: "server-only",
    app_commands.CommandOnCooldown: "cooldown",
    app_commands.CommandNotFound: "outdated-command",
    app_commands.CommandSignatureMismatch: "outdated-command",
    app_commands.CommandSyncFailure: "internal",
}

_RETRIES: Final[Mapping[type[BaseException], str]] = {
    retry_errors.NotYours: "not-yours",
    retry_errors.TooSoon: "too-soon",
    retry_errors.TooLate: "too-late",
}

_DISCORD: Final[Mapping[type[BaseException], str]] = {
    discord.Forbidden: "discord-forbidden",
    discord.NotFound: "discord-not-found",
    discord.DiscordServerError: "discord-trouble",
    discord.HTTPException: "discord-refused",
    discord.GatewayNotFound: "discord-trouble",
    discord.RateLimited: "discord-busy",
    discord.InteractionResponded: "internal",
}

THINGS: Final[Mapping[type[BaseException], str]] = MappingProxyType(
    {
        commands.ObjectNotFound: N_("item"),
        commands.MemberNotFound: N_("member"),
        commands.UserNotFound: N_("person"),
        commands.GuildNotFound: N_("server"),
        commands.MessageNotFound: N_("message"),
        commands.ChannelNotFound: N_("channel"),
        commands.ChannelNotReadable: N_("channel that the bot can read"),
        commands.ThreadNotFound: N_("thread"),
        commands.RoleNotFound: N_("role"),
        commands.EmojiNotFound: N_("emoji"),
        commands.PartialEmojiConversionFailure: N_("emoji"),
        commands.GuildStickerNotFound: N_("sticker"),
        commands.ScheduledEventNotFound: N_("event"),
        commands.SoundboardSoundNotFound: N_("sound"),
        commands.BadInviteArgument: N_("invite"),
    }
)
"""What discord.py's converters did not find, as `{thing}`."""

CODES: Final[Mapping[type[BaseException], str]] = MappingProxyType(
    {
        **_PYTHON,
        **_HTTPX,
        **_OURS,
        **_COMMANDS,
        **_APP_COMMANDS,
        **_RETRIES,
        **_DISCORD,
        **dict.fromkeys(THINGS, "no-such-thing"),
    }
)
"""The problem's code for each class of exception."""

SILENT: Final = frozenset({"unknown-command"})
"""Codes of what is not answered: a message that starts like a command need not be meant as one."""

TRANSIENT: Final = frozenset(
    {
        "timeout",
        "deadline",
        "unreachable",
        "connection-lost",
        "request-failed",
        "busy",
        "service-busy",
        "service-down",
        "garbled",
        "unreadable",
        "service-error",
        "bad-gateway",
        "unavailable",
        "already-running",
        "too-late",
        "discord-trouble",
    }
)
"""Codes of what may go well the next time."""

LIMITS: Final = frozenset({"rate-limited", "slow-down", "cooldown", "discord-busy"})
"""Codes of what goes well once a time is over, if that is known."""

TIMED: Final = LIMITS | {"service-down"}
"""Codes whose hint is to wait; where it is known until when, that says it better."""

STATUSES: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "not-signed-in",
        403: "forbidden",
        404: "not-found",
        408: "timeout",
        410: "gone",
        413: "not-accepted",
        422: "not-accepted",
        429: "rate-limited",
        451: "legal",
        502: "bad-gateway",
        503: "unavailable",
        504: "timeout",
    }
)
"""The problem's code for each status, where it has one of its own."""

_RANGES: Final = ((500, "service-error"), (400, "refused"), (300, "moved"), (0, "unexpected-answer"))


def status_code(status: int) -> str:
    """The problem's code for an HTTP status."""
    return STATUSES.get(status) or next(code for lowest, code in _RANGES if status >= lowest)

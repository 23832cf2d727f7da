"""Every exception that a command can meet, with a secret in every place that it has."""

from __future__ import annotations

import inspect
import json
import socket
import ssl
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import httpcore2
import httpx
import idna
import msgspec
from discord import app_commands
from discord.ext import commands

from tests.failures import exceptions_of
from tux_http import errors, retry_errors
from tux_http.call import EXTENSION, Call
from tux_http.errors import attach_call

if TYPE_CHECKING:
    from collections.abc import Callable

_BUILTIN: list[type[BaseException]] = [
    *(BlockingIOError, ConnectionResetError, FileNotFoundError, OSError, PermissionError, TimeoutError),
    *(
        AssertionError,
        AttributeError,
        KeyError,
        LookupError,
        RecursionError,
        RuntimeError,
        TypeError,
        ValueError,
    ),
    *(UnicodeDecodeError, UnicodeEncodeError, json.JSONDecodeError, ExceptionGroup),
    *(ssl.SSLError, ssl.SSLCertVerificationError, ssl.SSLEOFError, ssl.SSLZeroReturnError),
    *(socket.gaierror, socket.herror),
    *(idna.IDNAError, idna.InvalidCodepoint),
    *(msgspec.MsgspecError, msgspec.DecodeError, msgspec.EncodeError, msgspec.ValidationError),
    *(aiohttp.ClientError, aiohttp.ClientOSError, aiohttp.ClientPayloadError, aiohttp.InvalidURL),
    *(aiohttp.ServerDisconnectedError, aiohttp.ServerTimeoutError, aiohttp.ClientResponseError),
]


def _defined_in(module: Any) -> list[type[BaseException]]:
    members: list[Any] = [getattr(module, name) for name in dir(module)]
    return [each for each in members if inspect.isclass(each) and issubclass(each, BaseException)]


TREE: list[type[BaseException]] = list(
    dict.fromkeys(
        [
            *exceptions_of(httpx),
            *exceptions_of(errors),
            *exceptions_of(retry_errors),
            *_defined_in(httpcore2),
            *_BUILTIN,
            *exceptions_of(discord.errors),
            *exceptions_of(commands.errors),
            *exceptions_of(app_commands.errors),
        ]
    )
)
"""All of them; a class that a library adds is among them by itself."""


def request(secret: str) -> httpx.Request:
    sent = httpx.Request(
        "POST",
        f"https://user:{secret}@api.example/things?access_token={secret}&q={secret}#{secret}",
        headers={"Authorization": f"Bearer {secret}", "X-Api-Key": secret, "Cookie": f"session={secret}"},
        json={"password": secret},
    )
    sent.extensions = {EXTENSION: Call.of(sent, api="github")}
    return sent


def response(secret: str, status: int = 500) -> httpx.Response:
    headers = {
        "Content-Type": "application/problem+json",
        "Location": f"https://user:{secret}@elsewhere.example/?token={secret}",
        "Set-Cookie": f"session={secret}",
        "Retry-After": secret,
        "X-RateLimit-Resource": secret,
        "WWW-Authenticate": f'Bearer realm="{secret}"',
    }
    body = {
        "type": f"https://{secret}",
        "title": secret,
        "detail": secret,
        "instance": secret,
        "message": secret,
    }
    return httpx.Response(status, headers=headers, json=body, request=request(secret))


def _refused_by_discord(cls: Any, secret: str) -> BaseException:
    status = {discord.Forbidden: 403, discord.NotFound: 404, discord.DiscordServerError: 503}.get(cls, 400)
    answer: Any = SimpleNamespace(status=status, reason=secret, headers={"X": secret})
    problem = {"content": {"_errors": [{"code": secret, "message": secret}]}}
    return cls(answer, {"code": 50035, "message": secret, "errors": problem})


async def _callback(ctx: Any, number: int) -> None: ...


class _Flags(commands.FlagConverter):
    number: int


PARAMETER = commands.Command(_callback).clean_params["number"]
FLAG = _Flags.get_flags()["number"]
COOLDOWN = commands.Cooldown(1, 60)
COMMAND: Any = SimpleNamespace(name="look", qualified_name="look", parent=None)

_BUILT: dict[type[BaseException], Callable[[Any, str], BaseException]] = {
    httpx.HTTPError: lambda cls, secret: cls(secret),
    httpx.RequestError: lambda cls, secret: cls(secret, request=request(secret)),
    httpx.HTTPStatusError: lambda cls, secret: cls(
        secret, request=request(secret), response=response(secret)
    ),
    httpx.StreamError: lambda cls, secret: cls(secret),
    errors.DeadlineExceeded: lambda cls, secret: cls(limit=5, request=request(secret)),
    errors.LaneFull: lambda cls, secret: cls(limit=5, request=request(secret)),
    errors.CircuitOpen: lambda cls, secret: cls(origin=f"https://{secret}.example", request=request(secret)),
    errors.BlockedAddress: lambda cls, secret: cls(reason=secret, request=request(secret)),
    errors.ResponseTooLarge: lambda cls, secret: cls(limit=5, request=request(secret)),
    errors.InvalidResponse: lambda cls, secret: cls(expected=secret, path=secret, request=request(secret)),
    errors.RateLimited: lambda cls, secret: cls(
        request=request(secret), response=response(secret, 429), scope=secret
    ),
    retry_errors.TooSoon: lambda cls, _: cls(discord.utils.utcnow()),
    OSError: lambda cls, secret: cls(5, secret, f"/srv/{secret}"),
    UnicodeDecodeError: lambda cls, secret: cls("utf-8", secret.encode(), 0, 1, secret),
    UnicodeEncodeError: lambda cls, secret: cls("ascii", secret, 0, 1, secret),
    json.JSONDecodeError: lambda cls, secret: cls(secret, secret, 0),
    ExceptionGroup: lambda cls, secret: cls(secret, [KeyError(secret), cls(secret, [RuntimeError(secret)])]),
    aiohttp.ClientResponseError: lambda cls, secret: cls(
        SimpleNamespace(real_url=f"https://h/?q={secret}"),
        (),
        status=500,
        message=secret,
        headers={"X": secret},
    ),
    discord.HTTPException: _refused_by_discord,
    discord.RateLimited: lambda cls, _: cls(5.0),
    discord.ConnectionClosed: lambda cls, secret: cls(
        SimpleNamespace(close_code=1000, reason=secret), shard_id=None
    ),
    discord.PrivilegedIntentsRequired: lambda cls, _: cls(None),
    discord.InteractionResponded: lambda cls, secret: cls(SimpleNamespace(token=secret)),
    commands.MissingRequiredArgument: lambda cls, _: cls(PARAMETER),
    commands.MissingRequiredAttachment: lambda cls, _: cls(PARAMETER),
    commands.CheckAnyFailure: lambda cls, secret: cls([], [commands.CheckFailure(secret)]),
    commands.CommandInvokeError: lambda cls, secret: cls(KeyError(secret)),
    commands.CommandOnCooldown: lambda cls, _: cls(COOLDOWN, 5.0, commands.BucketType.user),
    commands.MaxConcurrencyReached: lambda cls, _: cls(1, commands.BucketType.user),
    commands.ChannelNotReadable: lambda cls, secret: cls(SimpleNamespace(mention=secret)),
    commands.NSFWChannelRequired: lambda cls, secret: cls(SimpleNamespace(__str__=lambda: secret)),
    commands.MissingAnyRole: lambda cls, secret: cls([secret]),
    commands.BotMissingAnyRole: lambda cls, secret: cls([secret]),
    commands.MissingPermissions: lambda cls, _: cls(["manage_guild"]),
    commands.BotMissingPermissions: lambda cls, _: cls(["manage_guild"]),
    commands.ConversionError: lambda cls, secret: cls(object(), KeyError(secret)),
    commands.BadUnionArgument: lambda cls, secret: cls(PARAMETER, (int,), [commands.BadArgument(secret)]),
    commands.BadLiteralArgument: lambda cls, secret: cls(PARAMETER, (secret,), [], secret),
    commands.BadFlagArgument: lambda cls, secret: cls(FLAG, secret, KeyError(secret)),
    commands.MissingFlagArgument: lambda cls, _: cls(FLAG),
    commands.TooManyFlags: lambda cls, secret: cls(FLAG, [secret]),
    commands.MissingRequiredFlag: lambda cls, _: cls(FLAG),
    commands.ExtensionError: lambda cls, secret: cls(name=secret),
    commands.ExtensionFailed: lambda cls, secret: cls(secret, KeyError(secret)),
    commands.HybridCommandError: lambda cls, secret: cls(app_commands.AppCommandError(secret)),
    commands.RangeError: lambda cls, secret: cls(secret, 1, 10),
    app_commands.CommandInvokeError: lambda cls, secret: cls(COMMAND, KeyError(secret)),
    app_commands.TransformerError: lambda cls, secret: cls(
        secret, discord.AppCommandOptionType.string, app_commands.Transformer()
    ),
    app_commands.TranslationError: lambda cls, secret: cls(secret, string=secret, context=COMMAND),
    app_commands.CommandAlreadyRegistered: lambda cls, secret: cls(secret, None),
    app_commands.CommandSignatureMismatch: lambda cls, _: cls(COMMAND),
    app_commands.CommandNotFound: lambda cls, secret: cls(secret, [secret]),
    app_commands.CommandLimitReached: lambda cls, _: cls(None, 100),
    app_commands.MissingAnyRole: lambda cls, secret: cls([secret]),
    app_commands.MissingPermissions: lambda cls, _: cls(["manage_guild"]),
    app_commands.BotMissingPermissions: lambda cls, _: cls(["manage_guild"]),
    app_commands.CommandOnCooldown: lambda cls, _: cls(COOLDOWN, 5.0),
    app_commands.CommandSyncFailure: lambda cls, secret: cls(
        _refused_by_discord(discord.HTTPException, secret), []
    ),
}
"""How those are made that do not take one text; a class that is not here is made as its nearest base class is."""


def planted(cls: type[BaseException], secret: str) -> BaseException:
    """One of a class, raised, with the secret in its text, its chain, its notes, its frames and what it carries."""
    exc = _made(cls, secret)
    attach_call(exc, Call.of(request(secret), api="github"))
    return _raised(exc, secret)


def _made(cls: type[BaseException], secret: str) -> BaseException:
    build = next((_BUILT[base] for base in cls.__mro__ if base in _BUILT), None)
    try:
        return cls(secret) if build is None else build(cls, secret)
    except TypeError:  # such as httpx.StreamConsumed, whose text is its own
        exc = cls()
        exc.args = (*exc.args, secret)
        return exc


def _raised(exc: BaseException, secret: str) -> BaseException:
    headers = {"Authorization": f"Bearer {secret}"}
    try:
        try:
            try:
                raise KeyError(secret, headers)  # noqa: TRY301  # a chain needs its links
            except KeyError:
                raise OSError(2, secret, f"/srv/{secret}")  # noqa: B904  # this one has a context only
        except OSError as cause:
            cause.add_note(f"Cookie: {secret}")
            raise exc from cause
    except BaseException as caught:  # noqa: BLE001  # whatever it is, it is what the test is about
        caught.add_note(f"https://user:{secret}@host/?token={secret}")
        return caught

"""Problems that no upstream can cause, each as the exception that a command meets: for `/chaos problem`.

Discord keeps most of these from happening in the sandbox: its one member may do everything there.
"""

from __future__ import annotations

import inspect
from datetime import timedelta
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import discord
import httpx
from discord import app_commands
from discord.ext import commands

from tux_http import errors, retry_errors
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PROBLEMS"]

_WAIT: Final = 40.0
_ANYTHING: Final[Any] = SimpleNamespace(id=1, name="try-it")


def _parameter() -> commands.Parameter:
    return commands.Parameter("member", inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _of_discord(cls: type[discord.HTTPException], status: int) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="")  # what discord.py reads of it
    return cls(response, {"code": 0, "message": ""})


PROBLEMS: Final[Mapping[str, Callable[[], Exception]]] = MappingProxyType(
    {
        "request-failed": lambda: httpx.TransportError("…"),
        "cannot-send": lambda: httpx.LocalProtocolError("…"),
        "busy": lambda: httpx.PoolTimeout("…"),
        "service-busy": lambda: errors.LaneFull(limit=100, api="github"),
        "bad-address": lambda: httpx.InvalidURL("…"),
        "blocked-address": lambda: errors.BlockedAddress(reason="private"),
        "bad-characters": lambda: UnicodeEncodeError("ascii", "…", 0, 1, ""),
        "invalid-input": lambda: InvalidInput("That is not a repository.", example="owner/name"),
        "missing-argument": lambda: commands.MissingRequiredArgument(_parameter()),
        "too-many-arguments": commands.TooManyArguments,
        "bad-quotes": lambda: commands.ExpectedClosingQuoteError('"'),
        "out-of-range": lambda: commands.RangeError(11, minimum=1, maximum=10),
        "no-such-thing": lambda: commands.MemberNotFound("…"),
        "missing-permissions": lambda: app_commands.MissingPermissions(["manage_guild", "ban_members"]),
        "missing-role": lambda: app_commands.MissingRole("…"),
        "not-allowed": app_commands.CheckFailure,
        "owner-only": commands.NotOwner,
        "server-only": app_commands.NoPrivateMessage,
        "direct-messages-only": commands.PrivateMessageOnly,
        "age-restricted-only": lambda: commands.NSFWChannelRequired(_ANYTHING),
        "cooldown": lambda: app_commands.CommandOnCooldown(app_commands.Cooldown(1, _WAIT), _WAIT),
        "already-running": lambda: commands.MaxConcurrencyReached(1, commands.BucketType.user),
        "not-yours": retry_errors.NotYours,
        "too-soon": lambda: retry_errors.TooSoon(discord.utils.utcnow() + timedelta(seconds=_WAIT)),
        "too-late": retry_errors.TooLate,
        "disabled": commands.DisabledCommand,
        "outdated-command": lambda: app_commands.CommandNotFound("…", []),
        "bot-missing-permissions": lambda: app_commands.BotMissingPermissions(["embed_links"]),
        "bot-missing-role": lambda: commands.BotMissingRole("…"),
        "discord-forbidden": lambda: _of_discord(discord.Forbidden, 403),
        "discord-not-found": lambda: _of_discord(discord.NotFound, 404),
        "discord-refused": lambda: _of_discord(discord.HTTPException, 400),
        "discord-trouble": lambda: _of_discord(discord.DiscordServerError, 503),
        "discord-busy": lambda: discord.RateLimited(_WAIT),
        "internal": lambda: RuntimeError("an error made on purpose"),
    }
)
"""What makes each problem's exception, by the problem's code."""

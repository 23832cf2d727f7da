"""Which problems have a Retry button: each code of the table is judged here, and shown by a bot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import discord
import httpx
from discord import app_commands
from discord.ext import commands

from tests.discord_world import plain_bot, world
from tests.failures import discord_error
from tests.retry_stage import button, error, is_enabled, limited
from tux_http.error_handler import ErrorHandler
from tux_http.errors import CircuitOpen, DeadlineExceeded, ResponseTooLarge
from tux_http.problem_table import CODES, SILENT, STATUSES
from tux_http.problem_texts import TEXTS
from tux_http.problems import problem_of
from tux_http.retry_errors import TooSoon

if TYPE_CHECKING:
    from tests.discord_world import World

AT_ONCE = frozenset(
    [
        "timeout",
        "deadline",
        "unreachable",
        "connection-lost",
        "request-failed",
        "garbled",
        "unreadable",
        "busy",
        "service-busy",
        "service-error",
        "bad-gateway",
        "unavailable",
        "already-running",
        "too-late",
        "discord-trouble",
    ]
)

AT_A_TIME = frozenset(["rate-limited", "slow-down", "cooldown", "discord-busy", "service-down"])

NEVER = frozenset(
    [
        "insecure",
        "proxy",
        "cannot-send",
        "bad-address",
        "blocked-address",
        "bad-characters",
        "moved",
        "redirect-loop",
        "unexpected-answer",
        "too-large",
        "not-signed-in",
        "forbidden",
        "not-found",
        "gone",
        "not-accepted",
        "legal",
        "refused",
        "invalid-input",
        "missing-argument",
        "too-many-arguments",
        "bad-quotes",
        "out-of-range",
        "no-such-thing",
        "missing-permissions",
        "missing-role",
        "not-allowed",
        "owner-only",
        "server-only",
        "direct-messages-only",
        "age-restricted-only",
        "not-yours",
        "too-soon",
        "disabled",
        "outdated-command",
        "bot-missing-permissions",
        "bot-missing-role",
        "discord-forbidden",
        "discord-not-found",
        "discord-refused",
        "internal",
    ]
)
"""What needs other input, somebody else, or another time that nobody knows."""


def _parameter() -> commands.Parameter:
    async def callback(ctx: Any, number: int) -> None: ...

    return commands.Command(callback).clean_params["number"]


def _status(status: int, headers: dict[str, str] | None = None) -> httpx.HTTPStatusError:
    asked = httpx.Request("GET", "https://a.test")
    return httpx.HTTPStatusError(
        "", request=asked, response=httpx.Response(status, headers=headers, request=asked)
    )


def _built() -> list[BaseException]:
    """Errors that can't be made of their class alone."""
    in_a_minute = discord.utils.utcnow() + timedelta(seconds=60)
    return [
        limited(60),
        *(_status(status) for status in (*STATUSES, 301, 418, 500)),
        _status(403, {"Retry-After": "60"}),
        CircuitOpen(origin="https://a.test", retry_at=in_a_minute),
        DeadlineExceeded(limit=1),
        ResponseTooLarge(limit=1),
        TooSoon(in_a_minute),
        app_commands.CommandOnCooldown(commands.Cooldown(1, 60), 60),
        discord.RateLimited(60),
        commands.MissingRequiredArgument(_parameter()),
        commands.MissingPermissions(["ban_members"]),
        commands.BotMissingPermissions(["ban_members"]),
        commands.RangeError(1, 2, 3),
        discord_error(discord.Forbidden, 403),
        discord_error(discord.NotFound, 404),
        discord_error(discord.HTTPException, 400),
        discord_error(discord.DiscordServerError, 500),
    ]


def examples() -> dict[str, BaseException]:
    """An error of each code."""
    found: dict[str, BaseException] = {}
    for exc in _built():
        found.setdefault(problem_of(exc).code, exc)
    for cls, code in CODES.items():
        if code not in found and cls is not BaseException:
            found[code] = cls.__new__(cls)
    return found


def test_each_code_is_judged() -> None:
    assert sorted([*AT_ONCE, *AT_A_TIME, *NEVER]) == sorted(set(TEXTS) - SILENT)


def failing_bot(examples: dict[str, BaseException]) -> commands.Bot:
    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True).install()

    @bot.tree.command(description="x")
    async def fail(_: discord.Interaction[Any], code: str) -> None:
        raise examples[code]

    assert fail.name
    return bot


async def found(stage: World, code: str) -> bool | None:
    """Whether the button that a problem has can be pressed at once; None if it has none."""
    shown = error(await stage.slash("fail", code=code))
    return None if button(shown) is None else is_enabled(shown)


async def test_a_problem_has_a_button_if_trying_again_may_mend_it_and_no_other() -> None:
    failing = failing_bot(errors := {})
    async with world(failing) as stage:
        errors.update(examples())
        buttons = {code: await found(stage, code) for code in sorted(set(TEXTS) - SILENT)}
    assert buttons == {
        **dict.fromkeys(AT_ONCE, True),
        **dict.fromkeys(AT_A_TIME, False),
        **dict.fromkeys(NEVER),
    }


async def test_a_limit_whose_end_nobody_knows_has_no_button() -> None:
    failing = failing_bot({"rate-limited": _status(429)})
    async with world(failing) as stage:
        assert await found(stage, "rate-limited") is None

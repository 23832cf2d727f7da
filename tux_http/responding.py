"""Acknowledging in time: `async with responding(ctx) as answer: ... await answer(embed=embed)`.

Discord drops a slash command that is not acknowledged within three seconds, and shows "is thinking…" for
one that is deferred. So a fast answer is sent as it is, and only a slow one is deferred first.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
import discord
from loguru import logger

from tux_http.late import is_too_late, note_placeholder, said_in_channel
from tux_http.options import answerable_until, current_caller

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence

    from discord.ext import commands

__all__ = ["ACKNOWLEDGE_AFTER", "UNSENDABLE", "Answer", "reply", "responding"]

DISCORD_WAITS: Final = 3.0
"""Seconds from an interaction to its acknowledgement, at most."""

ACKNOWLEDGE_AFTER: Final = 2.0
"""Seconds after which what has no answer yet is acknowledged; the rest is for the way to Discord."""

TOKEN_LIVES: Final = 15 * 60.0
"""Seconds that an interaction can be answered:
https://discord.com/developers/docs/interactions/receiving-and-responding#followup-messages"""

ON_THE_WAY: Final = 1.0
"""Seconds that the answer itself needs."""

UNSENDABLE: Final = (discord.DiscordException, aiohttp.ClientError, OSError)
"""What sending to Discord raises."""


@contextlib.asynccontextmanager
async def responding(
    target: commands.Context[Any] | discord.Interaction[Any], *, ephemeral: bool = False
) -> AsyncGenerator[Answer]:
    """Acknowledges a command if its block has not called `answer` within two seconds.

    An interaction is deferred, a prefix command shows the bot typing. However the block ends, nothing of
    that is under way any more afterwards, so that `interaction.response.is_done()` can be relied on.

    Args:
        target: A context (prefix, hybrid) or an interaction (slash command, component, modal).
        ephemeral: Whether only the person who used the command sees the answer. Not for prefix commands.
    """
    interaction = target if isinstance(target, discord.Interaction) else target.interaction
    if interaction is not None:
        way: _Way = _Interaction(interaction, ephemeral=ephemeral)
    else:
        way = _Message(target)  # pyright: ignore[reportArgumentType]  # a context: interactions are above
    answer = Answer(way)
    try:
        with _on_behalf(target, interaction):
            yield answer
    finally:
        await answer.settle()


@contextlib.contextmanager
def _on_behalf(
    target: commands.Context[Any] | discord.Interaction[Any], interaction: discord.Interaction[Any] | None
) -> Generator[None]:
    """Calls made in the block are the user's in a lane's queue, and end before their answer can't be shown."""
    user = target.user if isinstance(target, discord.Interaction) else target.author
    caller = current_caller.set(user.id)
    until = answerable_until.set(None if interaction is None else _shown_until(interaction))
    try:
        yield
    finally:
        answerable_until.reset(until)
        current_caller.reset(caller)


def _shown_until(interaction: discord.Interaction[Any]) -> float:
    left = (interaction.expires_at - discord.utils.utcnow()).total_seconds()
    left = min(max(left, 0.0), TOKEN_LIVES)  # more than that is a clock gone wrong
    return asyncio.get_running_loop().time() + left - ON_THE_WAY


class _Way(Protocol):
    """How an answer goes to where the command came from."""

    def time_left(self) -> float: ...
    async def acknowledge(self) -> None: ...
    async def send(self, content: str | None, options: dict[str, Any]) -> discord.Message | None: ...


class Answer:
    """Sends a command's answer; further calls send further messages."""

    def __init__(self, way: _Way) -> None:
        self._way = way
        self._acknowledgement = _Later(way.time_left(), self._acknowledge)

    async def __call__(
        self,
        content: str | None = None,
        *,
        embed: discord.Embed | None = None,
        embeds: Sequence[discord.Embed] | None = None,
        view: discord.ui.View | None = None,
        files: Sequence[discord.File] | None = None,
        allowed_mentions: discord.AllowedMentions | None = None,
    ) -> discord.Message | None:
        """Sends a message, as a follow-up where the command is acknowledged already.

        Mentions nobody unless `allowed_mentions` lets it. What Discord takes no more as an answer, because the
        interaction is over, goes to the channel with a mention of its person: one message, unless it is private
        or has files.

        Returns:
            The message, where Discord told which it is.

        Raises:
            discord.HTTPException: Discord refused it.
        """
        given = {"embed": embed, "embeds": embeds, "view": view, "files": files}
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        options["allowed_mentions"] = allowed_mentions or discord.AllowedMentions.none()
        await self.settle()
        return await self._way.send(content, options)

    async def settle(self) -> None:
        """Calls the acknowledgement off, or waits for the end of one that is under way."""
        await self._acknowledgement.settle()

    async def _acknowledge(self) -> None:
        try:
            await self._way.acknowledge()
        except UNSENDABLE as exc:  # the answer will meet the same, where it is reported
            logger.debug("a command could not be acknowledged: {}", type(exc).__name__)


class _Interaction:
    def __init__(self, interaction: discord.Interaction[Any], *, ephemeral: bool) -> None:
        self._interaction = interaction
        self._ephemeral = ephemeral

    def time_left(self) -> float:
        age = (discord.utils.utcnow() - self._interaction.created_at).total_seconds()
        if not 0 <= age < DISCORD_WAITS:  # it can't be: one of the clocks is wrong, Discord's or ours
            age = 0.0
        return max(ACKNOWLEDGE_AFTER - age, 0.0)

    async def acknowledge(self) -> None:
        if not self._interaction.response.is_done():
            deferred = await self._interaction.response.defer(ephemeral=self._ephemeral, thinking=True)
            if deferred is not None and not self._ephemeral:
                note_placeholder(self._interaction, deferred.message_id)

    async def send(self, content: str | None, options: dict[str, Any]) -> discord.Message | None:
        try:
            return await self._send(content, options)
        except discord.HTTPException as exc:
            if self._ephemeral or not is_too_late(exc):
                raise
            said = await said_in_channel(self._interaction, content, options)
            if said is None:
                raise
            return said

    async def _send(self, content: str | None, options: dict[str, Any]) -> discord.Message | None:
        if self._interaction.response.is_done():
            text = discord.utils.MISSING if content is None else content
            return await self._interaction.followup.send(
                text, ephemeral=self._ephemeral, wait=True, **options
            )
        sent = await self._interaction.response.send_message(content, ephemeral=self._ephemeral, **options)
        return sent.resource if isinstance(sent.resource, discord.Message) else None


class _Message:
    def __init__(self, ctx: commands.Context[Any]) -> None:
        self._ctx = ctx

    def time_left(self) -> float:
        return ACKNOWLEDGE_AFTER

    async def acknowledge(self) -> None:
        await self._ctx.typing()

    async def send(self, content: str | None, options: dict[str, Any]) -> discord.Message:
        return await reply(self._ctx, content, **options)


async def reply(ctx: commands.Context[Any], content: str | None = None, **options: Any) -> discord.Message:
    """Answers a prefix command's message without pinging its author.

    Where the bot may not read the history, it may not reply either, and sends a plain message; so it does
    when the command's message is gone.
    """
    if ctx.bot_permissions.read_message_history:
        options["reference"] = ctx.message.to_reference(fail_if_not_exists=False)
    options.setdefault("allowed_mentions", discord.AllowedMentions.none())
    return await ctx.send(content, mention_author=False, **options)


class _Later:
    """Work that begins in `delay` seconds, unless it is called off before."""

    def __init__(self, delay: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._running: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(delay, self._begin)

    def _begin(self) -> None:
        self._running = asyncio.get_running_loop().create_task(self._work())

    async def settle(self) -> None:
        self._timer.cancel()
        if self._running is not None:
            await asyncio.wait({self._running})  # not `await`: whoever cancels us must not tear it

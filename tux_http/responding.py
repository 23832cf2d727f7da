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

from tux_http.discord_limits import CONTENT
from tux_http.embeds import budget_all
from tux_http.excerpt import excerpt
from tux_http.late import is_too_late, note_placeholder, said_in_channel
from tux_http.options import answerable_until, current_caller
from tux_http.replay import is_repeated, note_answering

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
    target: commands.Context[Any] | discord.Interaction[Any],
    *,
    ephemeral: bool = False,
    in_place: bool = False,
) -> AsyncGenerator[Answer]:
    """Acknowledges a command if its block has not called `answer` within two seconds.

    An interaction is deferred, a prefix command shows the bot typing. However the block ends, nothing of
    that is under way any more afterwards, so that `interaction.response.is_done()` can be relied on.

    Args:
        target: A context (prefix, hybrid) or an interaction (slash command, component, modal).
        ephemeral: Whether only the person who used the command sees the answer. Not for prefix commands.
        in_place: Whether the message becomes the answer that a button, a select or a modal belongs to, for all
            who see it. Until then it stays as it is, however slow the answer is.

    Raises:
        ValueError: There is no such message, or it is to be ephemeral as well: it is what it is.
    """
    interaction = target if isinstance(target, discord.Interaction) else target.interaction
    if in_place:
        way: _Way = _InPlace(interaction, ephemeral=ephemeral)
    elif interaction is not None:
        way = _Interaction(interaction, ephemeral=ephemeral)
    else:
        way = _Message(target)  # pyright: ignore[reportArgumentType]  # a context: interactions are above
    if interaction is not None:
        note_answering(interaction, in_place=in_place)
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
    """Sends a command's answer; further calls send further messages, or, in place, show the next one."""

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
        """Sends a message, as a follow-up where the command is acknowledged already; in place, edits the message.

        Text and embeds are cut where they pass Discord's limits. Mentions nobody unless `allowed_mentions` lets it. What
        Discord takes no more as an answer, because the interaction is over, goes to the channel with a mention of
        its person: one message, unless it is private or has files. In place, the bot then edits as itself.

        Returns:
            The message, where Discord told which it is.

        Raises:
            discord.HTTPException: Discord refused it.
        """
        given: dict[str, Any] = {"view": view, "files": files}
        if embed is not None:
            (given["embed"],) = budget_all([embed])
        if embeds is not None:
            given["embeds"] = budget_all(embeds)
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        options["allowed_mentions"] = allowed_mentions or discord.AllowedMentions.none()
        await self.settle()
        return await self._way.send(None if content is None else excerpt(content, CONTENT), options)

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


class _InPlace(_Interaction):
    """The message becomes the answer as a whole: what it showed and the answer has not goes."""

    def __init__(self, interaction: discord.Interaction[Any] | None, *, ephemeral: bool) -> None:
        if interaction is None or interaction.message is None:
            raise ValueError("in_place is for what belongs to a message: a button, a select, a modal of one")
        if ephemeral:
            raise ValueError("in_place does not go with ephemeral: the message is seen by whom it is seen")
        super().__init__(interaction, ephemeral=interaction.message.flags.ephemeral)
        self._message = interaction.message

    async def acknowledge(self) -> None:
        if not self._interaction.response.is_done():
            await self._interaction.response.defer()

    async def send(self, content: str | None, options: dict[str, Any]) -> discord.Message | None:
        shown = _whole(content, **options)
        if is_repeated(self._interaction):  # to Discord, this interaction belongs to the error
            await self.acknowledge()
            return await self._message.edit(**shown)
        try:
            return await self._edit(shown)
        except discord.HTTPException as exc:
            if self._ephemeral or not is_too_late(exc):
                raise
            return await self._edit_as_bot(shown, exc)

    async def _edit(self, shown: dict[str, Any]) -> discord.Message | None:
        if self._interaction.response.is_done():
            return await self._interaction.edit_original_response(**shown)
        sent = await self._interaction.response.edit_message(**shown)
        return sent.resource if sent and isinstance(sent.resource, discord.Message) else None

    async def _edit_as_bot(self, shown: dict[str, Any], late: discord.HTTPException) -> discord.Message:
        try:
            return await self._message.edit(**shown)
        except (discord.Forbidden, discord.NotFound):  # a user's own app, where the bot is not
            raise late from None


def _whole(
    content: str | None,
    *,
    embed: discord.Embed | None = None,
    embeds: Sequence[discord.Embed] | None = None,
    view: discord.ui.View | None = None,
    files: Sequence[discord.File] = (),
    allowed_mentions: discord.AllowedMentions,
) -> dict[str, Any]:
    return {
        "content": content,
        "embeds": [embed] if embed is not None else list(embeds or ()),
        "view": view,
        "attachments": list(files),
        "allowed_mentions": allowed_mentions,
    }


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

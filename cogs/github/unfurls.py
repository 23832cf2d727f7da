"""Links in messages, shown as cards where a server wants it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import discord
import httpx
from discord.ext import commands
from loguru import logger

from tux_http.cogs.github.defaults import defaults_of
from tux_http.cogs.github.message_links import key_of, links_in, may_have_links
from tux_http.cogs.github.privacy import may_see_private
from tux_http.cogs.github.reference import web_host
from tux_http.cogs.github.unfurl_cards import Unfurler
from tux_http.cogs.github.unfurl_memory import AGAIN_AFTER, Followed, Recent
from tux_http.cogs.github.unfurl_removal import removal_view
from tux_http.discord_limits import DESCRIPTION, TOTAL
from tux_http.embeds import budget_all
from tux_http.languages import language_for
from tux_http.options import current_caller, current_priority
from tux_http.problems import InvalidInput
from tux_http.responding import UNSENDABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tux_http.cogs.github.links import Link
    from tux_http.cogs.github.message_links import MessageLinks
    from tux_http.cogs.github.unfurl_memory import Answered
    from tux_http.host import Host
    from tux_http.languages import Language

__all__ = ["COG", "Unfurls"]

COG: Final = "GitHub links"

AROUND_CODE: Final = 400
"""Characters of a card beside its code."""

FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, InvalidInput)
"""Why a link has no card."""

FINAL: Final = frozenset({404, 410, 451})
"""Statuses that a link will have the next time, too."""

WRITTEN: Final = frozenset({discord.MessageType.default, discord.MessageType.reply})


class Unfurls(commands.Cog, name=COG):
    """Links in messages.

    Nobody waits for these cards: their calls are made in the background, and what fails is not spoken of.

    Args:
        bot: Any discord.py bot; without the message content intent, it sees no links.
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, bot: commands.Bot | commands.AutoShardedBot, host: Host) -> None:
        self._bot = bot
        self._defaults = defaults_of(host)
        self._host = web_host(host.api("github").base_url)
        self._unfurler = Unfurler(
            host.api("github"), service=host.settings.apis["github"].display_name or "github"
        )
        self._private_access = host.settings.github.private_access
        self._recent = Recent()
        self._followed = Followed()
        self._since = discord.utils.utcnow()

    # What happens in channels.

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if may_have_links(message.content) and self._is_a_persons(message):
            await self._look_at(message)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Edits also come when Discord has made its previews, and when these are taken off."""
        message = payload.message
        if "content" not in payload.data or not self._is_a_persons(message):
            return
        is_known = self._followed.of_message(message.id) is not None
        if is_known or (self._is_fresh(message) and may_have_links(message.content)):
            await self._look_at(message)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._deleted(payload.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        for message_id in payload.message_ids:
            await self._deleted(message_id)

    # Whose, and where.

    def _is_a_persons(self, message: discord.Message) -> bool:
        return (
            message.guild is not None
            and not message.author.bot
            and message.webhook_id is None
            and message.type in WRITTEN
        )

    def _is_fresh(self, message: discord.Message) -> bool:
        """Whether a message that had no links may get an answer: one of before the start may have one."""
        if message.edited_at is None or message.created_at < self._since:
            return False
        return (message.edited_at - message.created_at).total_seconds() < AGAIN_AFTER

    async def _look_at(self, message: discord.Message) -> None:
        defaults = await self._defaults.of(message.guild)
        permissions = _permissions(message)
        if not defaults.unfurls_in(message.channel) or not _may_send(message, permissions):
            return
        links = links_in(message.content, host=self._host, default=defaults.repository)
        answered = self._followed.of_message(message.id)
        if answered is None:
            if not links.links or (await self._bot.get_context(message)).valid:
                return
            answered = self._followed.begin(message.id)
        async with answered.lock:
            if answered.links != links and not answered.is_over:
                answered.links = links
                await self._answer(message, answered, links, permissions)
            if answered.is_covered and not answered.is_over and permissions.manage_messages:
                await _suppress_previews(message, answered)

    async def _deleted(self, message_id: int) -> None:
        if (answered := self._followed.of_answer(message_id)) is not None:
            answered.is_over = True  # somebody does not want it
            self._followed.answered(answered, None)
        elif (answered := self._followed.of_message(message_id)) is not None:
            answered.is_over = True
            async with answered.lock:
                await self._take_back(answered)

    # The answer.

    async def _answer(
        self,
        message: discord.Message,
        answered: Answered,
        links: MessageLinks,
        permissions: discord.Permissions,
    ) -> None:
        cards = await self._cards(message, self._wanted(message, answered, links))
        new = {key_of(link) for link in cards} - answered.keys
        try:
            if not answered.is_over:
                await self._show(message, answered, [*cards.values()], permissions)
                answered.keys |= new
        except UNSENDABLE as exc:
            logger.debug("cards of links could not be shown: {}", type(exc).__name__)
        for key in new - answered.keys:
            self._recent.give_back(message.channel.id, key)
        answered.is_covered = new <= answered.keys and _is_covered(links, cards.keys())

    def _wanted(self, message: discord.Message, answered: Answered, links: MessageLinks) -> list[Link]:
        """Those that the answer has shown, and those that the channel has not seen lately."""
        now = (message.edited_at or message.created_at).timestamp()
        return [
            link
            for link in links.links
            if key_of(link) in answered.keys or self._recent.take(message.channel.id, key_of(link), now)
        ]

    async def _cards(self, message: discord.Message, links: Sequence[Link]) -> dict[Link, discord.Embed]:
        current_caller.set(message.author.id)  # of this listener's task only
        current_priority.set("background")
        room = min(TOTAL // max(len(links), 1), DESCRIPTION) - AROUND_CODE
        cards = await asyncio.gather(*(self._card(message, link, room) for link in links))
        return {link: card for link, card in zip(links, cards, strict=True) if card is not None}

    async def _card(self, message: discord.Message, link: Link, room: int) -> discord.Embed | None:
        private = may_see_private(message, self._private_access)
        try:
            return await self._unfurler.card(
                link, allow_private=private, room=room, language=_language(message)
            )
        except FAILURES as exc:
            logger.debug("a link has no card: {}", type(exc).__name__)
            if not _is_final(exc):
                self._recent.give_back(message.channel.id, key_of(link))
            return None

    async def _show(
        self,
        message: discord.Message,
        answered: Answered,
        cards: list[discord.Embed],
        permissions: discord.Permissions,
    ) -> None:
        if not cards:
            await self._take_back(answered)
        elif answered.answer is not None:
            await answered.answer.edit(embeds=budget_all(cards))
        else:
            sent = await _sent(message, cards, permissions)
            channel = self._bot.get_partial_messageable(message.channel.id)
            self._followed.answered(answered, channel.get_partial_message(sent.id))

    async def _take_back(self, answered: Answered) -> None:
        answer = answered.answer
        self._followed.answered(answered, None)
        if answer is not None:
            try:
                await answer.delete()
            except UNSENDABLE as exc:
                logger.debug("cards of links could not be taken back: {}", type(exc).__name__)


def _permissions(message: discord.Message) -> discord.Permissions:
    """Of the bot, where the message is."""
    if not isinstance(message.guild, discord.Guild):
        return discord.Permissions.none()
    try:
        return message.channel.permissions_for(message.guild.me)
    except discord.ClientException:  # of a thread whose channel is not known
        return discord.Permissions.none()


def _may_send(message: discord.Message, permissions: discord.Permissions) -> bool:
    is_thread = isinstance(message.channel, discord.Thread)
    may_write = permissions.send_messages_in_threads if is_thread else permissions.send_messages
    return may_write and permissions.view_channel and permissions.embed_links


def _language(message: discord.Message) -> Language:
    return language_for(None if message.guild is None else message.guild.preferred_locale)


def _is_final(exc: Exception) -> bool:
    """Whether a link would fail the next time, too."""
    if isinstance(exc, httpx.HTTPStatusError):
        return exc.response.status_code in FINAL
    return isinstance(exc, InvalidInput | httpx.InvalidURL)


def _is_covered(links: MessageLinks, shown: Collection[Link]) -> bool:
    """Whether the cards say all that Discord's previews would."""
    return bool(links.addresses) and not links.has_others and links.addresses <= set(shown)


async def _sent(
    message: discord.Message, cards: list[discord.Embed], permissions: discord.Permissions
) -> discord.Message:
    """A reply that pings nobody; where the bot may not read the history, it may not reply either."""
    options: dict[str, Any] = {
        "embeds": budget_all(cards),
        "view": removal_view(message.author.id, _language(message)),
        "allowed_mentions": discord.AllowedMentions.none(),
        "silent": True,
    }
    if permissions.read_message_history:
        return await message.reply(mention_author=False, **options)
    return await message.channel.send(**options)


async def _suppress_previews(message: discord.Message, answered: Answered) -> None:
    """Takes Discord's previews off, and those that it makes later once more; whoever wants them back has them."""
    if message.flags.suppress_embeds or answered.suppressed > bool(message.embeds):
        return
    answered.suppressed += 1
    try:
        await message.edit(suppress=True)
    except UNSENDABLE as exc:
        logger.debug("previews could not be suppressed: {}", type(exc).__name__)

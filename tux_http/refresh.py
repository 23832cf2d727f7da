"""`RefreshButton`: a button under a card that has the upstream asked again, and shows the new card in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.discord_limits import CUSTOM_ID
from tux_http.error_handler import handler_of
from tux_http.languages import ENGLISH, language_of
from tux_http.responding import responding

if TYPE_CHECKING:
    from typing import TypeAlias

    from tux_http.languages import Language

    Interaction: TypeAlias = discord.Interaction[Any]

__all__ = ["COOLDOWN", "CUSTOM_ID", "Card", "RefreshButton"]

COOLDOWN: Final = 5.0
"""Seconds from one refresh of a message to the next."""

NOTHING: Final = r"(?!)"

_cooldowns: WeakKeyDictionary[discord.Client, commands.CooldownMapping[Interaction]] = WeakKeyDictionary()
"""By bot. They outlive a reload of the cog."""


class Card(NamedTuple):
    """What a message shows."""

    embed: discord.Embed
    view: discord.ui.View | None


class RefreshButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=NOTHING):
    """A Refresh button that anybody may press, once in five seconds a message, also after a restart of the bot.

    A subclass has a `template` for its `custom_id`s, which say what is shown, and defines `from_custom_id`
    and `renewed`. Its extension calls `bot.add_dynamic_items` and, in `teardown`, `remove_dynamic_items`.
    Whatever fails is answered to the person who pressed it, and the old card stays.

    Args:
        custom_id: Of 100 characters at most.
        language: Of its label.
    """

    def __init__(self, custom_id: str, *, language: Language = ENGLISH) -> None:
        if len(custom_id) > CUSTOM_ID:
            raise ValueError(f"custom_id must have at most {CUSTOM_ID} characters, got {len(custom_id)}")
        label = language.gettext("Refresh")
        super().__init__(discord.ui.Button(label=label, emoji="🔄", custom_id=custom_id))

    async def renewed(self, interaction: Interaction, language: Language) -> Card:
        """The card anew, from what the upstream says now: its calls are made with `cache="no-cache"`.

        Args:
            interaction: The press; what its person may not see where it was made is not shown.
            language: The card's: everybody sees it.
        """
        raise NotImplementedError

    async def callback(self, interaction: Interaction) -> None:
        try:
            _take_turn(interaction)
            async with responding(interaction, in_place=True) as answer:
                language = _language_of(interaction)
                card = await self.renewed(interaction, language)
                await answer(embed=_marked(card.embed, language), view=card.view)
        except Exception as exc:  # discord.py would log it, and tell nobody
            if (handler := handler_of(interaction.client)) is None:
                raise
            await handler.answer(interaction, exc, name=type(self).__name__)


def _take_turn(interaction: Interaction) -> None:
    """Notes a refresh of a message.

    Raises:
        app_commands.CommandOnCooldown: The last one was less than `COOLDOWN` seconds ago, by Discord's clock.
    """
    cooldowns = _cooldowns.setdefault(
        interaction.client, commands.CooldownMapping(commands.Cooldown(1, COOLDOWN), _message_of)
    )
    pressed = interaction.created_at.timestamp()
    bucket = cooldowns.get_bucket(interaction, pressed)
    if bucket is not None and (wait := bucket.update_rate_limit(pressed)):
        raise app_commands.CommandOnCooldown(app_commands.Cooldown(1, COOLDOWN), wait)


def _message_of(interaction: Interaction) -> int | None:
    return None if interaction.message is None else interaction.message.id


def _language_of(interaction: Interaction) -> Language:
    message = interaction.message
    return language_of(interaction, public=message is None or not message.flags.ephemeral)


def _marked(embed: discord.Embed, language: Language) -> discord.Embed:
    """With the time of the refresh: without it, a card that stays the same would look as if nothing happened."""
    marked = embed.copy()
    marked.timestamp = discord.utils.utcnow()
    if marked.footer.text is None:
        marked.set_footer(text=language.gettext("Refreshed"))
    return marked

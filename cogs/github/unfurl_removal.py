"""The Remove button under cards that nobody asked for."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import discord
from discord import app_commands

from tux_http.error_handler import handler_of
from tux_http.languages import ENGLISH

if TYPE_CHECKING:
    import re

    from tux_http.languages import Language

__all__ = ["RemoveUnfurl", "removal_view"]

PREFIX: Final = "tux_http:unfurl:"

Interaction: TypeAlias = discord.Interaction[Any]


class RemoveUnfurl(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"{PREFIX}(?P<author>[1-9][0-9]{{0,19}})",
):
    """Deletes its message, for the author of the one that it answers and for moderators; after a restart, too.

    Args:
        author_id: Of that message.
        language: Of its label.
    """

    def __init__(self, author_id: int, *, language: Language = ENGLISH) -> None:
        self._author_id = author_id
        super().__init__(
            discord.ui.Button(label=language.gettext("Remove"), emoji="🗑️", custom_id=f"{PREFIX}{author_id}")
        )

    @classmethod
    async def from_custom_id(cls, _: Interaction, __: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(int(match["author"]))

    async def callback(self, interaction: Interaction) -> None:
        try:
            self._check(interaction)
            await interaction.response.defer()
            with contextlib.suppress(discord.NotFound):  # somebody was faster
                await interaction.delete_original_response()
        except Exception as exc:  # discord.py would log it, and tell nobody
            if (handler := handler_of(interaction.client)) is None:
                raise
            await handler.answer(interaction, exc, name=type(self).__name__)

    def _check(self, interaction: Interaction) -> None:
        if interaction.user.id != self._author_id and not interaction.permissions.manage_messages:
            raise app_commands.MissingPermissions(["manage_messages"])


def removal_view(author_id: int, language: Language) -> discord.ui.View:
    view = discord.ui.View(timeout=None).add_item(RemoveUnfurl(author_id, language=language))
    view.stop()  # so that discord.py keeps nothing of it: the button is known by its template
    return view

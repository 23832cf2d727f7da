"""The Refresh button of a repository's card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, cast

from discord import app_commands

from tux_http.cogs.github.reference import Reference
from tux_http.languages import ENGLISH
from tux_http.refresh import CUSTOM_ID, Card, RefreshButton

if TYPE_CHECKING:
    import re

    import discord
    from discord.ext import commands

    from tux_http.cogs.github.cog import GitHub
    from tux_http.languages import Language

__all__ = ["RefreshRepository"]

PREFIX: Final = "tux_http:repo:"


class RefreshRepository(
    RefreshButton, template=rf"{PREFIX}(?P<owner>[A-Za-z0-9_-]{{1,39}})/(?P<name>[A-Za-z0-9._-]{{1,100}})"
):
    """Asks GitHub again by the name that was asked for.

    Args:
        asked: That name.
        language: Of its label.
    """

    def __init__(self, asked: Reference, *, language: Language = ENGLISH) -> None:
        self._asked = asked
        super().__init__(f"{PREFIX}{asked}", language=language)

    @staticmethod
    def is_possible(asked: Reference) -> bool:
        """Whether the name has room in a button; hardly any is too long."""
        return len(f"{PREFIX}{asked}") <= CUSTOM_ID

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Reference(match["owner"], match["name"]))

    async def renewed(self, interaction: discord.Interaction[Any], language: Language) -> Card:
        # Not `isinstance`: while the extension is reloaded, an answer under way may put a class of before in use.
        cog = cast("GitHub | None", cast("commands.Bot", interaction.client).get_cog("GitHub"))
        if cog is None:
            raise app_commands.CommandNotFound("repo", [])
        is_private = interaction.message is not None and interaction.message.flags.ephemeral
        return await cog.card(
            interaction, self._asked, ephemeral=is_private, language=language, revalidate=True
        )

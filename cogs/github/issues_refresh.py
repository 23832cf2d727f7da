"""The Refresh button of an issue's or a pull request's card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, cast

from discord import app_commands

from tux_http.cogs.github.links import NumberLink
from tux_http.cogs.github.reference import Reference
from tux_http.languages import ENGLISH
from tux_http.refresh import CUSTOM_ID, Card, RefreshButton

if TYPE_CHECKING:
    import re

    import discord
    from discord.ext import commands

    from tux_http.cogs.github.issues import Issues
    from tux_http.cogs.github.links import Kind
    from tux_http.languages import Language

__all__ = ["COG", "RefreshIssue"]

COG: Final = "GitHub issues"

PREFIX: Final = "tux_http:"

_KINDS: Final[dict[str, Kind]] = {"issue": "issue", "pull": "pull"}


class RefreshIssue(
    RefreshButton,
    template=rf"{PREFIX}(?P<kind>issue|pull):"
    r"(?P<owner>[A-Za-z0-9_-]{1,39})/(?P<name>[A-Za-z0-9._-]{1,100})#(?P<number>[1-9][0-9]{0,9})",
):
    """Asks GitHub again for what was asked for.

    Args:
        asked: That.
        language: Of its label.
    """

    def __init__(self, asked: NumberLink, *, language: Language = ENGLISH) -> None:
        self._asked = asked
        super().__init__(_custom_id(asked), language=language)

    @staticmethod
    def is_possible(asked: NumberLink) -> bool:
        """Whether the name has room in a button; hardly any is too long."""
        return len(_custom_id(asked)) <= CUSTOM_ID

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        repository = Reference(match["owner"], match["name"])
        return cls(NumberLink(repository, int(match["number"]), _KINDS[match["kind"]]))

    async def renewed(self, interaction: discord.Interaction[Any], language: Language) -> Card:
        # Not `isinstance`: see `RefreshRepository`.
        cog = cast("Issues | None", cast("commands.Bot", interaction.client).get_cog(COG))
        if cog is None:
            raise app_commands.CommandNotFound("issue", [])
        is_private = interaction.message is not None and interaction.message.flags.ephemeral
        return await cog.card(
            interaction, self._asked, ephemeral=is_private, language=language, revalidate=True
        )


def _custom_id(asked: NumberLink) -> str:
    return f"{PREFIX}{'pull' if asked.kind == 'pull' else 'issue'}:{asked}"

"""The Refresh button of a repository's card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from tux_http.cogs.github.card_cog import REPOSITORY, RefreshCard
from tux_http.cogs.github.reference import Reference

if TYPE_CHECKING:
    import re

    import discord

__all__ = ["RefreshRepository"]

PREFIX: Final = "tux_http:repo:"


class RefreshRepository(RefreshCard[Reference], template=rf"{PREFIX}{REPOSITORY}"):
    """Asks GitHub again by the name that was asked for."""

    cog = "GitHub"

    @staticmethod
    def id_of(asked: Reference) -> str:
        return f"{PREFIX}{asked}"

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Reference(match["owner"], match["name"]))

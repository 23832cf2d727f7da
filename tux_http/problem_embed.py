"""A `Problem` as an embed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import discord

from tux_http.embeds import label, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tux_http.problem_texts import Level
    from tux_http.problems import Problem

__all__ = ["problem_embed"]

COLOURS: Final[Mapping[Level, discord.Colour]] = {
    "info": discord.Colour(0x5865F2),
    "warning": discord.Colour(0xF0B232),
    "error": discord.Colour(0xDA373C),
}
ICONS: Final[Mapping[Level, str]] = {"info": "ℹ️", "warning": "⚠️", "error": "❌"}  # noqa: RUF001  # an emoji, not an i


def problem_embed(problem: Problem, *, reference: str) -> discord.Embed:
    """The one embed that a person sees when something fails.

    Args:
        problem: What to show; its texts are escaped here.
        reference: What an operator finds the failure by in the log.
    """
    parts = [plain(problem.detail, 1000), _hint(problem)]
    if problem.retry_at is not None:
        parts.append(f"Try again <t:{math.ceil(problem.retry_at.timestamp())}:R>.")
    embed = discord.Embed(
        title=f"{ICONS[problem.level]} {plain(problem.title, 200)}",
        description="\n".join(parts),
        colour=COLOURS[problem.level],
    )
    embed.set_footer(text=f"Reference {label(reference, 64)}")
    return embed


def _hint(problem: Problem) -> str:
    hint = plain(problem.hint, 1000)
    if problem.example is None:
        return hint
    example = label(problem.example, 200).replace("`", "'")
    return f"{hint} For example: `{example}`"

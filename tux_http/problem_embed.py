"""A `Problem` as an embed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import discord

from tux_http.embeds import budget
from tux_http.languages import ENGLISH
from tux_http.markdown import code, label, plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tux_http.languages import Language
    from tux_http.problem_texts import Level
    from tux_http.problems import Problem

__all__ = ["problem_embed"]

COLOURS: Final[Mapping[Level, discord.Colour]] = {
    "info": discord.Colour(0x5865F2),
    "warning": discord.Colour(0xF0B232),
    "error": discord.Colour(0xDA373C),
}
ICONS: Final[Mapping[Level, str]] = {"info": "ℹ️", "warning": "⚠️", "error": "❌"}  # noqa: RUF001  # an emoji, not an i


def problem_embed(problem: Problem, *, reference: str, language: Language = ENGLISH) -> discord.Embed:
    """The one embed that a person sees when something fails.

    Args:
        problem: What to show; its texts are escaped here.
        reference: What an operator finds the failure by in the log.
        language: Of what is said beside; the problem is worded already.
    """
    parts = [plain(problem.detail, 1000), _hint(problem, language)]
    if problem.retry_at is not None:
        when = f"<t:{math.ceil(problem.retry_at.timestamp())}:R>"
        parts.append(language.gettext("Try again {when}.", when=when))
    if (link := safe_link(problem.link)) is not None:
        words = language.gettext("Get help")
        parts.append(f"[{words}]({link})")
    embed = discord.Embed(
        title=f"{ICONS[problem.level]} {plain(problem.title, 200)}",
        description="\n".join(filter(None, parts)),
        colour=COLOURS[problem.level],
    )
    embed.set_footer(text=language.gettext("Reference {reference}", reference=label(reference, 64)))
    return budget(embed)


def _hint(problem: Problem, language: Language) -> str:
    hint = plain(problem.hint, 1000)
    if problem.example is None:
        return hint
    return f"{hint} " + language.gettext("For example: {example}", example=code(problem.example, 200))

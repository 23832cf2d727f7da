"""What the cards have in common: their author, fields and buttons, and how numbers, times and names are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord
from discord.utils import format_dt

from tux_http.graphemes import width
from tux_http.markdown import code, label, link, plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from discord.utils import TimestampStyle

    from tux_http.cogs.github.api import Owner
    from tux_http.languages import Language

__all__ = [
    "NEUTRAL",
    "SHORT",
    "add_fields",
    "chips",
    "count",
    "link_buttons",
    "people",
    "rows",
    "set_author",
    "time",
    "without_comments",
]

NEUTRAL: Final = 0x57606A
"""The colour of a card that has no other."""

SHORT: Final = 100
"""Longest name in characters; GitHub's own limits are lower."""

CHIPS: Final = 900
"""Characters of all names in a row."""

PEOPLE: Final = 8
ROWS: Final = 8
ROWS_ROOM: Final = 960
"""Characters of all rows; a field takes 1,024."""

LINK: Final = 120
"""Characters of a link to a person; eight have room in a field."""


def set_author(embed: discord.Embed, owner: Owner | None) -> None:
    if owner is not None and (name := label(owner.login or "", SHORT)):
        embed.set_author(name=name, url=safe_link(owner.html_url), icon_url=safe_link(owner.avatar_url))


def add_fields(
    embed: discord.Embed, fields: Iterable[tuple[str, str | None]], *, inline: bool = True
) -> None:
    """Adds those that have a value."""
    for name, value in fields:
        if value is not None:
            embed.add_field(name=name, value=value, inline=inline)


def link_buttons(links: Iterable[tuple[str, str | None]]) -> discord.ui.View | None:
    """A row of buttons that lead to pages; None if none of them is an address to link to."""
    view = discord.ui.View(timeout=None)
    for text, url in links:
        if (target := safe_link(url)) is not None:
            view.add_item(discord.ui.Button[discord.ui.View](label=text, url=target))
    return view if view.children else None


def count(number: int | None, language: Language) -> str | None:
    return None if number is None else language.number(number)


def time(moment: datetime | None, style: TimestampStyle) -> str | None:
    return None if moment is None else format_dt(moment, style)


def without_comments(body: str) -> str:
    """Without `<!-- ... -->`, which templates explain themselves in, and GitHub does not show."""
    first, *commented = body.split("<!--")
    return first + "".join(each.partition("-->")[2] for each in commented)


def chips(names: Iterable[str], language: Language) -> str | None:
    """Names in a row, each as code; those that find no room are counted."""
    given = list(names)
    shown: list[str] = []
    room = CHIPS
    for index, each in enumerate(given):
        name = code(each, SHORT)
        if (room := room - width(name) - 1) < 0:
            return _and_more(" ".join(shown), len(given) - index, language)
        if name:
            shown.append(name)
    return " ".join(shown) or None


def people(found: Iterable[tuple[str | None, str | None]], language: Language) -> str | None:
    """Links to people or teams by name and address; a few, and how many more there are."""
    named = [(name, url) for name, url in found if name and plain(name, SHORT)]
    links = ", ".join(link(name, url, LINK) for name, url in named[:PEOPLE])
    if len(named) > PEOPLE:
        return _and_more(links, len(named) - PEOPLE, language)
    return links or None


def rows(lines: Iterable[str], language: Language) -> str | None:
    """Lines one below the other: the first ones, as far as there is room, and how many more there are."""
    given = [line for line in lines if line]
    shown: list[str] = []
    room = ROWS_ROOM
    for line in given[:ROWS]:
        if (room := room - width(line) - 1) < 0:
            break
        shown.append(line)
    if left := len(given) - len(shown):
        shown.append("… " + language.ngettext("{n} more", "{n} more", left))
    return "\n".join(shown) or None


def _and_more(shown: str, n: int, language: Language) -> str:
    return language.ngettext("{topics} and {n} more", "{topics} and {n} more", n, topics=shown)

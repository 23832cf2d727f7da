"""Text that is safe to show on Discord, and embeds that keep its limits."""

from __future__ import annotations

import re
import unicodedata
from copy import deepcopy
from typing import TYPE_CHECKING, Final

import discord
import httpx

from tux_http.client import checked_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["budget", "label", "plain", "safe_link"]

# https://discord.com/developers/docs/resources/message#embed-object-embed-limits
TITLE: Final = 256
DESCRIPTION: Final = 4096
FIELDS: Final = 25
FIELD_NAME: Final = 256
FIELD_VALUE: Final = 1024
FOOTER: Final = 2048
AUTHOR: Final = 256
TOTAL: Final = 6000

KEPT_DESCRIPTION: Final = 1024
"""Characters of a description that are kept while there are fields left to drop."""

LINK: Final = 512
"""Longest URL of a button: https://discord.com/developers/docs/components/reference#button."""

ELLIPSIS: Final = "…"

# Making text harmless. A text is cleaned, cut into units that must not be torn (graphemes, escapes, URLs),
# and units are taken while there is room.

# Discord's parser takes an http(s) URL as one token, so what is inside needs no escape and would show one.
# Only characters that can't start anything outside of a URL, or hardly ever, are let in.
_UNIT: Final = re.compile(
    r"""(?P<url>https?://[A-Za-z0-9](?:[A-Za-z0-9._~%/?\#&=+$;:,!'-]|@(?!everyone|here))*[A-Za-z0-9_~%/\#&=+$-])
      | (?P<everyone>@(?=everyone|here))            # the two words that need no brackets
      | (?P<mention><(?:@(?!everyone|here)|[\#/:]))  # <@1> <@&1> <#1> </name:1> <:name:1>
      | (?P<tag><(?!https?:)\w{1,32}):              # <t:1:R> <a:name:1> <id:browse>
      | (?P<mark>[\\`*_~|\[\]<])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_LINE_START: Final = re.compile(r"[#>+-]|\d{1,9}[.)]")  # heading, quote, list
_FINISHED: Final = re.compile(r"\\.|<[^<>\s]{1,100}>|\[[^\[\]]*\]\([^()\s]*\)|.", re.DOTALL)

_JOINERS: Final = re.compile("[\u200c\u200d]+")
_JOINER: Final = "\u200d"
_BLANKS: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
)  # letters and marks that show nothing
_UNASSIGNED_IGNORED: Final = range(0xE0000, 0xE1000)  # tags, and selectors that no font has
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS: Final = range(0x1F1E6, 0x1F200)
_HANGUL_TAILS: Final = range(0x1160, 0x1200)  # vowels and finals that join the initial before them

MARKS: Final = 4
"""Combining marks kept on one character; no language needs more, and a pile of them spills over the card."""

LONGEST_GRAPHEME: Final = 32


def plain(text: str, limit: int) -> str:
    """Foreign text for a place that renders Markdown: it shows as it is, on one line, and does nothing.

    Args:
        text: Anything.
        limit: The longest result in UTF-16 units, which is never less than in characters.
    """
    cleaned = _clean(text[: _most(limit)])
    start = _LINE_START.match(cleaned)
    head = [] if start is None else [f"{start[0][:-1]}\\{start[0][-1]}"]
    rest = cleaned if start is None else cleaned[start.end() :]
    return _cut(_graphemes([*head, *map(_escaped, _UNIT.finditer(rest))]), limit)


def label(text: str, limit: int) -> str:
    """As `plain`, for places that render no Markdown: footers, author names, buttons, options."""
    return _cut(_graphemes(_clean(text[: _most(limit)])), limit)


def _most(limit: int) -> int:
    """Characters that are looked at: cleaning takes some away, and megabytes would hold up the event loop."""
    return 4 * max(limit, 0) + 1024


def _escaped(unit: re.Match[str]) -> str:
    match unit.lastgroup:
        case "everyone":
            return "@\u200b"  # a backslash before a letter would show
        case "mention":
            return f"<\\{unit[0][1]}"
        case "tag":
            return f"{unit['tag']}\\:"
        case "mark":
            return f"\\{unit[0]}"
        case _:
            return unit[0]


def _clean(text: str) -> str:
    """One line without controls and without what is invisible, turns the writing round or piles up."""
    seen = "".join(filter(_is_seen, " ".join(text.split())))
    joined = _JOINERS.sub(_joiner, " ".join(seen.split()))
    return "".join(_without_piles(joined))


def _is_seen(char: str) -> bool:
    if char in "\u200c\u200d":
        return True  # `_joiner` looks at its neighbours
    hidden = char in _BLANKS or ord(char) in _UNASSIGNED_IGNORED
    return not hidden and unicodedata.category(char) not in {"Cc", "Cf", "Cs"}


def _joiner(run: re.Match[str]) -> str:
    """Joiners mean something between emoji, and between letters of some scripts; nowhere else."""
    before, after = run.string[: run.start()][-1:], run.string[run.end() :][:1]
    return "" if before < "\x80" or after < "\x80" else run[0][0]


def _without_piles(text: str) -> Iterator[str]:
    pile = MARKS  # a mark with nothing to stand on is one too many
    for char in text:
        pile = pile + 1 if unicodedata.category(char).startswith("M") else 0
        if pile <= MARKS:
            yield char


def _graphemes(units: Iterable[str]) -> list[str]:
    """Puts units together that are one character to a reader (roughly UAX #29)."""
    graphemes: list[str] = []
    for unit in units:
        if graphemes and _belongs(unit, graphemes[-1]):
            graphemes[-1] += unit
        else:
            graphemes.append(unit)
    return graphemes


def _belongs(unit: str, before: str) -> bool:
    if unit < "\x80" or len(unit) > 1 or len(before) >= LONGEST_GRAPHEME:
        return False
    code = ord(unit)
    if code in _FLAG_LETTERS:
        return before.endswith(_JOINER) or (len(before) == 1 and ord(before) in _FLAG_LETTERS)
    return (
        unicodedata.category(unit).startswith("M")
        or unit in "\u200c\u200d"
        or code in _SKIN_TONES
        or (code in _HANGUL_TAILS and 0x1100 <= ord(before[-1]) < 0x1200)  # noqa: PLR2004  # Hangul Jamo
        or before.endswith(_JOINER)
    )


def _width(text: str) -> int:
    """UTF-16 units; Discord's clients count these, and its limits are in characters at least."""
    return len(text) + sum(char > "\uffff" for char in text)


def _cut(units: list[str], limit: int) -> str:
    if _width(whole := "".join(units)) <= limit:
        return whole
    taken: list[str] = []
    room = limit - len(ELLIPSIS)
    for unit in units:
        if (room := room - _width(unit)) < 0:
            break
        taken.append(unit)
    return ("".join(taken).rstrip() + ELLIPSIS)[: max(limit, 0)]


def _shortened(markdown: str, limit: int) -> str:
    """Cuts text that is Markdown already, not within an escape, a mention, a timestamp or a masked link."""
    return _cut(_graphemes(unit[0] for unit in _FINISHED.finditer(markdown)), limit)


def safe_link(url: str | None) -> str | None:
    """A foreign URL in the form that may be linked to, in ASCII; None if it is none of the web's.

    Parentheses are encoded, so that it can stand in a masked link, too.
    """
    if not url or len(url) > LINK or "\\" in url or " " in url or _clean(url) != url:
        return None
    try:
        parsed = checked_url(url)
    except httpx.InvalidURL:
        return None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        return None
    link = str(parsed).replace("(", "%28").replace(")", "%29")
    return link if len(link) <= LINK else None


def budget(embed: discord.Embed) -> discord.Embed:
    """A copy of an embed that keeps Discord's limits; what is over is cut, and fields without a value go."""
    kept = discord.Embed.from_dict(deepcopy(embed.to_dict()))  # Embed.copy() shares the list of fields
    if kept.title is not None:
        kept.title = _shortened(kept.title, TITLE)
    if kept.description is not None:
        kept.description = _shortened(kept.description, DESCRIPTION)
    if kept.author.name is not None:
        author = kept.author
        kept.set_author(name=_shortened(author.name or "", AUTHOR), url=author.url, icon_url=author.icon_url)
    if kept.footer.text is not None:
        kept.set_footer(text=_shortened(kept.footer.text, FOOTER), icon_url=kept.footer.icon_url)
    if kept.fields:
        _budget_fields(kept, embed)
    _budget_total(kept)
    return kept


def _budget_fields(kept: discord.Embed, embed: discord.Embed) -> None:
    kept.clear_fields()
    for field in [field for field in embed.fields if (field.value or "").strip()][:FIELDS]:
        name = _shortened(field.name or "", FIELD_NAME).strip() or "\u200b"  # Discord wants one
        kept.add_field(name=name, value=_shortened(field.value or "", FIELD_VALUE), inline=field.inline)


def _budget_total(kept: discord.Embed) -> None:
    over = _total(kept) - TOTAL
    if over > 0 and kept.description is not None:
        width = _width(kept.description)
        kept.description = _shortened(kept.description, max(width - over, min(width, KEPT_DESCRIPTION)))
    while _total(kept) > TOTAL and kept.fields:
        kept.remove_field(-1)


def _total(embed: discord.Embed) -> int:
    texts = [embed.title, embed.description, embed.author.name, embed.footer.text]
    for field in embed.fields:
        texts += [field.name, field.value]
    return sum(_width(text) for text in texts if text)

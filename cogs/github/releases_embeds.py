"""A release as a card: an embed, and a row of links under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import discord

from tux_http.cogs.github.addresses import repository_page
from tux_http.cogs.github.parts import (
    NEUTRAL,
    add_fields,
    count,
    link_buttons,
    rows,
    set_author,
    time,
    without_comments,
)
from tux_http.embeds import budget
from tux_http.languages import ENGLISH, N_, size
from tux_http.markdown import code, link, paragraphs, plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.cogs.github.links import ReleaseLink
    from tux_http.cogs.github.releases_api import Asset, FoundRelease, Release
    from tux_http.languages import Language

__all__ = ["release_card", "release_links"]

TITLE: Final = 240
NOTES: Final = 1200
NAME: Final = 200
TAG: Final = 80
FILE: Final = 220
"""Longest texts in characters."""


class _Mark(NamedTuple):
    """Colours are GitHub's own; no two marks have one icon."""

    icon: str
    word: str
    colour: int


_LATEST: Final = _Mark("🏷️", N_("Latest release"), 0x1F883D)
_RELEASE: Final = _Mark("🔖", N_("Release"), NEUTRAL)
_PRERELEASE: Final = _Mark("🧪", N_("Pre-release"), 0xBF8700)
_DRAFT: Final = _Mark("📝", N_("Draft of a release"), 0x59636E)


def release_card(
    found: FoundRelease, *, asked: ReleaseLink, note: str | None = None, language: Language = ENGLISH
) -> discord.Embed:
    """The embed of a release; what is not known is left out.

    Args:
        found: What GitHub says of it.
        asked: What it was asked for by; if its repository has another name now, that is mentioned.
        note: For the footer.
        language: Of the card; what people wrote stays as it is.
    """
    release = found.release
    embed = discord.Embed(
        title=plain(release.name or "", TITLE) or plain(release.tag_name, TITLE),
        url=safe_link(release.html_url),
        description="\n".join(_lines(found, asked, language)),
        colour=_mark(found).colour,
    )
    set_author(embed, release.author)
    add_fields(embed, _fields(release, language))
    add_fields(embed, [(language.gettext("Files"), _files(release, language))], inline=False)
    if note is not None:
        embed.set_footer(text=note)
    return budget(embed)


def release_links(found: FoundRelease, language: Language = ENGLISH) -> discord.ui.View | None:
    """Buttons to its page and its repository's; None if there are none."""
    page = found.release.html_url
    home = repository_page(page)
    gettext = language.gettext
    return link_buttons(
        [
            (gettext("Release"), page),
            (gettext("All releases"), home and f"{home}/releases"),
            (gettext("Repository"), home),
        ]
    )


def _mark(found: FoundRelease) -> _Mark:
    if found.release.draft:
        return _DRAFT
    if found.release.prerelease:
        return _PRERELEASE
    return _LATEST if found.is_latest else _RELEASE


def _lines(found: FoundRelease, asked: ReleaseLink, language: Language) -> Iterator[str]:
    release, mark = found.release, _mark(found)
    home = link(str(found.home), repository_page(release.html_url), NAME * 2)
    marks = [f"{mark.icon} {language.gettext(mark.word)}", home]
    if tag := code(release.tag_name, TAG):
        marks.append(tag)
    if release.immutable:
        marks.append("🔒 " + language.gettext("Unchangeable"))
    yield " · ".join(marks)
    if str(found.home).lower() != str(asked.repository).lower():
        renamed = language.gettext("Renamed from {repository}", repository=plain(str(asked.repository), NAME))
        yield f"➡️ {renamed}"
    if notes := paragraphs(without_comments(release.body or ""), NOTES):
        yield f"\n{notes}"


# The fields.


def _fields(release: Release, language: Language) -> Iterator[tuple[str, str | None]]:
    gettext = language.gettext
    yield gettext("Published"), time(release.published_at, "R")
    if release.published_at is None:
        yield gettext("Created"), time(release.created_at, "R")
    yield gettext("Downloads"), count(_downloads(release), language)


def _downloads(release: Release) -> int | None:
    """Of all files."""
    known = [asset.download_count for asset in release.assets or () if asset.download_count is not None]
    return sum(known) if known else None


def _files(release: Release, language: Language) -> str | None:
    return rows((_file(asset, language) for asset in release.assets or ()), language)


def _file(asset: Asset, language: Language) -> str:
    parts = [link(asset.name or "", asset.browser_download_url, FILE)]
    if asset.size is not None:
        parts.append(size(asset.size, language))
    if asset.download_count is not None:
        parts.append(language.ngettext("{n} download", "{n} downloads", asset.download_count))
    return " · ".join(filter(None, parts)) if parts[0] else ""

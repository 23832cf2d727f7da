"""A repository as a card: an embed, and a row of links under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord
from discord.utils import format_dt

from tux_http.cogs.github.languages import COLOURS
from tux_http.embeds import budget, label, plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from discord.utils import TimestampStyle

    from tux_http.cogs.github.api import License, Owner, Related, Repository
    from tux_http.cogs.github.reference import Reference

__all__ = ["repository_card", "repository_links"]

NO_LANGUAGE: Final = 0x57606A
"""The card's colour without a language, or with one that has no colour."""

DESCRIPTION: Final = 1000
TOPICS: Final = 900
SHORT: Final = 100
"""Longest texts in characters; GitHub's own limits are lower, except for descriptions of old."""


def repository_card(repository: Repository, *, asked: Reference, note: str | None = None) -> discord.Embed:
    """The embed of a repository; what is not known is left out.

    Args:
        repository: What GitHub says of it.
        asked: The name that it was asked for by; another one than its own is mentioned.
        note: For the footer.
    """
    embed = discord.Embed(
        title=plain(repository.full_name, 256) or str(asked),
        url=safe_link(repository.html_url),
        description="\n".join(filter(None, _lines(repository, asked))),
        colour=COLOURS.get(repository.language or "", NO_LANGUAGE),
    )
    _set_author(embed, repository.owner)
    for name, value in _short_fields(repository):
        if value is not None:
            embed.add_field(name=name, value=value)
    for name, value in (("Topics", _topics(repository)), ("Homepage", _homepage_link(repository))):
        if value is not None:
            embed.add_field(name=name, value=value, inline=False)
    if note is not None:
        embed.set_footer(text=note)
    return budget(embed)


def repository_links(repository: Repository) -> discord.ui.View | None:
    """Buttons to a repository's pages and its homepage; None if there are none."""
    view = discord.ui.View(timeout=None)
    for text, url in _links(repository):
        if (link := safe_link(url)) is not None:
            view.add_item(discord.ui.Button[discord.ui.View](label=text, url=link))
    return view if view.children else None


def _links(repository: Repository) -> Iterator[tuple[str, str | None]]:
    if (page := safe_link(repository.html_url)) is not None:
        page = page.rstrip("/")
        yield "Repository", page
        if repository.has_issues:
            yield "Issues", f"{page}/issues"
        if repository.has_pull_requests is not False:  # absent from older answers, which all have them
            yield "Pull requests", f"{page}/pulls"
        yield "Releases", f"{page}/releases"
    yield "Homepage", _homepage(repository)


def _set_author(embed: discord.Embed, owner: Owner | None) -> None:
    if owner is not None and (name := label(owner.login or "", SHORT)):
        embed.set_author(name=name, url=safe_link(owner.html_url), icon_url=safe_link(owner.avatar_url))


# The description: what to know first, then what the repository says of itself.


def _lines(repository: Repository, asked: Reference) -> Iterator[str]:
    if repository.full_name.lower() != str(asked).lower():
        yield f"➡️ Renamed from {plain(str(asked), 200)}"
    yield " · ".join(_markers(repository))
    yield plain(repository.description or "", DESCRIPTION)


def _markers(repository: Repository) -> Iterator[str]:
    if repository.is_private:
        yield "🏢 Internal" if repository.visibility == "internal" else "🔒 Private"
    if repository.archived:
        yield "📦 Archived"
    if repository.disabled:
        yield "⛔ Disabled"
    if repository.fork:
        yield _origin("🍴 Fork", "of", repository.parent)
    if repository.mirror_url:
        yield "🔁 Mirror"
    if repository.is_template:
        yield "📋 Template"
    if repository.template_repository is not None:
        yield _origin("🧩 Made", "from", repository.template_repository, unnamed="from a template")


def _origin(marker: str, word: str, origin: Related | None, *, unnamed: str = "") -> str:
    name = plain((origin and origin.full_name) or "", 200)
    return (
        f"{marker} {word} {_link(name, origin and origin.html_url)}"
        if name
        else f"{marker} {unnamed}".rstrip()
    )


def _link(text: str, url: str | None) -> str:
    link = safe_link(url)
    return text if link is None else f"[{text}]({link})"


# The fields.


def _short_fields(repository: Repository) -> Iterator[tuple[str, str | None]]:
    yield "⭐ Stars", _count(repository.stargazers_count)
    yield "🍴 Forks", _count(repository.forks_count)
    yield "👀 Watchers", _count(repository.subscribers_count)
    yield "🐛 Open issues", _count(repository.open_issues_count, remark=" (incl. PRs)")
    yield "Language", plain(repository.language or "", SHORT) or None
    yield "Licence", _license(repository.license)
    yield "Created", _time(repository.created_at, "D")
    yield "Last push", _time(repository.pushed_at, "R")


def _count(number: int | None, *, remark: str = "") -> str | None:
    return None if number is None else f"{number:,}{remark if number else ''}"


def _time(moment: datetime | None, style: TimestampStyle) -> str | None:
    return None if moment is None else format_dt(moment, style)


def _license(found: License | None) -> str | None:
    if found is None:
        return None
    known = found.spdx_id if found.spdx_id != "NOASSERTION" else None
    return plain(known or found.name or "", SHORT) or None


def _topics(repository: Repository) -> str | None:
    topics = repository.topics or ()
    shown: list[str] = []
    room = TOPICS
    for index, topic in enumerate(topics):
        name = f"`{label(topic, SHORT).replace('`', '')}`"
        if (room := room - len(name) - 1) < 0:
            return f"{' '.join(shown)} and {len(topics) - index:,} more"
        if name != "``":
            shown.append(name)
    return " ".join(shown) or None


def _homepage(repository: Repository) -> str | None:
    """The homepage, which owners type as they like: `example.org` is taken as a web address."""
    typed = (repository.homepage or "").strip()
    return safe_link(typed) or (
        safe_link(f"https://{typed}") if "." in typed and "://" not in typed else None
    )


def _homepage_link(repository: Repository) -> str | None:
    if (link := _homepage(repository)) is None:
        return None
    return _link(plain(link.partition("://")[2].rstrip("/"), SHORT), link)

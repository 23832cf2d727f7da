"""A repository as a card: an embed, and a row of links under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from tux_http.cogs.github.addresses import typed_address
from tux_http.cogs.github.languages import COLOURS
from tux_http.cogs.github.parts import (
    NEUTRAL,
    SHORT,
    add_fields,
    chips,
    count,
    link_buttons,
    set_author,
    time,
)
from tux_http.embeds import budget
from tux_http.languages import ENGLISH
from tux_http.markdown import plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.cogs.github.api import License, Related, Repository
    from tux_http.cogs.github.reference import Reference
    from tux_http.languages import Language

__all__ = ["repository_card", "repository_links"]

DESCRIPTION: Final = 1000
"""Longest text in characters; GitHub's own limit is lower, except for descriptions of old."""


def repository_card(
    repository: Repository, *, asked: Reference, note: str | None = None, language: Language = ENGLISH
) -> discord.Embed:
    """The embed of a repository; what is not known is left out.

    Args:
        repository: What GitHub says of it.
        asked: The name that it was asked for by; another one than its own is mentioned.
        note: For the footer.
        language: Of the card; what people wrote of the repository stays as it is.
    """
    embed = discord.Embed(
        title=plain(repository.full_name, 256) or str(asked),
        url=safe_link(repository.html_url),
        description="\n".join(filter(None, _lines(repository, asked, language))),
        colour=COLOURS.get(repository.language or "", NEUTRAL),
    )
    set_author(embed, repository.owner)
    add_fields(embed, _short_fields(repository, language))
    add_fields(embed, _long_fields(repository, language), inline=False)
    if note is not None:
        embed.set_footer(text=note)
    return budget(embed)


def repository_links(repository: Repository, language: Language = ENGLISH) -> discord.ui.View | None:
    """Buttons to a repository's pages and its homepage; None if there are none."""
    return link_buttons(_links(repository, language))


def _links(repository: Repository, language: Language) -> Iterator[tuple[str, str | None]]:
    if (page := safe_link(repository.html_url)) is not None:
        page = page.rstrip("/")
        yield language.gettext("Repository"), page
        if repository.has_issues:
            yield language.gettext("Issues"), f"{page}/issues"
        if repository.has_pull_requests is not False:  # absent from older answers, which all have them
            yield language.gettext("Pull requests"), f"{page}/pulls"
        yield language.gettext("Releases"), f"{page}/releases"
    yield language.gettext("Homepage"), _homepage(repository)


# The description: what to know first, then what the repository says of itself.


def _lines(repository: Repository, asked: Reference, language: Language) -> Iterator[str]:
    if repository.full_name.lower() != str(asked).lower():
        renamed = language.gettext("Renamed from {repository}", repository=plain(str(asked), 200))
        yield f"➡️ {renamed}"
    yield " · ".join(_markers(repository, language))
    yield plain(repository.description or "", DESCRIPTION)


def _markers(repository: Repository, language: Language) -> Iterator[str]:
    gettext = language.gettext
    if repository.is_private:
        is_internal = repository.visibility == "internal"
        yield "🏢 " + gettext("Internal") if is_internal else "🔒 " + gettext("Private")
    if repository.archived:
        yield "📦 " + gettext("Archived")
    if repository.disabled:
        yield "⛔ " + gettext("Disabled")
    if repository.fork:
        origin = _named(repository.parent)
        yield "🍴 " + (gettext("Fork of {repository}", repository=origin) if origin else gettext("Fork"))
    if repository.mirror_url:
        yield "🔁 " + gettext("Mirror")
    if repository.is_template:
        yield "📋 " + gettext("Template")
    if repository.template_repository is not None:
        origin = _named(repository.template_repository)
        made = (
            gettext("Made from {repository}", repository=origin)
            if origin
            else gettext("Made from a template")
        )
        yield "🧩 " + made


def _named(origin: Related | None) -> str | None:
    name = plain((origin and origin.full_name) or "", 200)
    return _link(name, origin and origin.html_url) if name else None


def _link(text: str, url: str | None) -> str:
    link = safe_link(url)
    return text if link is None else f"[{text}]({link})"


# The fields.


def _short_fields(repository: Repository, language: Language) -> Iterator[tuple[str, str | None]]:
    gettext = language.gettext
    yield "⭐ " + gettext("Stars"), count(repository.stargazers_count, language)
    yield "🍴 " + gettext("Forks"), count(repository.forks_count, language)
    yield "👀 " + gettext("Watchers"), count(repository.subscribers_count, language)
    yield "🐛 " + gettext("Open issues"), _open_issues(repository.open_issues_count, language)
    yield gettext("Language"), plain(repository.language or "", SHORT) or None
    yield gettext("Licence"), _license(repository.license)
    yield gettext("Created"), time(repository.created_at, "D")
    yield gettext("Last push"), time(repository.pushed_at, "R")


def _long_fields(repository: Repository, language: Language) -> Iterator[tuple[str, str | None]]:
    yield language.gettext("Topics"), chips(repository.topics or (), language)
    yield language.gettext("Homepage"), _homepage_link(repository)


def _open_issues(number: int | None, language: Language) -> str | None:
    return language.gettext("{n} (incl. PRs)", n=number) if number else count(number, language)


def _license(found: License | None) -> str | None:
    if found is None:
        return None
    known = found.spdx_id if found.spdx_id != "NOASSERTION" else None
    return plain(known or found.name or "", SHORT) or None


def _homepage(repository: Repository) -> str | None:
    return typed_address(repository.homepage)


def _homepage_link(repository: Repository) -> str | None:
    if (link := _homepage(repository)) is None:
        return None
    return _link(plain(link.partition("://")[2].rstrip("/"), SHORT), link)

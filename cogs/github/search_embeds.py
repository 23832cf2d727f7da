"""A page of what a search found as a card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from tux_http.cogs.github.api import Repository
from tux_http.cogs.github.issues_api import Issue, PullRequest
from tux_http.cogs.github.issues_embeds import state_of
from tux_http.cogs.github.parts import NEUTRAL, SHORT, count, time
from tux_http.cogs.github.search_api import PAGE, REACHABLE
from tux_http.embeds import budget
from tux_http.languages import ENGLISH, N_
from tux_http.markdown import link, plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.cogs.github.search_api import Hit, Page, Search
    from tux_http.languages import Language

__all__ = ["search_card"]

TITLE: Final = 200
LINE: Final = 200
LINK: Final = 320
ADDRESS: Final = 2048
"""Longest texts in characters."""

_KINDS: Final = {
    "repositories": N_("Repositories"),
    "issues": N_("Issues"),
    "prs": N_("Pull requests"),
}


def search_card(
    page: Page, *, search: Search, host: str, note: str | None = None, language: Language = ENGLISH
) -> discord.Embed:
    """The embed of a page of results.

    Args:
        page: What GitHub found.
        search: What was looked for.
        host: Of GitHub's web pages.
        note: For the footer.
        language: Of the card; what people wrote stays as it is.
    """
    embed = discord.Embed(
        title=f"🔎 {plain(search.text, TITLE)}",
        url=safe_link(search.url(host), ADDRESS),
        description="\n\n".join(_entry(item, language) for item in page.items)
        or language.gettext("Nothing was found."),
        colour=NEUTRAL,
    )
    embed.set_author(name=language.gettext(_KINDS[search.kind]))
    embed.set_footer(text="\n".join(_footer(page, search, note, language)) or None)
    return budget(embed)


def _footer(page: Page, search: Search, note: str | None, language: Language) -> Iterator[str]:
    gettext = language.gettext
    if page.total > PAGE:
        results = language.ngettext("{n} result", "{n} results", page.total)
        where = gettext("Page {page} of {pages}", page=search.page, pages=page.pages)
        yield f"{where} · {results}"
    if page.total > REACHABLE:
        yield gettext("GitHub shows the first {n} of them.", n=REACHABLE)
    if page.is_incomplete:
        yield gettext("GitHub did not look through everything in time.")
    if note is not None:
        yield note


def _entry(item: Repository | Hit, language: Language) -> str:
    lines = _repository(item, language) if isinstance(item, Repository) else _hit(item, language)
    return "\n".join(filter(None, lines))


def _repository(found: Repository, language: Language) -> Iterator[str]:
    gettext = language.gettext
    yield f"**{link(found.full_name, found.html_url, LINK)}**"
    stars = count(found.stargazers_count, language)
    marks = [
        stars and f"⭐ {stars}",
        plain(found.language or "", SHORT),
        "🔒 " + gettext("Private") if found.is_private else None,
        "📦 " + gettext("Archived") if found.archived else None,
        "🍴 " + gettext("Fork") if found.fork else None,
        time(found.pushed_at, "R"),
    ]
    yield " · ".join(mark for mark in marks if mark)
    yield plain(found.description or "", LINE)


def _hit(found: Hit, language: Language) -> Iterator[str]:
    state = state_of(_issue(found))
    title = f"#{found.number} {found.title or ''}".rstrip()
    yield f"{state.icon} {link(title, found.html_url, LINK)}"
    comments = count(found.comments, language) if found.comments else None
    marks = [
        plain(_home(found.repository_url), LINE),
        plain((found.user and found.user.login) or "", SHORT),
        comments and f"💬 {comments}",
        time(found.created_at, "R"),
    ]
    yield " · ".join(mark for mark in marks if mark)


def _issue(found: Hit) -> Issue | PullRequest:
    if found.pull_request is None:
        return Issue(number=found.number, state=found.state, state_reason=found.state_reason)
    return PullRequest(
        number=found.number,
        state=found.state,
        draft=found.draft,
        merged_at=found.pull_request.merged_at,
    )


def _home(address: str | None) -> str:
    """Of `https://api.github.com/repos/owner/name`."""
    return "/".join((address or "").split("/")[-2:]) if (address or "").count("/") > 1 else ""

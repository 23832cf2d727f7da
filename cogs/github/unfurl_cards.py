"""What a link leads to as a compact card: the commands' card without its fields, and one line of facts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import discord

from tux_http.cogs.github.api import fetch_repository
from tux_http.cogs.github.comments_api import fetch_comment
from tux_http.cogs.github.commits_api import fetch_commit
from tux_http.cogs.github.commits_embeds import commit_card
from tux_http.cogs.github.embeds import repository_card
from tux_http.cogs.github.files_api import fetch_file, fetch_gist, file_of
from tux_http.cogs.github.issues_api import PullRequest, fetch_issue
from tux_http.cogs.github.issues_embeds import issue_card
from tux_http.cogs.github.links import (
    CommitLink,
    FileLink,
    GistLink,
    NumberLink,
    ReleaseLink,
    RepositoryLink,
)
from tux_http.cogs.github.parts import NEUTRAL, count, set_author, time, without_comments
from tux_http.cogs.github.releases_api import fetch_release
from tux_http.cogs.github.releases_embeds import release_card
from tux_http.cogs.github.snippet import snippet
from tux_http.embeds import budget
from tux_http.excerpt import excerpt
from tux_http.languages import ENGLISH, N_
from tux_http.markdown import code_block, paragraphs, plain, safe_link
from tux_http.markdown import link as masked
from tux_http.staleness import note_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tux_http.api import API
    from tux_http.call import Call
    from tux_http.cogs.github.comments_api import FoundComment
    from tux_http.cogs.github.files_api import FoundFile, FoundGist
    from tux_http.cogs.github.issues_api import Issue
    from tux_http.cogs.github.links import Link
    from tux_http.cogs.github.snippet import Snippet
    from tux_http.languages import Language

__all__ = ["Unfurler"]

_REVIEWS: Final = {
    "APPROVED": ("✅", N_("Approved")),
    "CHANGES_REQUESTED": ("🔧", N_("Changes requested")),
    "DISMISSED": ("↩️", N_("Dismissed")),
}
"""By state: https://docs.github.com/graphql/reference/enums#pullrequestreviewstate."""

BODY: Final = 300
COMMENT: Final = 500
HUNK: Final = 400
TITLE: Final = 240
MORE: Final = 600
"""Longest texts in characters; the last one is of a link to the rest."""

HUNK_LINES: Final = 4
"""Lines of a diff above a comment on it, as GitHub shows them."""


class Unfurler:
    """Asks GitHub for what links lead to.

    Args:
        api: GitHub's.
        service: Its name, as people know it.
    """

    def __init__(self, api: API, *, service: str) -> None:
        self._api = api
        self._service = service

    async def card(
        self, link: Link, *, allow_private: bool, room: int, language: Language = ENGLISH
    ) -> discord.Embed | None:
        """The card of a link; None for one that has none, such as lines that a file does not have.

        Args:
            link: Where it leads to.
            allow_private: Whether it may be shown if it is private.
            room: The longest code that is shown.
            language: Of the card; what people wrote stays as it is.

        Raises:
            httpx.HTTPError: GitHub can't or won't say.
            httpx.InvalidURL: There can be no such thing.
            InvalidInput: There is no such thing.
        """
        match link:
            case NumberLink(comment=comment) | CommitLink(comment=comment) if comment is not None:
                written = await fetch_comment(self._api, link, comment, allow_private=allow_private)
                return _comment(written, link, self._note(written.call, language), language)
            case FileLink():
                file = await fetch_file(self._api, link, allow_private=allow_private)
                return _file(file, link, room, self._note(file.call, language), language)
            case GistLink():
                gist = await fetch_gist(self._api, link)
                return _gist(gist, link, room, self._note(gist.call, language), language)
            case RepositoryLink() | NumberLink() | ReleaseLink() | CommitLink():
                return await self._compact(link, allow_private=allow_private, language=language)
            case _:
                return None

    async def _compact(
        self,
        link: RepositoryLink | NumberLink | ReleaseLink | CommitLink,
        *,
        allow_private: bool,
        language: Language,
    ) -> discord.Embed:
        how: dict[str, Any] = {"allow_private": allow_private}
        match link:
            case RepositoryLink():
                repository, call = await fetch_repository(self._api, link.repository, **how)
                card = repository_card(
                    repository, asked=link.repository, note=self._note(call, language), language=language
                )
                facts = [
                    _fact("⭐", count(repository.stargazers_count, language)),
                    _fact("🍴", count(repository.forks_count, language)),
                    plain(repository.language or "", TITLE),
                ]
            case NumberLink():
                issue = await fetch_issue(self._api, replace(link, kind=link.kind or "issue"), **how)
                card = issue_card(issue, asked=link, note=self._note(issue.call, language), language=language)
                facts = _facts_of_issue(issue.issue, language)
            case ReleaseLink():
                release = await fetch_release(self._api, link, **how)
                card = release_card(
                    release, asked=link, note=self._note(release.call, language), language=language
                )
                facts = [_fact("📅", time(release.release.published_at, "R"))]
            case CommitLink():
                commit = await fetch_commit(self._api, link, **how)
                card = commit_card(
                    commit, asked=link, note=self._note(commit.call, language), language=language
                )
                git, stats = commit.commit.commit, commit.commit.stats
                facts = [
                    _fact("📅", time(git.committer.date if git and git.committer else None, "R")),
                    _changes(stats and stats.additions, stats and stats.deletions, language),
                ]
        return _compacted(card, facts)

    def _note(self, call: Call | None, language: Language) -> str | None:
        return note_on(call, service=self._service, language=language)


# The parts.


def _compacted(card: discord.Embed, facts: Iterable[str]) -> discord.Embed:
    card.clear_fields()
    described = excerpt(card.description or "", BODY).rstrip()
    card.description = "\n".join(filter(None, (described, " · ".join(filter(None, facts)))))
    return budget(card)


def _fact(icon: str, value: str | None) -> str:
    return f"{icon} {value}" if value else ""


def _facts_of_issue(issue: Issue | PullRequest, language: Language) -> list[str]:
    facts = [_fact("📅", time(issue.created_at, "R")), _fact("💬", count(issue.comments, language))]
    if isinstance(issue, PullRequest):
        facts.append(_changes(issue.additions, issue.deletions, language))
    return facts


def _changes(additions: int | None, deletions: int | None, language: Language) -> str:
    if additions is None or deletions is None:
        return ""
    return f"+{language.number(additions)} \N{MINUS SIGN}{language.number(deletions)}"


def _comment(
    found: FoundComment, asked: NumberLink | CommitLink, note: str | None, language: Language
) -> discord.Embed:
    comment = found.comment
    if isinstance(asked, NumberLink):
        title = language.gettext("Comment on {issue}", issue=f"{found.home}#{asked.number}")
    else:
        title = language.gettext("Comment on {issue}", issue=f"{found.home}@{asked.sha[:7]}")
    place = plain(comment.path or "", TITLE)
    icon, word = _REVIEWS.get(comment.state or "", ("", ""))
    facts = [
        _fact(icon, language.gettext(word)),
        _fact("📅", time(comment.created_at or comment.submitted_at, "R")),
        _fact("📄", place),
    ]
    body = paragraphs(without_comments(comment.body or ""), COMMENT)
    hunk = (comment.diff_hunk or "")[-HUNK:].splitlines()[-HUNK_LINES:]
    shown = (code_block("\n".join(hunk), HUNK, language="diff"), body, " · ".join(filter(None, facts)))
    embed = discord.Embed(
        title=plain(title, TITLE),
        url=safe_link(comment.html_url),
        description="\n".join(filter(None, shown)),
        colour=NEUTRAL,
    )
    set_author(embed, comment.user)
    return budget(_noted(embed, note))


def _file(
    found: FoundFile, asked: FileLink, room: int, note: str | None, language: Language
) -> discord.Embed | None:
    shown = snippet(found.text, asked.lines, name=found.path, room=room)
    if not shown.block:
        return None
    page = found.html_url and f"{found.html_url}{f'#{asked.lines}' if asked.lines else ''}"
    embed = discord.Embed(
        title=plain(f"{found.path} · {_range(shown)}", TITLE),
        url=safe_link(page),
        description=_code(shown, page, language),
        colour=NEUTRAL,
    )
    embed.set_author(name=str(found.home))
    return budget(_noted(embed, note))


def _gist(
    found: FoundGist, asked: GistLink, room: int, note: str | None, language: Language
) -> discord.Embed | None:
    gist = found.gist
    file = file_of(gist, asked.file)
    if file is None:
        return None
    name = file.filename or ""
    shown = snippet(file.content or "", asked.lines, name=name, room=room)
    if asked.lines is not None and not shown.block:
        return None
    more = len(gist.files or {}) - 1
    facts = [
        plain(gist.description or "", BODY),
        _code(shown, gist.html_url, language),
        language.ngettext("{n} more file", "{n} more files", more) if more > 0 else "",
    ]
    title = " · ".join(filter(None, (name, _range(shown) if asked.lines else "")))
    embed = discord.Embed(
        title=plain(title, TITLE) or None,
        url=safe_link(gist.html_url),
        description="\n".join(filter(None, facts)),
        colour=NEUTRAL,
    )
    set_author(embed, gist.owner)
    return budget(_noted(embed, note))


def _range(shown: Snippet) -> str:
    return f"L{shown.first}" if shown.first == shown.last else f"L{shown.first}-L{shown.last}"


def _code(shown: Snippet, page: str | None, language: Language) -> str:
    """The block, and under it a link to what it does not show."""
    if not shown.left_out:
        return shown.block
    more = language.ngettext("{n} more line", "{n} more lines", shown.left_out)
    return f"{shown.block}\n{masked(more, page, MORE)}"


def _noted(embed: discord.Embed, note: str | None) -> discord.Embed:
    if note is not None:
        embed.set_footer(text=note)
    return embed

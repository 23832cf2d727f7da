"""A commit as a card: an embed, and a row of links under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from tux_http.cogs.github.addresses import repository_page
from tux_http.cogs.github.commits_api import GitCommit, Stats, Verification
from tux_http.cogs.github.parts import (
    NEUTRAL,
    add_fields,
    link_buttons,
    people,
    rows,
    set_author,
    time,
)
from tux_http.embeds import budget
from tux_http.languages import ENGLISH, N_
from tux_http.markdown import code, link, paragraphs, plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.cogs.github.api import Owner
    from tux_http.cogs.github.commits_api import ChangedFile, Checks, Commit, FoundCommit, Parent, Signature
    from tux_http.cogs.github.links import CommitLink
    from tux_http.languages import Language

__all__ = ["checks_text", "commit_card", "commit_links"]

TITLE: Final = 240
BODY: Final = 900
NAME: Final = 200
FILE: Final = 90
PARENT: Final = 200
"""Longest texts in characters."""

ABBREVIATED: Final = 7
"""Digits of a hash, as GitHub shows it."""

PARENTS: Final = 4

_NOTHING: Final = GitCommit()

_CHECKS: Final = {
    "passed": ("✅", N_("Passed"), 0x1F883D),
    "failed": ("❌", N_("Failed"), 0xCF222E),
    "running": ("⏳", N_("Running"), 0xBF8700),
    "unknown": ("❔", N_("Not known right now"), NEUTRAL),
}
"""By state: icon, word, and the card's colour, which is GitHub's own."""

_STATUSES: Final = {"added": "🆕", "removed": "🗑️", "renamed": "➡️", "copied": "📄"}


def commit_card(
    found: FoundCommit, *, asked: CommitLink, note: str | None = None, language: Language = ENGLISH
) -> discord.Embed:
    """The embed of a commit; what is not known is left out.

    Args:
        found: What GitHub says of it.
        asked: What it was asked for by; if its repository has another name now, that is mentioned.
        note: For the footer.
        language: Of the card; what people wrote stays as it is.
    """
    commit = found.commit
    title, _, body = ((commit.commit or _NOTHING).message or "").strip().partition("\n")
    embed = discord.Embed(
        title=plain(title, TITLE) or plain(commit.sha[:ABBREVIATED], TITLE),
        url=safe_link(commit.html_url),
        description="\n".join(_lines(found, body, asked, language)),
        colour=NEUTRAL if found.checks is None else _CHECKS[found.checks.state][2],
    )
    set_author(embed, commit.author)
    add_fields(embed, _fields(found, language))
    files = rows((_file(each, language) for each in commit.files or ()), language)
    add_fields(embed, [(language.gettext("Files"), files)], inline=False)
    if note is not None:
        embed.set_footer(text=note)
    return budget(embed)


def commit_links(found: FoundCommit, language: Language = ENGLISH) -> discord.ui.View | None:
    """Buttons to its page and its repository's; None if there are none."""
    page = found.commit.html_url
    return link_buttons(
        [(language.gettext("Commit"), page), (language.gettext("Repository"), repository_page(page))]
    )


def _lines(found: FoundCommit, body: str, asked: CommitLink, language: Language) -> Iterator[str]:
    commit = found.commit
    home = link(str(found.home), repository_page(commit.html_url), NAME * 2)
    marks = [f"📌 {code(commit.sha[:ABBREVIATED], NAME)}", home]
    if mark := _verification((commit.commit or _NOTHING).verification, language):
        marks.append(mark)
    yield " · ".join(marks)
    if str(found.home).lower() != str(asked.repository).lower():
        renamed = language.gettext("Renamed from {repository}", repository=plain(str(asked.repository), NAME))
        yield f"➡️ {renamed}"
    if text := paragraphs(body, BODY):
        yield f"\n{text}"


def _verification(found: Verification | None, language: Language) -> str | None:
    """As GitHub marks it: a commit that is not signed has no mark."""
    if found is None or found.verified is None:
        return None
    if found.verified:
        return "🔏 " + language.gettext("Verified")
    return None if found.reason in {None, "unsigned"} else "⚠️ " + language.gettext("Unverified")


# The fields.


def _fields(found: FoundCommit, language: Language) -> Iterator[tuple[str, str | None]]:
    gettext, commit = language.gettext, found.commit
    git = commit.commit or _NOTHING
    author, committer = (
        _person(commit.author, git.author, language),
        _person(commit.committer, git.committer, language),
    )
    yield gettext("Author"), author
    if committer != author:
        yield gettext("Committer"), committer
    yield gettext("Committed"), time(git.committer and git.committer.date, "R")
    yield gettext("Changes"), _changes(found, language)
    yield gettext("Checks"), checks_text(found.checks, language)
    yield gettext("Parents"), _parents(commit)


def _person(account: Owner | None, signature: Signature | None, language: Language) -> str | None:
    if account is not None and account.login:
        return people([(account.login, account.html_url)], language)
    return people([(signature and signature.name, None)], language)


def _changes(found: FoundCommit, language: Language) -> str | None:
    stats, files = found.commit.stats or Stats(), found.commit.files
    parts: list[str] = []
    if stats.additions is not None and stats.deletions is not None:
        parts.append(_lines_changed(stats.additions, stats.deletions, language))
    if files is not None:
        many = (
            language.ngettext("more than {n} file", "more than {n} files", len(files))
            if found.has_more_files
            else language.ngettext("{n} file", "{n} files", len(files))
        )
        parts.append(many)
    return " · ".join(parts) or None


def _lines_changed(additions: int, deletions: int, language: Language) -> str:
    return f"+{language.number(additions)} \N{MINUS SIGN}{language.number(deletions)}"


def checks_text(checks: Checks | None, language: Language) -> str | None:
    """How they stand, in an icon, a word and numbers; None if there are none."""
    if checks is None:
        return None
    state, passed, total = checks
    icon, word, _ = _CHECKS[state]
    known = f" · {language.number(passed)}/{language.number(total)}" if state != "unknown" else ""
    return f"{icon} {language.gettext(word)}{known}"


def _parents(commit: Commit) -> str | None:
    return ", ".join(filter(None, map(_parent, (commit.parents or ())[:PARENTS]))) or None


def _parent(parent: Parent) -> str:
    return link((parent.sha or "")[:ABBREVIATED], parent.html_url, PARENT)


def _file(file: ChangedFile, language: Language) -> str:
    name = code(file.filename or "", FILE)
    if not name:
        return ""
    icon = _STATUSES.get(file.status or "", "✏️")
    if file.additions is None or file.deletions is None:
        return f"{icon} {name}"
    return f"{icon} {name} {_lines_changed(file.additions, file.deletions, language)}"

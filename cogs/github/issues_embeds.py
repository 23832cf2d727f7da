"""An issue or a pull request as a card: an embed, and a row of links under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import discord

from tux_http.cogs.github.addresses import repository_page
from tux_http.cogs.github.commits_embeds import checks_text
from tux_http.cogs.github.issues_api import Issue, PullRequest
from tux_http.cogs.github.parts import (
    NEUTRAL,
    add_fields,
    chips,
    count,
    link_buttons,
    people,
    set_author,
    time,
    without_comments,
)
from tux_http.embeds import budget
from tux_http.languages import ENGLISH, N_
from tux_http.markdown import code, link, paragraphs, plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.cogs.github.commits_api import Checks
    from tux_http.cogs.github.issues_api import Branch, FoundIssue
    from tux_http.cogs.github.links import NumberLink
    from tux_http.languages import Language

__all__ = ["issue_card", "issue_links", "state_of"]

TITLE: Final = 240
BODY: Final = 700
NAME: Final = 200
BRANCH: Final = 80
"""Longest texts in characters."""


class _State(NamedTuple):
    """Colours are GitHub's own; for those who can't tell them apart, no two states have one icon."""

    icon: str
    word: str
    colour: int


_OPEN, _DONE, _CLOSED, _PASSIVE = 0x1F883D, 0x8250DF, 0xCF222E, 0x59636E

_ISSUES: Final = {
    "open": _State("🟢", N_("Open issue"), _OPEN),
    "closed": _State("☑️", N_("Closed issue"), _DONE),
    "": _State("🔹", N_("Issue"), NEUTRAL),
}

_REASONS: Final = {
    "completed": _State("✅", N_("Issue closed as completed"), _DONE),
    "not_planned": _State("🚫", N_("Issue closed as not planned"), _PASSIVE),
    "duplicate": _State("👥", N_("Issue closed as a duplicate"), _PASSIVE),
}

_PULLS: Final = {
    "open": _State("🟢", N_("Open pull request"), _OPEN),
    "draft": _State("📝", N_("Draft pull request"), _PASSIVE),
    "merged": _State("🔀", N_("Merged pull request"), _DONE),
    "closed": _State("❌", N_("Pull request closed without merging"), _CLOSED),
    "": _State("🔹", N_("Pull request"), NEUTRAL),
}

_MERGING: Final = {
    "clean": ("✅", N_("Ready")),
    "has_hooks": ("✅", N_("Ready")),
    "unstable": ("🟡", N_("Checks have not passed")),
    "behind": ("⏳", N_("Behind its base branch")),
    "blocked": ("⛔", N_("Waiting for reviews or checks")),
    "dirty": ("⚠️", N_("Has conflicts")),
}


def issue_card(
    found: FoundIssue, *, asked: NumberLink, note: str | None = None, language: Language = ENGLISH
) -> discord.Embed:
    """The embed of an issue or a pull request; what is not known is left out.

    Args:
        found: What GitHub says of it.
        asked: What it was asked for by; if it is elsewhere now, that is mentioned.
        note: For the footer.
        language: Of the card; what people wrote stays as it is.
    """
    issue = found.issue
    embed = discord.Embed(
        title=f"#{issue.number} {plain(issue.title or '', TITLE)}".rstrip(),
        url=safe_link(issue.html_url),
        description="\n".join(_lines(found, asked, language)),
        colour=state_of(issue).colour,
    )
    set_author(embed, issue.user)
    if isinstance(issue, PullRequest):
        add_fields(embed, _fields_of_pull(issue, found.checks, language))
    add_fields(embed, _fields(issue, language))
    add_fields(embed, [(language.gettext("Labels"), _labels(issue, language))], inline=False)
    if note is not None:
        embed.set_footer(text=note)
    return budget(embed)


def issue_links(found: FoundIssue, language: Language = ENGLISH) -> discord.ui.View | None:
    """Buttons to its page and its repository's; None if there are none."""
    page = found.issue.html_url
    if isinstance(found.issue, PullRequest):
        changes = page and f"{page}/files"
        own = [(language.gettext("Pull request"), page), (language.gettext("Changes"), changes)]
    else:
        own = [(language.gettext("Issue"), page)]
    return link_buttons([*own, (language.gettext("Repository"), repository_page(page))])


# The description: what it is and where, then what was written.


def _lines(found: FoundIssue, asked: NumberLink, language: Language) -> Iterator[str]:
    issue, state = found.issue, state_of(found.issue)
    home = link(str(found.home), repository_page(issue.html_url), NAME * 2)
    marks = [f"{state.icon} {language.gettext(state.word)}", home]
    if issue.locked:
        marks.append("🔒 " + language.gettext("Locked"))
    yield " · ".join(marks)
    if f"{found.home}#{issue.number}".lower() != str(asked).lower():
        yield "➡️ " + language.gettext("Moved from {issue}", issue=plain(str(asked), NAME))
    if body := paragraphs(without_comments(issue.body or ""), BODY):
        yield f"\n{body}"


def state_of(issue: Issue | PullRequest) -> _State:
    state = issue.state or ""
    if isinstance(issue, Issue):
        reason = _REASONS.get(issue.state_reason or "") if state == "closed" else None
        return reason or _ISSUES.get(state, _ISSUES[""])
    if issue.merged or issue.merged_at is not None:
        return _PULLS["merged"]
    return _PULLS["draft"] if state == "open" and issue.draft else _PULLS.get(state, _PULLS[""])


# The fields.


def _fields(issue: Issue | PullRequest, language: Language) -> Iterator[tuple[str, str | None]]:
    gettext = language.gettext
    assignees = ((each.login, each.html_url) for each in issue.assignees or ())
    yield gettext("Assignees"), people(assignees, language)
    yield gettext("Milestone"), _milestone(issue)
    yield "💬 " + gettext("Comments"), _comments(issue, language)
    yield gettext("Opened"), time(issue.created_at, "R")
    if isinstance(issue, PullRequest) and issue.merged_at is not None:
        yield gettext("Merged"), time(issue.merged_at, "R")
    else:
        yield gettext("Closed"), time(issue.closed_at, "R")
    yield gettext("Last change"), time(issue.updated_at, "R")


def _fields_of_pull(
    pull: PullRequest, checks: Checks | None, language: Language
) -> Iterator[tuple[str, str | None]]:
    gettext = language.gettext
    yield gettext("Branches"), _branches(pull)
    yield gettext("Changes"), _changes(pull, language)
    if state_of(pull) in {_PULLS["open"], _PULLS["draft"]} and pull.mergeable_state in _MERGING:
        icon, word = _MERGING[pull.mergeable_state]
        yield gettext("Merging"), f"{icon} {gettext(word)}"
    yield gettext("Checks"), checks_text(checks, language)
    reviewers = [(each.login, each.html_url) for each in pull.requested_reviewers or ()]
    teams = [(each.name, each.html_url) for each in pull.requested_teams or ()]
    yield gettext("Reviewers"), people([*reviewers, *teams], language)


def _milestone(issue: Issue | PullRequest) -> str | None:
    if issue.milestone is None or not issue.milestone.title:
        return None
    return link(issue.milestone.title, issue.milestone.html_url, NAME * 2) or None


def _comments(issue: Issue | PullRequest, language: Language) -> str | None:
    if not isinstance(issue, PullRequest) or issue.review_comments is None:
        return count(issue.comments, language)
    return count((issue.comments or 0) + issue.review_comments, language)


def _branches(pull: PullRequest) -> str | None:
    home = pull.base.repo.full_name if pull.base and pull.base.repo else None
    base, head = _branch(pull.base, home), _branch(pull.head, home)
    return f"{base} ← {head}" if base and head else base or head or None


def _branch(branch: Branch | None, home: str | None) -> str:
    """By its owner, too, where it is not in the repository itself."""
    if branch is None:
        return ""
    is_home = branch.repo is not None and branch.repo.full_name == home
    return code((branch.ref if is_home else branch.label) or branch.ref or "", BRANCH)


def _changes(pull: PullRequest, language: Language) -> str | None:
    number, ngettext = language.number, language.ngettext
    parts: list[str] = []
    if pull.additions is not None and pull.deletions is not None:
        parts.append(f"+{number(pull.additions)} \N{MINUS SIGN}{number(pull.deletions)}")
    if pull.changed_files is not None:
        parts.append(ngettext("{n} file", "{n} files", pull.changed_files))
    if pull.commits is not None:
        parts.append(ngettext("{n} commit", "{n} commits", pull.commits))
    return " · ".join(parts) or None


def _labels(issue: Issue | PullRequest, language: Language) -> str | None:
    names = (each if isinstance(each, str) else each.name for each in issue.labels or ())
    return chips((name for name in names if name), language)

"""All words of an issue's card go through the catalogues; see `test_pseudo_language`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.github_stage import Upstream, buttons, github, values
from tests.issues_stage import furnish, give
from tests.locales import speaking
from tests.pseudo_language import PSEUDO, labels, texts_of, unworded
from tests.test_spoken_languages import AMERICAN, GERMAN, in_a_server
from tux_http.cogs.github.api import Owner
from tux_http.cogs.github.commits_api import Checks
from tux_http.cogs.github.issues_api import Branch, FoundIssue, Issue, Label, Milestone, PullRequest, Team
from tux_http.cogs.github.issues_embeds import _ISSUES, _MERGING, _PULLS, _REASONS, issue_card, issue_links
from tux_http.cogs.github.link_parsing import parse_number_link
from tux_http.cogs.github.links import NumberLink
from tux_http.cogs.github.reference import Reference
from tux_http.problems import InvalidInput, problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOME = Reference("data", "data")
DATA = Owner(login="data", avatar_url="https://data.example/", html_url="https://github.com/data")
SHARED: dict[str, Any] = {
    "number": 1,
    "title": "data",
    "html_url": "https://github.com/data/data/issues/1",
    "body": "data",
    "user": DATA,
    "labels": (Label(name="data"),) * 200,
    "assignees": (DATA,) * 20,
    "milestone": Milestone(title="data", html_url="https://github.com/data"),
    "comments": 3,
    "locked": True,
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "closed_at": MOMENT,
}
OF_A_PULL: dict[str, Any] = {
    "base": Branch(ref="data", label="data"),
    "head": Branch(ref="data", label="data"),
    "additions": 1,
    "deletions": 2,
    "changed_files": 3,
    "commits": 4,
    "review_comments": 5,
    "requested_reviewers": (DATA,),
    "requested_teams": (Team(name="data", html_url="https://github.com/data"),),
}


def issues() -> list[Issue | PullRequest]:
    plain = [Issue(**SHARED, state=state) for state in (*_ISSUES, "data")]
    closed = [Issue(**SHARED, state="closed", state_reason=reason) for reason in _REASONS]
    pulls = [
        PullRequest(**SHARED, **OF_A_PULL, state=state, draft=draft, mergeable_state=merging)
        for state in (*_PULLS, "data")
        for merging in _MERGING
        for draft in (True, False)
    ]
    return [*plain, *closed, *pulls, PullRequest(**SHARED, **OF_A_PULL, merged_at=MOMENT)]


@pytest.mark.parametrize("issue", issues(), ids=lambda each: f"{type(each).__name__}-{each.state}")
def test_the_card_of_an_issue(issue: Issue | PullRequest) -> None:
    found = FoundIssue(issue, HOME, None, Checks("failed", 1, 2))
    card = issue_card(found, asked=NumberLink(Reference("data", "2"), 3), language=PSEUDO)
    assert unworded(*texts_of(card)) == []
    assert all("⟦" in str(field.name) for field in card.fields)
    assert unworded(*labels(issue_links(found, PSEUDO))) == []


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("data/data", None),
        ("data/data", "data"),
        ("#1", None),
        ("data", "1"),
        ("https://github.com/data/data/discussions/1", None),
        ("https://data.example/1", None),
        ("https://github.com/settings", None),
        ("data data/1", None),
    ],
)
def test_what_is_no_issue(typed: str, number: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_number_link(typed, number)
    problem = problem_of(caught.value, language=PSEUDO)
    assert problem.detail.startswith("⟦")
    assert unworded(problem.title, problem.detail, problem.hint) == []


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served)
        yield served


async def test_a_german_server_reads_german(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    async with in_a_server(upstream, GERMAN) as stage:
        speaking(AMERICAN, monkeypatch)
        card = await give(stage, "pr", "octocat/Hello-World#2")
    assert str(card.embeds[0].description).startswith("🔀 Gemergter Pull Request")
    assert "5 Dateien · 3 Commits" in values(card)["Änderungen"]
    assert list(buttons(card)) == ["Pull Request", "Änderungen", "Repository"]


async def test_a_german_is_told_in_german_what_is_missing(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_a_server(upstream, AMERICAN, failing=True) as stage:
        speaking(GERMAN, monkeypatch)
        message = await give(stage, "issue", "octocat/Hello-World")
    assert message.flags.ephemeral
    assert "Die Nummer fehlt." in str(message.embeds[0].description)

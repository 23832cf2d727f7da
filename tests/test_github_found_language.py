"""All words of the cards of releases, commits, accounts and searches go through the catalogues."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.found_stage import COMMANDS, Given, furnish, given
from tests.github_stage import Upstream, github
from tests.locales import speaking
from tests.pseudo_language import PSEUDO, labels, texts_of, unworded
from tests.test_spoken_languages import AMERICAN, GERMAN, in_a_server
from tux_http.cogs.github.accounts import parse_account
from tux_http.cogs.github.accounts_api import Account, FoundAccount, Profile
from tux_http.cogs.github.accounts_embeds import account_card, account_links
from tux_http.cogs.github.api import Owner, Repository
from tux_http.cogs.github.commits import parse_commit
from tux_http.cogs.github.commits_api import (
    ChangedFile,
    Checks,
    Commit,
    FoundCommit,
    GitCommit,
    Parent,
    Signature,
    State,
    Stats,
    Verification,
)
from tux_http.cogs.github.commits_embeds import commit_card, commit_links
from tux_http.cogs.github.links import CommitLink, ReleaseLink
from tux_http.cogs.github.reference import Reference
from tux_http.cogs.github.releases import parse_release
from tux_http.cogs.github.releases_api import Asset, FoundRelease, Release
from tux_http.cogs.github.releases_embeds import release_card, release_links
from tux_http.cogs.github.search_api import Hit, Kind, Page, Pulled, Search, parse_search
from tux_http.cogs.github.search_embeds import search_card
from tux_http.problems import InvalidInput, problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOME, OLD = Reference("data", "data"), Reference("data", "2")
PAGE = "https://github.com/data/data/1/2"
DATA = Owner(login="data", avatar_url="https://data.example/", html_url="https://github.com/data")


@pytest.mark.parametrize("is_latest", [True, False])
@pytest.mark.parametrize("mark", [{}, {"prerelease": True}, {"draft": True, "published_at": None}])
def test_the_card_of_a_release(mark: dict[str, Any], is_latest: bool) -> None:
    assets = tuple(Asset(name="data", size=10**n, download_count=n) for n in range(20))
    body: dict[str, Any] = {"html_url": PAGE, "body": "data", "author": DATA, "assets": assets}
    times: dict[str, Any] = {"created_at": MOMENT, "published_at": MOMENT} | mark
    release = Release(tag_name="data", immutable=True, **body, **times)
    found = FoundRelease(release, HOME, is_latest, None)
    card = release_card(found, asked=ReleaseLink(OLD), language=PSEUDO)
    assert unworded(*texts_of(card)) == []
    assert all("⟦" in str(field.name) for field in card.fields)
    assert unworded(*labels(release_links(found, PSEUDO))) == []


@pytest.mark.parametrize("state", ["passed", "failed", "running", "unknown"])
@pytest.mark.parametrize("verified", [True, False])
def test_the_card_of_a_commit(state: State, verified: bool) -> None:
    git = GitCommit(
        message="data\ndata",
        author=Signature(name="data", date=MOMENT),
        committer=Signature(name="data", date=MOMENT),
        verification=Verification(verified=verified, reason="data"),
    )
    commit = Commit(
        sha="1234567",
        html_url=PAGE,
        commit=git,
        author=DATA,
        parents=(Parent(sha="1234567", html_url=PAGE),),
        stats=Stats(additions=1, deletions=2),
        files=(ChangedFile(filename="data", additions=1, deletions=2),) * 20,
    )
    for has_more_files in (True, False):
        found = FoundCommit(commit, HOME, Checks(state, 1, 2), has_more_files=has_more_files)
        card = commit_card(found, asked=CommitLink(OLD, "data"), language=PSEUDO)
        assert unworded(*texts_of(card)) == []
        assert all("⟦" in str(field.name) for field in card.fields)
        assert unworded(*labels(commit_links(found, PSEUDO))) == []


@pytest.mark.parametrize("type_", ["User", "Bot", "Organization", None])
def test_the_card_of_an_account(type_: str | None) -> None:
    body: dict[str, Any] = dict.fromkeys(("login", "bio", "company", "location"), "data")
    numbers: dict[str, Any] = dict.fromkeys(("followers", "following", "public_repos"), 3)
    account = Account(
        type=type_,
        html_url="https://github.com/data",
        blog="https://1.23",
        created_at=MOMENT,
        **body,
        **numbers,
    )
    found = FoundAccount(account, Profile(is_verified=True))
    card = account_card(found, language=PSEUDO)
    assert unworded(*texts_of(card)) == []
    assert all("⟦" in str(field.name) for field in card.fields)
    assert unworded(*labels(account_links(found, PSEUDO))) == []


@pytest.mark.parametrize("kind", ["repositories", "issues", "prs"])
@pytest.mark.parametrize("total", [0, 1, 7, 123_456])
def test_the_card_of_a_search(kind: Kind, total: int) -> None:
    repository = Repository(
        full_name="data/data", private=True, archived=True, fork=True, language="data", pushed_at=MOMENT
    )
    hit = Hit(number=1, title="data", state="open", user=DATA, comments=2, created_at=MOMENT)
    pull = Hit(number=1, title="data", state="closed", pull_request=Pulled())
    items = (repository, hit, pull) if total else ()
    page = Page(items, total, is_incomplete=True)
    card = search_card(page, search=Search(kind, "data"), host="github.com", language=PSEUDO)
    assert unworded(*texts_of(card)) == []
    assert card.author.name is not None
    assert "⟦" in card.author.name


WRONG: list[Callable[[], object]] = [
    lambda: parse_release("data"),
    lambda: parse_release("data/data", "a b"),
    lambda: parse_commit("data"),
    lambda: parse_commit("data/data", "a b"),
    lambda: parse_commit("data/data#1"),
    lambda: parse_account("https://gist.github.com/0123456789abcdef0123"),
    lambda: parse_search("", "issues"),
    lambda: parse_search("x" * 300, "issues"),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_can_not_be_used(wrong: Callable[[], object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        wrong()
    problem = problem_of(caught.value, language=PSEUDO)
    assert problem.detail.startswith("⟦")
    assert unworded(problem.title, problem.detail, problem.hint) == []


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served)
        yield served


SPOKEN = {
    "release": "Neuestes Release",
    "commit": "Änderungen",
    "ghuser": "Öffentliche Repositorys",
    "ghsearch repositories": "Seite 1 von 8 · 40 Ergebnisse",
    "ghsearch issues": "Seite 1 von 56",
    "ghsearch prs": "Pull Requests",
}


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_a_german_server_reads_german(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, command: Given
) -> None:
    async with in_a_server(upstream, GERMAN) as stage:
        speaking(AMERICAN, monkeypatch)
        card = await given(stage, command)
    assert SPOKEN[command.command] in str(card.embeds[0].to_dict())

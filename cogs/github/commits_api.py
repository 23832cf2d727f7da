"""Commits of GitHub's REST API: the calls, and the fields that are read of their answers.

https://docs.github.com/rest/commits/commits#get-a-commit and
https://docs.github.com/rest/checks/runs#list-check-runs-for-a-git-reference, version 2022-11-28. As in `api`,
what GitHub may leave out or send as null is optional here. Nobody's e-mail address is read.
"""

# No annotations from the future: see `api`.

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import httpx
import msgspec

from tux_http.api import decode
from tux_http.call import Call, call_of
from tux_http.client import raise_for_error
from tux_http.cogs.github.api import Moment, Owner
from tux_http.cogs.github.home import Home
from tux_http.cogs.github.reference import Reference
from tux_http.errors import RateLimited
from tux_http.languages import N_
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from tux_http.api import API
    from tux_http.cogs.github.links import CommitLink

__all__ = [
    "ChangedFile",
    "Checks",
    "Commit",
    "FoundCommit",
    "GitCommit",
    "Parent",
    "Signature",
    "State",
    "Stats",
    "Verification",
    "fetch_checks",
    "fetch_commit",
]

MOST_RUNS: Final = 100
"""Check runs of an answer."""

PATIENCE: Final = 4.0
"""Seconds that a card waits for them."""

GOOD: Final = frozenset({"success", "neutral", "skipped"})
"""Conclusions that let a commit through:
https://docs.github.com/pull-requests/collaborating-with-pull-requests/collaborating-on-repositories-with-code-quality-features/about-status-checks#check-statuses-and-conclusions"""

_SHA: Final = re.compile(r"[0-9a-f]{40,64}")

State: TypeAlias = Literal["passed", "failed", "running", "unknown"]


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Who did it and when, as git has it; anybody can write any name there."""

    name: str | None = None
    date: Moment | None = None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is "valid", "unsigned", or what is wrong with the signature."""

    verified: bool | None = None
    reason: str | None = None


class GitCommit(msgspec.Struct, frozen=True, kw_only=True):
    """What git knows of a commit."""

    message: str | None = None
    author: Signature | None = None
    committer: Signature | None = None
    verification: Verification | None = None


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that this one came after."""

    sha: str | None = None
    html_url: str | None = None


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Lines."""

    additions: int | None = None
    deletions: int | None = None


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is "added", "removed", "modified", "renamed", "copied", "changed" or "unchanged"."""

    filename: str | None = None
    status: str | None = None
    additions: int | None = None
    deletions: int | None = None


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit; `author` and `committer` are the accounts that GitHub takes for those of git."""

    sha: str
    html_url: str | None = None
    commit: GitCommit | None = None
    author: Owner | None = None
    committer: Owner | None = None
    parents: tuple[Parent, ...] | None = None
    stats: Stats | None = None
    files: tuple[ChangedFile, ...] | None = None


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    status: str | None = None
    conclusion: str | None = None


class _Runs(msgspec.Struct, frozen=True, kw_only=True):
    total_count: int
    check_runs: tuple[_Run, ...] | None = None


class Checks(NamedTuple):
    """How the check runs of a commit stand."""

    state: State
    passed: int = 0
    total: int = 0


class FoundCommit(NamedTuple):
    """A commit, the repository that it is in now, and the record of the call that it is from.

    `checks` is None where there are none; with `has_more_files`, there are some beyond those of the answer.
    """

    commit: Commit
    home: Reference
    checks: Checks | None = None
    has_more_files: bool = False
    call: Call | None = None


async def fetch_commit(
    api: "API", asked: "CommitLink", *, allow_private: bool, revalidate: bool = False
) -> FoundCommit:
    """`GET /repos/{owner}/{repo}/commits/{ref}` and its check runs, after the repository itself.

    The check runs are a part of the answer that may be missing: without them, it is shown all the same. They are
    those of GitHub Actions and other apps; the older commit statuses would be one more call, and so would they
    themselves where the repository was renamed: GitHub's redirect is a request as well. There, they are left out.

    Args:
        api: GitHub's.
        asked: The commit, by its hash or by whatever else git has for one: a branch, a tag, "HEAD".
        allow_private: Whether it may be shown if its repository is private.
        revalidate: Whether GitHub is asked though there are good answers in the cache.

    Raises:
        httpx.HTTPError: As `Home.of`.
        InvalidInput: There is no such commit.
    """
    home = await Home.of(api, asked.repository, allow_private=allow_private, revalidate=revalidate)
    response = await home.get("/commits/{ref}", ref=asked.sha)
    _refuse_what_is_not_there(response)
    commit = decode(response, Commit, api=api.name)
    checks = None if home.is_renamed else await fetch_checks(api, home, commit.sha)
    return FoundCommit(
        commit,
        home.reference,
        checks,
        has_more_files="next" in response.links,
        call=call_of(response),
    )


def _refuse_what_is_not_there(response: httpx.Response) -> None:
    if response.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}:
        raise InvalidInput(N_("That repository has no such commit."))
    if response.status_code == HTTPStatus.CONFLICT:
        raise InvalidInput(N_("That repository is empty: it has no commits yet."))
    raise_for_error(response)


async def fetch_checks(api: "API", home: Home, sha: str) -> Checks | None:
    """How a commit's check runs stand; None if there are none. What can't be had is not raised, but "unknown"."""
    if not _SHA.fullmatch(sha):
        return Checks("unknown")
    try:
        response = await home.get(
            "/commits/{sha}/check-runs", params={"per_page": MOST_RUNS}, deadline=PATIENCE, sha=sha
        )
        if not response.is_success:
            return Checks("unknown")
        return _summed_up(decode(response, _Runs, api=api.name))
    except (httpx.RequestError, RateLimited):
        return Checks("unknown")


def _summed_up(runs: _Runs) -> Checks | None:
    known = runs.check_runs or ()
    if not runs.total_count:
        return None
    passed = sum(run.conclusion in GOOD for run in known)
    if any(run.conclusion is not None and run.conclusion not in GOOD for run in known):
        return Checks("failed", passed, runs.total_count)
    if any(run.conclusion is None for run in known):
        return Checks("running", passed, runs.total_count)
    return Checks("passed" if passed == runs.total_count else "unknown", passed, runs.total_count)

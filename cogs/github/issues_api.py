"""Issues and pull requests of GitHub's REST API: the calls, and the fields that are read of their answers.

https://docs.github.com/rest/issues/issues#get-an-issue and
https://docs.github.com/rest/pulls/pulls#get-a-pull-request, version 2022-11-28. Every pull request is an issue,
too, under the same number. As in `api`, what GitHub may leave out or send as null is optional here.
"""

# No annotations from the future: see `api`.

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn
from weakref import WeakKeyDictionary

import httpx
import msgspec

from tux_http.api import decode
from tux_http.call import Call, call_of
from tux_http.client import raise_for_error
from tux_http.cogs.github.api import Moment, Owner, Related, Repository, fetch_repository
from tux_http.cogs.github.commits_api import Checks, fetch_checks
from tux_http.cogs.github.home import Home
from tux_http.cogs.github.reference import Reference, reference_of
from tux_http.languages import N_
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from tux_http.api import API
    from tux_http.cogs.github.links import NumberLink

__all__ = [
    "Branch",
    "FoundIssue",
    "Issue",
    "Kinds",
    "Label",
    "Milestone",
    "PullRequest",
    "Team",
    "fetch_issue",
]

MOST_KINDS: Final = 10_000
"""Numbers whose kind is remembered; with one more, all are forgotten, and soon learned again."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What an issue is sorted by."""

    name: str | None = None


class Milestone(msgspec.Struct, frozen=True, kw_only=True):
    """What an issue is planned for."""

    title: str | None = None
    html_url: str | None = None


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """Of an organization."""

    name: str | None = None
    html_url: str | None = None


class _Numbered(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    title: str | None = None
    state: str | None = None
    html_url: str | None = None
    body: str | None = None
    user: Owner | None = None
    labels: tuple[Label | str, ...] | None = None
    assignees: tuple[Owner, ...] | None = None
    milestone: Milestone | None = None
    comments: int | None = None
    locked: bool | None = None
    draft: bool | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    closed_at: Moment | None = None


class _Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """What an issue that is a pull request has; a plain issue has none of it."""


class Issue(_Numbered, frozen=True, kw_only=True):
    """An issue. `state` is "open" or "closed", `state_reason` why: "completed", "not_planned", "duplicate"."""

    state_reason: str | None = None
    repository_url: str | None = None
    pull_request: _Pulled | None = None


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a pull request; `repo` is null where the fork was deleted."""

    ref: str | None = None
    label: str | None = None
    sha: str | None = None
    repo: Related | None = None


class PullRequest(_Numbered, frozen=True, kw_only=True):
    """A pull request. One that was merged is "closed" as well.

    `mergeable_state` has the values of GraphQL's `MergeStateStatus` in lower case, "unknown" until GitHub has
    worked it out: https://docs.github.com/graphql/reference/enums#mergestatestatus.
    """

    merged: bool | None = None
    merged_at: Moment | None = None
    mergeable_state: str | None = None
    base: Branch | None = None
    head: Branch | None = None
    additions: int | None = None
    deletions: int | None = None
    changed_files: int | None = None
    commits: int | None = None
    review_comments: int | None = None
    requested_reviewers: tuple[Owner, ...] | None = None
    requested_teams: tuple[Team, ...] | None = None


class Kinds:
    """Which numbers have turned out to be pull requests, and which not; a number keeps its kind.

    That there is no pull request by a number is no answer that a cache may keep, and would be asked each time.
    """

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def is_pull(self, home: Reference, number: int) -> bool | None:
        """None if it is not known."""
        return self._known.get(f"{home}#{number}".lower())

    def note(self, home: Reference, number: int, *, is_pull: bool) -> None:
        if len(self._known) >= MOST_KINDS:
            self._known.clear()
        self._known[f"{home}#{number}".lower()] = is_pull


_kinds: "WeakKeyDictionary[API, Kinds]" = WeakKeyDictionary()


class FoundIssue(NamedTuple):
    """An issue or a pull request, the repository that it is in now, and the record of the call that it is from.

    `checks` are those of a pull request that is open, if they were asked for.
    """

    issue: Issue | PullRequest
    home: Reference
    call: Call | None
    checks: Checks | None = None


async def fetch_issue(
    api: "API", asked: "NumberLink", *, allow_private: bool, revalidate: bool = False
) -> FoundIssue:
    """`GET /repos/{owner}/{repo}/issues/{number}` and `.../pulls/{number}`, whichever kind the number is of.

    Whether it may be shown is decided by its repository, before it is asked for: what is in a private one
    is told from what does not exist by nothing. An issue that was transferred is followed; its new repository
    is asked for, too. For an open pull request that was asked for as such, there are its checks as well. So at
    most three answers are asked for, one more for an issue that was transferred; and GitHub redirects what was
    renamed, which is a request as well.

    Args:
        api: GitHub's.
        asked: The number. Its kind is what is asked for first, if no better is known.
        allow_private: Whether it may be shown if its repository is private.
        revalidate: Whether GitHub is asked though there are good answers in the cache.

    Raises:
        httpx.HTTPError: As `fetch_repository`; 404 also if there is no such number, 410 if it was deleted.
        InvalidInput: There is none, and it may be one of a discussion.
    """
    asking = _Asking(api, asked.number, allow_private=allow_private, revalidate=revalidate)
    repository = await asking.repository(asked.repository)
    home = reference_of(repository.full_name) or asked.repository
    kinds = _kinds.setdefault(api, Kinds())
    known = kinds.is_pull(home, asked.number)
    is_pull = asked.kind == "pull" if known is None else known
    has_issues = repository.has_issues is not False
    found = await asking.pull_request(home) if is_pull or not has_issues else None
    if found is None and has_issues:
        found = await asking.issue(home)
    if found is None:
        asking.refuse(repository)
    kinds.note(home, asked.number, is_pull=isinstance(found.issue, PullRequest))
    is_renamed = str(home).lower() != str(asked.repository).lower()
    return found if asked.kind != "pull" or is_renamed else await asking.with_checks(found)


class _Asking:
    """The calls that are made for one number, in the order in which they are needed."""

    def __init__(self, api: "API", number: int, *, allow_private: bool, revalidate: bool) -> None:
        self._api = api
        self._number = number
        self._allow_private = allow_private
        self._revalidate = revalidate
        self._refused: httpx.Response | None = None

    async def repository(self, reference: Reference) -> Repository:
        """Raises as for one that does not exist if it is private and may not be shown."""
        found = await fetch_repository(
            self._api, reference, allow_private=self._allow_private, revalidate=self._revalidate
        )
        return found.repository

    async def pull_request(self, home: Reference) -> FoundIssue | None:
        response = await self._asked("/repos/{owner}/{repo}/pulls/{number}", home)
        if response is None:
            return None
        pull = decode(response, PullRequest, api=self._api.name)
        base = pull.base.repo if pull.base else None
        if (
            base is not None and base.is_private and not self._allow_private
        ):  # since the repository was asked for
            self._refuse(response)
        home = await self._home(response, reference_of(base.full_name) if base else None, home)
        return FoundIssue(pull if self._allow_private else _without_private(pull), home, call_of(response))

    async def issue(self, home: Reference) -> FoundIssue | None:
        """The pull request if it is one."""
        response = await self._asked("/repos/{owner}/{repo}/issues/{number}", home)
        if response is None:
            return None
        issue = decode(response, Issue, api=self._api.name)
        home = await self._home(response, _repository_at(issue.repository_url), home)
        if issue.pull_request is not None:
            return await self.pull_request(home)
        return FoundIssue(issue, home, call_of(response))

    async def with_checks(self, found: FoundIssue) -> FoundIssue:
        """Of what is no open pull request, as it is."""
        pull = found.issue
        if not isinstance(pull, PullRequest) or pull.state != "open" or pull.merged_at is not None:
            return found
        if pull.head is None or not pull.head.sha:
            return found
        home = Home(self._api, found.home, allow_private=self._allow_private, revalidate=self._revalidate)
        return found._replace(checks=await fetch_checks(self._api, home, pull.head.sha))

    async def _asked(self, route: str, home: Reference) -> httpx.Response | None:
        """None if it does not exist."""
        options: dict[str, Any] = {"cache": "no-cache"} if self._revalidate else {}
        path = {"owner": home.owner, "repo": home.name, "number": self._number}
        response = await self._api.get(route, path=path, raise_for_status=False, **options)
        if response.status_code == HTTPStatus.NOT_FOUND:
            self._refused = response
            return None
        raise_for_error(response)
        return response

    async def _home(self, response: httpx.Response, named: Reference | None, home: Reference) -> Reference:
        """Where an answer is from: not from where it was asked for if it was redirected."""
        if not response.history and (named is None or str(named).lower() == str(home).lower()):
            return home
        if named is None:  # nobody knows whose it is
            self._refuse(response)
        return reference_of((await self.repository(named)).full_name) or named

    def refuse(self, repository: Repository) -> NoReturn:
        """There is nothing by that number."""
        assert self._refused is not None
        if repository.has_issues is False:
            raise InvalidInput(N_("That repository has no issues, and no pull request by that number."))
        if repository.has_discussions:
            raise InvalidInput(
                N_("That is no issue or pull request. It may be a discussion, which can't be shown here.")
            )
        self._refuse(self._refused)

    def _refuse(self, response: httpx.Response) -> NoReturn:
        """As GitHub refuses what does not exist."""
        raise_for_error(httpx.Response(404, request=response.request, extensions=response.extensions))
        raise AssertionError


def _repository_at(url: str | None) -> Reference | None:
    """The repository of an address in the API: `.../repos/{owner}/{repo}`."""
    return reference_of("/".join((url or "").split("/")[-2:]))


def _without_private(pull: PullRequest) -> PullRequest:
    if pull.head is None or pull.head.repo is None or not pull.head.repo.is_private:
        return pull
    return msgspec.structs.replace(pull, head=None)

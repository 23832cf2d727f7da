"""Comments of GitHub's REST API: the calls, and the fields that are read of their answers.

https://docs.github.com/rest/issues/comments#get-an-issue-comment,
https://docs.github.com/rest/pulls/comments#get-a-review-comment-for-a-pull-request,
https://docs.github.com/rest/pulls/reviews#get-a-review-for-a-pull-request and
https://docs.github.com/rest/commits/comments#get-a-commit-comment, version 2022-11-28. Comments of discussions are
not in it. As in `api`, what GitHub may leave out or send as null is optional here.
"""

# No annotations from the future: see `api`.

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import msgspec

from tux_http.api import decode
from tux_http.call import Call, call_of
from tux_http.client import raise_for_error
from tux_http.cogs.github.api import Moment, Owner
from tux_http.cogs.github.home import Home
from tux_http.cogs.github.links import NumberLink
from tux_http.cogs.github.reference import Reference
from tux_http.languages import N_
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from tux_http.api import API
    from tux_http.cogs.github.links import Comment, CommitLink

__all__ = ["FoundComment", "WrittenComment", "fetch_comment"]

_ROUTES: Final = MappingProxyType(
    {
        "issuecomment": "/issues/comments/{comment}",
        "discussion_r": "/pulls/comments/{comment}",
        "pullrequestreview": "/pulls/{number}/reviews/{comment}",
        "commitcomment": "/comments/{comment}",
    }
)


class WrittenComment(msgspec.Struct, frozen=True, kw_only=True):
    """A comment or a review.

    `state` and `submitted_at` are a review's. `path` is of the file that is commented on, and `diff_hunk` are the
    lines of its diff up to that place.
    """

    html_url: str | None = None
    body: str | None = None
    user: Owner | None = None
    created_at: Moment | None = None
    submitted_at: Moment | None = None
    path: str | None = None
    diff_hunk: str | None = None
    state: str | None = None


class FoundComment(NamedTuple):
    """A comment, the repository that it is in now, and the record of the call that it is from."""

    comment: WrittenComment
    home: Reference
    call: Call | None


async def fetch_comment(
    api: "API", asked: "CommitLink | NumberLink", comment: "Comment", *, allow_private: bool
) -> FoundComment:
    """A comment on an issue, a pull request or a commit, after the repository itself.

    Args:
        api: GitHub's.
        asked: What it is on.
        comment: Its kind and id.
        allow_private: Whether it may be shown if its repository is private.

    Raises:
        httpx.HTTPError: As `Home.of`; 404 also if it has gone to another repository.
        InvalidInput: It is of a kind that can't be asked for.
    """
    if (route := _ROUTES.get(comment.kind)) is None:
        raise InvalidInput(N_("That is a discussion, not an issue or a pull request."))
    home = await Home.of(api, asked.repository, allow_private=allow_private)
    path: dict[str, Any] = {"comment": comment.id}
    if "{number}" in route and isinstance(asked, NumberLink):
        path["number"] = asked.number
    response = await home.get(route, **path)
    raise_for_error(response)
    if response.history:  # where it is now, it may not be for all to see
        raise_for_error(httpx.Response(404, request=response.request, extensions=response.extensions))
    return FoundComment(decode(response, WrittenComment, api=api.name), home.reference, call_of(response))

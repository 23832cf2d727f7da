"""GitHub's REST API: the calls that the cog makes, and the fields that it reads of their answers.

https://docs.github.com/rest/repos/repos#get-a-repository, version 2022-11-28. What GitHub may leave out or
send as null is optional here, and what it adds is ignored.
"""

# No annotations from the future: msgspec would look them up in `sys.modules` at the first decoding, and
# discord.py drops the modules of an extension from there when it is unloaded.

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import httpx
import msgspec

from tux_http.api import decode
from tux_http.call import Call, call_of
from tux_http.client import raise_for_error

if TYPE_CHECKING:
    from tux_http.api import API
    from tux_http.cogs.github.reference import Reference

__all__ = ["Found", "License", "Moment", "Owner", "Related", "Repository", "fetch_repository"]

Moment = Annotated[datetime, msgspec.Meta(tz=True)]

REMEMBERED: Final = frozenset({"hit", "stale"})
"""How the cache answers without GitHub."""


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A person or an organization."""

    login: str | None = None
    avatar_url: str | None = None
    html_url: str | None = None


class License(msgspec.Struct, frozen=True, kw_only=True):
    """`spdx_id` is "NOASSERTION" for one that GitHub does not know."""

    name: str | None = None
    spdx_id: str | None = None


class _Visible(msgspec.Struct, frozen=True, kw_only=True):
    private: bool | None = None
    visibility: str | None = None

    @property
    def is_private(self) -> bool:
        """Whether not everybody may see it; "internal" ones are for the members of an enterprise."""
        return bool(self.private) or self.visibility in {"private", "internal"}


class Related(_Visible, frozen=True, kw_only=True):
    """A repository that another one was made from."""

    full_name: str | None = None
    html_url: str | None = None


class Repository(_Visible, frozen=True, kw_only=True):
    """A repository.

    `subscribers_count` are those who watch it; what the API calls `watchers_count` are its stars
    (https://docs.github.com/rest/activity/starring). `open_issues_count` counts pull requests too.
    """

    full_name: str
    html_url: str | None = None
    owner: Owner | None = None
    description: str | None = None
    homepage: str | None = None
    language: str | None = None
    license: License | None = None
    topics: tuple[str, ...] | None = None
    stargazers_count: int | None = None
    forks_count: int | None = None
    subscribers_count: int | None = None
    open_issues_count: int | None = None
    created_at: Moment | None = None
    pushed_at: Moment | None = None
    archived: bool | None = None
    disabled: bool | None = None
    fork: bool | None = None
    parent: Related | None = None
    is_template: bool | None = None
    template_repository: Related | None = None
    mirror_url: str | None = None
    has_issues: bool | None = None
    has_discussions: bool | None = None
    has_pull_requests: bool | None = None


class Found(NamedTuple):
    """A repository, and the record of the call that it is from."""

    repository: Repository
    call: Call | None


async def fetch_repository(
    api: "API", reference: "Reference", *, allow_private: bool, revalidate: bool = False
) -> Found:
    """`GET /repos/{owner}/{repo}`.

    A private repository is answered as GitHub answers those who may not see it: with the same 404 as for
    one that does not exist. So is the origin of a public one: it is left out.

    Args:
        api: GitHub's.
        reference: Of the repository.
        allow_private: Whether it may be shown if it is private.
        revalidate: Whether GitHub is asked though there is a good answer in the cache.

    Raises:
        httpx.HTTPError: As `API.request`; 404 also if it is private and may not be shown.
    """
    found, response = await _asked(api, reference, revalidate=revalidate)
    if allow_private:
        return found
    if found.repository.is_private and not revalidate and found.call and found.call.cache in REMEMBERED:
        # For one that does not exist GitHub is asked each time: with a 404 of the cache's, what is private
        # could be told from it while GitHub is down.
        found, response = await _asked(api, reference, revalidate=True)
    if found.repository.is_private:
        raise_for_error(httpx.Response(404, request=response.request, extensions=response.extensions))
    return found._replace(repository=_without_private(found.repository))


async def _asked(api: "API", reference: "Reference", *, revalidate: bool) -> tuple[Found, httpx.Response]:
    options: dict[str, Any] = {"cache": "no-cache"} if revalidate else {}
    path = {"owner": reference.owner, "repo": reference.name}
    response = await api.get("/repos/{owner}/{repo}", path=path, **options)
    return Found(decode(response, Repository, api=api.name), call_of(response)), response


def _without_private(repository: Repository) -> Repository:
    return msgspec.structs.replace(
        repository,
        parent=_public(repository.parent),
        template_repository=_public(repository.template_repository),
    )


def _public(related: Related | None) -> Related | None:
    return None if related is None or related.is_private else related

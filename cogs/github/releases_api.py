"""Releases of GitHub's REST API: the calls, and the fields that are read of their answers.

https://docs.github.com/rest/releases/releases, version 2022-11-28. As in `api`, what GitHub may leave out or
send as null is optional here.
"""

# No annotations from the future: see `api`.

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tux_http.api import decode
from tux_http.call import Call, call_of
from tux_http.client import raise_for_error
from tux_http.cogs.github.api import Moment, Owner
from tux_http.cogs.github.home import Home
from tux_http.cogs.github.reference import Reference
from tux_http.languages import N_
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    import httpx

    from tux_http.api import API
    from tux_http.cogs.github.links import ReleaseLink

__all__ = ["Asset", "FoundRelease", "Release", "fetch_release"]

NEWEST: Final = 5
"""Releases that are looked at where none is the latest; drafts may come first."""


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A file; its `size` is in bytes."""

    name: str | None = None
    browser_download_url: str | None = None
    size: int | None = None
    download_count: int | None = None


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release. A draft is seen by those alone who may write to the repository."""

    tag_name: str
    name: str | None = None
    html_url: str | None = None
    body: str | None = None
    draft: bool | None = None
    prerelease: bool | None = None
    immutable: bool | None = None
    created_at: Moment | None = None
    published_at: Moment | None = None
    author: Owner | None = None
    assets: tuple[Asset, ...] | None = None


class FoundRelease(NamedTuple):
    """A release, the repository that it is in now, and the record of the call that it is from."""

    release: Release
    home: Reference
    is_latest: bool
    call: Call | None


async def fetch_release(
    api: "API", asked: "ReleaseLink", *, allow_private: bool, revalidate: bool = False
) -> FoundRelease:
    """`GET /repos/{owner}/{repo}/releases/latest` or `.../tags/{tag}`, after the repository itself.

    What GitHub calls the latest is no pre-release; where there are only such, it is the newest of them, for which
    one more answer is needed: three, or four if the repository was renamed, too. A draft is as good as not there unless what is private may be shown.

    Args:
        api: GitHub's.
        asked: The release; without a tag, the latest.
        allow_private: Whether it may be shown if its repository is private.
        revalidate: Whether GitHub is asked though there are good answers in the cache.

    Raises:
        httpx.HTTPError: As `Home.of`.
        InvalidInput: There is no such release.
    """
    home = await Home.of(api, asked.repository, allow_private=allow_private, revalidate=revalidate)
    if asked.tag is None:
        return await _latest(api, home)
    response = await home.get("/releases/tags/{tag}", tag=asked.tag)
    release = None if _is_missing(response) else decode(response, Release, api=api.name)
    if release is None or not _may_be_shown(release, home):
        raise InvalidInput(N_("That repository has no release by that tag."))
    return FoundRelease(release, home.reference, is_latest=False, call=call_of(response))


async def _latest(api: "API", home: Home) -> FoundRelease:
    response = await home.get("/releases/latest")
    if not _is_missing(response):
        release = decode(response, Release, api=api.name)
        if _may_be_shown(release, home):
            return FoundRelease(release, home.reference, is_latest=True, call=call_of(response))
    response = await home.get("/releases", params={"per_page": NEWEST})
    releases = () if _is_missing(response) else decode(response, tuple[Release, ...], api=api.name)
    for release in releases:
        if _may_be_shown(release, home):
            return FoundRelease(release, home.reference, is_latest=False, call=call_of(response))
    raise InvalidInput(N_("That repository has no releases."))


def _may_be_shown(release: Release, home: Home) -> bool:
    return home.allow_private or not release.draft


def _is_missing(response: "httpx.Response") -> bool:
    """Raises for other failures."""
    if response.status_code == HTTPStatus.NOT_FOUND:
        return True
    raise_for_error(response)
    return False

"""People and organizations of GitHub's REST API: the calls, and the fields that are read of their answers.

https://docs.github.com/rest/users/users#get-a-user and https://docs.github.com/rest/orgs/orgs#get-an-organization,
version 2022-11-28. As in `api`, what GitHub may leave out or send as null is optional here. Nobody's e-mail
address is read, nor what only the owner of the token may know of an account.
"""

# No annotations from the future: see `api`.

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import msgspec

from tux_http.api import decode
from tux_http.call import Call, call_of
from tux_http.cogs.github.api import Moment
from tux_http.errors import RateLimited

if TYPE_CHECKING:
    from tux_http.api import API
    from tux_http.cogs.github.links import AccountLink

__all__ = ["Account", "FoundAccount", "Profile", "fetch_account"]

ORGANIZATION: Final = "Organization"

PATIENCE: Final = 4.0
"""Seconds that a card waits for an organization's profile."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person, a bot or an organization: `type` is "User", "Bot" or "Organization"."""

    login: str
    type: str | None = None
    name: str | None = None
    avatar_url: str | None = None
    html_url: str | None = None
    bio: str | None = None
    company: str | None = None
    blog: str | None = None
    location: str | None = None
    twitter_username: str | None = None
    followers: int | None = None
    following: int | None = None
    public_repos: int | None = None
    public_gists: int | None = None
    created_at: Moment | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization has beside an account."""

    description: str | None = None
    is_verified: bool | None = None


class FoundAccount(NamedTuple):
    """An account, its profile if it is an organization's, and the record of the call that it is from."""

    account: Account
    profile: Profile | None = None
    call: Call | None = None


async def fetch_account(api: "API", asked: "AccountLink", *, revalidate: bool = False) -> FoundAccount:
    """`GET /users/{username}`, and for an organization `GET /orgs/{org}`, without which it is shown all the same.

    Args:
        api: GitHub's.
        asked: The account.
        revalidate: Whether GitHub is asked though there are good answers in the cache.

    Raises:
        httpx.HTTPError: As `API.request`; 404 if there is no such account.
    """
    options: dict[str, Any] = {"cache": "no-cache"} if revalidate else {}
    response = await api.get("/users/{username}", path={"username": asked.login}, **options)
    account = decode(response, Account, api=api.name)
    profile = await _profile(api, asked.login, options) if account.type == ORGANIZATION else None
    return FoundAccount(account, profile, call_of(response))


async def _profile(api: "API", login: str, options: dict[str, Any]) -> Profile | None:
    try:
        response = await api.get(
            "/orgs/{org}", path={"org": login}, raise_for_status=False, deadline=PATIENCE, **options
        )
        return decode(response, Profile, api=api.name) if response.is_success else None
    except (httpx.RequestError, RateLimited):
        return None

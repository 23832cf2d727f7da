"""What the bot is to GitHub: whose token it has, what that may do, and what is left of its quota."""

# No annotations from the future: see `api`.

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from tux_http.api import decode
from tux_http.client import raise_for_error
from tux_http.github_app import AppCredential
from tux_http.scopes import scopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tux_http.api import API

__all__ = ["Quota", "TokenState", "token_state"]

EXPIRES: Final = "github-authentication-token-expiration"

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: (UTC|[+-]\d{4}))?", re.ASCII)

READ: Final = ("contents", "issues", "metadata", "pull_requests")
"""What an App needs to be allowed to read, for all that the commands show."""

Kind = Literal["none", "unknown", "scopes", "fine", "app"]


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What is left; `reset` is in Unix seconds."""

    limit: int
    remaining: int
    reset: int


class _Resources(msgspec.Struct, frozen=True, kw_only=True):
    core: Quota | None = None
    search: Quota | None = None


class _Limits(msgspec.Struct, frozen=True, kw_only=True):
    resources: _Resources = _Resources()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenState:
    """`kind` is "scopes" for a classic token, "fine" for a fine-grained one, "unknown" for one GitHub doesn't know.

    `quotas` are empty where GitHub has no limits, as Enterprise may have it.
    """

    kind: Kind
    scopes: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    expires_at: datetime | None = None
    quotas: "Mapping[str, Quota]" = field(default_factory=dict[str, Quota])


async def token_state(api: "API", *, has_token: bool, private: bool) -> TokenState:
    """`GET /rate_limit`, which costs nothing: https://docs.github.com/rest/rate-limit/rate-limit.

    Args:
        api: GitHub's.
        has_token: Whether there is a token, beside an App's.
        private: Whether private repositories are to be seen.

    Raises:
        httpx.HTTPError: As `API.request`.
    """
    response = await api.get("/rate_limit", cache="no-store", quota=False, raise_for_status=False)
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        return TokenState(kind="unknown")
    found = _Limits()
    if response.status_code != HTTPStatus.NOT_FOUND:  # Enterprise's word for: there are no limits
        raise_for_error(response)
        found = decode(response, _Limits, api=api.name)
    named = {"core": found.resources.core, "search": found.resources.search}
    quotas = {name: quota for name, quota in named.items() if quota is not None}
    credential = api.layers.credential
    if isinstance(credential, AppCredential):
        may = tuple(f"{name}={level}" for name, level in sorted(credential.permissions.items()))
        lacks = tuple(f"{name}=read" for name in READ if name not in credential.permissions)
        return TokenState(kind="app", permissions=may, lacks=lacks, quotas=quotas)
    if not has_token:
        return TokenState(kind="none", quotas=quotas)
    expires_at, has = _moment(response.headers.get(EXPIRES, "")), scopes(response.headers)
    if has is None:
        return TokenState(kind="fine", expires_at=expires_at, quotas=quotas)
    lacks = ("repo",) if private and "repo" not in has else ()
    return TokenState(kind="scopes", scopes=has, lacks=lacks, expires_at=expires_at, quotas=quotas)


def _moment(text: str) -> datetime | None:
    """From GitHub's "2026-12-01 08:00:00 UTC", or with "+0100" in place of the name."""
    if (found := _MOMENT.fullmatch(text)) is None:
        return None
    zone = "+0000" if found[2] in {None, "UTC"} else found[2]
    try:
        return datetime.strptime(f"{found[1]} {zone}", "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None

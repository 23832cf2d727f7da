"""What a response says about the upstream's limits: what is left, which one is spent, when to come back.

Sources: RFC 9110, section 10.2.3 (Retry-After); draft-ietf-httpapi-ratelimit-headers, its earlier revisions
included (RateLimit, RateLimit-Policy and others); and GitHub's documentation at
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import httpx
import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LARGEST_MESSAGE",
    "LIMITED_STATUSES",
    "LONGEST_WAIT",
    "SECONDARY_WAIT",
    "Announced",
    "Limit",
    "Reason",
    "announced",
    "limit_of",
    "reset_time",
    "retry_after",
]

Reason: TypeAlias = Literal["primary", "secondary", "other"]

LONGEST_WAIT: Final = timedelta(days=1)
"""No upstream is believed to be closed for longer; whatever it says beyond is cut to this."""

SECONDARY_WAIT: Final = timedelta(seconds=60)
"""GitHub: "Otherwise, wait for at least one minute before retrying"."""

LIMITED_STATUSES: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
"""Of responses that may be a limit's refusal."""

LARGEST_MESSAGE: Final = 64 * 1024
"""Bytes of a body that is looked at; a limit's message is one short sentence."""

_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_GITHUB_HEADERS: Final = ("x-github-request-id", "x-ratelimit-resource")

_LONGEST_DELAY: Final = timedelta(days=366).total_seconds()  # more is no delay, but a moment since 1970
_LONGEST_FIELD: Final = 1024  # characters; a quota's announcement is some dozens
_MOST_QUOTAS: Final = 8  # of one response
_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^",;]+|[",;]')


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """An announced limit that is spent.

    `kind` is "primary" for a counted quota, "secondary" for GitHub's limit on bursts, "other" for the
    rest. `scope` names the quota ("core", "search"), `limit` is its size in requests.
    """

    kind: Reason
    retry_at: datetime | None = None
    scope: str | None = None
    limit: int | None = None


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one of the upstream's quotas: `remaining` of `limit` requests until `reset`.

    `name` is "" where it has none. `everywhere` says that, as far as is known, every request counts
    on it; a quota named by X-RateLimit-Resource is spent by requests for that resource only.
    """

    name: str
    remaining: int
    reset: datetime
    limit: int | None = None
    everywhere: bool = True


class _ErrorBody(msgspec.Struct):
    message: str = ""


def announced(headers: Mapping[str, str], now: datetime) -> tuple[Announced, ...]:
    """What is left of the quotas on which a request counted, by the first dialect that makes sense.

    Quotas without a reset to come are left out: nobody could say how long to believe them. So are those
    that are counted in other units than requests.

    Args:
        headers: Of any response.
        now: Aware; delays count from here.
    """
    return (
        _listed(headers, now)
        or _in_fields("ratelimit-", headers, now)
        or _in_fields("x-ratelimit-", headers, now)
    )


def _in_fields(prefix: str, headers: Mapping[str, str], now: datetime) -> tuple[Announced, ...]:
    """GitHub's X-RateLimit-Limit, -Remaining and -Reset, and the draft's up to revision 06 without the X."""
    if f"{prefix}remaining" not in headers:
        return ()
    name = _scope(headers) or ""
    remaining = headers.get(f"{prefix}remaining", "")
    reset = _moment(headers.get(f"{prefix}reset", ""), now)
    limit = re.split("[,;]", headers.get(f"{prefix}limit", ""), maxsplit=1)[0]
    return _quotas([_quota(name, remaining, reset, limit, everywhere=not name)])


def _listed(headers: Mapping[str, str], now: datetime) -> tuple[Announced, ...]:
    """The draft's RateLimit: `"name";r=50;t=30`, or as revision 07 had it `limit=100, remaining=50, reset=30`."""
    if "ratelimit" not in headers:
        return ()
    members = _members(headers.get("ratelimit", ""))
    pairs = dict(name.split("=", 1) for name, _ in members if "=" in name and '"' not in name)
    if pairs:
        return _in_fields("ratelimit-", {f"ratelimit-{key}": value for key, value in pairs.items()}, now)
    policies = dict(_members(headers.get("ratelimit-policy", "")))
    return _quotas([_member(name, told, policies.get(name, {}), now) for name, told in members])


def _member(name: str, told: dict[str, str], policy: dict[str, str], now: datetime) -> Announced | None:
    if policy.get("qu", "requests").strip('"') not in {"request", "requests"}:
        return None
    reset = _moment(told.get("t", policy.get("w", "")), now)  # at the latest when a whole window has passed
    return _quota(name, told.get("r", ""), reset, policy.get("q", ""))


def _members(field: str) -> list[tuple[str, dict[str, str]]]:
    """The members of a structured-field list (RFC 9651, section 3.1), each with its parameters."""
    members = [[""]]
    for piece in _PIECE.findall(field if len(field) <= _LONGEST_FIELD else ""):
        if piece == ",":
            members.append([""])
        elif piece == ";":
            members[-1].append("")
        elif piece == '"':  # of a string without an end
            return []
        else:
            members[-1][-1] += piece
    return [(name.strip(), _parameters(rest)) for name, *rest in members[:_MOST_QUOTAS]]


def _parameters(texts: list[str]) -> dict[str, str]:
    pairs = (text.partition("=") for text in texts)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _quota(
    name: str, remaining: str, reset: datetime | None, limit: str, *, everywhere: bool = True
) -> Announced | None:
    left, size = _number(remaining), _number(limit)
    if left is None or reset is None:
        return None
    if size is not None and left > size:  # one of the two is wrong, and only the first one is needed
        size = None
    name = name.strip('"')
    known = name if _NAME.fullmatch(name) else ""
    return Announced(name=known, remaining=left, reset=reset, limit=size, everywhere=everywhere)


def _quotas(told: list[Announced | None]) -> tuple[Announced, ...]:
    """One for each name, the one with the least left."""
    quotas = sorted((quota for quota in told if quota is not None), key=lambda quota: -quota.remaining)
    return tuple({quota.name: quota for quota in quotas}.values())


def limit_of(
    response: httpx.Response,
    now: datetime,
    *,
    secondary_wait: timedelta = SECONDARY_WAIT,
    body: bytes | None = None,
) -> Limit | None:
    """The limit for which a response was refused; None if it was not refused for a limit.

    A 403 counts as one where it says so, so that a spent limit is never taken for a missing permission.

    Args:
        response: Any; its body is looked at if it was read.
        now: Aware; waits that are given in seconds count from here.
        secondary_wait: How long a secondary limit holds that does not say it.
        body: Decoded, where the response was read and did not keep it.
    """
    if response.status_code not in LIMITED_STATUSES:
        return None
    headers = response.headers
    spent = _spent(headers, now)
    kind = _kind(response, _message(_content(response) if body is None else body), spent)
    if kind is None:
        return None
    return Limit(
        kind=kind,
        retry_at=_retry_at(kind, headers, spent, now, secondary_wait),
        scope=_scope(headers) or (spent.name or None if spent else None),
        limit=_number(headers.get("x-ratelimit-limit", "")) or (spent.limit if spent else None),
    )


def _spent(headers: Mapping[str, str], now: datetime) -> Announced | None:
    """The quota of which nothing is left, the last of them to be whole again."""
    spent = (quota for quota in announced(headers, now) if quota.remaining == 0)
    return max(spent, key=lambda quota: quota.reset, default=None)


def _kind(response: httpx.Response, message: str, spent: Announced | None) -> Reason | None:
    headers = response.headers
    if "secondary rate limit" in message or "abuse detection" in message:
        return "secondary"
    if _is_spent(headers) or "rate limit exceeded" in message:
        return "primary"
    if response.status_code == HTTPStatus.FORBIDDEN:
        return "secondary" if "retry-after" in headers else None
    if any(name in headers for name in _GITHUB_HEADERS):
        return "secondary"
    return "other" if spent is None else "primary"


def _retry_at(
    kind: Reason,
    headers: Mapping[str, str],
    spent: Announced | None,
    now: datetime,
    secondary_wait: timedelta,
) -> datetime | None:
    told = retry_after(headers, now)
    if told is None and spent is not None:
        told = spent.reset
    if told is None and kind == "primary":
        told = reset_time(headers, now)
    if told is None and kind == "secondary":
        told = now + min(secondary_wait, LONGEST_WAIT)
    return told


def retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When `Retry-After`, in seconds or as an HTTP date, has passed; None if it is absent or no sense."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    seconds = _number(value)
    return _believed(_date(value), now) if seconds is None else _after(seconds, now)


def reset_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When the quota is whole again by `X-RateLimit-Reset`, in seconds since 1970; None as `retry_after`."""
    seconds = _number(headers.get("x-ratelimit-reset", ""))
    return None if seconds is None else _after(seconds - now.timestamp(), now)


def _moment(value: str, now: datetime) -> datetime | None:
    """A reset as upstreams write it: seconds from now, or since 1970 (GitHub, GitLab)."""
    seconds = _number(value)
    if seconds is None:
        return None
    return _after(seconds if seconds <= _LONGEST_DELAY else seconds - now.timestamp(), now)


def _after(seconds: float, now: datetime) -> datetime | None:
    wait = timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))
    return now + wait if wait > timedelta() else None


def _believed(moment: datetime | None, now: datetime) -> datetime | None:
    """The moment if it is to come, and at most `LONGEST_WAIT` away."""
    return None if moment is None or moment <= now else min(moment, now + LONGEST_WAIT)


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # what email.utils raises on hostile dates
        return None


def _number(value: str) -> int | None:
    return int(value) if _DIGITS.fullmatch(value.strip()) else None


def _scope(headers: Mapping[str, str]) -> str | None:
    value = headers.get("x-ratelimit-resource", "").strip()
    return value if _NAME.fullmatch(value) else None


def _is_spent(headers: Mapping[str, str]) -> bool:
    return _number(headers.get("x-ratelimit-remaining", "")) == 0


def _content(response: httpx.Response) -> bytes:
    try:
        return response.content
    except httpx.ResponseNotRead:
        return b""


def _message(content: bytes) -> str:
    """The `message` of a JSON error body, in lower case; "" where there is none to read."""
    if len(content) > LARGEST_MESSAGE:
        return ""
    try:
        return msgspec.json.decode(content, type=_ErrorBody).message.lower()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""

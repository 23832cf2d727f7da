"""What a response says about the upstream's limits: which one is spent, and when to come back.

Sources: RFC 9110, section 10.2.3 (Retry-After), and GitHub's documentation at
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import httpx
import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LONGEST_WAIT", "Limit", "Reason", "limit_of", "reset_time", "retry_after"]

Reason: TypeAlias = Literal["primary", "secondary", "other"]

LONGEST_WAIT: Final = timedelta(days=1)
"""No upstream is believed to be closed for longer; whatever it says beyond is cut to this."""

SECONDARY_WAIT: Final = timedelta(seconds=60)
"""GitHub: "Otherwise, wait for at least one minute before retrying"."""

_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LARGEST_MESSAGE: Final = 64 * 1024  # bytes; a limit's message is one short sentence
_GITHUB_HEADERS: Final = ("x-github-request-id", "x-ratelimit-resource")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """An announced limit that is spent.

    `kind` is "primary" for a counted quota, "secondary" for GitHub's limit on bursts, "other" for the
    rest. `scope` names the quota ("core", "search"), `limit` is its size in requests.
    """

    kind: Reason
    retry_at: datetime | None = None
    scope: str | None = None
    limit: int | None = None


class _ErrorBody(msgspec.Struct):
    message: str = ""


def limit_of(response: httpx.Response, now: datetime) -> Limit | None:
    """The limit for which a response was refused; None if it was not refused for a limit.

    A 403 counts as one where it says so, so that a spent limit is never taken for a missing permission.

    Args:
        response: Any; its body is looked at if it was read.
        now: Aware; waits that are given in seconds count from here.
    """
    if response.status_code not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
        return None
    kind = _kind(response, _message(response))
    if kind is None:
        return None
    return Limit(
        kind=kind,
        retry_at=_retry_at(kind, response.headers, now),
        scope=_scope(response.headers),
        limit=_number(response.headers.get("x-ratelimit-limit", "")),
    )


def _kind(response: httpx.Response, message: str) -> Reason | None:
    headers = response.headers
    if "secondary rate limit" in message or "abuse detection" in message:
        return "secondary"
    if _is_spent(headers) or "rate limit exceeded" in message:
        return "primary"
    if response.status_code == HTTPStatus.FORBIDDEN:
        return "secondary" if "retry-after" in headers else None
    return "secondary" if any(name in headers for name in _GITHUB_HEADERS) else "other"


def _retry_at(kind: Reason, headers: Mapping[str, str], now: datetime) -> datetime | None:
    told = retry_after(headers, now)
    if told is None and (kind == "primary" or _is_spent(headers)):
        told = reset_time(headers, now)
    if told is None and kind == "secondary":
        told = now + SECONDARY_WAIT
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


def _message(response: httpx.Response) -> str:
    """The `message` of a JSON error body, in lower case; "" where there is none to read."""
    try:
        content = response.content
    except httpx.ResponseNotRead:
        return ""
    if len(content) > _LARGEST_MESSAGE:
        return ""
    try:
        return msgspec.json.decode(content, type=_ErrorBody).message.lower()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""

"""What a token would need for a call that was refused, by what GitHub says of both.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps and
https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#resource-not-accessible
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["lacking", "scopes"]

REFUSED: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
"""GitHub answers 404 too where something private is not to be seen."""

MOST: Final = 8
"""Alternatives that are kept; more would be no help."""

_SCOPE: Final = re.compile(r"[a-z_:-]{1,40}")
_PERMISSIONS: Final = re.compile(r"[a-z_]{1,60}=[a-z]{1,10}(?:, ?[a-z_]{1,60}=[a-z]{1,10}){0,9}")

_HIGHER: Final = ("admin:", "write:", "read:")


def lacking(status: int, headers: Mapping[str, str]) -> tuple[str, ...]:
    """The scopes or permissions of which one would have been needed; () if that is not what was wrong, or not known.

    Args:
        status: Of the answer.
        headers: Its fields.
    """
    if status not in REFUSED or headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers:
        return ()
    if (has := scopes(headers)) is not None:
        needed = _listed(headers.get("x-accepted-oauth-scopes", ""))
        return () if any(_covers(each, scope) for each in has for scope in needed) else needed[:MOST]
    if status != HTTPStatus.FORBIDDEN:
        return ()  # of such a token GitHub tells what is needed only, in every answer
    sets = headers.get("x-accepted-github-permissions", "").split(";")
    return tuple(each.strip() for each in sets if _PERMISSIONS.fullmatch(each.strip()))[:MOST]


def scopes(headers: Mapping[str, str]) -> tuple[str, ...] | None:
    """The scopes of the token of a call; None if it is of a kind that has none."""
    told = headers.get("x-oauth-scopes")
    return None if told is None else _listed(told)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each for part in text.split(",") if _SCOPE.fullmatch(each := part.strip()))


def _covers(has: str, needed: str) -> bool:
    """Whether a scope is another one, or contains it."""
    if has == needed or needed.startswith(f"{has}:") or (has, needed) == ("repo", "public_repo"):
        return True
    held, wanted = _level(has), _level(needed)
    return held is not None and wanted is not None and held[1] == wanted[1] and held[0] < wanted[0]


def _level(scope: str) -> tuple[int, str] | None:
    for rank, prefix in enumerate(_HIGHER):
        if scope.startswith(prefix):
            return rank, scope.removeprefix(prefix)
    return None

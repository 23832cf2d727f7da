"""The `Cache-Control` field, read as RFC 9111, section 5.2 says, and on the safe side where it is damaged."""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Directives: TypeAlias = "Mapping[str, str | None]"
"""Arguments by directive, in lower case; None where one has no argument. Of several equal ones the first counts
(RFC 9111, section 4.2.1)."""

LONGEST: Final = 2**31
"""Seconds; every longer time counts as this (RFC 9111, section 1.2.2)."""

DAMAGED: Final[Directives] = MappingProxyType({"no-cache": None})
"""What a field says in which a quote is never closed: nobody knows where its directives end."""

NOTHING: Final[Directives] = MappingProxyType({})

# Possessive, so that no text takes more than one pass.
_MEMBER: Final = re.compile(r'(?:[^",]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_DIGITS: Final = re.compile(r"[0-9]+")


REMEMBERED: Final = 256
"""Fields whose reading is remembered, and how many characters long one of them may be: there are few different
ones, and each is asked about several times for every call."""


def directives(lines: Iterable[str]) -> Directives:
    """What the lines of a `Cache-Control` field say."""
    told = tuple(lines)
    if not told:
        return NOTHING
    return _remembered(told) if sum(map(len, told)) <= REMEMBERED else _read(told)


def _read(lines: tuple[str, ...]) -> Directives:
    found: dict[str, str | None] = {}
    for line in lines:
        for member in _members(line):
            if member is None:
                return DAMAGED
            if token := _TOKEN.match(member):
                found.setdefault(token[0].lower(), _argument(member[token.end() :]))
    return MappingProxyType(found)


_remembered = lru_cache(maxsize=REMEMBERED)(_read)


def seconds(argument: str | None) -> int | None:
    """Delta-seconds (RFC 9111, section 1.2.2), `LONGEST` at most; None for anything else."""
    if argument is None or not _DIGITS.fullmatch(argument):
        return None
    return min(int(argument.lstrip("0")[:11] or "0"), LONGEST)  # Python reads no number of 4,301 digits


def _members(line: str) -> Iterator[str | None]:
    """The members of a list (RFC 9110, section 5.6.1); None at a quote that is never closed."""
    end = -1
    while end < len(line):
        found = _MEMBER.match(line, end + 1)
        assert found is not None  # it matches the empty text
        end = found.end()
        if line[end : end + 1] == '"':
            yield None
            return
        yield found[0].strip(" \t")


def _argument(rest: str) -> str | None:
    """What follows a directive's name; both forms are taken (RFC 9111, section 5.2).

    Blanks round the "=" stay, for which no number is read: "max-age = 60" is no freshness information.
    """
    argument = rest.removeprefix("=")
    if quoted := _QUOTED.fullmatch(argument):
        return _PAIR.sub(r"\1", quoted[1])
    return argument if rest else None

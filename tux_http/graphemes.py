"""The length of a text to Discord, and cuts that fall between characters as a reader sees them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ELLIPSIS", "beginning", "cut", "width"]

ELLIPSIS: Final = "…"

LONGEST: Final = 32
"""Code points of a grapheme that are kept together. Chains of joined emoji have no end of their own."""


def width(text: str) -> int:
    """UTF-16 units: what Discord's clients count. Its API counts code points, which are never more."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """A text that is no Markdown, with an ellipsis if it does not fit."""
    if width(text) <= limit:
        return text
    return (beginning(text, limit - len(ELLIPSIS)).rstrip() + ELLIPSIS)[: max(limit, 0)]


def beginning(text: str, room: int) -> str:
    """As many graphemes (UAX #29) from a text's start as have room."""
    if text.isascii() and "\r" not in text:
        return text[: max(room, 0)]
    kept: list[str] = []
    for grapheme in _graphemes(text[: max(room, 0) + 1]):  # what that cuts in half has no room
        if (room := room - width(grapheme)) < 0:
            break
        kept.append(grapheme)
    return "".join(kept)


def _graphemes(text: str) -> Iterator[str]:
    for grapheme in _splitter()(text):
        for start in range(0, len(grapheme), LONGEST):
            yield grapheme[start : start + LONGEST]


@functools.cache
def _splitter() -> Callable[[str], list[str]]:
    import regex  # noqa: PLC0415  # costs 10 ms, which only a text that is cut needs

    return cast("Callable[[str], list[str]]", regex.compile(r"\X").findall)

"""`[messages]`: an operator's own words for problems, by their codes."""

from __future__ import annotations

import difflib
import string
from typing import TYPE_CHECKING, Final

import msgspec

from tux_http.markdown import safe_link
from tux_http.problem_texts import TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["EVERY", "Message", "message_for", "problems_with"]

EVERY: Final = "*"
"""Stands for all codes that have no link of their own."""

LONGEST_TITLE: Final = 200
LONGEST_TEXT: Final = 1000
"""Characters."""

NAMES: Final = frozenset({"service", "Service"})


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[messages.CODE]` table; what is "" stays as it is.

    `title` and `text` stand in every language, `text` for what happened and what to do. `link` leads to help.
    """

    title: str = ""
    text: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        for name, given, longest in (("title", self.title, LONGEST_TITLE), ("text", self.text, LONGEST_TEXT)):
            if len(given) > longest:
                raise ValueError(f"{name} must have at most {longest} characters, got {len(given)}")
            if given and not given.strip():
                raise ValueError(f"{name} must not be blank")
        if self.link and safe_link(self.link) is None:
            raise ValueError(
                f"link must be an http or https URL without user and password, got {self.link!r}"
            )


def message_for(code: str, messages: Mapping[str, Message]) -> Message:
    """What is set for a code, with the link of all where it has none of its own."""
    own, every = messages.get(code, Message()), messages.get(EVERY, Message())
    return own if own.link or not every.link else msgspec.structs.replace(own, link=every.link)


def problems_with(messages: Mapping[str, Message]) -> Iterator[tuple[str, str]]:
    """A code, and what is wrong with it or with what is set for it."""
    if not messages:
        return
    from tux_http.problem_table import SILENT  # noqa: PLC0415  # takes discord.py, for which `--help` need not wait

    known = [code for code in TEXTS if code not in SILENT]
    for code, message in messages.items():
        if code == EVERY:
            if message.title or message.text:
                yield code, "can have a link only: one title or text does not fit every problem"
        elif code not in known:
            near = difflib.get_close_matches(code, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "the README lists them"
            yield code, f"is not the code of a problem; {hint}"
        else:
            yield from ((code, problem) for problem in _wrong_names(code, message))


def _wrong_names(code: str, message: Message) -> Iterator[str]:
    for name, given, allowed in (
        ("title", message.title, NAMES),
        ("text", message.text, NAMES | set(_names_in(TEXTS[code].detail))),
    ):
        try:
            unknown = [found for found in _names_in(given) if found not in allowed]
            formed = next(_formed_in(given), None)
        except ValueError:
            yield f"{name} has a brace without its other half; write {{{{ or }}}} for one that is shown"
            continue
        if unknown:
            possible = ", ".join(f"{{{each}}}" for each in sorted(allowed))
            yield f"{name} names {{{unknown[0]}}}, which is not known there; known are {possible}"
        elif formed is not None:
            found, plain = formed
            yield f"{name} has {found}; write {plain}, it is shown as it is"


def _names_in(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]


def _formed_in(text: str) -> Iterator[tuple[str, str]]:
    """Names with a form or a conversion, as they are written, and without it."""
    for _, name, form, conversion in string.Formatter().parse(text):
        if form or conversion:
            how = f"{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}"
            yield f"{{{name}{how}}}", f"{{{name}}}"

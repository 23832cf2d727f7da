"""`Language`: texts, numbers and lists as its readers expect them.

A text is looked up by its English (gettext); the catalogues lie beside this module, and one is read when the
first text of its language is wanted.
"""

from __future__ import annotations

import functools
import gettext
import string
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loguru import logger

from tux_http.languages.forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CATALOGUES", "DOMAIN", "ENGLISH", "N_", "Language"]

DOMAIN: Final = "tux_http"

CATALOGUES: Final = Path(__file__).parent / "catalogues"

OPEN: Final = "…"
"""Stands for a fact that is not known."""

_BROKEN: Final = (LookupError, ValueError)
"""What `_filled` raises for braces that are none of ours."""


def N_(text: str) -> str:  # noqa: N802  # its name in every project with gettext, which tools know
    """Marks a text in data for the catalogues, and gives it back; `Language.gettext` words it later."""
    return text


@dataclass(frozen=True, slots=True)
class Language:
    """One of the languages, by its code: "en", "de", "fr", "es", "pt_BR" or "ja".

    What has no translation is in English, and so is what has a broken one.
    """

    code: str

    def gettext(self, msgid: str, /, **facts: str | float) -> str:
        """A text in this language.

        Args:
            msgid: The English one, as in the code; without facts, braces mean nothing in it.
            facts: What stands for its `{names}`. Numbers are written as `number` does; a fact that is
                not given is left open ("…").
        """
        return self._worded(self._found(msgid), msgid, facts)

    def ngettext(self, singular: str, plural: str, n: int, /, **facts: str | float) -> str:
        """A text that goes by a number, which is its `{n}`."""
        english = singular if n == 1 else plural
        return self._worded(self._found_plural(singular, plural, n), english, {"n": n, **facts})

    def number(self, n: float, places: int | None = None) -> str:
        """With its groups of digits: "1,234,567", "1.234.567,5".

        Args:
            n: Any number.
            places: After the point; if not given, as many as it has.
        """
        form = FORMS[self.code]
        digits = f"{n:,}" if isinstance(n, int) else f"{n:,.15g}"
        if places is not None:
            digits = f"{n:,.{places}f}"
        return digits.translate({ord(","): form.group, ord("."): form.point})

    def listed(self, items: Sequence[str]) -> str:
        """All of them: "one, two, and three"."""
        form = FORMS[self.code]
        match items:
            case [first, last]:
                return form.pair.format(first, last)
            case [*most, last] if most:
                return form.last.format(form.comma.join(most), last)
            case _:
                return "".join(items)

    def _found(self, msgid: str) -> str:
        if self.code == "en" or not msgid:
            return msgid
        return _catalogue(self.code).gettext(msgid)

    def _found_plural(self, singular: str, plural: str, n: int) -> str:
        if self.code == "en":
            return singular if n == 1 else plural
        return _catalogue(self.code).ngettext(singular, plural, n)

    def _worded(self, text: str, english: str, facts: Mapping[str, str | float]) -> str:
        if not facts:
            return text
        shown = {name: fact if isinstance(fact, str) else self.number(fact) for name, fact in facts.items()}
        for template in (text, english):
            try:
                return _filled(template, _Facts(english, shown))
            except _BROKEN:
                continue
        return english


ENGLISH: Final = Language("en")


def _filled(template: str, facts: _Facts) -> str:
    """The template with its facts. Texts are other people's too, so a `{name}` is a name and no more.

    Python's own formatting would give attributes of a fact (`{name.x}`), and as many blanks as one asks for.
    """
    parts: list[str] = []
    for text, name, form, conversion in string.Formatter().parse(template):
        parts.append(text)
        if form or conversion:
            raise ValueError("a fact is shown as it is")
        if name is not None:
            parts.append(facts[name])
    return "".join(parts)


class _Facts(dict[str, str]):
    """A fact that is missing is left open where the English text asks for it, too."""

    def __init__(self, english: str, facts: Mapping[str, str]) -> None:
        super().__init__(facts)
        self._english = english

    def __missing__(self, name: str) -> str:
        if name.isidentifier() and f"{{{name}}}" in self._english:
            return OPEN
        raise KeyError(name)


@functools.cache
def _catalogue(code: str) -> gettext.NullTranslations:
    file = CATALOGUES / code / "LC_MESSAGES" / f"{DOMAIN}.mo"
    try:
        with file.open("rb") as opened:
            return gettext.GNUTranslations(opened)
    except (OSError, ValueError, LookupError, struct.error) as exc:
        logger.warning("{} can't be read ({}): its language is English now", file, type(exc).__name__)
        return gettext.NullTranslations()

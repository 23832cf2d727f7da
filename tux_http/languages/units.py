"""Times and sizes in units that people use, in their language."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from tux_http.languages.language import ENGLISH, N_

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.languages.language import Language

__all__ = ["age", "duration", "size"]

_DAY: Final = N_("{n} d")
_HOUR: Final = N_("{n} h")
_MINUTE: Final = N_("{n} min")
_SECOND: Final = N_("{n} s")

_UNITS: Final = ((86_400, _DAY), (3600, _HOUR), (60, _MINUTE), (1, _SECOND))

_SIZES: Final = (N_("{n} kB"), N_("{n} MB"), N_("{n} GB"))


def age(seconds: float, language: Language = ENGLISH) -> str:
    """In the largest unit that fits, and the next one from an hour on; cut, not rounded: "2 h 5 min"."""
    whole = max(int(seconds), 0)
    for (unit, name), (smaller, smaller_name) in itertools.pairwise(_UNITS):
        if whole >= unit:
            parts = ((whole // unit, name), (whole % unit // smaller, smaller_name))
            return _joined(parts if unit > 60 else parts[:1], language)  # noqa: PLR2004  # a minute
    return language.gettext(_SECOND, n=whole)


def duration(seconds: float, language: Language = ENGLISH) -> str:
    """In hours, minutes and seconds, those that are there: "3 min 12 s"."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, _HOUR), (minutes, _MINUTE), (rest, _SECOND))
    return _joined(parts, language) or language.gettext(_SECOND, n=0)


def size(count: float, language: Language = ENGLISH) -> str:
    """Of bytes, in powers of a thousand: "10 MB"."""
    if count < 1000:  # noqa: PLR2004  # what people call a kilobyte
        return language.ngettext("{n} byte", "{n} bytes", round(count))
    for unit in _SIZES:
        count /= 1000
        if count < 1000 or unit is _SIZES[-1]:  # noqa: PLR2004  # and so on
            return language.gettext(unit, n=round(count))
    raise AssertionError


def _joined(parts: tuple[tuple[int, str], ...], language: Language) -> str:
    return " ".join(_named(parts, language))


def _named(parts: tuple[tuple[int, str], ...], language: Language) -> Iterator[str]:
    return (language.gettext(name, n=count) for count, name in parts if count)

"""Dates of HTTP (RFC 9110, section 5.6.7), read as strictly as freshness needs them (RFC 9111, section 4.2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_MONTH: Final = r"(?P<month>[a-z]{3})"
_TIME: Final = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS: Final = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"[a-z]{{3}}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"[a-z]{{6,9}}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",  # RFC 850
        rf"[a-z]{{3}} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",  # asctime
    )
)

_EXAMPLE: Final = "Sun, 06 Nov 1994 08:49:37 GMT"

_LEAP_SECOND: Final = 60


def unix_time(text: str, *, near: float) -> float | None:
    """The Unix time of an HTTP date, in any of its three forms and in any case; None if it is none.

    Other zones than GMT are none (RFC 9111, section 4.2). A day of the week is not compared with its date.

    Args:
        text: A field's value.
        near: A Unix time; a year of two digits is at most 50 years after it.
    """
    usual = _usual(text) if len(text) == len(_EXAMPLE) else None
    return _read(text.strip(), near) if usual is None else usual


@lru_cache(maxsize=256)  # answers of one moment have the same one, and each is read several times
def _usual(text: str) -> float | None:
    """As above, of the first form, whose year has four digits."""
    return None if _FORMS[0].fullmatch(text) is None else _read(text, 0.0)


def _read(text: str, near: float) -> float | None:
    found = next(filter(None, (form.fullmatch(text) for form in _FORMS)), None)
    if found is None or found["month"].lower() not in _MONTHS:
        return None
    time = {name: int(found[name]) for name in ("day", "hour", "minute", "second")}
    if time["second"] == _LEAP_SECOND:
        time["second"] -= 1  # "the nearest time equal to or earlier" (RFC 9111, section 4.2)
    try:
        month = _MONTHS.index(found["month"].lower()) + 1
        return datetime(_year(found["year"], near), month, **time, tzinfo=UTC).timestamp()
    except ValueError:  # such as the 31st of February
        return None


def _year(digits: str, near: float) -> int:
    if len(digits) > len("99"):
        return int(digits)
    latest = datetime.fromtimestamp(near, UTC).year + 50
    return latest - (latest - int(digits)) % 100

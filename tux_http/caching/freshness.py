"""For how long a stored answer is good, by RFC 9111 for a private cache and RFC 5861.

Times are Unix times in seconds. Where an answer's fields make no sense it counts as stale (RFC 9111, section
4.2.1), and where there is a choice the stricter one is taken: a field-specific `no-cache` is one for the whole
answer (section 5.2.2.4), and `s-maxage` and `proxy-revalidate` mean nothing here.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from tux_http.caching.cache_control import LONGEST, directives, seconds
from tux_http.caching.http_date import unix_time

if TYPE_CHECKING:
    import httpx

    from tux_http.caching.cache_control import Directives
    from tux_http.caching.stored import Stored
    from tux_http.policy import Caching

HEURISTICALLY_CACHEABLE: Final = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""Statuses that may be kept without a word from the upstream (RFC 9110, section 15.1)."""

HEURISTIC_FRACTION: Final = 0.1
"""Of the time for which it had not changed, for how long an answer is good (RFC 9111, section 4.2.2)."""

LONGEST_HEURISTIC: Final = 3600.0
"""Seconds; a guess is not believed for longer."""

WORTH_VALIDATING: Final = 86400.0
"""Seconds for which an answer is kept whose validator may yet save an upstream the work."""


class Use(Enum):
    """What a stored answer is good for, to one request."""

    FRESH = "fresh"
    """To be given as it is."""
    REFRESH = "refresh"
    """To be given at once, while a new one is fetched (RFC 5861, section 3)."""
    STALE = "stale"
    """To be given only once the upstream has been asked."""


def use_of(stored: Stored, headers: httpx.Headers, caching: Caching, now: float) -> Use:
    """What an answer is good for, to a request with these fields (RFC 9111, sections 4.2.4 and 5.2.1)."""
    terms, asked = terms_of(stored, caching), directives(headers.get_list("cache-control"))
    told, old, good_for = terms.told, terms.age(now), terms.lifetime
    if _is_always_validated(told) or _asks_upstream(headers, asked):
        return Use.STALE
    if not _is_young_enough(asked, old):
        return Use.STALE
    left = good_for - old
    if left > 0:
        return Use.FRESH if left >= _least_fresh(asked) else Use.STALE
    if "must-revalidate" in told or "min-fresh" in asked:
        return Use.STALE
    if "max-stale" in asked:
        return Use.FRESH if -left < _most_stale(asked) else Use.STALE
    behind = "max-age" not in asked and -left < _window(told, good_for, caching)
    return Use.REFRESH if behind else Use.STALE


def may_stand_in(stored: Stored, caching: Caching, now: float) -> bool:
    """Whether an answer may be given in place of an upstream's failure (RFC 5861, section 4)."""
    terms = terms_of(stored, caching)
    return terms.age(now) <= _longest_stand_in(terms)


class Terms(NamedTuple):
    """What an answer says of its own worth, read once."""

    stored: Stored
    caching: Caching
    told: Directives
    lifetime: float
    initial_age: float

    def keep_for(self, now: float) -> float:
        """For how many seconds it is worth storing: while it, or its validator, can be used at all."""
        stored, told, good_for = self.stored, self.told, self.lifetime
        if "no-store" in told:
            return 0.0
        oldest = [0.0, _longest_stand_in(self)]
        if not _is_always_validated(told):
            oldest.append(good_for + _window(told, good_for, self.caching))
        if stored.field("etag") or stored.field("last-modified"):
            oldest.append(good_for + WORTH_VALIDATING)
        return _bounded(max(oldest) - self.age(now), LONGEST)

    def fresh_until(self) -> float:
        """Until when it is fresh for a request that asks for nothing special; -inf if it never is.

        Said of times from `received_at` on: of a clock that was put back to before, ask `use_of`.
        """
        if _is_always_validated(self.told):
            return -math.inf
        return self.stored.received_at + self.lifetime - self.initial_age

    def age(self, now: float) -> float:
        """As the function below."""
        return self.initial_age + abs(now - self.stored.received_at)


def terms_of(stored: Stored, caching: Caching) -> Terms:
    told = _told(stored)
    return Terms(stored, caching, told, _lifetime(stored, told, caching), _initial_age(stored))


def age(stored: Stored, now: float) -> float:
    """How old an answer is, in seconds (RFC 9111, section 4.2.3).

    After a clock was put back, nobody knows; then it is by how much, so that nothing is good for longer.
    """
    return _initial_age(stored) + abs(now - stored.received_at)


def _initial_age(stored: Stored) -> float:
    """`corrected_initial_age` of RFC 9111, section 4.2.3."""
    apparent_age = max(0.0, stored.received_at - _date(stored))
    response_delay = abs(stored.received_at - stored.requested_at)
    first = (
        (_first(stored, "age") or "").split(",")[0].strip()
    )  # section 5.1: of several the first one counts
    return max(apparent_age, (seconds(first) or 0) + response_delay)


def lifetime(stored: Stored, caching: Caching) -> float:
    """For how many seconds an answer is good from when it was made (RFC 9111, section 4.2.1)."""
    return _lifetime(stored, _told(stored), caching)


def _lifetime(stored: Stored, told: Directives, caching: Caching) -> float:
    if "max-age" in told:
        return float(seconds(told["max-age"]) or 0)
    if (expires := _first(stored, "expires")) is not None:
        expires_at = unix_time(expires, near=stored.received_at)
        return 0.0 if expires_at is None else _bounded(expires_at - _date(stored), LONGEST)
    if stored.status not in HEURISTICALLY_CACHEABLE and "public" not in told:
        return 0.0
    if caching.default_ttl > 0:
        return _bounded(caching.default_ttl, LONGEST)
    return _heuristic(stored)


def _heuristic(stored: Stored) -> float:
    """A guess by how long it had not changed (RFC 9111, section 4.2.2)."""
    modified_at = unix_time(_first(stored, "last-modified") or "", near=stored.received_at)
    if modified_at is None:
        return 0.0
    return _bounded((_date(stored) - modified_at) * HEURISTIC_FRACTION, LONGEST_HEURISTIC)


def _bounded(value: float, most: float) -> float:
    return min(max(0.0, value), most)


def _date(stored: Stored) -> float:
    """When an answer was made; when it came, if it does not say (RFC 9110, section 6.6.1)."""
    told = unix_time(_first(stored, "date") or "", near=stored.received_at)
    return stored.received_at if told is None else told


def _first(stored: Stored, name: str) -> str | None:
    """The first line of a field that should have one only (RFC 9111, section 4.2.1)."""
    return next((value for key, value in stored.headers if key == name), None)


def _told(stored: Stored) -> Directives:
    return directives(value for key, value in stored.headers if key == "cache-control")


def _is_always_validated(told: Directives) -> bool:
    # `no-store` gets here only by a 304 that takes back what was allowed before.
    return "no-cache" in told or "no-store" in told


def _asks_upstream(headers: httpx.Headers, asked: Directives) -> bool:
    """Whether a request wants the upstream to be asked (RFC 9111, sections 5.2.1.4, 5.2.1.5 and 5.4)."""
    if "cache-control" not in headers:
        return "no-cache" in directives(headers.get_list("pragma"))
    return "no-cache" in asked or "no-store" in asked


def _is_young_enough(asked: Directives, old: float) -> bool:
    """As `max-age` of a request asks (RFC 9111, section 5.2.1.1); one that makes no sense finds all too old."""
    if "max-age" not in asked:
        return True
    most = seconds(asked["max-age"])
    return most is not None and old <= most


def _least_fresh(asked: Directives) -> float:
    """How long an answer must still be fresh (RFC 9111, section 5.2.1.3); for ever, if that makes no sense."""
    if "min-fresh" not in asked:
        return 0.0
    least = seconds(asked["min-fresh"])
    return math.inf if least is None else least


def _most_stale(asked: Directives) -> float:
    """For how long past its time a request takes an answer (RFC 9111, section 5.2.1.2)."""
    argument = asked["max-stale"]
    return math.inf if argument is None else seconds(argument) or 0


def _window(told: Directives, good_for: float, caching: Caching) -> float:
    """For how long past its time an answer is given while a new one is fetched (RFC 5861, section 3).

    One that never was fresh is not, unless it says so itself: its upstream wants to be asked each time.
    """
    if not caching.stale_while_revalidate > 0 or "must-revalidate" in told:
        return 0.0
    if "stale-while-revalidate" in told:
        return seconds(told["stale-while-revalidate"]) or 0.0
    return caching.stale_while_revalidate if good_for > 0 else 0.0


def _longest_stand_in(terms: Terms) -> float:
    """The age up to which an answer may stand in; -inf if it must not (RFC 9111, section 4.2.4)."""
    told, caching = terms.told, terms.caching
    if _is_always_validated(told) or "must-revalidate" in told or not caching.stale_if_error > 0:
        return -math.inf
    if "stale-if-error" not in told:
        return caching.stale_if_error
    return min(caching.stale_if_error, terms.lifetime + (seconds(told["stale-if-error"]) or 0))

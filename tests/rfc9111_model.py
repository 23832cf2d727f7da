"""Freshness, told a second time: slowly, second by second, from the text of RFC 9111 and RFC 5861.

Nothing here reads a header. An `Answer` and an `Asked` say in plain values what an upstream and a caller mean;
`fields()` writes that as the headers that the cache gets. `permitted` says what a private cache may then do.
All times are whole Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from hypothesis import strategies as st

Way = Literal["fresh", "refresh", "stand in"]
"""To use a stored answer as it is; to use it and ask the upstream behind; to use it where the upstream fails."""

START: Final = 1_772_366_400
"""1 March 2026, 12:00."""

NONSENSE: Final = "nonsense"
"""What stands where a number or a date should, and is none."""

GUESSABLE: Final = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501}

Control = dict[str, int | str | None]
"""Directives: a number, None for no argument, text for any other one."""


@dataclass(frozen=True)
class Answer:
    """What an upstream said; None where it said nothing. `took` is how long the request was under way."""

    status: int = 200
    control: Control = field(default_factory=dict[str, int | str | None])
    date: int | None = None
    age: int | str | None = None
    expires: int | str | None = None
    last_modified: int | None = None
    came_at: int = START
    took: int = 0

    def fields(self) -> list[tuple[str, str]]:
        """As header fields."""
        told = [
            ("date", _as_date(self.date)),
            ("age", None if self.age is None else str(self.age)),
            ("expires", _as_date(self.expires)),
            ("last-modified", _as_date(self.last_modified)),
            ("cache-control", _as_control(self.control) or None),
        ]
        return [(name, value) for name, value in told if value is not None]


@dataclass(frozen=True)
class Asked:
    """What a caller asks for."""

    control: Control = field(default_factory=dict[str, int | str | None])
    pragma: bool = False

    def fields(self) -> list[tuple[str, str]]:
        """As header fields."""
        told = [("cache-control", _as_control(self.control))] if self.control else []
        return [*told, ("pragma", "no-cache")] if self.pragma else told


NOTHING_SPECIAL: Final = Asked()


@dataclass(frozen=True)
class Rules:
    """What an operator allows, in seconds."""

    default_ttl: int = 0
    stale_if_error: int = 86400
    stale_while_revalidate: int = 60


def permitted(answer: Answer, asked: Asked, rules: Rules, now: int) -> set[Way]:
    """What may be done with a stored answer. Asking the upstream first always may."""
    told = answer.control
    if "no-cache" in told or "no-store" in told:  # 5.2.2.4, 5.2.2.5
        return set()
    old, left = _lived(answer, rules, now)
    ways: set[Way] = set()
    for way in ("fresh", "refresh", "stand in"):
        if left > 0 or _may_be_stale(way, answer, asked, rules, past=-left, old=old):
            ways.add(way)
    if not _suits(asked, old, left):
        ways -= {"fresh", "refresh"}
    return ways


def _lived(answer: Answer, rules: Rules, now: int) -> tuple[int, float]:
    """Lets an answer grow old, second by second; returns how old it is, and how much of its life is left."""
    date = answer.came_at if answer.date is None else answer.date
    told = answer.age if isinstance(answer.age, int) else 0
    old = max(answer.came_at - date, told + answer.took, 0)  # 4.2.3
    left = _life(answer, rules, date) - old
    # A clock that was put back says nothing of how long the answer has been here: as long as it was put back.
    for _ in range(answer.came_at, now) or range(now, answer.came_at):
        old += 1
        left -= 1
    return old, left


def _life(answer: Answer, rules: Rules, date: int) -> float:
    """4.2.1: "the first match of the following"."""
    if "max-age" in answer.control:
        seconds = answer.control["max-age"]
        return seconds if isinstance(seconds, int) else 0
    if answer.expires is not None:
        return max(0, answer.expires - date) if isinstance(answer.expires, int) else 0
    if answer.status not in GUESSABLE and "public" not in answer.control:  # 4.2.2
        return 0
    if rules.default_ttl:
        return rules.default_ttl
    if answer.last_modified is None or answer.last_modified > date:
        return 0
    return min(3600, (date - answer.last_modified) / 10)


def _may_be_stale(way: Way, answer: Answer, asked: Asked, rules: Rules, *, past: float, old: int) -> bool:
    told = answer.control
    if "must-revalidate" in told:  # 5.2.2.2
        return False
    if way == "fresh":  # 5.2.1.2
        return "max-stale" in asked.control and _within(past, asked.control["max-stale"], anything=True)
    if way == "refresh":  # RFC 5861, section 3
        if {"max-age", "max-stale", "min-fresh"} & asked.control.keys():
            return False
        return rules.stale_while_revalidate > 0 and _within(
            past, told.get("stale-while-revalidate", rules.stale_while_revalidate)
        )
    if old > rules.stale_if_error:
        return False
    bound = told.get("stale-if-error", old)  # RFC 5861, section 4
    return past <= (bound if isinstance(bound, int) else 0)


def _within(past: float, bound: int | str | None, *, anything: bool = False) -> bool:
    return past <= bound if isinstance(bound, int) else anything and bound is None


def _suits(asked: Asked, old: int, left: float) -> bool:
    if "no-cache" in asked.control or "no-store" in asked.control or (asked.pragma and not asked.control):
        return False
    if "max-age" in asked.control:  # 5.2.1.1
        most = asked.control["max-age"]
        if not isinstance(most, int) or old > most:
            return False
    if "min-fresh" in asked.control:  # 5.2.1.3
        least = asked.control["min-fresh"]
        return isinstance(least, int) and left >= least
    return True


def _as_date(time: int | str | None) -> str | None:
    if not isinstance(time, int):
        return time
    return datetime.fromtimestamp(time, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def _as_control(control: Control) -> str:
    return ", ".join(name if value is None else f"{name}={value}" for name, value in control.items())


# What may happen, for hypothesis. Most of it lies close together, so that bounds are met.

SECONDS: Final = st.sampled_from([0, 1, 2, 5, 10, 30, 60, 61, 90, 120, 600]) | st.integers(0, 4000)
ARGUMENT: Final[st.SearchStrategy[int | str | None]] = st.one_of(
    SECONDS, SECONDS, SECONDS, st.sampled_from([NONSENSE, "-1", "1.5"])
)
NO_ARGUMENT: Final[st.SearchStrategy[int | str | None]] = st.none()


def _control(often: str, **others: st.SearchStrategy[int | str | None]) -> st.SearchStrategy[Control]:
    """One directive, half of the time, and at times up to two others."""
    rarely = {name.replace("_", "-"): argument for name, argument in others.items()}

    def some(names: list[str]) -> st.SearchStrategy[Control]:
        chosen: dict[str, st.SearchStrategy[int | str | None]] = {name: rarely[name] for name in names}
        return st.fixed_dictionaries(chosen, optional={often: ARGUMENT})

    return st.lists(st.sampled_from(sorted(rarely)), max_size=2, unique=True).flatmap(some)


TOLD_CONTROL: Final = _control(
    "max-age",
    s_maxage=SECONDS,
    no_cache=NO_ARGUMENT | st.just('"x-field"'),
    no_store=NO_ARGUMENT,
    must_revalidate=NO_ARGUMENT,
    proxy_revalidate=NO_ARGUMENT,
    public=NO_ARGUMENT,
    private=NO_ARGUMENT,
    stale_while_revalidate=ARGUMENT,
    stale_if_error=ARGUMENT,
)

ASKED_CONTROL: Final = _control(
    "max-age",
    min_fresh=ARGUMENT,
    max_stale=NO_ARGUMENT | ARGUMENT,
    no_cache=NO_ARGUMENT,
    no_store=NO_ARGUMENT,
    no_transform=NO_ARGUMENT,
)


def _times(before: int, after: int) -> st.SearchStrategy[int]:
    return st.integers(-before, after).map(lambda seconds: START + seconds)


def answers(came_at: st.SearchStrategy[int] | None = None) -> st.SearchStrategy[Answer]:
    """Answers of an upstream that says much, little or nonsense."""
    return st.builds(
        Answer,
        status=st.sampled_from([200, 200, 200, 302, 404, 418]),
        control=TOLD_CONTROL,
        date=st.none() | _times(10, 10) | _times(100, 0),
        age=st.sampled_from([None, None, None, 0, 1, 5]) | ARGUMENT,
        expires=st.none() | _times(100, 300) | st.sampled_from(["0", "-1", NONSENSE]),
        last_modified=st.none() | _times(50_000, 10),
        came_at=st.just(START) if came_at is None else came_at,
        took=st.sampled_from([0, 0, 0, 1, 7]),
    )


def questions() -> st.SearchStrategy[Asked]:
    """Requests, most of which ask for nothing special."""
    special = st.builds(Asked, control=ASKED_CONTROL, pragma=st.booleans())
    return st.just(NOTHING_SPECIAL) | special


def operators() -> st.SearchStrategy[Rules]:
    """What operators allow."""
    return st.builds(
        Rules,
        default_ttl=st.sampled_from([0, 0, 5, 60]),
        stale_if_error=st.sampled_from([0, 10, 600, 86400]),
        stale_while_revalidate=st.sampled_from([0, 10, 60]),
    )

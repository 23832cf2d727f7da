"""Freshness on any course of events: never good for more than the slow model of the RFCs permits."""

from __future__ import annotations

import math
from typing import Any

import httpx
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.rfc9111_model import (
    NOTHING_SPECIAL,
    START,
    Answer,
    Asked,
    Rules,
    answers,
    operators,
    permitted,
    questions,
)
from tux_http.caching.freshness import Use, age, lifetime, may_stand_in, terms_of, use_of
from tux_http.caching.stored import Stored
from tux_http.policy import Caching

MOMENTS = (st.integers(-5, 130) | st.integers(-200, 5000)).map(lambda seconds: START + seconds)


def stored_of(answer: Answer) -> Stored:
    return Stored(
        method="GET",
        status=answer.status,
        headers=tuple(answer.fields()),
        body=b"",
        requested_at=answer.came_at - answer.took,
        received_at=answer.came_at,
    )


def caching_of(rules: Rules) -> Caching:
    return Caching(
        default_ttl=rules.default_ttl,
        stale_if_error=rules.stale_if_error,
        stale_while_revalidate=rules.stale_while_revalidate,
    )


def edges(answer: Answer, rules: Rules) -> list[int]:
    """Moments near to where something ends."""
    until = terms_of(stored_of(answer), caching_of(rules)).fresh_until()
    ends = [until + window for window in (0, 5, 10, 60) if math.isfinite(until)]
    return [int(end) + seconds for end in ends for seconds in (-1, 0, 1)]


def used(answer: Answer, asked: Asked, rules: Rules, now: float) -> Use:
    return use_of(stored_of(answer), httpx.Headers(asked.fields()), caching_of(rules), now)


@settings(max_examples=600)
@given(answers(), questions(), operators(), st.lists(MOMENTS, min_size=1, max_size=4))
def test_nothing_is_served_that_the_model_forbids(
    answer: Answer, asked: Asked, rules: Rules, moments: list[int]
) -> None:
    for now in moments + edges(answer, rules):
        ways = permitted(answer, asked, rules, now)
        use = used(answer, asked, rules, now)
        event(use.value)
        assert use is not Use.FRESH or "fresh" in ways
        assert use is not Use.REFRESH or "refresh" in ways


@settings(max_examples=400)
@given(answers(), operators(), MOMENTS)
def test_what_is_fresh_by_the_model_is_served_to_who_asks_for_nothing_special(
    answer: Answer, rules: Rules, moment: int
) -> None:
    for now in [moment, *edges(answer, rules)]:
        ways = permitted(answer, NOTHING_SPECIAL, rules, now)
        assert (used(answer, NOTHING_SPECIAL, rules, now) is Use.FRESH) == ("fresh" in ways)


@settings(max_examples=400)
@given(answers(), operators(), MOMENTS)
def test_an_answer_stands_in_for_a_failure_as_the_model_permits(
    answer: Answer, rules: Rules, now: int
) -> None:
    may = may_stand_in(stored_of(answer), caching_of(rules), now)
    event("stands in" if may else "does not")
    assert not may or "stand in" in permitted(answer, NOTHING_SPECIAL, rules, now)


@settings(max_examples=400)
@given(answers(), operators(), MOMENTS)
def test_the_moment_until_which_an_answer_is_fresh_agrees_with_its_use(
    answer: Answer, rules: Rules, now: int
) -> None:
    fresh = now < terms_of(stored_of(answer), caching_of(rules)).fresh_until() and now >= answer.came_at
    assert not fresh or used(answer, NOTHING_SPECIAL, rules, now) is Use.FRESH
    if now >= answer.came_at:
        assert fresh == (used(answer, NOTHING_SPECIAL, rules, now) is Use.FRESH)


@settings(max_examples=400)
@given(answers(), operators(), st.integers(0, 100_000))
def test_nothing_is_thrown_away_that_is_good_yet(answer: Answer, rules: Rules, later: int) -> None:
    stored, caching = stored_of(answer), caching_of(rules)
    if later > terms_of(stored, caching).keep_for(answer.came_at):
        now = answer.came_at + later
        assert used(answer, NOTHING_SPECIAL, rules, now) is Use.STALE
        assert not may_stand_in(stored, caching, now)


# Any text at all

NAMES = st.sampled_from(["age", "cache-control", "date", "expires", "last-modified", "pragma", "etag"])
DIRECTIVES = st.sampled_from(
    ["max-age", "max-stale", "min-fresh", "must-revalidate", "no-cache", "public", "stale-if-error"]
)
SIGNS = st.sampled_from(["=", '"', "\\", ",", ";", " ", "-", "60", "\xb2", "9" * 5000, "1e999", "nan", "inf"])
DATES = st.sampled_from(
    [
        "Sun, 01 Mar 2026 12:00:00 GMT",
        "Sunday, 01-Mar-26 12:00:00 GMT",
        "Sun Mar  1 12:00:00 2026",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        "Mon, 01 Jan 0000 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 GMT",
    ]
)
VALUES = st.one_of(
    st.text(st.characters(codec="latin-1"), max_size=30),
    st.lists(DIRECTIVES | SIGNS, max_size=8).map("".join),
    DATES,
    st.lists(SIGNS | DATES, max_size=4).map("".join),
)
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=6)
NUMBERS = st.floats(0, allow_nan=False)
CACHING = st.builds(Caching, default_ttl=NUMBERS, stale_if_error=NUMBERS, stale_while_revalidate=NUMBERS)
TIMES = st.floats(0, 2.0**33)


@settings(max_examples=600)
@given(LINES, LINES, CACHING, TIMES, TIMES, TIMES)
def test_no_header_raises_or_makes_a_time_that_is_none(
    told: Any, asked: Any, caching: Caching, requested_at: float, received_at: float, now: float
) -> None:
    stored = Stored(
        method="GET",
        status=200,
        headers=tuple(told),
        body=b"",
        requested_at=requested_at,
        received_at=received_at,
    )
    headers = httpx.Headers([(name.encode(), value.encode("utf-8")) for name, value in asked])
    assert isinstance(use_of(stored, headers, caching, now), Use)
    assert isinstance(may_stand_in(stored, caching, now), bool)
    assert 0 <= age(stored, now) < math.inf
    assert 0 <= lifetime(stored, caching) <= 2**31
    assert 0 <= terms_of(stored, caching).keep_for(now) <= 2**31
    assert terms_of(stored, caching).fresh_until() < math.inf  # so it is no NaN

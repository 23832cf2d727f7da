"""For how long an answer is good, in numbers: RFC 9111, sections 4.2 and 5.2, and RFC 5861."""

from __future__ import annotations

import math
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from tux_http.caching.freshness import (
    WORTH_VALIDATING,
    Use,
    age,
    lifetime,
    may_stand_in,
    terms_of,
    use_of,
)
from tux_http.caching.stored import Stored
from tux_http.policy import Caching

NOW = 1_772_366_400.0  # 1 March 2026, 12:00
DAY = 86400.0
MOST = 2.0**31
PLAIN = Caching(stale_if_error=0, stale_while_revalidate=0)
KIND = Caching(stale_if_error=600, stale_while_revalidate=60)


def date(after: float = 0) -> str:
    return formatdate(NOW + after, usegmt=True)


def stored(*lines: tuple[str, str], status: int = 200, took: float = 0, **fields: str) -> Stored:
    """An answer that came at `NOW`, with `fields` and further `lines`."""
    named = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return Stored(
        method="GET",
        status=status,
        headers=named + lines,
        body=b"",
        requested_at=NOW - took,
        received_at=NOW,
    )


def used(answer: Stored, now: float, caching: Caching = KIND, **asked: str) -> Use:
    headers = httpx.Headers({name.replace("_", "-"): value for name, value in asked.items()})
    return use_of(answer, headers, caching, NOW + now)


# Age: section 4.2.3


@pytest.mark.parametrize(
    ("answer", "old"),
    [
        (stored(), 0),  # without a Date it is of when it came (RFC 9110, section 6.6.1)
        (stored(date=date()), 0),
        (stored(date=date(-20)), 20),  # apparent_age
        (stored(date=date(20)), 0),  # the upstream's clock is ahead
        (stored(date="yesterday"), 0),
        (stored(date=date(), took=3), 3),  # response_delay
        (stored(date=date(-20), took=3), 20),
        (stored(age="30"), 30),
        (stored(age="30", date=date(-20)), 30),
        (stored(age="30", date=date(-40)), 40),
        (stored(age="30", date=date(-20), took=3), 33),  # corrected_age_value
        (stored(age="30, 50"), 30),  # section 5.1: the first of several
        (stored(("age", "30"), ("age", "50")), 30),
        (stored(age=" 30 "), 30),
        (stored(age="-30"), 0),  # section 5.1: an invalid one is ignored
        (stored(age="1.5"), 0),
        (stored(age=""), 0),
        (stored(age="old, 30"), 0),
        (stored(age="9" * 5000), MOST),  # section 1.2.2
        (stored(took=-3), 3),  # the clock was put back while the answer was under way
    ],
)
def test_an_answer_is_as_old_as_its_fields_say(answer: Stored, old: float) -> None:
    assert age(answer, NOW) == old
    assert age(answer, NOW + 7.5) == old + 7.5


def test_an_answer_grows_no_younger_when_the_clock_is_put_back() -> None:
    answer = stored(age="30", cache_control="max-age=60")
    assert age(answer, NOW - 10) == 40
    assert used(answer, -10) is Use.FRESH
    assert used(answer, -30, PLAIN) is Use.STALE
    assert used(answer, -DAY) is Use.STALE


# Freshness lifetime: section 4.2.1


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (stored(cache_control="max-age=60"), 60),
        (stored(cache_control='MAX-AGE="60"'), 60),
        (stored(cache_control="max-age=0"), 0),
        (stored(cache_control="s-maxage=600, max-age=60"), 60),  # s-maxage is for shared caches
        (stored(cache_control="max-age=60", expires=date(600)), 60),  # max-age goes first
        (stored(cache_control="max-age=x", expires=date(600)), 0),  # invalid: stale
        (stored(cache_control="max-age", expires=date(600)), 0),
        (stored(cache_control="max-age=-1"), 0),
        (stored(cache_control="max-age=60.5"), 0),
        (stored(cache_control="max-age = 60"), 0),
        (stored(cache_control="max-age=60, max-age=600"), 60),  # of several the first
        (stored(cache_control="max-age=2147483649"), MOST),  # section 1.2.2
        (stored(cache_control=f"max-age={'9' * 5000}"), MOST),
        (stored(expires=date(600)), 600),
        (stored(expires=date(600), date=date(-20)), 620),  # Expires - Date
        (stored(expires=date(600), date=date(20)), 580),
        (stored(expires=date(600), date="yesterday"), 600),
        (stored(expires=date(-600)), 0),
        (stored(expires="0"), 0),  # section 5.3: in the past, that is already expired
        (stored(expires="-1"), 0),
        (stored(expires=""), 0),
        (stored(expires="Sun, 01 Mar 2026 13:00:00 EST"), 0),
        (stored(("expires", date(600)), ("expires", date(900))), 600),
        (stored(expires=f"{date(600)}, {date(900)}"), 0),
        (stored(expires="Fri, 31 Dec 9999 23:59:59 GMT"), MOST),
        (stored(expires=date(600), status=418), 600),  # explicit, of any status
    ],
)
def test_an_answer_is_good_for_as_long_as_it_says(answer: Stored, seconds: float) -> None:
    assert lifetime(answer, PLAIN) == seconds
    assert lifetime(answer, Caching(default_ttl=5)) == seconds


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (stored(), 0),
        (stored(cache_control="s-maxage=600"), 0),
        (stored(last_modified=date(-1000)), 100),  # 10 % of the time since
        (stored(last_modified=date(-1000), date=date(-500)), 50),
        (stored(last_modified=date(-DAY * 365)), 3600),  # a guess is good for one hour at most
        (stored(last_modified=date(1000)), 0),
        (stored(last_modified="yesterday"), 0),
        (stored(last_modified=date(-1000), expires="0"), 0),  # not where a time is given, be it in vain
        (stored(last_modified=date(-1000), cache_control="max-age=x"), 0),
        (stored(last_modified=date(-1000), status=404), 100),
        (stored(last_modified=date(-1000), status=302), 0),  # not heuristically cacheable
        (stored(last_modified=date(-1000), status=302, cache_control="public"), 100),
    ],
)
def test_where_an_upstream_says_nothing_it_is_guessed(answer: Stored, seconds: float) -> None:
    assert lifetime(answer, PLAIN) == seconds


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (stored(), 5),
        (stored(cache_control="s-maxage=600"), 5),
        (stored(last_modified=date(-1000)), 5),
        (stored(cache_control="max-age=60"), 60),
        (stored(expires="0"), 0),
        (stored(status=302), 0),
        (stored(status=302, cache_control="public"), 5),
    ],
)
def test_the_default_of_an_api_goes_before_a_guess(answer: Stored, seconds: float) -> None:
    assert lifetime(answer, Caching(default_ttl=5)) == seconds


def test_no_default_is_longer_than_the_longest_time() -> None:
    assert lifetime(stored(), Caching(default_ttl=math.inf)) == MOST


# Until when: section 4.2


@pytest.mark.parametrize(
    ("answer", "until"),
    [
        (stored(cache_control="max-age=60"), 60),
        (stored(cache_control="max-age=60", age="50", took=3), 7),
        (stored(cache_control="max-age=60", age="100"), -40),
        (stored(cache_control="no-cache, max-age=60"), -math.inf),
        (stored(cache_control='no-cache="x-one", max-age=60'), -math.inf),
        (stored(cache_control="no-store, max-age=60"), -math.inf),  # as a 304 may say
        (stored(cache_control='max-age=60, x="'), -math.inf),  # who knows what it hides
    ],
)
def test_an_answer_is_fresh_until_a_moment(answer: Stored, until: float) -> None:
    assert terms_of(answer, KIND).fresh_until() == NOW + until
    assert used(answer, max(until, 0), PLAIN) is Use.STALE
    if until > 0:
        assert used(answer, until - 0.001) is Use.FRESH


# What a request asks: section 5.2.1

OF_A_MINUTE = stored(cache_control="max-age=60")


@pytest.mark.parametrize(
    ("asked", "now", "use"),
    [
        ("", 59, Use.FRESH),
        ("no-transform", 59, Use.FRESH),
        ("no-cache", 0, Use.STALE),
        ("no-store", 0, Use.STALE),
        ('x="', 0, Use.STALE),  # damaged
        ("max-age=0", 0, Use.FRESH),
        ("max-age=0", 1, Use.STALE),
        ("max-age=30", 30, Use.FRESH),
        ("max-age=30", 31, Use.STALE),
        ("max-age=x", 0, Use.STALE),
        ("max-age", 0, Use.STALE),
        ("max-age=3600", 59, Use.FRESH),
        ("max-age=3600", 61, Use.STALE),  # nor "wish to receive a stale response"
        ("min-fresh=30", 30, Use.FRESH),
        ("min-fresh=30", 31, Use.STALE),
        ("min-fresh=0", 59, Use.FRESH),
        ("min-fresh=0", 61, Use.STALE),
        ("min-fresh=x", 0, Use.STALE),
        ("max-stale=10", 59, Use.FRESH),
        ("max-stale=10", 69, Use.FRESH),
        ("max-stale=10", 71, Use.STALE),
        ("max-stale", DAY, Use.FRESH),
        ("max-stale=x", 61, Use.STALE),
        ("max-stale=", 61, Use.STALE),
        ("max-stale=100, max-age=90", 80, Use.FRESH),
        ("max-stale=100, max-age=90", 91, Use.STALE),
        ("max-stale=100, min-fresh=1", 61, Use.STALE),
    ],
)
def test_a_request_gets_no_more_than_it_asks_for(asked: str, now: float, use: Use) -> None:
    assert used(OF_A_MINUTE, now, cache_control=asked) is use


@pytest.mark.parametrize("told", ["must-revalidate", "no-cache", "no-store"])
def test_what_an_answer_forbids_no_request_gets(told: str) -> None:
    answer = stored(cache_control=f"max-age=60, stale-while-revalidate=60, {told}")
    assert used(answer, 61, cache_control="max-stale") is Use.STALE
    assert used(answer, 61) is Use.STALE
    assert (used(answer, 59) is Use.FRESH) == (told == "must-revalidate")


@pytest.mark.parametrize(
    "told", ["proxy-revalidate", "s-maxage=1", "private", "immutable", "must-understand"]
)
def test_what_is_for_others_changes_nothing(told: str) -> None:
    answer = stored(cache_control=f"max-age=60, {told}")
    assert [used(answer, now) for now in (59, 61, 121)] == [Use.FRESH, Use.REFRESH, Use.STALE]


def test_pragma_counts_where_there_is_no_cache_control() -> None:
    assert used(OF_A_MINUTE, 0, pragma="no-cache") is Use.STALE  # section 5.4
    assert used(OF_A_MINUTE, 0, pragma="x, No-Cache") is Use.STALE
    assert used(OF_A_MINUTE, 0, pragma="x") is Use.FRESH
    assert used(OF_A_MINUTE, 0, pragma="no-cache", cache_control="max-age=60") is Use.FRESH
    assert (
        used(stored(cache_control="max-age=60", pragma="no-cache"), 0) is Use.FRESH
    )  # an answer's means nothing


# Stale while revalidate: RFC 5861, section 3


@pytest.mark.parametrize(
    ("told", "window", "policy"),
    [
        ("max-age=60", 60, 60),
        ("max-age=60", 10, 10),
        ("max-age=60", 0, 0),
        ("max-age=60, stale-while-revalidate=5", 5, 60),
        ("max-age=60, stale-while-revalidate=500", 500, 60),
        ("max-age=60, stale-while-revalidate=0", 0, 60),
        ("max-age=60, stale-while-revalidate=x", 0, 60),
        ("max-age=60, stale-while-revalidate", 0, 60),
        ("max-age=60, stale-while-revalidate=500", 0, 0),  # the operator wants none
        ("max-age=60, stale-while-revalidate=500, must-revalidate", 0, 60),
    ],
)
def test_an_old_answer_is_given_at_once_for_a_while(told: str, window: float, policy: float) -> None:
    answer, caching = stored(cache_control=told), Caching(stale_while_revalidate=policy)
    assert used(answer, 59.5, caching) is Use.FRESH
    if window:
        assert used(answer, 60, caching) is Use.REFRESH
        assert used(answer, 59.5 + window, caching) is Use.REFRESH
    assert used(answer, 60 + window, caching) is Use.STALE


@pytest.mark.parametrize("fields", [{}, {"cache_control": "max-age=0"}, {"expires": "0"}])
def test_what_never_was_fresh_is_not_given_once_it_is_stale(fields: dict[str, Any]) -> None:
    assert used(stored(**fields), 1) is Use.STALE


def test_what_never_was_fresh_is_given_where_it_says_so_itself() -> None:
    answer = stored(cache_control="max-age=0, stale-while-revalidate=5")
    assert [used(answer, now) for now in (0, 4, 5)] == [Use.REFRESH, Use.REFRESH, Use.STALE]


# Stale if error: RFC 5861, section 4


@pytest.mark.parametrize(
    ("told", "oldest", "policy"),
    [
        ("max-age=60", 600, 600),
        ("max-age=0", 600, 600),
        ("max-age=60, stale-if-error=100", 160, 600),
        ("max-age=60, stale-if-error=9000", 600, 600),
        ("max-age=60, stale-if-error=0", 60, 600),
        ("max-age=60, stale-if-error=x", 60, 600),
        ("max-age=60, proxy-revalidate, s-maxage=1", 600, 600),
    ],
)
def test_an_answer_stands_in_up_to_an_age(told: str, oldest: float, policy: float) -> None:
    answer, caching = stored(cache_control=told, age="10"), Caching(stale_if_error=policy)
    assert may_stand_in(answer, caching, NOW)
    assert may_stand_in(answer, caching, NOW + oldest - 10)
    assert not may_stand_in(answer, caching, NOW + oldest - 9.5)


@pytest.mark.parametrize("told", ["must-revalidate", "no-cache", 'no-cache="x"', "no-store", 'x="'])
def test_what_must_be_validated_stands_in_for_nothing(told: str) -> None:
    assert not may_stand_in(stored(cache_control=f"max-age=60, stale-if-error=60, {told}"), KIND, NOW)


def test_nothing_stands_in_where_the_operator_wants_none() -> None:
    assert not may_stand_in(OF_A_MINUTE, PLAIN, NOW)


# For how long it is worth storing


@pytest.mark.parametrize(
    ("told", "seconds", "policy"),
    [
        ({"cache_control": "max-age=60"}, 60, PLAIN),
        ({"cache_control": "max-age=60", "age": "20"}, 40, PLAIN),
        ({"cache_control": "max-age=60", "age": "80"}, 0, PLAIN),
        ({"cache_control": "max-age=60"}, 600, KIND),
        ({"cache_control": "max-age=60", "age": "20"}, 580, KIND),
        ({"cache_control": "max-age=60, must-revalidate"}, 60, KIND),
        (
            {"cache_control": "max-age=60"},
            120,
            Caching(stale_if_error=0),
        ),  # to be given while a new one comes
        ({}, 0, PLAIN),
        ({}, 600, KIND),
        ({"cache_control": "no-cache"}, 0, KIND),
        ({"cache_control": "no-cache", "etag": '"1"'}, WORTH_VALIDATING, KIND),  # a 304 costs less
        ({"cache_control": "max-age=60", "last_modified": date(-1000)}, 60 + WORTH_VALIDATING, KIND),
        ({"cache_control": "no-store", "etag": '"1"'}, 0, KIND),
        ({"cache_control": f"max-age={'9' * 20}", "etag": '"1"'}, MOST, KIND),
        ({}, MOST, Caching(stale_if_error=math.inf)),
    ],
)
def test_an_answer_is_kept_while_it_is_of_use(told: dict[str, Any], seconds: float, policy: Caching) -> None:
    assert terms_of(stored(**told), policy).keep_for(NOW) == seconds
    assert terms_of(stored(**told), policy).keep_for(NOW + 10) == max(0, seconds - 10) or seconds == MOST

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tux_http.call import Call
from tux_http.errors import CircuitOpen, DeadlineExceeded, LaneFull, RateLimited
from tux_http.staleness import note_on


def stale(because: str | None, *, age: float | None = 725.0) -> Call:
    call = Call("GET", "https://api.test/x", "/x", api="github")
    call.cache, call.cached_age, call.stale_because = "stale", age, because
    return call


def told(call: Call | None) -> str | None:
    return note_on(call, service="GitHub")


@pytest.mark.parametrize(
    ("because", "reason"),
    [
        *[(cls.__name__, "GitHub is not answering") for cls in (httpx.ConnectError, httpx.ConnectTimeout)],
        *[(cls.__name__, "GitHub is not answering") for cls in (httpx.RemoteProtocolError, CircuitOpen)],
        *[(str(status), "GitHub is not answering") for status in (500, 502, 503, 504)],
        *[(because, "GitHub limits us") for because in (RateLimited.__name__, "403", "429")],
        *[(cls.__name__, "GitHub is slow") for cls in (httpx.ReadTimeout, DeadlineExceeded, TimeoutError)],
        ("slow", "GitHub is slow"),
        (LaneFull.__name__, "many people are asking GitHub"),
    ],
)
def test_an_answer_that_stands_in_says_how_old_it_is_and_why(because: str, reason: str) -> None:
    assert told(stale(because)) == f"12 min old — {reason}"


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7199, "1 h 59 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (2.5 * 86_400, "2 d 12 h"),
        (-5, "0 s"),
    ],
)
def test_an_age_is_told_in_units_that_people_use(seconds: float, age: str) -> None:
    assert told(stale("503", age=seconds)) == f"{age} old — GitHub is not answering"


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_what_is_older_never_reads_as_younger(one: float, other: float) -> None:
    seconds = {"s": 1, "min": 60, "h": 3600, "d": 86_400}

    def read(age: float) -> int:
        words = str(told(stale("503", age=age))).split(" old")[0].split()
        return sum(int(number) * seconds[unit] for number, unit in zip(words[::2], words[1::2], strict=True))

    assert read(min(one, other)) <= read(max(one, other)) <= max(one, other)


def test_an_answer_that_is_being_refreshed_needs_no_word() -> None:
    assert told(stale("refreshing", age=61)) is None


@pytest.mark.parametrize("how", ["hit", "miss", "revalidated", None])
def test_a_good_answer_needs_no_word(how: str | None) -> None:
    call = stale("503")
    call.cache = how  # pyright: ignore[reportAttributeAccessIssue]  # one of its values
    assert told(call) is None
    assert told(None) is None


def test_an_answer_of_unknown_age_says_why_it_is_old() -> None:
    assert told(stale("503", age=None)) == "GitHub is not answering"


def test_a_services_name_can_not_break_the_line() -> None:
    note = note_on(stale("503"), service="Evil\n\u202eCorp " * 100)
    assert note is not None
    assert "\n" not in note
    assert "\u202e" not in note
    assert len(note) < 200

"""Reading `Cache-Control`: RFC 9111, sections 1.2.2, 4.2.1 and 5.2."""

from __future__ import annotations

import pytest

from tux_http.caching.cache_control import DAMAGED, LONGEST, directives, seconds


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], {}),
        ([""], {}),
        ([" , ,, "], {}),
        (["no-cache"], {"no-cache": None}),
        (["No-Cache, MAX-AGE=60"], {"no-cache": None, "max-age": "60"}),
        (["public,max-age=60"], {"public": None, "max-age": "60"}),
        (["public", "max-age=60"], {"public": None, "max-age": "60"}),
        (["\tpublic\t,\tmax-age=60\t"], {"public": None, "max-age": "60"}),
        (['max-age="60"'], {"max-age": "60"}),  # section 5.2: both forms
        (['no-cache="set-cookie, x"'], {"no-cache": "set-cookie, x"}),
        (['x="no-store, \\" no-cache", public'], {"x": 'no-store, " no-cache', "public": None}),
        (["max-age=60, max-age=5"], {"max-age": "60"}),  # section 4.2.1: the first occurrence
        (["max-age=60", "max-age=5"], {"max-age": "60"}),
        (["max-age=x, max-age=5"], {"max-age": "x"}),
        (["max-stale=, max-stale=5"], {"max-stale": ""}),
        (["(no-store)"], {}),
        (["no-store!"], {"no-store!": None}),
    ],
)
def test_directives_are_read_as_the_rfc_has_them(lines: list[str], found: dict[str, str | None]) -> None:
    assert directives(lines) == found


@pytest.mark.parametrize("line", ["max-age 60", "max-age = 60", "max-age= 60", "max-age:60", 'max-age="60"0'])
def test_a_number_that_is_not_written_as_one_is_none(line: str) -> None:
    assert seconds(directives([line])["max-age"]) is None


@pytest.mark.parametrize(
    "lines", [['max-age=60, x="no-store'], ["public", 'x="'], ['x="\\"'], ['"', "max-age=60"]]
)
def test_a_quote_that_is_never_closed_makes_it_a_no_cache(lines: list[str]) -> None:
    assert directives(lines) == DAMAGED == {"no-cache": None}


def test_a_quote_does_not_reach_into_the_next_line() -> None:
    assert "no-store" in directives(['x=""', "no-store", 'y=""'])
    assert directives(['x="', "no-store", '"']) == DAMAGED


@pytest.mark.parametrize(
    ("argument", "number"),
    [
        ("0", 0),
        ("60", 60),
        ("0000000000000060", 60),
        ("2147483647", 2**31 - 1),
        ("2147483648", LONGEST),
        ("2147483649", LONGEST),
        ("99999999999", LONGEST),
        ("9" * 5000, LONGEST),  # more digits than Python takes for a number
        (None, None),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1e3", None),
        (" 1", None),
        ("1_0", None),
        ("\u0663", None),  # a digit, in Arabic
        ("\xb2", None),
    ],
)
def test_seconds_are_digits_and_bounded(argument: str | None, number: int | None) -> None:
    assert seconds(argument) == number


@pytest.mark.parametrize("unit", ['"\\', 'a="\\"', ",", '"a', '"",'])
def test_hostile_lines_take_one_pass(unit: str) -> None:
    longest = unit * (1_000_000 // len(unit))  # in quadratic time, hours
    assert len(directives([longest])) <= 1

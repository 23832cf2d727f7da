"""Dates of HTTP: RFC 9110, section 5.6.7, and RFC 9111, section 4.2."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tux_http.caching.http_date import unix_time

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
EXAMPLE = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "sun, 06 nov 1994 08:49:37 gmt",  # section 4.2: case-insensitively
        "  Sun, 06 Nov 1994 08:49:37 GMT\t",
        "Mon, 06 Nov 1994 08:49:37 GMT",  # a wrong day of the week
    ],
)
def test_the_three_forms_are_read(text: str) -> None:
    assert unix_time(text, near=NOW) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "60",
        "never",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",  # section 4.2: other zones than GMT are invalid
        "Sun, 06 Nov 1994 08:49:37 EST",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Abc 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 19940 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\x00",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert unix_time(text, near=NOW) is None


def test_a_leap_second_is_the_second_before_it() -> None:
    assert (
        unix_time("Sat, 31 Dec 2016 23:59:60 GMT", near=NOW)
        == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    )


@pytest.mark.parametrize(
    ("digits", "year"), [("26", 2026), ("76", 2076), ("77", 1977), ("99", 1999), ("00", 2000)]
)
def test_two_digits_are_a_year_at_most_fifty_years_ahead(digits: str, year: int) -> None:
    found = unix_time(f"Friday, 01-Mar-{digits} 12:00:00 GMT", near=NOW)
    assert found == datetime(year, 3, 1, 12, tzinfo=UTC).timestamp()


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_python_writes_is_read_to_the_second(moment: datetime) -> None:
    assert (
        unix_time(format_datetime(moment, usegmt=True), near=NOW) == moment.replace(microsecond=0).timestamp()
    )

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tux_http.limits import LONGEST_WAIT, Limit, limit_of, reset_time, retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def epoch(seconds: float) -> str:
    return str(int(after(seconds).timestamp()))


@pytest.mark.parametrize("status", [403, 429])
def test_githubs_primary_limit_is_known_by_the_spent_counter(status: int) -> None:
    headers = {
        "x-ratelimit-limit": "60",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": epoch(1800),
        "x-ratelimit-resource": "core",
    }
    limit = limit_of(httpx.Response(status, headers=headers), NOW)
    assert limit == Limit(kind="primary", retry_at=after(1800), scope="core", limit=60)


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_without_a_time_lasts_a_minute(status: int) -> None:
    limit = limit_of(httpx.Response(status, json=SECONDARY, headers={"x-ratelimit-remaining": "4000"}), NOW)
    assert limit == Limit(kind="secondary", retry_at=after(60))


def test_a_secondary_limit_obeys_retry_after() -> None:
    limit = limit_of(httpx.Response(403, json=SECONDARY, headers={"retry-after": "90"}), NOW)
    assert limit == Limit(kind="secondary", retry_at=after(90))


def test_a_secondary_limit_with_a_spent_counter_waits_for_the_reset() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": epoch(600)}
    limit = limit_of(httpx.Response(403, json=SECONDARY, headers=headers), NOW)
    assert limit == Limit(kind="secondary", retry_at=after(600))


def test_a_403_with_retry_after_is_a_limit_and_not_a_permission() -> None:
    limit = limit_of(httpx.Response(403, headers={"retry-after": "30"}), NOW)
    assert limit == Limit(kind="secondary", retry_at=after(30))


def test_a_primary_limit_that_only_the_message_tells_is_one() -> None:
    body = {"message": "API rate limit exceeded for 203.0.113.7."}
    assert limit_of(httpx.Response(403, json=body), NOW) == Limit(kind="primary")


def test_a_403_that_says_nothing_of_a_limit_is_none() -> None:
    response = httpx.Response(
        403, json={"message": "Must have admin rights"}, headers={"x-ratelimit-remaining": "12"}
    )
    assert limit_of(response, NOW) is None


def test_another_upstreams_429_is_a_limit_of_no_known_kind() -> None:
    assert limit_of(httpx.Response(429, headers={"retry-after": "5"}), NOW) == Limit(
        kind="other", retry_at=after(5)
    )
    assert limit_of(httpx.Response(429), NOW) == Limit(kind="other")


def test_githubs_429_with_requests_left_is_its_secondary_limit() -> None:
    response = httpx.Response(429, headers={"x-github-request-id": "A:B", "x-ratelimit-remaining": "9"})
    assert limit_of(response, NOW) == Limit(kind="secondary", retry_at=after(60))


@pytest.mark.parametrize("status", [200, 304, 401, 404, 500, 503])
def test_other_statuses_are_no_limit(status: int) -> None:
    headers = {"x-ratelimit-remaining": "0", "retry-after": "5", "x-ratelimit-reset": epoch(60)}
    assert limit_of(httpx.Response(status, headers=headers), NOW) is None


def test_a_body_that_was_not_read_is_not_looked_at() -> None:
    response = httpx.Response(403, stream=httpx.ByteStream(b'{"message": "secondary rate limit"}'))
    assert limit_of(response, NOW) is None


def test_a_huge_body_is_not_parsed() -> None:
    body = b'{"message": "secondary rate limit", "x": "' + b"x" * 70_000 + b'"}'
    assert limit_of(httpx.Response(403, content=body), NOW) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"message": 5}', b"\xff\xfe", b"[" * 5000])
def test_a_body_that_is_no_error_object_says_nothing(body: bytes) -> None:
    assert limit_of(httpx.Response(403, content=body), NOW) is None


def test_retry_after_may_be_a_date() -> None:
    headers = {"retry-after": format_datetime(after(120), usegmt=True)}
    assert retry_after(headers, NOW) == after(120)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "soon",
        "-5",
        "1.5",
        "1e9",
        "0",
        "٣",
        "60, 60",
        "9" * 5000,
        "Mon, 99 Xyz 2026 00:00:00 GMT",
        "Sun, 01 Mar 2026 11:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_a_retry_after_that_makes_no_sense_or_is_past_is_ignored(value: str) -> None:
    assert retry_after({"retry-after": value}, NOW) is None


def test_a_wait_beyond_a_day_is_not_believed() -> None:
    assert retry_after({"retry-after": "999999999"}, NOW) == NOW + LONGEST_WAIT
    assert retry_after({"retry-after": "Wed, 01 Jan 2070 00:00:00 GMT"}, NOW) == NOW + LONGEST_WAIT
    assert reset_time({"x-ratelimit-reset": "9" * 18}, NOW) == NOW + LONGEST_WAIT


@pytest.mark.parametrize("value", ["", "x", "-1", "0", "1", epoch(0), epoch(-60), "9" * 19])
def test_a_reset_that_makes_no_sense_or_is_past_is_ignored(value: str) -> None:
    assert reset_time({"x-ratelimit-reset": value}, NOW) is None


def test_a_scope_that_is_no_name_is_dropped() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-resource": "<@1> core"}
    limit = limit_of(httpx.Response(403, headers=headers), NOW)
    assert limit is not None
    assert limit.scope is None


@given(value=st.text(st.characters(codec="ascii", exclude_categories=["Cc"])) | st.integers().map(str))
def test_whatever_the_headers_say_the_wait_is_to_come_and_at_most_a_day(value: str) -> None:
    for moment in (retry_after({"retry-after": value}, NOW), reset_time({"x-ratelimit-reset": value}, NOW)):
        assert moment is None or NOW < moment <= NOW + LONGEST_WAIT

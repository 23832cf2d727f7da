from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tux_http.limits import LONGEST_WAIT, Announced, Limit, announced, limit_of, reset_time, retry_after

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


def test_a_body_that_was_read_elsewhere_tells_as_much_as_one_that_is_kept() -> None:
    streamed = httpx.Response(403, stream=httpx.ByteStream(b""))
    told = b'{"message": "You have exceeded a secondary rate limit."}'
    assert limit_of(streamed, NOW) is None
    assert limit_of(streamed, NOW, body=told) == Limit(kind="secondary", retry_at=after(60))
    assert limit_of(streamed, NOW, body=b"") is None


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


def test_a_secondary_limit_may_be_told_to_last_longer() -> None:
    wait = timedelta(minutes=4)
    assert limit_of(httpx.Response(403, json=SECONDARY), NOW, secondary_wait=wait) == Limit(
        kind="secondary", retry_at=after(240)
    )
    limit = limit_of(
        httpx.Response(403, json=SECONDARY, headers={"retry-after": "9"}), NOW, secondary_wait=wait
    )
    assert limit == Limit(kind="secondary", retry_at=after(9))


def test_a_429_of_a_spent_quota_in_the_ietf_dialect_is_a_primary_limit() -> None:
    headers = {
        "ratelimit": '"burst";r=0;t=5, "daily";r=0;t=900, "monthly";r=7;t=9000',
        "ratelimit-policy": '"daily";q=1000;w=86400',
    }
    assert limit_of(httpx.Response(429, headers=headers), NOW) == Limit(
        kind="primary", retry_at=after(900), scope="daily", limit=1000
    )
    assert limit_of(httpx.Response(403, headers=headers), NOW) is None  # it does not say that it is for that


def quota(
    remaining: int,
    seconds: float,
    *,
    name: str = "",
    limit: int | None = None,
    everywhere: bool = True,
) -> Announced:
    return Announced(name=name, remaining=remaining, reset=after(seconds), limit=limit, everywhere=everywhere)


GITHUB = {
    "x-ratelimit-limit": "60",
    "x-ratelimit-remaining": "59",
    "x-ratelimit-reset": epoch(1800),
    "x-ratelimit-resource": "core",
}


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (GITHUB, [quota(59, 1800, name="core", limit=60, everywhere=False)]),
        (
            {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "30"},  # seconds, as many others have it
            [quota(3, 30)],
        ),
        (
            {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "5", "ratelimit-reset": "30"},
            [quota(5, 30, limit=100)],
        ),
        (
            {"ratelimit-limit": "60", "ratelimit-remaining": "0", "ratelimit-reset": epoch(50)},  # GitLab
            [quota(0, 50, limit=60)],
        ),
        (
            {"ratelimit": "limit=100, remaining=50, reset=30", "ratelimit-policy": "100;w=60"},
            [quota(50, 30, limit=100)],
        ),
        (
            {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'},
            [quota(50, 30, name="default", limit=100)],
        ),
        (
            {"ratelimit": "default;r=50;t=30"},  # a token, as earlier revisions had it
            [quota(50, 30, name="default")],
        ),
        (
            {
                "ratelimit": ' "per min" ;r=1 ; t=2;pk=:cHsdsRa894==: ',
                "ratelimit-policy": '"per min";q=10;w=60',
            },
            [quota(1, 2, limit=10)],  # not a name to show to anybody
        ),
        (
            {"ratelimit": '"a";r=9', "ratelimit-policy": '"b";q=10;w=60, "a";q=10;w=60'},
            [quota(9, 60, name="a", limit=10)],  # at the latest after a whole window
        ),
        (
            {"ratelimit": '"day";r=100;t=900, "burst";r=2;t=1', "ratelimit-policy": '"day";q=500;w=1000'},
            [quota(100, 900, name="day", limit=500), quota(2, 1, name="burst")],
        ),
        (
            {"ratelimit": '"a";r=5;t=9, "a";r=3;t=5'},
            [quota(3, 5, name="a")],
        ),
        (
            {"ratelimit": '"a,b;r=0";r=5;t=9'},
            [quota(5, 9)],
        ),
        (
            {
                "ratelimit": '"bytes";r=0;t=9, "calls";r=4;t=9',
                "ratelimit-policy": '"bytes";q=1000;qu="content-bytes";w=60, "calls";q=9;qu="requests"',
            },
            [quota(4, 9, name="calls", limit=9)],
        ),
        ({**GITHUB, "ratelimit": '"a";r=5;t=9'}, [quota(5, 9, name="a")]),
        (
            {**GITHUB, "ratelimit": "nonsense"},
            [quota(59, 1800, name="core", limit=60, everywhere=False)],
        ),
    ],
)
def test_what_is_left_is_read_in_every_dialect(headers: dict[str, str], told: list[Announced]) -> None:
    assert announced(httpx.Headers(headers), NOW) == tuple(told)


@pytest.mark.parametrize(
    "change",
    [
        {"x-ratelimit-remaining": "NaN"},
        {"x-ratelimit-remaining": "-1"},
        {"x-ratelimit-remaining": "1" + "0" * 30},
        {"x-ratelimit-remaining": "5, 5"},
        {"x-ratelimit-remaining": ""},
        {"x-ratelimit-reset": "NaN"},
        {"x-ratelimit-reset": "-1"},
        {"x-ratelimit-reset": "0"},
        {"x-ratelimit-reset": "1" + "0" * 30},
        {"x-ratelimit-reset": epoch(0)},
        {"x-ratelimit-reset": epoch(-3600)},
        {"x-ratelimit-reset": ""},
    ],
)
def test_an_announcement_that_makes_no_sense_or_is_past_is_ignored(change: dict[str, str]) -> None:
    assert announced({**GITHUB, **change}, NOW) == ()


@pytest.mark.parametrize(
    "field",
    [
        "",
        '"a"',
        '"a";r=1',
        '"a";t=1',
        '"a";r=1;t=0',
        '"a";r=-1;t=5',
        '"a";r=1.5;t=5',
        '"a;r=1;t=5',
        '"',
        ";,;,=",
        "limit=5, reset=3",
        '"a";r=1;t=5' + " " * 1024,
        '"' + '\\"' * 600,
        "a" * 5000,
    ],
)
def test_a_ratelimit_field_that_makes_no_sense_is_ignored(field: str) -> None:
    assert announced({"ratelimit": field}, NOW) == ()


def test_more_left_than_there_ever_was_leaves_the_size_unknown() -> None:
    assert announced({**GITHUB, "x-ratelimit-limit": "5"}, NOW) == (
        quota(59, 1800, name="core", everywhere=False),
    )


def test_a_reset_in_ten_years_is_believed_for_a_day() -> None:
    (told,) = announced({**GITHUB, "x-ratelimit-reset": epoch(10 * 365 * 86400)}, NOW)
    assert told.reset == NOW + LONGEST_WAIT
    (told,) = announced({"ratelimit": '"a";r=0;t=999999999999999'}, NOW)
    assert told.reset == NOW + LONGEST_WAIT


def test_of_hundreds_of_quotas_in_one_field_few_are_read() -> None:
    field = ",".join(f"{number};r=1;t=9" for number in range(90))
    assert len(announced({"ratelimit": field}, NOW)) == 8


_WORDS = st.sampled_from(
    ["a", '"', "\\", ";", ",", "=", " ", "r", "t", "q", "1", "60", "-", ".", ":", "limit"]
)


@given(
    field=st.lists(_WORDS, max_size=30).map("".join) | st.text(max_size=30),
    policy=st.lists(_WORDS, max_size=30).map("".join),
    value=st.integers().map(str) | st.text(max_size=10),
)
def test_whatever_is_announced_is_to_come_and_at_most_a_day_ahead(
    field: str, policy: str, value: str
) -> None:
    for headers in (
        {"ratelimit": field, "ratelimit-policy": policy},
        {"ratelimit": f'"a";r={value};t={value}'},
        {**GITHUB, "x-ratelimit-reset": value},
        {**GITHUB, "x-ratelimit-remaining": value},
        {"ratelimit-limit": value, "ratelimit-remaining": "1", "ratelimit-reset": value},
    ):
        for told in announced(headers, NOW):
            assert NOW < told.reset <= NOW + LONGEST_WAIT
            assert told.remaining >= 0

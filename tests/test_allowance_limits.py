"""The book of quotas: for what and how long it holds calls when a limit was met."""

from __future__ import annotations

import pytest

from tests.allowances import REPOS, SEARCH, Story
from tux_http.limits import LONGEST_WAIT, Limit, Reason
from tux_http.transports.allowance import Answer


def test_a_primary_limit_holds_its_quota_until_the_reset() -> None:
    story = Story()
    story.answer(
        story.start(),
        story.told(0, reset=1800),
        limit=Limit(kind="primary", retry_at=story.after(1800), scope="core", limit=60),
    )
    assert story.try_() == (1800, "core", 60)


@pytest.mark.parametrize(("retry_after", "wait"), [(60, 1800), (2000, 2000)])
def test_a_primary_limit_with_two_times_holds_until_the_later(retry_after: float, wait: float) -> None:
    story = Story()
    limit = Limit(kind="primary", retry_at=story.after(retry_after), scope="core", limit=60)
    story.answer(story.start(), story.told(0, reset=1800), limit=limit)
    assert story.try_() == (wait, "core", 60)


def test_a_primary_limit_without_a_counter_holds_the_quota_it_names() -> None:
    story = Story()
    limit = Limit(kind="primary", retry_at=story.after(30), scope="search", limit=10)
    story.answer(story.start(SEARCH), limit=limit)
    assert story.try_(SEARCH) == (30, "search", 10)
    assert story.passes(REPOS)


def test_a_primary_limit_without_a_name_holds_the_quota_its_place_is_known_for() -> None:
    story = Story()
    story.learn(story.told(9))
    story.learn(story.told(9, name="search"), route=SEARCH)
    story.refused("primary", 30)
    assert story.try_() == (30, "core", None)
    assert story.passes(SEARCH)
    story = Story()
    story.learn(story.told(9, name="search"), route=SEARCH)
    story.refused("primary", 30, story.start(SEARCH))
    assert not story.passes(SEARCH)
    assert story.passes(REPOS)


def test_a_primary_limit_of_which_nothing_is_known_holds_everything() -> None:
    story = Story()
    story.refused("primary", 30)
    assert story.try_(SEARCH) == (30, None, None)


def test_a_primary_limit_that_contradicts_its_counter_is_believed() -> None:
    story = Story()
    limit = Limit(kind="primary", retry_at=story.after(30))
    story.answer(story.start(), story.told(3, name="", reset=20, everywhere=True), limit=limit)
    assert story.try_() == (30, None, 60)


@pytest.mark.parametrize("kind", ["primary", "other"])
def test_a_limit_without_a_time_holds_nothing(kind: Reason) -> None:
    story = Story()
    story.refused(kind, None)
    assert story.passes()


def test_another_upstreams_limit_holds_the_whole_account() -> None:
    story = Story()
    story.refused("other", 5)
    assert story.try_(SEARCH) == (5, None, None)
    assert story.passes(who="you")
    story.pass_time(5)
    assert story.passes()


def test_a_secondary_limit_holds_the_whole_account_whatever_is_left() -> None:
    story = Story()
    story.answer(
        story.start(),
        story.told(4000, limit=5000),
        limit=Limit(kind="secondary", retry_at=story.after(60)),
    )
    assert story.try_(SEARCH, background=True) == (60, "secondary", None)
    story.pass_time(60)
    assert story.passes()


def test_of_a_pause_and_a_spent_quota_the_longer_is_told() -> None:
    story = Story()
    first, second = story.start(), story.start()
    story.answer(first, story.told(0, reset=100))
    story.refused("secondary", 60, second)
    assert story.try_() == (100, "core", 60)
    story = Story()
    first, second = story.start(), story.start()
    story.answer(first, story.told(0, reset=100))
    story.refused("secondary", 120, second)
    assert story.try_() == (120, "secondary", None)


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    story = Story()
    first, second = story.start(), story.start()
    story.refused("other", 90, first)
    story.refused("secondary", 60, second)
    assert story.try_() == (90, None, None)


@pytest.mark.parametrize(
    ("wait", "waits"),
    [
        (60, [60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720, 61440, 86400, 86400]),
        (7.5, [7.5, 15, 30, 60]),
        (1e9, [86400, 86400]),
    ],
)
def test_each_further_secondary_limit_doubles_the_wait_up_to_a_day(wait: float, waits: list[float]) -> None:
    story = Story(secondary_wait=wait)
    for seconds in waits:
        ticket = story.start()
        assert story.book.secondary_wait(ticket).total_seconds() == seconds
        story.refused("secondary", seconds, ticket)
        story.pass_time(seconds)


def test_a_call_that_met_a_limit_knows_until_when_others_are_held() -> None:
    story = Story()
    first, second = story.start(), story.start()
    limit = Limit(kind="primary", retry_at=story.after(60), scope="core", limit=60)
    story.answer(first, story.told(0, reset=1800), limit=limit)
    assert story.book.held_until(first, story.now) == story.after(1800)
    story.refused("secondary", 2000, second)
    assert story.book.held_until(second, story.now) == story.after(2000)
    story.pass_time(1800)
    assert story.book.held_until(first, story.now) == story.after(200)
    story.pass_time(200)
    assert story.book.held_until(first, story.now) is None


def test_calls_under_way_hold_nobody_until_a_reset() -> None:
    story = Story()
    story.learn(story.told(2))
    first, second = story.start(), story.start()
    assert not story.passes()
    assert story.book.held_until(first, story.now) is None
    story.refused("secondary", 60, second)
    assert story.book.held_until(second, story.now) == story.after(60)


def test_thousands_of_secondary_limits_in_a_row_are_no_trouble() -> None:
    story = Story()
    for _ in range(5000):
        story.refused("secondary", 1)
        story.pass_time(1)
    assert story.book.secondary_wait(story.start()) == LONGEST_WAIT


def test_a_call_that_is_served_ends_the_doubling() -> None:
    story = Story()
    for _ in range(3):
        story.refused("secondary", 60)
        story.pass_time(60)
    assert story.book.secondary_wait(story.start()).total_seconds() == 480
    story.book.answered(story.start(), Answer(success=False), story.now)  # a 502 has served nobody
    assert story.book.secondary_wait(story.start()).total_seconds() == 480
    story.answer(story.start())
    assert story.book.secondary_wait(story.start()).total_seconds() == 60


def test_calls_that_met_one_secondary_limit_together_count_once() -> None:
    story = Story()
    tickets = [story.start() for _ in range(10)]
    for ticket in tickets:
        assert story.book.secondary_wait(ticket).total_seconds() == 60
        story.refused("secondary", 60, ticket)
    story.pass_time(60)
    assert story.book.secondary_wait(story.start()).total_seconds() == 120


def test_a_call_that_was_served_before_the_limit_was_met_does_not_end_the_doubling() -> None:
    story = Story()
    served, limited = story.start(), story.start()
    story.refused("secondary", 60, limited)
    story.answer(served)
    story.pass_time(60)
    assert story.book.secondary_wait(story.start()).total_seconds() == 120

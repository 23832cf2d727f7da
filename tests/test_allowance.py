"""The book of quotas: what it lets pass, and what it learns from answers. `test_allowance_model` has the rest."""

from __future__ import annotations

import pytest

from tests.allowances import REPOS, SEARCH, Story
from tux_http.transports.allowance import MOST_CREDENTIALS, MOST_QUOTAS, MOST_ROUTES, Ticket


def test_nothing_is_refused_as_long_as_nothing_is_known() -> None:
    story = Story()
    assert all(isinstance(story.try_(background=True), Ticket) for _ in range(1000))


def test_a_spent_quota_refuses_until_its_reset_and_is_then_forgotten() -> None:
    story = Story()
    story.learn(story.told(0, reset=100))
    assert story.try_() == (100, "core", 60)
    story.pass_time(99.9)
    assert not story.passes()
    story.pass_time(0.1)
    assert all(isinstance(story.try_(), Ticket) for _ in range(100))


def test_who_slept_until_the_reset_may_wake_a_little_early() -> None:
    story = Story()
    story.learn(story.told(0, reset=100))
    story.pass_time(99.995)
    assert story.passes()


def test_calls_under_way_count_as_spent() -> None:
    story = Story()
    story.learn(story.told(5))
    outcomes = [story.try_() for _ in range(100)]
    assert sum(isinstance(outcome, Ticket) for outcome in outcomes) == 5
    assert outcomes[5:] == [(3600, "core", 60)] * 95


def test_a_call_that_was_never_sent_costs_nothing() -> None:
    story = Story()
    story.learn(story.told(1))
    for _ in range(10):
        story.book.unanswered(story.start(), sent=False)
    assert story.passes()


def test_a_call_without_an_answer_counts_but_only_the_upstream_says_that_nothing_is_left() -> None:
    story = Story(reserve=0)
    story.learn(story.told(5))
    for left in (5, 4, 3, 2, 1, 1):
        tickets = [story.start() for _ in range(left)]
        assert not story.passes()
        for ticket in tickets[1:]:
            story.book.unanswered(ticket, sent=False)
        story.book.unanswered(tickets[0], sent=True)


@pytest.mark.parametrize(("free", "left"), [(False, 4), (True, 5)])
def test_an_answer_that_tells_nothing_counts_unless_it_was_free(free: bool, left: int) -> None:
    story = Story()
    story.learn(story.told(5))
    story.answer(story.start(), free=free)
    assert sum(isinstance(story.try_(), Ticket) for _ in range(9)) == left


@pytest.mark.parametrize(
    ("left", "passes"), [(60, True), (7, True), (6, False), (5, False), (1, False), (0, False)]
)
def test_background_calls_leave_the_reserve_to_calls_that_people_wait_for(left: int, passes: bool) -> None:
    story = Story()
    story.learn(story.told(left))
    assert story.passes(background=True) is passes
    assert story.passes() is (left > 0)


def test_a_background_refusal_says_what_any_other_would() -> None:
    story = Story()
    story.learn(story.told(6, reset=50))
    assert story.try_(background=True) == (50, "core", 60)


def test_without_a_size_there_is_no_reserve() -> None:
    story = Story()
    story.learn(story.told(1, limit=None))
    assert story.passes(background=True)


def test_the_quota_of_one_resource_is_not_that_of_another() -> None:
    story = Story()
    story.learn(story.told(50))
    story.learn(story.told(0, name="search", limit=10, reset=30), route=SEARCH)
    assert story.try_(SEARCH) == (30, "search", 10)
    assert story.try_(("search", "search/issues")) == (30, "search", 10)
    assert story.passes()
    assert story.passes(("users", "users/x"))


def test_an_unknown_place_counts_on_the_core_quota() -> None:
    story = Story()
    story.learn(story.told(0, reset=90))
    assert story.try_(("users", "users/x")) == (90, "core", 60)


def test_an_unknown_place_is_not_held_for_another_resources_quota() -> None:
    story = Story()
    story.learn(story.told(0, name="search"), route=SEARCH)
    assert story.passes(REPOS)


@pytest.mark.parametrize("name", ["", "default"])
def test_a_quota_for_everything_holds_everywhere(name: str) -> None:
    story = Story()
    story.learn(story.told(0, name=name, limit=9, reset=30, everywhere=True), route=SEARCH)
    assert story.try_(REPOS) == (30, name or None, 9)


def test_a_place_with_a_quota_of_its_own_below_a_known_one_is_told_apart() -> None:
    story = Story()
    code = ("search", "search/code")
    story.learn(story.told(9, name="code_search"), route=code)
    story.learn(story.told(9, name="search"), route=SEARCH)
    story.learn(story.told(0, name="code_search", limit=10, reset=40), route=code)
    assert story.try_(code) == (40, "code_search", 10)
    assert story.passes(SEARCH)
    story.learn(story.told(0, name="search", limit=30, reset=20), route=SEARCH)
    assert story.try_(SEARCH) == (20, "search", 30)


def test_a_place_whose_quota_changes_is_learned_anew() -> None:
    story = Story()
    code = ("search", "search/code")
    for _ in range(2):
        story.learn(story.told(9, name="code_search"), route=code)
        story.learn(story.told(9, name="search"), route=SEARCH)
    story.learn(story.told(0, name="search", reset=40), route=code)
    assert story.try_(code) == (40, "search", 60)


def test_of_several_quotas_the_one_that_is_spent_longest_refuses() -> None:
    story = Story()
    burst = story.told(0, name="burst", limit=5, reset=10)
    day = story.told(0, name="day", limit=500, reset=9000)
    story.learn(burst, day)
    assert story.try_() == (9000, "day", 500)
    story = Story()
    story.learn(burst, story.told(7, name="day", limit=500, reset=9000))
    assert story.try_() == (10, "burst", 5)


def test_credentials_have_quotas_of_their_own_but_places_are_known_to_all() -> None:
    story = Story()
    story.learn(story.told(0), who="me")
    assert not story.passes(who="me")
    assert story.passes(who="you")
    story.learn(story.told(0), route=SEARCH, who="you")
    assert not story.passes(REPOS, who="you")


def test_calls_on_the_way_to_an_unknown_place_count_on_every_quota() -> None:
    story = Story()
    story.learn(story.told(2))
    unknown = story.start(("gists", "gists/1"))
    known = story.start()
    assert not story.passes()
    story.answer(unknown, story.told(9, name="gists"))
    assert story.passes()
    story.answer(known, story.told(1))
    assert story.passes()


def test_an_answer_that_was_overtaken_raises_nothing() -> None:
    story = Story()
    story.learn(story.told(10))
    slow, quick = story.start(), story.start()
    story.answer(quick, story.told(1))
    story.answer(slow, story.told(9))
    assert sum(isinstance(story.try_(), Ticket) for _ in range(20)) == 1


def test_an_overtaken_answer_does_not_make_up_for_a_call_without_one() -> None:
    story = Story()
    story.learn(story.told(5))
    slow, lost = story.start(), story.start()
    story.book.unanswered(lost, sent=True)
    story.answer(slow, story.told(5))
    assert sum(isinstance(story.try_(), Ticket) for _ in range(20)) == 4


def test_of_resets_a_second_apart_the_later_holds() -> None:
    story = Story()
    slow, quick = story.start(), story.start()
    story.answer(quick, story.told(0, reset=101))
    story.answer(slow, story.told(1, reset=100))
    assert story.try_() == (101, "core", 60)


def test_an_answer_to_a_later_call_is_believed_though_it_tells_more() -> None:
    story = Story()
    story.learn(story.told(1))
    story.learn(story.told(30))
    assert sum(isinstance(story.try_(), Ticket) for _ in range(60)) == 30


def test_an_overtaken_answer_of_an_older_window_is_ignored() -> None:
    story = Story()
    slow, quick = story.start(), story.start()
    story.answer(quick, story.told(59, reset=3600))
    story.answer(slow, story.told(0, reset=10))
    assert story.passes()


def test_an_overtaken_answer_of_a_newer_window_is_news() -> None:
    story = Story()
    slow, quick = story.start(), story.start()
    story.answer(quick, story.told(0, reset=10))
    story.answer(slow, story.told(59, reset=3600))
    assert story.passes()


def test_a_clock_that_is_put_back_holds_nobody_for_longer_than_a_day() -> None:
    story = Story()
    story.learn(story.told(0, reset=3600))
    story.refused("other", 3600, story.start(who="you"))
    story.pass_time(-365 * 86400)
    assert story.passes()
    assert story.passes(who="you")


def test_memory_is_bounded() -> None:
    story = Story()
    for number in range(3 * MOST_ROUTES):
        story.learn(story.told(0, name=str(number)), route=(str(number), str(number)))
    assert story.passes(("0", "0"))  # forgotten
    last = str(3 * MOST_ROUTES - 1)
    assert not story.passes((last, last))
    assert len(story.book._routes) == MOST_ROUTES
    for number in range(3 * MOST_CREDENTIALS):
        story.learn(story.told(0), who=str(number))
        story.passes(who="me")  # used all the time, so kept
    assert not story.passes((last, last), who="me")
    assert story.passes(who="0")
    assert len(story.book._accounts) == MOST_CREDENTIALS
    assert all(len(account.allowances) <= MOST_QUOTAS for account in story.book._accounts.values())


def test_a_call_whose_account_was_forgotten_ends_without_trouble() -> None:
    story = Story()
    answered, lost = story.start(who="old"), story.start(who="old")
    for number in range(MOST_CREDENTIALS):
        story.learn(story.told(9), who=str(number))
    story.answer(answered, story.told(0))
    story.book.unanswered(lost, sent=True)
    assert story.passes(who="old")


def test_calls_that_have_ended_leave_nothing_behind() -> None:
    story = Story()
    for number in range(100):
        route = (str(number), str(number))
        story.answer(story.start(route), story.told(9, name=str(number)))
        story.book.unanswered(story.start(route), sent=True)
    (account,) = story.book._accounts.values()
    assert not account._under_way

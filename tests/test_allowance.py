"""The book of quotas: what it lets pass, and what it learns from answers. `test_allowance_model` has the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tux_http.limits import LONGEST_WAIT, Announced, Limit, Reason
from tux_http.transports.allowance import (
    MOST_CREDENTIALS,
    MOST_QUOTAS,
    MOST_ROUTES,
    Answer,
    Book,
    Refusal,
    Route,
    Ticket,
)

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
REPOS = ("repos", "repos/o")
SEARCH = ("search", "search/users")


class Story:
    """A book, a clock and what happens, in short words; `at` is seconds since the start."""

    def __init__(self, *, reserve: float = 0.1, secondary_wait: float = 60) -> None:
        self.book = Book(reserve=reserve, secondary_wait=secondary_wait)
        self.now = START

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def try_(
        self, route: Route = REPOS, *, who: str = "me", background: bool = False
    ) -> Ticket | tuple[float, str | None, int | None]:
        """The ticket, or the refusal as seconds to wait, scope and limit."""
        outcome = self.book.start(who, route, self.now, background=background)
        if isinstance(outcome, Refusal):
            return (outcome.retry_at - self.now).total_seconds(), outcome.scope, outcome.limit
        return outcome

    def start(self, route: Route = REPOS, *, who: str = "me", background: bool = False) -> Ticket:
        ticket = self.try_(route, who=who, background=background)
        assert isinstance(ticket, Ticket), ticket
        return ticket

    def passes(self, route: Route = REPOS, *, who: str = "me", background: bool = False) -> bool:
        outcome = self.try_(route, who=who, background=background)
        if isinstance(outcome, Ticket):
            self.book.unanswered(outcome, sent=False)
        return isinstance(outcome, Ticket)

    def told(
        self,
        remaining: int,
        *,
        name: str = "core",
        limit: int | None = 60,
        reset: float = 3600,
        everywhere: bool = False,
    ) -> Announced:
        return Announced(
            name=name, remaining=remaining, limit=limit, reset=self.after(reset), everywhere=everywhere
        )

    def answer(
        self, ticket: Ticket, *quotas: Announced, limit: Limit | None = None, free: bool = False
    ) -> None:
        self.book.answered(ticket, Answer(announced=quotas, limit=limit, free=free), self.now)

    def learn(self, *quotas: Announced, route: Route = REPOS, who: str = "me") -> None:
        self.answer(self.start(route, who=who), *quotas)

    def refused(self, kind: Reason, seconds: float | None, ticket: Ticket | None = None) -> None:
        retry_at = None if seconds is None else self.after(seconds)
        self.answer(ticket or self.start(), limit=Limit(kind=kind, retry_at=retry_at))


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

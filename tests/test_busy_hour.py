"""A busy server's lookups of a simulated GitHub, as the bench plays them: who is answered, and what it costs."""

from __future__ import annotations

from functools import cache
from typing import Final

import pytest

from tests.bench.busy_hour import ANSWERED, COST, Plan, Tally, play
from tests.simulated_github import MAX_AGE, UNAUTHENTICATED
from tux_http.policy import Caching

HOUR: Final = Plan()

SHORT: Final = Plan(lookups=1500, repositories=60, seconds=600, changes=2)

PLANS: Final = [SHORT, pytest.param(HOUR, marks=pytest.mark.slow)]

OLDEST: Final = MAX_AGE + Caching().stale_while_revalidate + 1
"""Seconds for which an answer may be out of date: while it is fresh, while a new one is fetched, and for the
second in which both are told in whole ones."""


@cache
def played(plan: Plan, *, token: bool, contender: str = "tux_http") -> Tally:
    return play(contender, plan, token=token)


@pytest.mark.parametrize("plan", PLANS)
def test_with_a_token_nearly_all_are_answered_and_few_answers_cost_quota(plan: Plan) -> None:
    tally = played(plan, token=True)
    assert tally.answered >= ANSWERED
    assert tally.cost < COST


@pytest.mark.parametrize("plan", PLANS)
def test_with_a_token_quota_is_spent_for_news_only(plan: Plan) -> None:
    tally = played(plan, token=True)
    assert tally.github.unchanged > 0
    assert tally.changed > 0
    assert tally.wasted == 0


@pytest.mark.parametrize("plan", PLANS)
def test_with_a_token_no_answer_is_long_out_of_date(plan: Plan) -> None:
    tally = played(plan, token=True)
    assert 0 < tally.oldest <= OLDEST
    assert tally.wrong == 0


@pytest.mark.parametrize("plan", PLANS)
def test_without_a_token_nothing_seen_before_is_refused(plan: Plan) -> None:
    tally = played(plan, token=False)
    assert tally.answers["refused"] > 0
    assert tally.seen_but_refused == 0
    assert tally.wrong == 0


@pytest.mark.parametrize("plan", PLANS)
def test_without_a_token_the_quota_is_used_up_and_github_never_has_to_refuse(plan: Plan) -> None:
    tally = played(plan, token=False)
    assert tally.github.spent == tally.github.requests == UNAUTHENTICATED
    assert tally.github.refused == 0


@pytest.mark.parametrize("contender", ["hishel alone", "no cache"])
def test_without_this_cache_the_goals_are_missed(contender: str) -> None:
    assert played(SHORT, token=False, contender=contender).seen_but_refused > 0


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = (play("tux_http", SHORT, token=True) for _ in range(2))
    assert first.answers == second.answers
    assert first.github.requests == second.github.requests

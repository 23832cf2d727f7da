"""The retry budget: what retries cost, what comes back, and what an upstream that is down is spared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tux_http.policy import Retry
from tux_http.transports.budget import Budget

POLICY = Retry()


def attempts_of_a_failing_call(budget: Budget, policy: Retry = POLICY) -> int:
    attempts = 1
    while attempts < policy.attempts and budget.take(policy.cost):
        attempts += 1
    return attempts


def test_a_budget_is_full_at_first() -> None:
    assert Budget(POLICY).tokens == 500
    assert repr(Budget(Retry(budget=7))) == "<Budget 7/7>"


@pytest.mark.parametrize(
    ("cost", "retries", "left"),
    [(14, 35, 10), (5, 100, 0), (500, 1, 0), (501, 0, 500), (499, 1, 1)],
)
def test_a_full_budget_pays_for_so_many_retries(cost: int, retries: int, left: int) -> None:
    budget = Budget(POLICY)
    paid = 0
    while budget.take(cost):
        paid += 1
    assert (paid, budget.tokens) == (retries, left)


def test_what_the_bucket_cannot_pay_costs_nothing() -> None:
    budget = Budget(Retry(budget=13))
    assert not budget.take(14)
    assert budget.tokens == 13


def test_a_budget_of_nothing_never_pays_even_after_successes() -> None:
    budget = Budget(Retry(budget=0))
    budget.put(1000)
    assert not budget.take(1)


def test_fourteen_clean_successes_buy_one_retry() -> None:
    budget = Budget(Retry(budget=20))
    assert budget.take(20)
    for _ in range(13):
        budget.put(1)
    assert not budget.take(14)
    budget.put(1)
    assert budget.take(14)


def test_in_a_total_outage_an_upstream_sees_at_most_a_tenth_more_than_was_offered() -> None:
    budget, offered = Budget(POLICY), 50 * 60
    attempts = [attempts_of_a_failing_call(budget) for _ in range(offered)]
    assert sum(attempts) == offered + 35
    assert sum(attempts) <= 1.1 * offered


def test_once_the_bucket_is_spent_a_total_outage_is_not_retried_at_all() -> None:
    budget = Budget(POLICY)
    while budget.take(POLICY.cost):
        pass
    assert [attempts_of_a_failing_call(budget) for _ in range(1000)] == [1] * 1000


@given(st.lists(st.booleans(), max_size=400))
def test_in_a_partial_outage_retries_in_vain_stay_below_a_tenth_too(fails: list[bool]) -> None:
    budget, attempts = Budget(POLICY), 0
    while budget.take(POLICY.cost):
        pass
    left = budget.tokens
    for failing in fails:
        attempts += attempts_of_a_failing_call(budget) if failing else 1
        if not failing:
            budget.put(1)
    assert attempts <= len(fails) + (left + len(fails)) / POLICY.cost
    assert attempts - left / POLICY.cost <= 1.1 * len(fails)


class BudgetMachine(RuleBasedStateMachine):
    """Any order of payments and returns, against the ledger that a person would keep."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(Retry(budget=60))
        self.balance = 60

    @rule(cost=st.sampled_from([5, 14]))
    def pay(self, cost: int) -> None:
        affordable = self.balance >= cost
        assert self.budget.take(cost) is affordable
        self.balance -= cost if affordable else 0

    @rule(tokens=st.sampled_from([0, 1, 5, 14, 19, 28]))
    def give_back(self, tokens: int) -> None:
        self.budget.put(tokens)
        self.balance = min(60, self.balance + tokens)

    @invariant()
    def the_balance_is_kept_and_in_bounds(self) -> None:
        assert 0 <= self.budget.tokens == self.balance <= 60


TestBudgetMachine = BudgetMachine.TestCase

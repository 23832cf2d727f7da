"""The circuit of one origin as a state machine on a clock of its own, and the bounded map of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tux_http.policy import Breaker
from tux_http.transports.circuit import SLOTS, Circuit, Circuits, Permit, Verdict, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

SUCCESS, FAILURE, NONE = Verdict.SUCCESS, Verdict.FAILURE, Verdict.NONE


def no_jitter() -> float:
    return 0.0


def call(circuit: Circuit, verdict: Verdict, now: float) -> None:
    permit = circuit.admit(now)
    assert permit is not None, f"refused at {now}"
    circuit.settle(permit, verdict, now)


def calls(circuit: Circuit, verdicts: Iterable[Verdict], now: float) -> None:
    for verdict in verdicts:
        call(circuit, verdict, now)


def opened(policy: Breaker | None = None) -> Circuit:
    """Opened at 0."""
    circuit = Circuit(policy or Breaker(max_open_for=60.0), draw=no_jitter)
    calls(circuit, [FAILURE] * 10, 0.0)
    assert circuit.state(0.0) == "open"
    return circuit


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ([], "closed"),
        ([FAILURE] * 9, "closed"),  # too few to judge
        ([FAILURE] * 10, "open"),
        ([SUCCESS] * 5 + [FAILURE] * 5, "open"),
        ([FAILURE] * 5 + [SUCCESS] * 5, "open"),
        ([SUCCESS] * 6 + [FAILURE] * 5, "closed"),  # 5 of 11
        ([SUCCESS] * 6 + [FAILURE] * 6, "open"),  # 6 of 12
        ([SUCCESS] * 1000, "closed"),
        ([FAILURE] * 9 + [NONE] * 100, "closed"),  # what says nothing is no call
    ],
)
def test_a_circuit_opens_when_half_of_at_least_ten_calls_failed(verdicts: list[Verdict], state: str) -> None:
    circuit = Circuit(Breaker())
    calls(circuit, verdicts, 100.0)
    assert circuit.state(100.0) == state


@pytest.mark.parametrize(("later", "state"), [(29.0, "open"), (30.0, "closed"), (1000.0, "closed")])
def test_calls_count_for_thirty_seconds(later: float, state: str) -> None:
    circuit = Circuit(Breaker())
    calls(circuit, [FAILURE] * 5, 0.0)
    calls(circuit, [FAILURE] * 5, later)
    assert circuit.state(later) == state


def test_old_successes_do_not_hide_new_failures() -> None:
    circuit = Circuit(Breaker())
    calls(circuit, [SUCCESS] * 1000, 0.0)
    calls(circuit, [FAILURE] * 10, 31.0)
    assert circuit.state(31.0) == "open"


def test_an_open_circuit_refuses_for_five_seconds_then_lets_one_probe_through() -> None:
    circuit = opened()
    assert circuit.admit(4.999) is None
    assert circuit.retry_at(1.0) == 5.0
    assert circuit.state(5.0) == "half-open"
    assert circuit.admit(5.0) is not None
    assert circuit.admit(5.0) is None
    assert circuit.admit(500.0) is None
    assert circuit.retry_at(6.0) == 11.0


def test_a_successful_probe_closes_the_circuit_with_a_clean_slate() -> None:
    circuit = opened()
    call(circuit, SUCCESS, 5.0)
    assert circuit.state(5.0) == "closed"
    calls(circuit, [FAILURE] * 9, 5.0)
    assert circuit.state(5.0) == "closed"


def test_failed_probes_double_the_open_time_up_to_a_minute() -> None:
    circuit, now, waits = opened(), 0.0, list[float]()
    for _ in range(6):
        waits.append(circuit.retry_at(now) - now)
        now = circuit.retry_at(now)
        call(circuit, FAILURE, now)
    assert waits == [5, 10, 20, 40, 60, 60]


def test_jitter_shortens_a_doubled_open_time_by_at_most_half() -> None:
    circuit = Circuit(Breaker(max_open_for=60.0), draw=lambda: 1.0)
    calls(circuit, [FAILURE] * 10, 0.0)
    assert circuit.retry_at(0.0) == 5.0
    call(circuit, FAILURE, 5.0)
    assert circuit.retry_at(5.0) == 10.0  # half of ten seconds on
    call(circuit, FAILURE, 10.0)
    assert circuit.retry_at(10.0) == 20.0  # jitter does not slow the doubling: half of twenty


def test_a_success_resets_the_open_time() -> None:
    circuit = opened()
    call(circuit, FAILURE, 5.0)
    call(circuit, SUCCESS, 15.0)
    calls(circuit, [FAILURE] * 10, 16.0)
    assert circuit.retry_at(16.0) == 21.0


def test_no_open_time_is_longer_than_the_longest() -> None:
    circuit = opened(Breaker(open_for=5.0, max_open_for=7.0))
    call(circuit, FAILURE, 5.0)
    assert circuit.retry_at(5.0) == 12.0


@pytest.mark.parametrize(
    ("took", "due"),
    [
        (0.0, 15.0),
        (6.0, 15.0),  # ten seconds after it was sent, not after it failed
        (9.5, 15.0),
        (10.0, 15.0),
        (14.0, 19.0),  # it was due while the probe hung, so now
    ],
)
def test_the_open_time_after_a_probe_counts_from_when_it_was_sent(took: float, due: float) -> None:
    circuit = opened()
    probe = circuit.admit(5.0)
    assert probe is not None
    circuit.settle(probe, FAILURE, 5.0 + took, took=took)
    if due > 5.0 + took:
        assert circuit.retry_at(5.0 + took) == due
        assert circuit.admit(due - 0.001) is None
    assert circuit.admit(due) is not None


def test_the_open_time_after_calls_counts_from_the_last_failure_however_long_it_took() -> None:
    circuit = Circuit(Breaker(), draw=no_jitter)
    permits = [circuit.admit(0.0) for _ in range(10)]
    for permit in permits:
        assert permit is not None
        circuit.settle(permit, FAILURE, 15.0, took=15.0)
    assert circuit.retry_at(15.0) == 20.0


def test_only_a_probe_has_a_limit() -> None:
    circuit = opened(Breaker(probe_timeout=7.0))
    probe = circuit.admit(5.0)
    assert probe is not None
    assert probe.limit == 7.0
    circuit.settle(probe, SUCCESS, 5.0)
    permit = circuit.admit(5.0)
    assert permit is not None
    assert permit.limit is None


def test_a_probe_without_a_verdict_frees_its_place() -> None:
    circuit = opened()
    call(circuit, NONE, 5.0)
    assert circuit.state(5.0) == "half-open"
    call(circuit, SUCCESS, 5.0)
    assert circuit.state(5.0) == "closed"


@pytest.mark.parametrize("verdict", [SUCCESS, FAILURE])
def test_a_late_answer_from_before_the_outage_is_no_probe(verdict: Verdict) -> None:
    circuit = Circuit(Breaker(), draw=no_jitter)
    late = circuit.admit(0.0)
    assert late is not None
    calls(circuit, [FAILURE] * 10, 0.0)
    probe = circuit.admit(5.0)
    assert probe is not None
    circuit.settle(late, verdict, 6.0)
    assert circuit.admit(6.0) is None, "the probe is still the only one"
    circuit.settle(probe, SUCCESS, 7.0)
    assert circuit.state(7.0) == "closed"


def test_late_failures_do_not_open_a_circuit_that_has_recovered() -> None:
    circuit = Circuit(Breaker(), draw=no_jitter)
    late = [circuit.admit(0.0) for _ in range(20)]
    calls(circuit, [FAILURE] * 10, 0.0)
    call(circuit, SUCCESS, 5.0)
    for permit in late:
        assert permit is not None
        circuit.settle(permit, FAILURE, 6.0)
    assert circuit.state(6.0) == "closed"


def test_settling_twice_counts_once_for_a_probe() -> None:
    circuit = opened()
    probe = circuit.admit(5.0)
    assert probe is not None
    circuit.settle(probe, SUCCESS, 5.0)
    circuit.settle(probe, FAILURE, 5.0)
    assert circuit.state(5.0) == "closed"


def test_the_window_stays_small_however_many_calls_are_made() -> None:
    window = Window(30.0)
    for number in range(20_000):
        window.add(number * 0.01, failed=number % 2 == 0)
    assert len(window._slots) <= SLOTS
    assert 2900 <= window.calls <= 3000, "the last 30 s at 100 a second"
    assert window.failures == window.calls / 2


def test_each_origin_has_a_circuit_of_its_own() -> None:
    circuits = Circuits(Breaker())
    calls(circuits.of("https://a"), [FAILURE] * 10, 0.0)
    assert circuits.of("https://a").state(0.0) == "open"
    assert circuits.of("https://b").state(0.0) == "closed"


def test_the_origin_not_used_for_longest_makes_room() -> None:
    circuits = Circuits(Breaker(), limit=2)
    first, second = circuits.of("https://a"), circuits.of("https://b")
    assert circuits.of("https://a") is first
    circuits.of("https://c")
    assert circuits.of("https://a") is first
    assert circuits.of("https://b") is not second
    assert len(circuits) == 2


def test_a_flood_of_origins_is_held_to_a_bound() -> None:
    circuits = Circuits(Breaker())
    for number in range(5000):
        circuits.of(f"https://host{number}")
    assert len(circuits) == 1024


class CircuitMachine(RuleBasedStateMachine):
    """Calls that overlap and end in any order, against the rules written down naively.

    Times are whole seconds and a slot is one, so that the model's window is exact.
    """

    POLICY = Breaker(window=60.0, minimum_calls=4, failure_ratio=0.5, open_for=5.0, max_open_for=20.0)

    def __init__(self) -> None:
        super().__init__()
        self.draw = 0.0
        self.circuit = Circuit(self.POLICY, draw=lambda: self.draw)
        self.now = 0
        self.running: list[tuple[Permit, int, int]] = []  # with when and in which era each was admitted
        self.era = 0  # odd while open
        self.verdicts: list[tuple[int, bool]] = []
        self.open_for = 0.0
        self.until = 0.0

    def probes(self) -> list[Permit]:
        return [permit for permit, _, era in self.running if era == self.era and self.era % 2]

    @rule(seconds=st.integers(1, 25))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(draw=st.sampled_from([0.0, 0.5, 1.0]))
    def luck_changes(self, draw: float) -> None:
        self.draw = draw

    @rule()
    def a_call_begins(self) -> None:
        allowed = not self.era % 2 or (self.now >= self.until and not self.probes())
        permit = self.circuit.admit(self.now)
        assert (permit is not None) is allowed
        if permit is not None:
            self.running.append((permit, self.now, self.era))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), verdict=st.sampled_from(Verdict))
    def a_call_ends(self, data: st.DataObject, verdict: Verdict) -> None:
        permit, began, era = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        sent = data.draw(st.integers(began, self.now))
        self.circuit.settle(permit, verdict, self.now, took=self.now - sent)
        if era != self.era or verdict is Verdict.NONE:
            return
        if self.era % 2:
            self.the_probe_ends(verdict, sent)
        else:
            self.verdicts.append((self.now, verdict is Verdict.FAILURE))
            self.judge()

    def the_probe_ends(self, verdict: Verdict, sent: int) -> None:
        if verdict is Verdict.SUCCESS:
            self.era, self.verdicts = self.era + 1, []
        else:
            self.opens(sent, min(20.0, self.open_for * 2), jitter=self.draw / 2)
            self.era += 2

    def judge(self) -> None:
        recent = [failed for at, failed in self.verdicts if self.now - at < self.POLICY.window]
        if len(recent) >= self.POLICY.minimum_calls and sum(recent) / len(recent) >= 0.5:
            self.opens(self.now, 5.0, jitter=0.0)
            self.era += 1

    def opens(self, since: int, open_for: float, *, jitter: float) -> None:
        self.open_for = open_for
        self.until = since + open_for * (1 - jitter)

    @invariant()
    def the_state_is_what_the_rules_say(self) -> None:
        expected = "closed" if not self.era % 2 else "open" if self.now < self.until else "half-open"
        assert self.circuit.state(self.now) == expected

    @invariant()
    def there_is_never_more_than_one_probe(self) -> None:
        assert len(self.probes()) <= 1

    @invariant()
    def whoever_is_refused_is_told_a_time_to_come_within_the_longest_wait(self) -> None:
        if self.circuit.state(self.now) != "closed":
            assert self.now < self.circuit.retry_at(self.now) <= self.now + 20.0


TestCircuitMachine = CircuitMachine.TestCase
TestCircuitMachine.settings = settings(max_examples=60, stateful_step_count=60)

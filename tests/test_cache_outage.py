"""When a store that failed is tried again, in numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.stores import messages
from tux_http.caching.outage import Outage, Trial


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def begun(outage: Outage) -> Trial:
    trial = outage.begin()
    assert trial is not None
    return trial


def test_the_pauses_double_from_one_second_to_thirty() -> None:
    clock = Clock()
    outage = Outage("it", clock=clock)
    begun(outage).failed(OSError("gone"))
    for pause in (1, 2, 4, 8, 16, 30, 30):
        clock.now += pause - 0.01
        assert outage.begin() is None
        clock.now += 0.01
        begun(outage).failed(OSError("gone"))
    clock.now += 30
    begun(outage).succeeded()
    begun(outage).failed(OSError("gone"))
    clock.now += 1
    assert outage.begin() is not None


def test_one_operation_tries_it_and_a_cancelled_one_frees_its_place() -> None:
    clock = Clock()
    outage = Outage("it", clock=clock)
    begun(outage).failed(OSError("gone"))
    clock.now += 1
    trial = begun(outage)
    assert outage.begin() is None
    trial.abandoned()
    begun(outage).succeeded()
    assert (outage.is_out, begun(outage) is not None, begun(outage) is not None) == (False, True, True)


def test_what_fails_together_is_one_failure_and_a_late_success_ends_nothing() -> None:
    clock = Clock()
    outage = Outage("it", clock=clock)
    first, *others, late = [begun(outage) for _ in range(100)]
    first.failed(OSError("gone"))
    for each in others:
        each.failed(OSError("gone"))
    late.succeeded()
    assert outage.is_out
    clock.now += 1
    assert outage.begin() is not None


def test_one_line_tells_that_it_is_gone_and_one_that_it_is_back() -> None:
    clock = Clock()
    outage = Outage("the cache's server", clock=clock)
    with messages("INFO") as lines:
        for _ in range(5):
            begun(outage).failed(OSError("no\nroute"))
            clock.now += 30
        begun(outage).succeeded()
        begun(outage).succeeded()
    assert lines == [
        "the cache's server can't be used, going on without it: no route",
        "the cache's server is back and used again",
    ]


@given(steps=st.lists(st.sampled_from(["begin", "fail", "succeed", "abandon", "wait"]), max_size=80))
def test_it_is_never_locked_out_for_longer_than_thirty_seconds(steps: list[str]) -> None:
    clock = Clock()
    outage = Outage("it", clock=clock)
    under_way: list[Trial] = []
    for step in steps:
        if step == "wait":
            clock.now += 1
        elif step == "begin":
            trial = outage.begin()
            under_way += [trial] if trial is not None else []
        elif under_way:
            trial = under_way.pop()
            if step == "fail":
                trial.failed(OSError("gone"))
            elif step == "succeed":
                trial.succeeded()
            else:
                trial.abandoned()
    for trial in under_way:
        trial.abandoned()
    clock.now += 30
    assert outage.begin() is not None

"""The rules of `TUX_HTTP_CHAOS`: how they are read, what is said of wrong ones, and when they happen."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tux_http.chaos import FAULTS, LIMITS, ChaosError, Faults, Rule, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = sorted(FAULTS.keys() - {"status", "limit"})


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", ()),
        (" ; ;", ()),
        ("github:status=503", (Rule(api="github", fault="status", status=503),)),
        (
            "github:status=503,ratio=0.2;github:latency=4s",
            (
                Rule(api="github", fault="status", status=503, ratio=0.2),
                Rule(api="github", latency=4.0),
            ),
        ),
        (" my-api : latency = 250ms , reset ", (Rule(api="my-api", fault="reset", latency=0.25),)),
        ("*:timeout,after=10,times=3", (Rule(api="*", fault="timeout", after=10, times=3),)),
        ("github:limit", (Rule(api="github", fault="limit", limit="primary"),)),
        (
            "github:limit=secondary,retry-after=30s",
            (Rule(api="github", fault="limit", limit="secondary", retry_after=30.0),),
        ),
        *((f"github:{fault}", (Rule(api="github", fault=fault),)) for fault in PLAIN),
    ],
)
def test_a_text_is_its_rules(text: str, rules: tuple[Rule, ...]) -> None:
    assert parse(text) == rules


def test_a_rule_is_frozen() -> None:
    (rule,) = parse("github:reset")
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.fault = "timeout"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    fault = draw(st.sampled_from([None, *FAULTS]))
    has_wait = fault in {"status", "limit"} and draw(st.booleans())
    millis = 0 if fault == "timeout" else draw(st.integers(0 if fault else 1, 10_000_000))
    return Rule(
        api=draw(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}|\*", fullmatch=True)),
        fault=fault,
        status=draw(st.integers(200, 599)) if fault == "status" else None,
        limit=draw(st.sampled_from(LIMITS)) if fault == "limit" else None,
        latency=millis / 1000,
        ratio=draw(st.integers(1, 1000)) / 1000,
        after=draw(st.integers(0, 10**6)),
        times=draw(st.none() | st.integers(1, 10**6)),
        retry_after=float(draw(st.integers(1, 86_400))) if has_wait else None,
    )


@given(st.lists(rules(), max_size=4))
def test_what_a_rule_is_written_as_is_read_as_that_rule(given_rules: list[Rule]) -> None:
    assert parse("; ".join(map(str, given_rules))) == tuple(given_rules)


@given(st.text(alphabet="github:*;,=.0159msratiofxé `", max_size=40))
def test_no_text_makes_anything_but_rules_or_a_problem(text: str) -> None:
    with contextlib.suppress(ChaosError):
        assert all(isinstance(rule, Rule) for rule in parse(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("github", "'github': it must be API:FAULT, such as github:status=503"),
        (":reset", "':reset': it must be API:FAULT, such as github:status=503"),
        ("git hub:reset", "'git hub' is no name of an API: it must be API:FAULT, such as github:status=503, or *: "),
        ("github:", "'github:': nothing happens: add a fault or latency=4s; faults are status, limit, timeout, "),
        ("github:ratio=0.5", "'github:ratio=0.5': nothing happens: add a fault or latency=4s; "),
        ("github:stauts=503", "'github:stauts=503': there is no 'stauts'; did you mean status?"),
        ("github:explode", "'github:explode': there is no 'explode'; there are after, certificate, connect, "),
        ("github:status", "'github:status': status needs a value, such as status=503"),
        ("github:status=5o3", "'github:status=5o3': status must be a whole number, such as status=503, got '5o3'"),
        ("github:status=103", "'github:status=103': status must be from 200 to 599, such as 503"),
        ("github:status=600", "status must be from 200 to 599"),
        ("github:latency=4", "'github:latency=4': latency must be a time such as 4s or 250ms, got '4'"),
        ("github:latency=-1s", "latency must be a time such as 4s or 250ms, got '-1s'"),
        ("github:latency=٤s", "latency must be a time such as 4s or 250ms, got '٤s'"),
        ("github:latency=0s", "nothing happens"),
        ("github:latency=90000s", "latency must be at most a day"),
        ("github:reset,ratio=0", "'github:reset,ratio=0': ratio must be over 0 and at most 1, such as 0.2"),
        ("github:reset,ratio=1.5", "ratio must be over 0 and at most 1"),
        ("github:reset,ratio=nan", "ratio must be a number over 0 and at most 1, such as 0.2, got 'nan'"),
        ("github:reset,ratio=half", "ratio must be a number over 0 and at most 1, such as 0.2, got 'half'"),
        ("github:reset,times=0", "times must be at least 1"),
        ("github:reset,times=x", "times must be a whole number, such as times=3, got 'x'"),
        ("github:reset,after=-1", "after must be a whole number, such as after=10, got '-1'"),
        ("github:reset=1", "'github:reset=1': reset takes no value; write reset"),
        ("github:limit=hourly", "limit must be one of primary, secondary"),
        ("github:limit=", "limit must be one of primary, secondary"),
        ("github:reset,timeout", "only one fault can happen to a call: keep 'reset' or 'timeout', or write two rules"),
        ("github:limit,status=503", "only one fault can happen to a call: keep 'limit' or 'status=503', or write"),
        ("github:status=503,status=500", "status is said twice; keep one"),
        ("github:limit,retry-after=9s,retry-after=9s", "retry-after is said twice; keep one"),
        ("github:timeout,latency=4s", "timeout has no latency: its answer never comes; keep one of the two"),
        ("github:reset,retry-after=3s", "retry-after goes with status= or limit"),
        ("github:limit,retry-after=500ms", "retry-after must be whole seconds, at least one and at most a day"),
    ],
)  # fmt: skip
def test_a_wrong_part_is_named_with_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(ChaosError) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert said in problem
    assert problem.startswith(f"{text!r}: ")


def test_all_wrong_rules_are_told_at_once() -> None:
    with pytest.raises(ChaosError) as caught:
        parse("github:rest; github:reset; github:latency=x")
    assert caught.value.problems == (
        "'github:rest': there is no 'rest'; did you mean reset?",
        "'github:latency=x': latency must be a time such as 4s or 250ms, got 'x'",
    )


def test_an_api_that_there_is_not_is_named_with_the_nearest_one() -> None:
    assert parse("github:reset;*:reset", apis=["github"])
    with pytest.raises(ChaosError, match="there is no API 'gihub'; did you mean github"):
        parse("gihub:reset", apis=["github", "weather"])
    with pytest.raises(ChaosError, match="there is no API 'x'; there are github, weather"):
        parse("x:reset", apis=["weather", "github"])


# When they happen.


def draws(*numbers: float) -> Any:
    following: Iterator[float] = iter(numbers)
    return lambda: next(following)


def struck(faults: Faults, calls: int, api: str | None = "github") -> str:
    return "".join("x" if faults.strike(api) else "." for _ in range(calls))


def test_a_rule_is_for_its_api_and_a_star_for_each() -> None:
    faults = Faults(parse("github:reset;*:latency=1s"))
    assert [str(rule) for rule in faults.strike("github")] == ["github:reset", "*:latency=1s"]
    assert [str(rule) for rule in faults.strike("weather")] == ["*:latency=1s"]
    assert not Faults(parse("github:reset")).strike("weather")


def test_a_ratio_is_the_share_of_calls_by_chance() -> None:
    faults = Faults(parse("github:reset,ratio=0.2"), draw=draws(0.0, 0.19, 0.2, 0.9))
    assert struck(faults, 4) == "xx.."


def test_a_rule_without_a_ratio_draws_nothing() -> None:
    assert struck(Faults(parse("github:reset"), draw=draws()), 3) == "xxx"


def test_the_first_calls_are_spared_and_it_ends_after_its_times() -> None:
    assert struck(Faults(parse("github:reset,after=2,times=3")), 8) == "..xxx..."
    faults = Faults(parse("github:reset,times=1,ratio=0.5"), draw=draws(0.9, 0.1))
    assert struck(faults, 4) == ".x.."


def test_what_each_rule_has_done_is_counted_until_others_take_their_place() -> None:
    faults = Faults(parse("github:reset,after=1;weather:reset"))
    struck(faults, 3)
    assert [(hits.seen, hits.done) for _, hits in faults.counts] == [(3, 2), (0, 0)]
    faults.use(parse("github:timeout"))
    assert [(str(rule), hits.seen) for rule, hits in faults.counts] == [("github:timeout", 0)]
    assert faults.rules == parse("github:timeout")


# What the README says of them.


def test_the_readme_shows_each_fault_and_only_rules_that_are_right() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    section = text.partition("### Seeing every error")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    shown = [part for row in rows for part in re.findall(r"`(.+?)`", row)]
    assert {name.partition("=")[0] for name in shown} == {*FAULTS, "latency"}
    examples = re.findall(r'(?:TUX_HTTP_CHAOS="|/chaos set |parse\(")([^"`]+)', section)
    assert len(examples) == 3
    assert all(parse(rule) for rule in [*examples, *(f"github:{name}" for name in shown)])

"""What is remembered of calls and failures, and that it is never more than so many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tux_http.call import Call, call_of, report
from tux_http.http_client import HTTPClient
from tux_http.records import LAST, Failure, Records, recent

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_call(reference: str) -> Call:
    return Call(method="GET", url="https://api.example/a", path="/a", api="github", reference=reference)


def a_failure(reference: str, *, call: Call | None = None, second: int = 0) -> Failure:
    return Failure(
        reference=reference,
        at=NOON + timedelta(seconds=second),
        name="repo",
        problem="unavailable",
        error="HTTPStatusError",
        call=call,
    )


def test_a_thousand_calls_are_remembered_and_not_one_more() -> None:
    records = Records()
    for number in range(LAST + 1):
        records.ended(a_call(f"{number:08x}"))
    assert records.call("00000000") is None
    assert records.call("00000001") is not None
    assert records.call(f"{LAST:08x}") is not None


def test_a_failure_keeps_its_call_however_many_come_after_it() -> None:
    records, call = Records(3), a_call("11111111")
    records.ended(call)
    records.failed(a_failure("11111111", call=call))
    for number in range(10):
        records.ended(a_call(f"{number:08x}"))
    assert records.call("11111111") is call


def test_the_newest_failures_come_first() -> None:
    records = Records(3)
    for number in (1, 2, 3, 4, 2):
        records.failed(a_failure(f"{number:08x}", second=number))
    assert [failure.reference[-1] for failure in records.failures()] == ["2", "4", "3"]
    assert [failure.reference[-1] for failure in records.failures(1)] == ["2"]


references = st.integers(0, 9).map(lambda number: f"{number:08x}")


@given(
    size=st.integers(1, 5), events=st.lists(st.tuples(st.sampled_from(["call", "fail", "both"]), references))
)
def test_whatever_happens_the_last_ones_are_known_and_no_more_are_kept(
    size: int, events: list[tuple[str, str]]
) -> None:
    records, calls, failures = Records(size), dict[str, Call](), dict[str, Failure]()
    for kind, reference in events:
        call = a_call(reference) if kind != "fail" else None
        if call is not None:
            records.ended(call)
            calls = {**{key: value for key, value in calls.items() if key != reference}, reference: call}
        if kind != "call":
            failure = a_failure(reference, call=call)
            records.failed(failure)
            failures = {
                **{key: value for key, value in failures.items() if key != reference},
                reference: failure,
            }
    last_calls, last_failures = list(calls)[-size:], list(failures)[-size:]
    assert [failure.reference for failure in records.failures()] == last_failures[::-1]
    for reference in (f"{number:08x}" for number in range(10)):
        assert records.failure(reference) == (failures[reference] if reference in last_failures else None)
        kept = failures[reference].call if reference in last_failures else None
        assert records.call(reference) is (kept or (calls[reference] if reference in last_calls else None))


def test_a_call_is_remembered_when_it_ends_with_what_it_ended_in() -> None:
    call = a_call("abcdef01")
    report(call, httpx.ReadTimeout("no"))
    assert recent.call("abcdef01") is call
    assert call.error == "ReadTimeout"


async def test_the_reference_is_there_before_the_first_byte_and_stays_the_same() -> None:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        call = request.extensions["tux_http"]
        assert isinstance(call, Call)
        sent.append(call.reference)
        return httpx.Response(404)

    async with HTTPClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await http.api("github", base_url="https://api.example").get("/a")
    call = call_of(caught.value)
    assert call is not None
    assert sent == [call.reference]
    assert recent.call(call.reference) is call

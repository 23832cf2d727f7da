"""What is counted of calls and failures, and that no label says more than it may."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client import REGISTRY

from tests.measured import measured
from tux_http.call import call_of
from tux_http.errors import DeadlineExceeded
from tux_http.gauges import GAUGES
from tux_http.metrics import BUCKETS, MOST_APIS, Metrics
from tux_http.policy import Breaker, Caching, Caps, Policy, Retry
from tux_http.problem_texts import TEXTS
from tux_http.records import Failure, recent
from tux_http.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.measured import Measured

PLAIN = Policy(retry=Retry(attempts=1), caching=Caching(enabled=False))
FRESH = {"Cache-Control": "max-age=60"}


def answering(*answers: httpx.Response | Exception) -> Callable[[httpx.Request], httpx.Response]:
    """Each in its turn; the last one stays."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    return answer


async def ask(service: Measured, method: str = "GET", path: str = "/a", **options: Any) -> str:
    """Sends a call and gives its reference."""
    try:
        response = await service.http.apis["github"].request(method, path, **options)
    except (httpx.HTTPError, asyncio.CancelledError) as exc:
        call = call_of(exc)
    else:
        call = call_of(response)
    assert call is not None
    return call.reference


async def test_a_call_is_counted_once_by_api_method_outcome_and_cache() -> None:
    async with measured(answering(httpx.Response(200, headers=FRESH))) as service:
        for _ in range(3):
            await ask(service)
        await ask(service, "POST", "/b")
        await service.http.get("https://elsewhere.example/")
        assert service.counted("calls") == {
            ("github", "miss", "GET", "2xx"): 1,
            ("github", "hit", "GET", "2xx"): 2,
            ("github", "none", "POST", "2xx"): 1,
            ("-", "none", "GET", "2xx"): 1,
        }
        assert service.value("call_seconds_count", api="github", cache="hit") == 2
        assert service.value("attempts_total", api="github", outcome="2xx") == 2


@pytest.mark.parametrize(
    ("met", "outcome"),
    [
        (httpx.Response(204), "2xx"),
        (httpx.Response(304), "3xx"),
        (httpx.Response(404), "4xx"),
        (httpx.Response(501), "5xx"),
        (httpx.Response(799), "other"),
        (httpx.ReadTimeout("no"), "timeout"),
        (httpx.ConnectTimeout("no"), "timeout"),
        (DeadlineExceeded(limit=1), "timeout"),
        (httpx.ConnectError("no"), "error"),
        (httpx.RemoteProtocolError("no"), "error"),
    ],
)
async def test_how_a_call_ended_is_one_of_a_few_words(met: httpx.Response | Exception, outcome: str) -> None:
    async with measured(answering(met), policy=PLAIN) as service:
        await ask(service)
        assert service.counted("calls") == {("github", "none", "GET", outcome): 1}
        assert service.counted("attempts") == {("github", outcome): 1}


async def test_a_call_whose_caller_left_is_neither_an_answer_nor_an_error() -> None:
    under_way = asyncio.Event()

    async def never(_: httpx.Request) -> httpx.Response:
        under_way.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async with measured(never, policy=PLAIN) as service:
        call = asyncio.create_task(ask(service))
        await under_way.wait()
        call.cancel()
        await call
        assert service.counted("calls") == {("github", "none", "GET", "cancelled"): 1}


async def test_attempts_and_waits_are_counted_by_their_reason() -> None:
    upstream = answering(httpx.Response(503), httpx.ReadTimeout("no"), httpx.Response(200))
    retry = Retry(attempts=3, backoff=0.001)
    async with measured(upstream, policy=Policy(retry=retry, caching=Caching(enabled=False))) as service:
        reference = await ask(service)
        assert service.counted("calls") == {("github", "none", "GET", "2xx"): 1}
        assert service.counted("attempts") == {
            ("github", "5xx"): 1,
            ("github", "timeout"): 1,
            ("github", "2xx"): 1,
        }
        call = recent.call(reference)
        assert call is not None
        waits = [attempt.wait for attempt in call.attempts if attempt.wait is not None]
        assert len(waits) == 2
        backoff = service.value("wait_seconds_total", api="github", reason="backoff")
        assert backoff == pytest.approx(sum(waits))


async def test_what_a_coalesced_call_shares_is_counted_once() -> None:
    let_go = asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        await let_go.wait()
        return httpx.Response(200)

    async with measured(slow) as service:
        calls = [asyncio.create_task(ask(service)) for _ in range(5)]
        for _ in range(20):
            await asyncio.sleep(0)
        let_go.set()
        await asyncio.gather(*calls)
        assert sum(service.counted("calls").values()) == 5
        assert service.counted("attempts") == {("github", "2xx"): 1}


async def test_refusals_are_counted_by_the_layer_that_refused() -> None:
    policy = Policy(
        retry=Retry(attempts=1),
        breaker=Breaker(minimum_calls=2),
        caching=Caching(enabled=False),
        caps=Caps(max_body=10),
    )
    upstream = answering(httpx.Response(200, content=b"x" * 11), *[httpx.Response(500)] * 3)
    async with measured(upstream, policy=policy) as service:
        references = [await ask(service) for _ in range(5)]
        assert service.counted("refusals") == {("github", "guard"): 1, ("github", "breaker"): 3}
        assert service.counted("calls")["github", "none", "GET", "refused"] == 4
        assert references[-1] in service.references("refusals")


async def test_a_stream_that_breaks_after_its_head_is_counted_apart_and_once() -> None:
    class Broken(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"x"
            raise httpx.ReadError("gone")

    async with measured(lambda _: httpx.Response(200, stream=Broken()), policy=PLAIN) as service:
        with pytest.raises(httpx.ReadError):
            async with service.http.apis["github"].stream("GET", "/a") as response:
                await response.aread()
        assert service.counted("calls") == {("github", "none", "GET", "2xx"): 1}
        assert service.counted("broken_bodies") == {("github",): 1}
        assert service.value("call_seconds_count", api="github", cache="none") == 1


async def test_the_reference_of_a_call_is_its_exemplar() -> None:
    async with measured(answering(httpx.Response(404)), policy=PLAIN) as service:
        reference = await ask(service)
        for name in ("calls", "call_seconds"):
            assert service.references(name) == {reference}


async def test_an_answer_from_memory_has_none() -> None:
    async with measured(answering(httpx.Response(200, headers=FRESH))) as service:
        asked, hit = await ask(service), await ask(service)
        assert asked != hit
        assert service.references("calls") == service.references("call_seconds") == {asked}
        assert service.counted("calls")["github", "hit", "GET", "2xx"] == 1


def a_failure(problem: str) -> Failure:
    return Failure(reference="0a1b2c3d", at=datetime.now(UTC), name="repo", problem=problem, error="KeyError")


async def test_failures_are_counted_by_code_with_the_reference_that_the_person_has() -> None:
    async with measured(answering(httpx.Response(200))) as service:
        recent.failed(a_failure("internal"))
        recent.failed(a_failure("internal"))
        assert service.counted("problems") == {("-", "internal"): 2}
        assert service.references("problems") == {"0a1b2c3d"}


async def test_after_its_end_nothing_is_counted_and_it_may_begin_anew() -> None:
    async with measured(answering(httpx.Response(200)), policy=PLAIN) as service:
        await ask(service)
        service.metrics.close()
        assert service.text() == "# EOF\n"
        await ask(service)
        service.metrics.listen()
        assert service.counted("calls") == {("github", "none", "GET", "2xx"): 1}


async def test_two_in_one_registry_are_refused() -> None:
    async with measured(answering(httpx.Response(200))) as service:
        with pytest.raises(ValueError, match="Duplicated timeseries"):
            service.metrics.listen()
        await ask(service)
        assert sum(service.counted("calls").values()) == 1


OUR_WORDS = {
    *("-", "other", "none", "GET", "POST", "hit", "miss", "revalidated", "stale"),
    *("1xx", "2xx", "3xx", "4xx", "5xx", "timeout", "error", "refused", "cancelled"),
    *("breaker", "quota", "lane", "guard", "backoff", "asked", "turn", "open", "half-open"),
    *TEXTS,
}


async def test_labels_hold_names_of_apis_and_our_own_words_only() -> None:
    reset = str(int(datetime.now(UTC).timestamp()) + 600)
    hostile = {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": reset,
        "X-RateLimit-Resource": "an-upstreams-word",
        "ETag": '"an-upstreams-word"',
        **FRESH,
    }
    async with measured(
        answering(httpx.Response(200, headers=hostile), httpx.ConnectError("a word"))
    ) as service:
        await ask(service, path="/users/1234567890")
        await ask(service, "FROBNICATE", "/users/1234567890")
        await ask(service, path="/limited?q=1")
        for code in TEXTS:
            recent.failed(a_failure(code))
        said = {
            (name, text)
            for sample in service.samples()
            for name, text in sample.labels.items()
            if name not in {"api", "le", "version"}
        }
        assert {text for _, text in said} <= OUR_WORDS
        assert {sample.labels["api"] for sample in service.samples() if "api" in sample.labels} == {
            "github",
            "-",
        }
        assert "FROB" not in service.text()
        assert "1234567890" not in service.text()


async def test_more_apis_than_can_be_told_apart_are_counted_together() -> None:
    async with measured(answering(httpx.Response(200))) as service:
        for number in range(MOST_APIS + 5):
            await service.http.api(f"api{number}", base_url="https://many.example").get("/")
        labels = {sample.labels["api"] for sample in service.samples() if "api" in sample.labels}
        assert len(labels) == MOST_APIS + 1
        assert service.value("calls_total", api="other", method="GET", outcome="2xx", cache="miss") == 5
        assert service.value("lane_slots", api="other") == 6 * 20  # github's among them: it was not called


def test_the_readmes_example_runs_as_written() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (code,) = (code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "Metrics(" in code)
    before = recent._listeners
    exec(compile(code, "bot.py", "exec"), {})  # noqa: S102  # that is the test
    (metrics,) = (each for each in recent._listeners if each not in before)
    assert isinstance(metrics, Metrics)
    try:
        assert REGISTRY.get_sample_value("tux_http_build_info", {"version": __version__}) == 1
    finally:
        metrics.close()


def test_every_gauge_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    rows = [
        re.findall(r"`(\w+)`", row.split("|")[1])
        for row in readme.splitlines()
        if row.startswith("| `tux_http_")
    ]
    named = {name for first, *others in rows for name in (first, *(_sibling(first, end) for end in others))}
    assert named >= set(GAUGES)


def _sibling(name: str, end: str) -> str:
    """`tux_http_lane_under_way` and `_slots` -> `tux_http_lane_slots`."""
    return "_".join(name.split("_")[:3]) + end


def test_the_buckets_tell_answers_from_memory_from_the_longest_deadline() -> None:
    assert list(BUCKETS) == sorted(BUCKETS)
    assert BUCKETS[0] <= 0.001
    assert Policy().deadline in BUCKETS[:-1]

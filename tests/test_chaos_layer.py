"""Faults on purpose, met by everything above them as real ones."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.failures import NAMES
from tests.fault_server import fault_server, fault_server_in_the_open, refused
from tests.virtual_time import VirtualCall, simulated
from tux_http import HTTPClient, call_of
from tux_http.call import EXTENSION
from tux_http.chaos import FAULTS, Faults, parse
from tux_http.errors import CircuitOpen, DeadlineExceeded, InvalidResponse, RateLimited, ResponseTooLarge
from tux_http.policy import Breaker, Caching, Policy, Quota, Retry
from tux_http.problems import problem_of
from tux_http.transports import LayerState, build
from tux_http.transports.chaos import MARK, Chaos

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.conftest import TLS
    from tux_http.api import API

BASE: Final = "https://api.test"
ONCE: Final = Policy(
    retry=Retry(attempts=1), breaker=Breaker(enabled=False), quota=Quota(enabled=False), caching=Caching(enabled=False)
)  # fmt: skip


class Upstream:
    """Answers each request well, and counts them."""

    def __init__(self, **headers: str) -> None:
        self.asked = 0
        self.headers = headers

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(200, json={"name": "tux"}, headers=self.headers)


@contextlib.asynccontextmanager
async def service(
    rules: str, policy: Policy = ONCE, *, upstream: Callable[[httpx.Request], httpx.Response] | None = None
) -> AsyncGenerator[tuple[API, Faults]]:
    faults = Faults(parse(rules), draw=random.Random(1).random)
    async with HTTPClient(transport=httpx.MockTransport(upstream or Upstream())) as client:
        client.faults = faults
        yield client.api("github", base_url=BASE, policy=policy), faults


async def met(rules: str, **options: Any) -> Exception:
    """What a call meets that reads JSON; no fault lets one reach the upstream."""
    upstream = Upstream()
    async with service(rules, upstream=upstream) as (api, _):
        with pytest.raises((httpx.HTTPError, httpx.InvalidURL)) as caught:
            await api.get("/x", as_=dict[str, str], **options)
    assert upstream.asked == 0
    return caught.value


# Each fault.

MET: Final = {
    "status=401": (httpx.HTTPStatusError, "not-signed-in"),
    "status=403": (httpx.HTTPStatusError, "forbidden"),
    "status=404": (httpx.HTTPStatusError, "not-found"),
    "status=410": (httpx.HTTPStatusError, "gone"),
    "status=418": (httpx.HTTPStatusError, "refused"),
    "status=422": (httpx.HTTPStatusError, "not-accepted"),
    "status=451": (httpx.HTTPStatusError, "legal"),
    "status=500": (httpx.HTTPStatusError, "service-error"),
    "status=502": (httpx.HTTPStatusError, "bad-gateway"),
    "status=503": (httpx.HTTPStatusError, "unavailable"),
    "status=504": (httpx.HTTPStatusError, "timeout"),
    "limit": (httpx.HTTPStatusError, "rate-limited"),
    "limit=secondary": (httpx.HTTPStatusError, "slow-down"),
    "connect": (httpx.ConnectError, "unreachable"),
    "certificate": (httpx.ConnectError, "insecure"),
    "proxy": (httpx.ProxyError, "proxy"),
    "reset": (httpx.ReadError, "connection-lost"),
    "garbled": (httpx.RemoteProtocolError, "garbled"),
    "truncated": (httpx.RemoteProtocolError, "garbled"),
    "damaged": (httpx.DecodingError, "unreadable"),
    "invalid": (InvalidResponse, "unexpected-answer"),
    "too-large": (ResponseTooLarge, "too-large"),
    "loop": (httpx.TooManyRedirects, "redirect-loop"),
}


def test_each_fault_is_met_in_these_tests() -> None:
    assert {name.partition("=")[0] for name in MET} | {"timeout"} == set(FAULTS)


@pytest.mark.parametrize(("fault", "kind", "code"), [(fault, *expected) for fault, expected in MET.items()])
async def test_a_fault_is_met_as_its_problem(fault: str, kind: type[Exception], code: str) -> None:
    error = await met(f"github:{fault}")
    assert type(error) is kind
    assert problem_of(error, names=NAMES).code == code


@pytest.mark.parametrize("fault", [fault for fault in MET if fault not in {"loop", "limit"}])
async def test_the_record_has_the_attempt_as_a_real_one(fault: str) -> None:
    error = await met(f"github:{fault}")
    call = call_of(error)
    assert call is not None
    (attempt,) = call.attempts
    assert (attempt.status is None) == (type(error) in {httpx.ConnectError, httpx.ProxyError, httpx.ReadError}
                                        or fault == "garbled")  # fmt: skip
    assert attempt.elapsed is not None


@pytest.mark.parametrize(
    ("fault", "path"), [("reset", "/reset"), ("garbled", "/garbage"), ("truncated", "/close-in-body")]
)
async def test_a_fault_on_the_connection_is_what_the_engine_makes_of_a_real_one(
    fault: str, path: str
) -> None:
    async with fault_server_in_the_open() as server, HTTPClient(trust_env=False) as client:
        api = client.api("github", base_url=server.url, policy=ONCE)
        with pytest.raises(httpx.HTTPError) as real:
            await api.get(path)
    ours = await met(f"github:{fault}")
    assert type(ours) is type(real.value)
    assert str(ours).split(" (")[0].split(":")[0] == str(real.value).split(" (")[0].split(":")[0]


async def test_a_refused_connection_is_what_the_engine_makes_of_a_real_one() -> None:
    async with HTTPClient(trust_env=False) as client:
        api = client.api("github", base_url=f"http://{refused()}", policy=ONCE)
        with pytest.raises(httpx.HTTPError) as real:
            await api.get("/x")
    ours = await met("github:connect")
    assert (type(ours), str(ours)) == (type(real.value), str(real.value))


async def test_a_wrong_certificate_is_met_as_a_real_one(tls: TLS) -> None:
    async with fault_server("HTTP/1.1", tls) as server, HTTPClient(trust_env=False) as client:
        api = client.api("github", base_url=server.url, policy=ONCE)
        with pytest.raises(httpx.HTTPError) as real:  # for this client does not trust it
            await api.get("/")
    ours = await met("github:certificate")
    for error in (real.value, ours):
        assert type(error) is httpx.ConnectError
        assert str(error).startswith("the certificate is not valid: ")
        assert problem_of(error, names=NAMES).code == "insecure"


async def test_a_limit_is_told_as_github_tells_it() -> None:
    error = await met("github:limit,retry-after=40s")
    assert isinstance(error, httpx.HTTPStatusError)
    told = error.response.headers
    assert (error.response.status_code, told["x-ratelimit-remaining"]) == (403, "0")
    problem = problem_of(error, names=NAMES)
    assert problem.retry_at is not None
    assert problem.retry_at.timestamp() == int(told["x-ratelimit-reset"])
    error = await met("github:limit=secondary,retry-after=7s")
    assert isinstance(error, httpx.HTTPStatusError)
    assert (error.response.status_code, error.response.headers["retry-after"]) == (429, "7")


async def test_a_status_may_ask_for_a_wait() -> None:
    error = await met("github:status=503,retry-after=20s")
    assert isinstance(error, httpx.HTTPStatusError)
    assert error.response.headers["retry-after"] == "20"


async def test_an_answer_of_chaos_says_so_and_is_never_stored() -> None:
    async with service("github:status=404", Policy()) as (api, faults):
        answer = await api.get("/x", raise_for_status=False)
        assert answer.extensions[MARK] == "github:status=404"
        faults.use(())
        assert (await api.get("/x")).json() == {"name": "tux"}


async def test_an_endless_answer_ends_at_the_cap_of_who_streams_it() -> None:
    async with service("github:too-large") as (api, _), api.stream("GET", "/x") as response:
        received = 0
        async for chunk in response.aiter_bytes():
            received += len(chunk)
            if received > 10**6:
                break
    assert received > 10**6
    async with service("github:too-large") as (api, _):
        with pytest.raises(ResponseTooLarge):
            async with api.stream("GET", "/x", max_bytes=10**5) as response:
                await response.aread()


# Time.


def _walk(rules: str, *, read: float | None = 30.0, bound: float | None = None) -> tuple[Any, float, int]:
    """One request through the layer on a clock that jumps: what came of it, when, and requests upstream."""
    upstream = Upstream()

    async def scenario() -> tuple[Any, float]:
        layer = Chaos(httpx.MockTransport(upstream), Faults(parse(rules)), api="github")
        request = httpx.Request("GET", BASE, extensions={"timeout": {"read": read}})
        request.extensions[EXTENSION] = VirtualCall.of(request, api="github")
        outcome: Any
        try:
            async with asyncio.timeout(bound):
                outcome = (await layer.handle_async_request(request)).status_code
        except (httpx.HTTPError, TimeoutError) as exc:
            outcome = type(exc)
        return outcome, asyncio.get_running_loop().time()

    outcome, at = simulated(scenario())
    return outcome, at, upstream.asked


@pytest.mark.parametrize(
    ("rules", "outcome", "seconds", "asked"),
    [
        ("github:latency=4s", 200, 4.0, 1),
        ("github:latency=4s;*:latency=500ms", 200, 4.5, 1),
        ("github:status=503;github:latency=4s", 503, 4.0, 0),  # late are all, and those that fail too
        ("github:latency=4s,status=503", 503, 4.0, 0),
        ("github:status=500;github:status=404", 500, 0.0, 0),  # of two faults, the first
        ("weather:latency=4s", 200, 0.0, 1),
        (
            "github:latency=30s",
            httpx.ReadTimeout,
            30.0,
            0,
        ),  # as the engine gives up a byte that does not come
        ("github:timeout", httpx.ReadTimeout, 30.0, 0),
    ],
)
def test_a_call_is_late_by_what_the_rules_say(
    rules: str, outcome: object, seconds: float, asked: int
) -> None:
    assert _walk(rules) == (outcome, seconds, asked)


def test_what_hangs_is_ended_by_who_waits_for_it() -> None:
    assert _walk("github:timeout", bound=15.0) == (TimeoutError, 15.0, 0)
    assert _walk("github:timeout", read=None, bound=99.0) == (TimeoutError, 99.0, 0)


async def test_a_hang_ends_with_the_deadline_of_the_call() -> None:
    error = await met("github:timeout", deadline=0.1)
    assert isinstance(error, DeadlineExceeded)
    assert problem_of(error).code == "deadline"


# What the layers above make of it.


async def test_a_fault_that_passes_is_repeated() -> None:
    policy = Policy(retry=Retry(backoff=0.001))
    async with service("github:reset,times=2", policy) as (api, _):
        answer = await api.get("/x")
        call = call_of(answer)
        assert call is not None
        assert [attempt.error or attempt.status for attempt in call.attempts] == [
            "ReadError",
            "ReadError",
            200,
        ]


async def test_the_breaker_opens_by_faults() -> None:
    policy = Policy(breaker=Breaker(minimum_calls=4), caching=Caching(enabled=False))
    async with service("github:status=500", policy) as (api, faults):
        for _ in range(4):
            with pytest.raises(httpx.HTTPStatusError):
                await api.get("/x")
        faults.use(())
        with pytest.raises(CircuitOpen):
            await api.get("/x")


async def test_the_quota_obeys_a_limit_that_chaos_announced() -> None:
    upstream = Upstream()
    async with service("github:limit,times=1", Policy(), upstream=upstream) as (api, _):
        with pytest.raises(httpx.HTTPStatusError):
            await api.get("/x")
        with pytest.raises(RateLimited):
            await api.get("/y")
        assert upstream.asked == 0


async def test_an_old_answer_stands_in_for_a_fault() -> None:
    old = {"cache-control": "max-age=0, stale-while-revalidate=0", "etag": '"1"'}
    async with service("github:status=503,after=1", Policy(), upstream=Upstream(**old)) as (api, _):
        await api.get("/x")
        answer = await api.get("/x")
        call = call_of(answer)
        assert call is not None
        assert (call.cache, call.stale_because) == ("stale", "503")


async def test_rules_change_while_the_client_is_open() -> None:
    async with service("") as (api, faults):
        assert (await api.get("/x")).status_code == 200
        faults.use(parse("github:status=500"))
        assert (await api.get("/x", raise_for_status=False)).status_code == 500


async def test_another_api_of_the_service_is_left_alone() -> None:
    async with HTTPClient(transport=httpx.MockTransport(Upstream())) as client:
        client.faults = Faults(parse("github:status=500"))
        weather = client.api("weather", base_url="https://weather.test", policy=ONCE)
        assert (await weather.get("/x")).status_code == 200
        assert (await client.get(BASE)).status_code == 200  # nor is a call without an API


async def test_urls_from_users_are_hit_by_a_star_too() -> None:
    async with HTTPClient(transport=httpx.MockTransport(Upstream())) as client:
        client.faults = Faults(parse("*:status=500"))
        answer = await client.untrusted().get("https://example.com/", raise_for_status=False)
        assert answer.status_code == 500


@pytest.mark.parametrize(("faults", "expected"), [(None, 0), (Faults(), 1)])
def test_the_layer_is_there_only_where_somebody_asked_for_it(faults: Faults | None, expected: int) -> None:
    state = LayerState(Policy(), api="github", base_url=httpx.URL(BASE))
    state.faults = faults
    engine = httpx.MockTransport(Upstream())
    layer: Any = build(engine, state)._outermost  # pyright: ignore[reportPrivateUsage]
    found = 0
    while layer is not engine:
        found += isinstance(layer, Chaos)
        layer = layer._inner
    assert found == expected

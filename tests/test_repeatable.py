"""What the retry layer sends once more, and what never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.retries import URL
from tux_http.errors import (
    BlockedAddress,
    CircuitOpen,
    DeadlineExceeded,
    InvalidResponse,
    LaneFull,
    RateLimited,
    ResponseTooLarge,
)
from tux_http.options import EXTENSION as OPTIONS
from tux_http.options import CallOptions
from tux_http.policy import Retry
from tux_http.transports.retry import Outcome, is_repeatable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


def refusals() -> Iterable[httpx.HTTPError]:
    request = httpx.Request("GET", URL)
    yield LaneFull(limit=100)
    yield CircuitOpen(origin="https://api.example")
    yield RateLimited(request=request, response=httpx.Response(429, request=request))
    yield BlockedAddress(reason="loopback")
    yield ResponseTooLarge(limit=1)
    yield DeadlineExceeded(limit=1)
    yield InvalidResponse(expected="Thing")


UNSENT = [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full")]
TRANSIENT = [
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.CloseError("reset"),
    httpx.NetworkError("gone"),
    httpx.RemoteProtocolError("garbage"),
    httpx.ReadTimeout("slow"),
    httpx.WriteTimeout("slow"),
    *(httpx.Response(status) for status in (429, 502, 503, 504)),
]
FINAL = [
    httpx.LocalProtocolError("ours"),
    httpx.UnsupportedProtocol("gopher"),
    httpx.ProxyError("407"),
    httpx.DecodingError("gzip"),
    httpx.TooManyRedirects("20"),
    *(httpx.Response(status) for status in (200, 204, 301, 304, 400, 401, 403, 404, 408, 425, 500, 501, 505)),
    *refusals(),
]
IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]
OTHERS = ["POST", "PATCH", "PURGE"]


def name_of(value: object) -> str:
    return str(value.status_code) if isinstance(value, httpx.Response) else type(value).__name__


def request_of(method: str = "GET", *, retry: bool | Retry | None = None, **options: Any) -> httpx.Request:
    return httpx.Request(method, URL, extensions={OPTIONS: CallOptions(retry=retry)}, **options)


@pytest.mark.parametrize("outcome", UNSENT, ids=name_of)
@pytest.mark.parametrize("method", IDEMPOTENT + OTHERS)
def test_what_was_never_sent_is_repeated_whatever_the_method(method: str, outcome: Outcome) -> None:
    assert is_repeatable(request_of(method), outcome)


@pytest.mark.parametrize("outcome", TRANSIENT, ids=name_of)
def test_passing_failures_are_repeated_for_idempotent_methods_only(outcome: Outcome) -> None:
    assert all(is_repeatable(request_of(method), outcome) for method in IDEMPOTENT)
    assert not any(is_repeatable(request_of(method), outcome) for method in OTHERS)


@pytest.mark.parametrize("outcome", TRANSIENT, ids=name_of)
@pytest.mark.parametrize("method", OTHERS)
def test_a_post_is_repeated_with_a_key_or_on_the_callers_word(method: str, outcome: Outcome) -> None:
    assert is_repeatable(request_of(method, headers={"Idempotency-Key": "8e03978e"}), outcome)
    assert is_repeatable(request_of(method, retry=True), outcome)
    assert not is_repeatable(request_of(method, headers={"Idempotency-Key": ""}), outcome)


@pytest.mark.parametrize("outcome", TRANSIENT, ids=name_of)
def test_attempts_and_back_offs_of_the_call_say_nothing_of_what_is_safe(outcome: Outcome) -> None:
    often = Retry(attempts=9)
    assert all(is_repeatable(request_of(method, retry=often), outcome) for method in IDEMPOTENT)
    assert not any(is_repeatable(request_of(method, retry=often), outcome) for method in OTHERS)
    assert is_repeatable(request_of("POST", retry=often, headers={"Idempotency-Key": "8e03978e"}), outcome)


@pytest.mark.parametrize("outcome", FINAL, ids=name_of)
def test_other_answers_and_our_own_refusals_are_final(outcome: Outcome) -> None:
    assert not is_repeatable(request_of("GET", retry=True), outcome)


@pytest.mark.parametrize("outcome", UNSENT + TRANSIENT, ids=name_of)
def test_nothing_is_repeated_against_the_callers_word(outcome: Outcome) -> None:
    assert not is_repeatable(request_of("GET", retry=False), outcome)


@pytest.mark.parametrize("outcome", UNSENT + TRANSIENT, ids=name_of)
def test_a_body_that_cannot_be_rewound_is_sent_once(outcome: Outcome) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"once"

    assert not is_repeatable(request_of("PUT", retry=True, content=chunks()), outcome)
    assert not is_repeatable(request_of("PUT", retry=True, files={"file": b"x"}), outcome)

"""What a call's record says when a layer of ours, and not the upstream, refused it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tux_http import HTTPClient, call_of
from tux_http.errors import BlockedAddress, LaneFull, RateLimited, ResponseTooLarge
from tux_http.policy import Caps, Lane, Policy
from tux_http.untrusted import GuardedBackend, Untrusted, rules

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from tux_http.api import API
    from tux_http.call import Call

BASE = "https://api.test"


@contextlib.asynccontextmanager
async def api_of(answer: Callable[[httpx.Request], Any], **policy: Any) -> AsyncGenerator[API]:
    async with HTTPClient(transport=httpx.MockTransport(answer)) as client:
        yield client.api("test", base_url=BASE, policy=Policy(**policy))


def record(carrier: httpx.Response | BaseException) -> Call:
    call = call_of(carrier)
    assert call is not None
    return call


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def test_the_quota_is_named_when_it_refuses() -> None:
    async with api_of(lambda _: httpx.Response(429, headers={"retry-after": "60"})) as api:
        with pytest.raises(httpx.HTTPStatusError) as told:
            await api.get("/")
        with pytest.raises(RateLimited) as refused:
            await api.get("/")
    assert record(told.value).refused_by is None, "that was the upstream's word"
    assert (record(refused.value).refused_by, record(refused.value).attempts) == ("quota", [])


async def test_the_lane_is_named_when_it_refuses() -> None:
    go = asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        await go.wait()
        return httpx.Response(200)

    async with api_of(answer, lane=Lane(concurrency=1, queue=0)) as api:
        first = asyncio.ensure_future(api.get("/1"))
        second = asyncio.ensure_future(api.get("/2"))
        await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
        go.set()
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, LaneFull)]
    (answered,) = [outcome for outcome in outcomes if isinstance(outcome, httpx.Response)]
    assert (record(refused).refused_by, record(refused).attempts) == ("lane", [])
    assert record(answered).refused_by is None


@pytest.mark.parametrize(
    ("caps", "options", "answer"),
    [
        (Caps(max_body=10), {}, {"content": bytes(11)}),
        (Caps(), {"max_body": 10}, {"content": bytes(11)}),
        (Caps(max_body=10), {}, {"content": chunks(bytes(11))}),
        (Caps(max_headers=10), {}, {"headers": {"x-filler": "filler"}}),
        (Caps(max_codings=1), {}, {"headers": {"content-encoding": "gzip, gzip"}}),
    ],
    ids=["body", "body of this call", "body as it comes", "header", "codings"],
)
async def test_the_guard_is_named_when_an_answer_exceeds_its_caps(
    caps: Caps, options: dict[str, Any], answer: dict[str, Any]
) -> None:
    async with api_of(lambda _: httpx.Response(200, **answer), caps=caps) as api:
        with pytest.raises(httpx.DecodingError) as refused:
            await api.get("/", **options)
    assert record(refused.value).refused_by == "guard"
    assert record(refused.value).status == 200


async def test_the_guard_is_named_when_a_stream_exceeds_its_cap_while_it_is_read() -> None:
    async with (
        api_of(lambda _: httpx.Response(200, content=chunks(bytes(11)))) as api,
        api.stream("GET", "/", max_body=10) as answer,
    ):
        assert record(answer).refused_by is None
        with pytest.raises(ResponseTooLarge):
            await answer.aread()
        assert record(answer).refused_by == "guard"


async def test_a_broken_answer_was_refused_by_nobody() -> None:
    broken: dict[str, Any] = {"headers": {"content-encoding": "gzip"}, "content": chunks(b"this is no gzip")}
    async with api_of(lambda _: httpx.Response(200, **broken)) as api:
        with pytest.raises(httpx.DecodingError) as failed:
            await api.get("/")
    assert record(failed.value).refused_by is None


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ftp://example.com/", "http://inside.example/"])
async def test_the_guard_is_named_when_a_url_from_a_user_may_not_be_reached(url: str) -> None:
    async def inside(_: str, port: int) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    async with HTTPClient(trust_env=False) as client:
        users = Untrusted(client, backend=GuardedBackend(rules(), resolver=inside))
        with pytest.raises(BlockedAddress) as refused:
            await users.get(url)
        await users.aclose()
    assert record(refused.value).refused_by == "guard"

"""Calls as a GitHub App: its tokens are got, renewed and kept out of everything but what is sent."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.app_stage import APP, INSTALLATION, AppUpstream, app_upstream, bearer, heard, world
from tux_http import call_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

FRESH: dict[str, Any] = {"Cache-Control": "private, max-age=60", "ETag": '"1"'}


@pytest.fixture
async def upstream() -> AsyncGenerator[AppUpstream]:
    async with app_upstream() as served:
        for name in "abcdefghij":
            served.has(f"/repos/{name}", {"name": name})
        yield served


async def test_a_call_carries_a_token_of_the_installation(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        response = await stage.api.get("/repos/a")
    assert response.json() == {"name": "a"}
    assert upstream.asked == [f"POST /app/installations/{INSTALLATION}/access_tokens", "/repos/a"]
    assert stage.sent() == [bearer(0)]


async def test_the_app_signs_for_ten_minutes_dated_back_by_one(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        before = time.time()
        await stage.api.get("/repos/a")
    (claims,) = upstream.claims
    assert claims["iss"] == APP
    assert claims["iat"] == pytest.approx(before - 60, abs=5)
    assert claims["exp"] - claims["iat"] == 600


async def test_the_only_installation_is_found(upstream: AppUpstream) -> None:
    async with world(upstream, installation=0) as stage:
        await stage.api.get("/repos/a")
    assert upstream.asked[:2] == [
        "/app/installations",
        f"POST /app/installations/{INSTALLATION}/access_tokens",
    ]


async def test_calls_at_once_wait_for_one_token(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        await asyncio.gather(*(stage.api.get(f"/repos/{name}") for name in "abcdefghij"))
    assert upstream.tokens_asked == 1
    assert stage.sent() == [bearer(0)] * 10


async def test_equal_calls_at_once_are_one_with_a_token_too(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        answers = await asyncio.gather(*(stage.api.get("/repos/a") for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert stage.sent() == [bearer(0)]


async def test_a_token_is_renewed_ahead_of_its_end_while_the_old_one_serves(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        stage.wait(2990)
        await stage.api.get("/repos/a")
        assert upstream.tokens_asked == 1
        stage.wait(20)
        await stage.api.get("/repos/a")
        await stage.renewed()
        assert stage.sent() == [bearer(0)] * 3
        await stage.api.get("/repos/a")
    assert upstream.tokens_asked == 2
    assert stage.sent()[-1] == bearer(1)


async def test_close_to_its_end_a_token_is_no_longer_used(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        stage.wait(3600 - 59)
        await stage.api.get("/repos/a")
    assert stage.sent() == [bearer(0), bearer(1)]


@pytest.mark.parametrize("off", [-7200.0, 7200.0])
async def test_a_wrong_clock_does_not_shorten_or_lengthen_a_tokens_life(
    upstream: AppUpstream, off: float
) -> None:
    async with world(upstream, wall_off=off) as stage:
        await stage.api.get("/repos/a")
        stage.wait(2990)
        await stage.api.get("/repos/a")
        assert upstream.tokens_asked == 1
        stage.wait(600)
        await stage.api.get("/repos/a")
    assert upstream.tokens_asked == 2


async def test_a_token_of_short_life_is_not_renewed_by_each_call(upstream: AppUpstream) -> None:
    upstream.lives = 120.0
    async with world(upstream) as stage:
        for _ in range(5):
            await stage.api.get("/repos/a")
            await stage.renewed()
    assert upstream.tokens_asked == 1


# What goes by the credential outlives each token.


async def test_the_cache_outlives_a_token(upstream: AppUpstream) -> None:
    upstream.has("/repos/a", {"name": "a"}, **FRESH)
    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        stage.wait(3600)
        hit = await stage.api.get("/repos/a")
        assert upstream.tokens_asked == 1
        same = await stage.api.get("/repos/a", cache="no-cache")
    kinds = [call.cache for answer in (hit, same) if (call := call_of(answer)) is not None]
    assert kinds == ["hit", "revalidated"]
    assert stage.sent() == [bearer(0), bearer(1)]


async def test_the_quota_outlives_a_token(upstream: AppUpstream) -> None:
    reset = str(int(time.time()) + 1800)
    quota: dict[str, Any] = {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": "4000",
        "X-RateLimit-Reset": reset,
    }
    upstream.has("/repos/a", {"name": "a"}, **quota)
    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        stage.wait(3600)
        await stage.api.get("/repos/a")
        assert len(stage.sent()) == 2
        assert len(stage.api.layers.book.credentials()) == 1


async def test_neither_answers_nor_errors_nor_records_hold_a_token(upstream: AppUpstream) -> None:
    with heard() as log:
        async with world(upstream) as stage:
            answer = await stage.api.get("/repos/a")
            with pytest.raises(httpx.HTTPStatusError) as missing:
                await stage.api.get("/repos/z")
    for request in (answer.request, missing.value.request, missing.value.response.request):
        assert request.headers["Authorization"] == f"App {APP}/{INSTALLATION}"
    shown = [repr(stage.credential), repr(call_of(answer)), *map(str, log)]
    assert not [text for text in shown if "ghs_" in text or "PRIVATE KEY" in text]

"""What operators ask of the bot: how the services do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from tests.operators_stage import Upstream, fields, staged
from tux_http.chaos import Faults, parse
from tux_http.host import host_of
from tux_http.policy import Breaker, Caching


async def test_the_status_tells_of_each_service_that_all_is_well() -> None:
    quota = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4990", "X-RateLimit-Resource": "core"}
    reset = int((datetime.now(UTC) + timedelta(minutes=30)).timestamp())
    headers = {**quota, "X-RateLimit-Reset": str(reset), "Cache-Control": "max-age=60"}
    async with staged(Upstream(httpx.Response(200, headers=headers, text="{}")), caching=Caching()) as stage:
        await stage.api.get("/things/1")
        embed = await stage.ask("http status")
        assert embed.description == "No breaker is open."
        assert fields(embed)["Ex*mple"].splitlines() == [
            "Breaker: closed",
            f"Quota core: 4,990 of 5,000 left, renewed <t:{reset}:R>",
            "Lane: 0 of 20 under way, 0 of 100 waiting",
            "Cache: 1 in memory",
        ]


async def test_the_status_tells_which_service_is_left_alone_and_what_it_cost() -> None:
    breaker = Breaker(minimum_calls=1, open_for=60, max_open_for=60)
    async with staged(Upstream(httpx.Response(500)), breaker=breaker) as stage:
        for _ in range(3):
            await stage.failed()
        embed = await stage.ask("http status")
        assert embed.description == r"Left alone for failing: Ex\*mple."
        lines = fields(embed)["Ex*mple"].splitlines()
        assert lines[0].startswith("Breaker: **open** for ")
        assert "https://api.example, tried again <t:" in lines[0]
        assert lines[1].strip() == "2 calls refused, 0 answered stale"
        assert lines[2] == "Quota: none announced"


async def test_the_status_tells_what_is_switched_off() -> None:
    async with staged(Upstream(httpx.Response(200)), breaker=Breaker(enabled=False)) as stage:
        lines = fields(await stage.ask("http status"))["Ex*mple"].splitlines()
        assert lines[0] == "Breaker: off"
        assert lines[-1] == "Cache: off"


async def test_a_service_that_asked_for_a_pause_is_told_as_paused() -> None:
    async with staged(Upstream(httpx.Response(429, headers={"Retry-After": "600"}))) as stage:
        await stage.call()
        lines = fields(await stage.ask("http status"))["Ex*mple"].splitlines()
        assert [line for line in lines if line.startswith("Paused by the service, until <t:")]


async def test_urls_of_users_are_in_the_status_too() -> None:
    async with staged(Upstream(httpx.Response(200))) as stage:
        host_of(stage.bot).http.untrusted()  # pyright: ignore[reportOptionalMemberAccess]  # it has one
        assert len((await stage.ask("http status")).fields) == 2


async def test_faults_on_purpose_are_told_first() -> None:
    async with staged(Upstream(httpx.Response(200))) as stage:
        stage.http.faults = Faults(parse("example:status=503"))
        embed = await stage.ask("http status")
        assert embed.description == "⚠️ Chaos: calls fail on purpose.\nNo breaker is open."

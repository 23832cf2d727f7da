"""The deadline is one bound over everything that a call does, and an interaction's end is another."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import discord
import httpx
import pytest

from tests.discord_world import plain_bot, world
from tests.fault_server import VERSIONS, fault_server, unaccepted
from tests.strays import no_strays
from tux_http import HTTPClient, call_of
from tux_http.errors import DeadlineExceeded
from tux_http.options import answerable_until, options_of
from tux_http.policy import Lane, Policy, Retry
from tux_http.responding import responding

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from tests.conftest import TLS
    from tests.fault_server import FaultServer, Version

LATE: Final = 0.9
"""Seconds by which the end of a call may miss its deadline: 0.02 on a machine that is free, more where tests of
others run beside; less than the second until the next byte that drips."""

versions = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture
async def client(tls: TLS) -> AsyncGenerator[HTTPClient]:
    async with no_strays(), HTTPClient(verify=tls.client, trust_env=False) as client:
        yield client


@contextlib.contextmanager
def ends_after(seconds: float) -> Generator[None]:
    """Expects the deadline's error, at its time."""
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded) as caught:
        yield
    took = time.monotonic() - started
    assert seconds - 0.05 <= took <= seconds + LATE
    assert caught.value.limit == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize("path", ["drip-body", "drip-headers", "inform"])
async def test_what_drips_a_byte_a_second_ends_after_the_two_that_it_was_given(
    client: HTTPClient, tls: TLS, path: str
) -> None:
    async def unnamed(server: FaultServer) -> None:
        with ends_after(2):
            await client.get(f"{server.url}/{path}?every=1", deadline=2)

    async def named(server: FaultServer) -> None:
        api = client.api(server.url, base_url=server.url, policy=Policy(deadline=2))
        with ends_after(2):
            await api.get(f"/{path}?every=1")

    async def streamed(server: FaultServer) -> None:
        with ends_after(2):
            async with client.stream("GET", f"{server.url}/{path}?every=1", deadline=2) as response:
                await response.aread()

    async with contextlib.AsyncExitStack() as servers, asyncio.TaskGroup() as calls:
        for version in VERSIONS:
            for way in (unnamed, named, streamed):
                server = await servers.enter_async_context(fault_server(version, tls))
                calls.create_task(way(server))


async def test_it_bounds_opening_a_connection(client: HTTPClient) -> None:
    with unaccepted() as host, ends_after(0.5):
        await client.get(f"https://{host}/", deadline=0.5)


async def test_it_bounds_waiting_for_the_pool(tls: TLS) -> None:
    limits = httpx.Limits(max_connections=1)
    async with (
        no_strays(),
        fault_server("HTTP/1.1", tls) as server,
        HTTPClient(verify=tls.client, trust_env=False, limits=limits) as client,
        client.stream("GET", f"{server.url}/hang-in-body"),
    ):
        with ends_after(0.5):
            await client.get(server.url, deadline=0.5)


@versions
async def test_it_bounds_attempts_together(client: HTTPClient, tls: TLS, version: Version) -> None:
    retry = Retry(attempts=1000, budget=100_000)
    async with fault_server(version, tls) as server:
        api = client.api("hung", base_url=server.url, policy=Policy(retry=retry))
        started = time.monotonic()
        with pytest.raises(httpx.TimeoutException) as caught:
            await api.get("/hang", timeout=0.1, deadline=1)
        assert time.monotonic() - started < 1 + LATE
        call = call_of(caught.value)
        assert call is not None
        assert 2 <= len(call.attempts) <= 10


async def test_a_wait_that_does_not_fit_is_not_begun(client: HTTPClient, tls: TLS) -> None:
    async with fault_server("HTTP/1.1", tls) as server:
        api = client.api("busy", base_url=server.url)
        started = time.monotonic()
        with pytest.raises(httpx.HTTPStatusError, match="503"):
            await api.get("/retry-after-seconds?status=503&in=60", deadline=2)
        assert time.monotonic() - started < 1
        started = time.monotonic()
        with pytest.raises(httpx.HTTPStatusError, match="503"):
            await api.get("/retry-after-seconds?status=503&in=1", deadline=1.8)
        assert 0.95 <= time.monotonic() - started <= 1 + LATE
        assert server.log.count("/retry-after-seconds") == 3


@versions
async def test_it_bounds_the_wait_for_a_turn(client: HTTPClient, tls: TLS, version: Version) -> None:
    async with fault_server(version, tls) as server:
        api = client.api("narrow", base_url=server.url, policy=Policy(lane=Lane(concurrency=1)))
        first = asyncio.ensure_future(api.get("/hang", deadline=1))
        await asyncio.sleep(0)
        with ends_after(0.5):
            await api.get("/", deadline=0.5)
        with pytest.raises(DeadlineExceeded):
            await first
        assert server.log.count("/") == 0
        assert (await api.get("/")).text == "ok"
        assert (api._layers.turns.under_way, api._layers.turns.waiting) == (0, 0)


@versions
async def test_it_bounds_redirects_together(client: HTTPClient, tls: TLS, version: Version) -> None:
    async with fault_server(version, tls) as server:
        api = client.api("far", base_url=server.url)
        with ends_after(0.5):
            await api.get("/redirect", params={"to": "/redirect?to=/hang"}, deadline=0.5)
        assert server.log.count("/redirect") == 2


async def test_a_later_deadline_of_the_call_wins_over_the_policy(client: HTTPClient, tls: TLS) -> None:
    async with fault_server("HTTP/1.1", tls) as server:
        api = client.api("slow", base_url=server.url, policy=Policy(deadline=0.3))
        with ends_after(0.3):
            await api.get("/hang")
        with ends_after(0.6):
            await api.get("/hang", deadline=0.6)


# Interactions.


async def test_with_a_second_and_a_half_of_the_interaction_left_a_call_gets_that(
    client: HTTPClient, tls: TLS
) -> None:
    async with fault_server("HTTP/2", tls) as server:
        api = client.api("dripping", base_url=server.url)
        answerable_until.set(asyncio.get_running_loop().time() + 1.5)
        with ends_after(1.5):
            await api.get("/drip-body?every=0.1")


async def test_with_nothing_of_the_interaction_left_nothing_is_sent(client: HTTPClient, tls: TLS) -> None:
    async with fault_server("HTTP/1.1", tls) as server:
        answerable_until.set(asyncio.get_running_loop().time() - 1)
        with ends_after(0):
            await client.get(server.url)
        assert not server.log.accepted


async def test_a_command_is_answerable_until_a_second_before_its_token_ends() -> None:
    bot, left = plain_bot(), list[float]()

    @bot.tree.command(description="late")
    async def late(interaction: discord.Interaction[Any]) -> None:
        created, known_as = discord.utils.utcnow() - timedelta(minutes=15, seconds=-2.5), interaction.id
        interaction.id = discord.utils.time_snowflake(created)  # which says when it was made
        async with responding(interaction) as answer:
            until = answerable_until.get()
            assert until is not None
            left.append(until - asyncio.get_running_loop().time())
            interaction.id = known_as
            await answer("shown")
        assert answerable_until.get() is None

    assert late is not None
    async with world(bot, check_errors=True) as discord_:
        await discord_.slash("late")
    assert left == [pytest.approx(1.5, abs=0.3)]


async def test_the_wait_for_a_turn_in_a_crowd_of_calls_counts() -> None:
    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)  # as what comes over a network does
        await asyncio.sleep(0)
        return httpx.Response(200)

    async with HTTPClient(transport=httpx.MockTransport(answer)) as client:
        calls = (client.request("GET", "https://crowd.test/", deadline=0.1) for _ in range(3000))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    late = [each for each in outcomes if isinstance(each, DeadlineExceeded)]
    assert late, "they take longer together than each may"
    assert {each.limit for each in late} == {0.1}
    assert len(late) < len(outcomes)


async def test_a_request_that_waited_for_its_turn_may_be_sent_again_later() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    async with HTTPClient(transport=transport) as client:
        answers = await asyncio.gather(*(client.get("https://crowd.test/", deadline=30) for _ in range(300)))
        opened = await client.get_client()
        assert all(options_of(answer.request).began is None for answer in answers)
        assert (await opened.send(answers[-1].request)).is_success

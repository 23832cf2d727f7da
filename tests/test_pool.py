"""The pool: who gets which connection, who waits, and what is kept; over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import random
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.servers import http1_server, http2_server, read_request, response, settle
from tux_http.transports.engine import Engine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.conftest import TLS


class Upstream:
    """Notes the paths in the order in which they come, and answers each when it may."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.go = asyncio.Event()
        self.go.set()

    async def script(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.paths.append((await read_request(reader)).split()[1].decode())
            await self.go.wait()
            writer.write(response())


@contextlib.asynccontextmanager
async def pooled(*, keepalive_expiry: float | None = 30, **limits: int) -> AsyncGenerator[Any]:
    engine = Engine(limits=httpx.Limits(keepalive_expiry=keepalive_expiry, **limits), trust_env=False)
    async with httpx.AsyncClient(transport=engine) as client:
        yield client, engine.pool
        await settle(lambda: engine.pool.requests == 0)


async def ask(client: httpx.AsyncClient, url: str, count: int) -> None:
    answers = await asyncio.gather(*(client.get(f"{url}/{number}") for number in range(count)))
    assert [answer.text for answer in answers] == ["ok"] * count


async def test_a_burst_goes_on_the_connections_of_the_one_before() -> None:
    async with (
        pooled(max_connections=10, max_keepalive_connections=2) as (client, _),
        http1_server(Upstream().script) as server,
    ):
        for _ in range(5):
            await ask(client, server.url, 10)
        assert server.accepted == 10


async def test_no_more_connections_than_are_kept_stay_open() -> None:
    async with (
        pooled(max_connections=10, max_keepalive_connections=2) as (client, pool),
        http1_server(Upstream().script) as server,
    ):
        await ask(client, server.url, 10)
        await settle(lambda: server.open_connections == len(pool.connections) == 2)


async def test_where_none_is_kept_each_is_closed_after_its_request() -> None:
    async with (
        pooled(max_keepalive_connections=0) as (client, pool),
        http1_server(Upstream().script) as server,
    ):
        await ask(client, server.url, 3)
        assert pool.connections == []
        await settle(lambda: server.open_connections == 0)


async def test_a_connection_that_nobody_uses_is_closed_though_no_request_comes() -> None:
    async with pooled(keepalive_expiry=0.1) as (client, pool), http1_server(Upstream().script) as server:
        await ask(client, server.url, 3)
        await settle(lambda: server.open_connections == len(pool.connections) == 0)


async def test_a_connection_that_the_server_closed_is_not_kept() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response())
        await writer.drain()

    async with pooled() as (client, pool), http1_server(once) as server:
        await ask(client, server.url, 1)
        await ask(client, server.url, 1)
        assert server.accepted == 2
        await settle(lambda: pool.connections == [])


async def test_who_came_first_goes_first() -> None:
    upstream = Upstream()
    async with pooled(max_connections=1) as (client, pool), http1_server(upstream.script) as server:
        upstream.go.clear()
        waiting = asyncio.ensure_future(ask(client, server.url, 8))
        await settle(lambda: pool.requests == 8)
        upstream.go.set()
        await waiting
        assert upstream.paths == [f"/{number}" for number in range(8)]
        assert server.accepted == 1


async def test_who_waits_longest_gets_the_next_place_whatever_its_origin() -> None:
    one, other = Upstream(), Upstream()
    async with (
        pooled(max_connections=1) as (client, pool),
        http1_server(one.script) as first,
        http1_server(other.script) as second,
    ):
        one.go.clear()
        asked = [asyncio.ensure_future(ask(client, first.url, 1))]
        await settle(lambda: one.paths == ["/0"])
        asked.append(asyncio.ensure_future(ask(client, second.url, 1)))
        await settle(lambda: pool.requests == 2)
        one.go.set()
        await asyncio.gather(*asked)
        assert other.paths == ["/0"]
        assert len(pool.connections) == 1


async def test_nobody_waits_longer_for_a_connection_than_allowed() -> None:
    upstream = Upstream()
    async with pooled(max_connections=1) as (client, pool), http1_server(upstream.script) as server:
        upstream.go.clear()
        asked = asyncio.ensure_future(ask(client, server.url, 1))
        await settle(lambda: upstream.paths == ["/0"])
        with pytest.raises(httpx.PoolTimeout):
            await client.get(server.url, timeout=httpx.Timeout(5, pool=0.05))
        assert pool.requests == 1
        upstream.go.set()
        await asked


@pytest.mark.parametrize("seed", range(5))
async def test_leaving_the_line_at_any_moment_loses_no_place(seed: int) -> None:
    plan = random.Random(seed)
    async with pooled(max_connections=2) as (client, pool), http1_server(Upstream().script) as server:
        tasks = [asyncio.ensure_future(client.get(server.url)) for _ in range(60)]
        while any(not task.done() for task in tasks):
            for _ in range(plan.randrange(40)):
                await asyncio.sleep(0)
            tasks[plan.randrange(60)].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert pool.requests == 0
        assert len(pool.connections) <= 2
        await ask(client, server.url, 4)


async def test_closing_ends_those_who_wait() -> None:
    upstream = Upstream()
    async with pooled(max_connections=1) as (client, pool), http1_server(upstream.script) as server:
        upstream.go.clear()
        asked = [asyncio.ensure_future(client.get(server.url)) for _ in range(3)]
        await settle(lambda: pool.requests == 3 and bool(upstream.paths))
        await client.aclose()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(outcome, httpx.TransportError) for outcome in outcomes)
        for _ in range(3):
            with pytest.raises(httpx.ConnectError, match="closed"):
                await client._transport.handle_async_request(httpx.Request("GET", server.url))
        assert pool.requests == len(pool.connections) == 0
        upstream.go.set()
        await settle(lambda: server.open_connections == 0)


async def test_a_full_http2_connection_gets_another_beside_it(tls: TLS) -> None:
    async with http2_server(tls.h2, max_streams=5) as server:
        engine = Engine(verify=tls.client, http2=True, trust_env=False)
        async with httpx.AsyncClient(transport=engine) as client:
            await client.get(f"{server.url}/")  # says how many it takes
            waiting = [asyncio.ensure_future(client.get(f"{server.url}/wait")) for _ in range(12)]
            await settle(lambda: server.requests == 13)
            assert len(server.connections) == 3
            server.go.set()
            assert {answer.text for answer in await asyncio.gather(*waiting)} == {"ok"}
            assert engine.pool.requests == 0


@pytest.mark.parametrize(
    ("headers", "extensions"),
    [
        ({"te": "gzip"}, {}),
        ([(b"x-value", b"a\r\nb: c")], {}),
        ([(b":path", b"/other")], {}),
        ({}, {"target": b""}),
    ],
)
async def test_a_head_that_http2_cannot_send_costs_neither_a_slot_nor_the_connection(
    tls: TLS, headers: Any, extensions: dict[str, Any]
) -> None:
    async with http2_server(tls.h2, max_streams=2) as server:
        engine = Engine(verify=tls.client, http2=True, trust_env=False)
        async with httpx.AsyncClient(transport=engine) as client:
            for _ in range(5):
                with pytest.raises(httpx.LocalProtocolError):
                    await client.get(f"{server.url}/", headers=headers, extensions=extensions)
            await asyncio.gather(*(client.get(f"{server.url}/") for _ in range(10)))
            await settle(lambda: all(each.is_idle() for each in engine.pool.connections))


async def test_many_requests_of_one_turn_go_out_in_one_piece(tls: TLS) -> None:
    async with http2_server(tls.h2) as server:
        engine = Engine(verify=tls.client, http2=True, trust_env=False)
        async with httpx.AsyncClient(transport=engine) as client:
            await client.get(f"{server.url}/")
            (connection,) = server.connections
            pieces: list[int] = []
            received = connection.data_received

            def note(data: bytes) -> None:
                pieces.append(len(data))
                received(data)

            connection.data_received = note
            await asyncio.gather(*(client.get(f"{server.url}/") for _ in range(20)))
            assert server.requests == 21
            assert len(pieces) < 20
            assert re.fullmatch(r".*HTTP/2, IDLE.*", engine.pool.connections[0].info())


async def test_timers_of_the_pool_are_nobodys(tls: TLS, monkeypatch: pytest.MonkeyPatch) -> None:
    """They outlive a call; whatever waits for the end of a call's or a bot's work must not wait for them."""
    loop, caller = asyncio.get_running_loop(), contextvars.ContextVar("caller", default="nobody")
    owners: dict[str, str] = {}
    real = loop.call_at

    def call_at(when: float, callback: Any, *args: Any, **options: Any) -> asyncio.TimerHandle:
        if getattr(callback, "__module__", "").startswith("tux_http."):
            owners[callback.__qualname__] = caller.get()
        return real(when, callback, *args, **options)

    monkeypatch.setattr(loop, "call_at", call_at)
    async with http2_server(tls.h2) as server:
        engine = Engine(verify=tls.client, http2=True, trust_env=False)
        async with httpx.AsyncClient(transport=engine) as client:
            caller.set("bot")
            await client.get(f"{server.url}/")
    assert owners == {"Patience._look": "nobody", "Pool._sweep": "nobody"}

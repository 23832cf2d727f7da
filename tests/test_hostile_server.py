"""What a server may do wrong, and what others may do beside it, costs the request that it concerns and no other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import TYPE_CHECKING, Any

import h2.events
import httpx
import pytest
from hyperframe.frame import HeadersFrame, PingFrame

from tests.servers import HTTP2Protocol, http1_server, http2_server, read_request, response, settle
from tux_http.transports.engine import Engine
from tux_http.transports.engine.wire import Backend

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.conftest import TLS


@contextlib.asynccontextmanager
async def over_http2(tls: TLS, **options: Any) -> AsyncGenerator[tuple[httpx.AsyncClient, Any]]:
    engine = Engine(verify=tls.client, http2=True, trust_env=False, **options)
    async with httpx.AsyncClient(transport=engine, timeout=5) as client:
        yield client, engine.pool
        await settle(lambda: engine.pool.requests == 0)


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(response())


# Heads of responses (RFC 9113, sections 8.2.1 and 8.3)


class Malformed(HTTP2Protocol):
    """Answers `/malformed` with a head past h2, which would not write it."""

    head: Any = ()

    def _answer(self, stream_id: int) -> None:
        if self._paths[stream_id][1] != "/malformed":
            super()._answer(stream_id)
            return
        self._flush()
        block = self._h2.encoder.encode(self.head)
        self._transport.write(HeadersFrame(stream_id, data=block, flags=["END_HEADERS"]).serialize())


@pytest.mark.parametrize(
    "head",
    [
        [(b":status", b"abc")],
        [(b":status", b"20")],
        [(b":status", b"2_00")],
        [(b":status", b"-200")],
        [(b"server", b"no status")],
        [(b"server", b"x"), (b":status", b"200")],
        [(b":status", b"200"), (b":status", b"404")],
        [(b":status", b"200"), (b":path", b"/")],
        [(b":status", b"200"), (b"x", b"a\r\nset-cookie: b=c")],
        [(b":status", b"200"), (b"x", b"a\0b")],
        [(b":status", b"200"), (b"x\r\nset-cookie", b"b=c")],
        [(b":status", b"200"), (b"X-Upper", b"case")],
        [(b":status", b"200"), (b"", b"no name")],
    ],
)
async def test_a_malformed_head_ends_its_own_stream_only(
    tls: TLS, head: list[tuple[bytes, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    protocol: Any = type("Protocol", (Malformed,), {"head": head})
    async with http2_server(tls.h2, protocol=protocol) as server, over_http2(tls) as (client, pool):
        waiting = asyncio.ensure_future(client.get(f"{server.url}/wait"))
        await settle(lambda: server.requests == 1)
        with pytest.raises(httpx.RemoteProtocolError, match="the response has"):
            await client.get(f"{server.url}/malformed")
        await settle(lambda: server.resets == 1)
        server.go.set()
        assert (await waiting).text == "ok"
        assert len(server.connections) == len(pool.connections) == 1
    assert not caplog.records  # asyncio logs what a callback of a socket lets through


# What goes out


@pytest.mark.parametrize("target", [b"/a b", b"/a HTTP/1.1\r\nx: y\r\n\r\n", b"/\0", b"/\x7f"])
async def test_a_path_that_http1_would_split_is_not_sent_over_http2(tls: TLS, target: bytes) -> None:
    async with http2_server(tls.h2) as server, over_http2(tls) as (client, _):
        with pytest.raises(httpx.LocalProtocolError):
            await client.get(server.url, extensions={"target": target})
        assert server.requests == 0


@pytest.mark.parametrize("method", ["", "GE T", "GET / HTTP/1.1\r\nx: y", "GET\0"])
async def test_a_method_that_http1_would_split_is_not_sent_over_http2(tls: TLS, method: str) -> None:
    async with http2_server(tls.h2) as server, over_http2(tls) as (client, _):
        with pytest.raises(httpx.LocalProtocolError):
            await client.request(method, server.url)
        assert server.requests == 0


class Early(HTTP2Protocol):
    """Answers `/early` as soon as a byte of its body came, and resets `/refuse` then."""

    def _handle(self, event: Any) -> None:
        super()._handle(event)
        if not isinstance(event, h2.events.DataReceived) or not event.data:
            return
        stream_id = event.stream_id
        path = self._paths[stream_id][1]
        if path == "/early":
            self._respond(stream_id, b"early")
            self._h2.reset_stream(stream_id, 0)
        elif path == "/refuse":
            self._h2.reset_stream(stream_id, 7)


@pytest.mark.parametrize("path", ["/early", "/refuse"])
async def test_a_body_that_ends_after_its_answer_came_is_no_error(tls: TLS, path: str) -> None:
    heard = asyncio.Event()

    async def body() -> AsyncGenerator[bytes]:
        yield b"first and last"
        await heard.wait()

    async with http2_server(tls.h2, protocol=Early) as server, over_http2(tls) as (client, pool):
        await client.get(f"{server.url}/")
        asking = asyncio.ensure_future(client.post(f"{server.url}{path}", content=body()))
        await settle(lambda: server.requests == 2)
        (connection,) = pool.connections
        await settle(lambda: all(stream.is_over for stream in connection._inner._streams.values()))
        heard.set()
        if path == "/early":
            assert (await asking).text == "early"
        else:
            with pytest.raises(httpx.RemoteProtocolError, match="REFUSED_STREAM"):
                await asking


# Who shares what


async def test_clients_that_share_a_tls_context_each_offer_what_they_speak(tls: TLS) -> None:
    both = asyncio.Barrier(2)

    async def trace(name: str, _: Any) -> None:
        if name == "connection.start_tls.started":
            await both.wait()

    async with (
        http2_server(tls.h2) as server,
        http1_server(answer_all, tls=tls.http11) as older,
        over_http2(tls) as (client, _),
        httpx.AsyncClient(transport=Engine(verify=tls.client, trust_env=False)) as only_http11,
    ):
        answers = await asyncio.gather(
            client.get(server.url, extensions={"trace": trace}),
            only_http11.get(older.url, extensions={"trace": trace}),
        )
    assert [answer.http_version for answer in answers] == ["HTTP/2", "HTTP/1.1"]


async def test_an_origin_that_is_always_busy_keeps_no_other_out() -> None:
    engine = Engine(limits=httpx.Limits(max_connections=1, keepalive_expiry=30), trust_env=False)
    async with (
        http1_server(answer_all) as busy,
        http1_server(answer_all) as other,
        httpx.AsyncClient(transport=engine, timeout=10) as client,
    ):

        async def ask_on() -> None:
            while True:
                await client.get(busy.url)

        crowd = [asyncio.ensure_future(ask_on()) for _ in range(4)]
        await settle(lambda: busy.accepted == 1)
        answer = await client.get(other.url, timeout=httpx.Timeout(10, pool=4))
        assert answer.text == "ok"
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        assert engine.pool.requests == 0


async def test_a_trace_that_fails_leaves_no_socket_open(tls: TLS) -> None:
    async def trace(name: str, info: Any) -> None:
        if name == "connection.connect_tcp.complete":
            raise RuntimeError(name)

    async with http1_server(answer_all) as server, over_http2(tls) as (client, pool):
        with pytest.raises(RuntimeError, match="connect_tcp"):
            await client.get(server.url, extensions={"trace": trace})
        assert pool.connections == []
        await settle(lambda: server.accepted == 1 and server.open_connections == 0)


@pytest.mark.slow
async def test_a_server_that_asks_and_reads_no_answer_fills_no_memory(tls: TLS) -> None:
    class Flood(HTTP2Protocol):
        def _answer(self, stream_id: int) -> None:  # noqa: ARG002  # as the one above it
            self._flush()
            self._transport.pause_reading()
            self._tasks[0] = asyncio.ensure_future(self._ask())

        async def _ask(self) -> None:
            pings = PingFrame(0, opaque_data=b"are you?").serialize() * 100
            while not self.lost:
                if self._transport.get_write_buffer_size() < len(pings):
                    self._transport.write(pings)
                await asyncio.sleep(0)

    small = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)]
    async with (
        http2_server(tls.h2, protocol=Flood) as server,
        over_http2(tls, socket_options=small) as (client, pool),
    ):
        with pytest.raises(httpx.RemoteProtocolError, match="reads no answer"):
            await client.get(server.url, timeout=30)
        assert pool.connections == []


async def test_who_has_little_time_to_connect_takes_none_from_others(tls: TLS) -> None:
    """They share the connection that is opened for whoever came first."""

    class Slow(Backend):
        async def resolve(self, host: str, port: int) -> list[Any]:
            await go.wait()
            return await super().resolve(host, port)

    go = asyncio.Event()
    async with http2_server(tls.h2) as server, over_http2(tls, backend=Slow()) as (client, pool):
        short = asyncio.ensure_future(client.get(server.url, timeout=httpx.Timeout(5, connect=0.05)))
        await settle(lambda: len(pool.connections) == 1)
        others = [asyncio.ensure_future(client.get(server.url)) for _ in range(3)]
        with pytest.raises(httpx.ConnectTimeout):
            await short
        go.set()
        assert [answer.text for answer in await asyncio.gather(*others)] == ["ok"] * 3
        assert len(server.connections) == 1


def test_a_socks_proxy_without_its_package_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "socksio", raising=False)
    with pytest.raises(ImportError, match="socksio"):
        Engine(proxy="socks5://127.0.0.1:1", trust_env=False)

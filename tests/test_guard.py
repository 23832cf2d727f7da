"""The guard layer over real sockets: what an upstream may send, and what becomes of what it may not."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import tracemalloc
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.bombs import bomb, zeros
from tests.servers import http1_server, http2_server, read_request, response, settle
from tux_http.errors import ResponseTooLarge
from tux_http.options import EXTENSION as OPTIONS
from tux_http.options import CallOptions
from tux_http.policy import Caps
from tux_http.transports.engine import Engine
from tux_http.transports.guard import SLICE_LIMIT, Guard

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.conftest import TLS

    Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

MIB = 1024 * 1024
SMALL = Caps(max_body=MIB)


def answering(body: bytes = b"ok", headers: str = "") -> Script:
    """Answers `/` with "ok" and every other path with the body."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked = await read_request(reader)
            plain = asked.startswith(b"GET / ")
            writer.write(response() if plain else response(body, headers=headers))
            await writer.drain()

    return script


def beginning(head: str, chunk: bytes = b"") -> Script:
    """Sends a head, and then a chunk for as long as somebody reads; without a chunk, nothing more."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await read_request(reader)).startswith(b"GET / "):
            writer.write(response())
            return
        writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        while chunk:
            writer.write(chunk)
            await writer.drain()
        await asyncio.Event().wait()

    return script


@contextlib.asynccontextmanager
async def guarded(
    caps: Caps = SMALL, *, api: str | None = None, **engine: Any
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client with nothing but the guard over an engine that has one connection."""
    before = asyncio.all_tasks()
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    transport = Guard(Engine(limits=limits, trust_env=False, **engine), caps, api=api)
    async with httpx.AsyncClient(transport=transport, timeout=5) as client:
        yield client
    await settle(lambda: all("play" in repr(task) for task in asyncio.all_tasks() - before))  # the server's


def saying(**options: Any) -> dict[str, Any]:
    return {OPTIONS: CallOptions(**options)}


# The body


async def test_a_bomb_of_a_kilobyte_costs_less_than_16_mebibytes() -> None:
    async with (
        http1_server(answering(bomb(), "Content-Encoding: gzip, gzip\r\n")) as server,
        guarded(Caps()) as client,
    ):
        await client.get(server.url)
        tracemalloc.start()
        try:
            with pytest.raises(ResponseTooLarge) as refused:
                await client.get(f"{server.url}/bomb")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert refused.value.limit == 10 * MIB
        assert peak < 16 * MIB
        assert (await client.get(server.url)).text == "ok"


async def test_a_body_of_exactly_the_cap_passes_and_one_byte_more_does_not() -> None:
    async with http1_server(answering(bytes(MIB))) as server, guarded() as client:
        assert len((await client.get(f"{server.url}/body")).content) == MIB
    async with http1_server(answering(bytes(MIB + 1))) as server, guarded() as client:
        with pytest.raises(ResponseTooLarge):
            await client.get(f"{server.url}/body")


async def test_a_body_of_exactly_the_cap_passes_when_compressing_made_it_larger() -> None:
    body = os.urandom(MIB)
    packed = gzip.compress(body)
    assert len(packed) > MIB
    async with (
        http1_server(answering(packed, "Content-Encoding: gzip\r\n")) as server,
        guarded() as client,
    ):
        assert (await client.get(f"{server.url}/body")).content == body


async def test_a_body_that_never_ends_is_refused_at_the_cap() -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    async with (
        http1_server(beginning("Transfer-Encoding: chunked", chunk)) as server,
        guarded() as client,
    ):
        with pytest.raises(ResponseTooLarge):
            await client.get(f"{server.url}/endless")
        assert (await client.get(server.url)).text == "ok"


async def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes() -> None:
    async with http1_server(beginning(f"Content-Length: {MIB + 1}")) as server, guarded() as client:
        with pytest.raises(ResponseTooLarge):
            await client.get(f"{server.url}/hangs-after-the-head")


async def test_what_a_head_says_of_a_body_that_does_not_come_is_no_reason_to_refuse() -> None:
    head = f"HTTP/1.1 304 Not Modified\r\nContent-Length: {99 * MIB}\r\n\r\n".encode()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (await read_request(reader)).startswith(b"HEAD"):
            writer.write(head.replace(b"304 Not Modified", b"200 OK"))
        writer.write(head)

    async with http1_server(script) as server, guarded() as client:
        assert (await client.head(server.url)).headers["content-length"] == str(99 * MIB)
        assert (await client.get(server.url)).status_code == 304


async def test_a_call_may_raise_its_cap_or_lower_it() -> None:
    async with http1_server(answering(bytes(MIB + 1))) as server, guarded() as client:
        large = await client.get(f"{server.url}/body", extensions=saying(max_body=2 * MIB))
        assert len(large.content) == MIB + 1
        with pytest.raises(ResponseTooLarge) as refused:
            await client.get(f"{server.url}/body", extensions=saying(max_body=1000))
        assert refused.value.limit == 1000


async def test_the_error_says_which_api_which_request_and_which_cap() -> None:
    async with http1_server(answering(bytes(MIB + 1))) as server, guarded(api="github") as client:
        with pytest.raises(ResponseTooLarge) as refused:
            await client.get(f"{server.url}/body?token=secret")
    error = refused.value
    assert (error.api, error.limit, error.part) == ("github", MIB, "body")
    assert error.request.url.path == "/body"
    assert "secret" not in str(error)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_broken_encoding_is_a_decoding_error_and_costs_nothing(coding: str) -> None:
    async with (
        http1_server(answering(b"this is not encoded at all", f"Content-Encoding: {coding}\r\n")) as server,
        guarded() as client,
    ):
        for _ in range(3):
            with pytest.raises(httpx.DecodingError) as broken:
                await client.get(f"{server.url}/broken")
            assert not isinstance(broken.value, ResponseTooLarge)
            assert broken.value.request.url.path == "/broken"
        assert (await client.get(server.url)).text == "ok"


# The head


async def test_five_thousand_codings_are_refused_at_the_head() -> None:
    codings = ", ".join(["gzip"] * 5000)
    async with (
        http1_server(beginning(f"Content-Encoding: {codings}\r\nContent-Length: 10")) as server,
        guarded() as client,
    ):
        with pytest.raises(httpx.DecodingError, match="5000 content codings"):
            await client.get(f"{server.url}/hangs-after-the-head")
        assert (await client.get(server.url)).text == "ok"


async def test_codings_are_counted_over_all_their_header_lines() -> None:
    lines = "Content-Encoding: gzip\r\n" * 3
    body = gzip.compress(gzip.compress(gzip.compress(b"deep")))
    async with http1_server(answering(body, lines)) as server:
        async with guarded() as client:
            with pytest.raises(httpx.DecodingError, match="3 content codings"):
                await client.get(f"{server.url}/deep")
        async with guarded(Caps(max_codings=3)) as client:
            assert (await client.get(f"{server.url}/deep")).text == "deep"


async def test_header_fields_larger_than_their_cap_are_refused() -> None:
    async with http1_server(answering(headers=f"X-Filler: {'a' * 60_000}\r\n")) as server:
        async with guarded() as client:
            assert (await client.get(f"{server.url}/filled")).text == "ok"
        async with guarded(Caps(max_headers=50_000)) as client:
            with pytest.raises(ResponseTooLarge, match="the header is larger than 50000 bytes") as refused:
                await client.get(f"{server.url}/filled")
            assert refused.value.part == "header"
            assert (await client.get(server.url)).text == "ok"


# What is left behind


async def test_refused_bodies_leave_the_one_connection_of_a_pool_usable() -> None:
    async with http1_server(answering(bytes(4 * MIB))) as server, guarded() as client:
        for _ in range(10):
            with pytest.raises(ResponseTooLarge):
                await client.get(f"{server.url}/body")
            assert (await client.get(server.url)).text == "ok"
        await settle(lambda: server.open_connections <= 1)


async def test_refused_bodies_leave_an_http2_connection_and_its_siblings_alive(tls: TLS) -> None:
    async with http2_server(tls.h2) as server, guarded(verify=tls.client, http2=True) as client:
        sibling = asyncio.ensure_future(client.get(f"{server.url}/wait"))
        for _ in range(30):  # more than the connection's window holds
            with pytest.raises(ResponseTooLarge):
                await client.get(f"{server.url}/size/{2 * MIB}")
        server.go.set()
        assert (await sibling).text == "ok"
        assert (len(server.connections), server.resets) == (1, 30)


async def test_a_caller_that_leaves_while_a_body_is_read_takes_nothing_along() -> None:
    async with http1_server(beginning("Content-Length: 10", b"")) as server, guarded() as client:
        leaving = asyncio.ensure_future(client.get(f"{server.url}/hangs-after-the-head"))
        await settle(lambda: server.accepted == 1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert (await client.get(server.url)).text == "ok"


# What callers see of it


async def test_a_response_comes_complete_with_its_time() -> None:
    async with http1_server(answering(b"body")) as server:
        transport = Guard(Engine(trust_env=False), SMALL)
        request = httpx.Request("GET", f"{server.url}/body")
        answer = await transport.handle_async_request(request)
        assert (answer.content, answer.request, answer.is_closed) == (b"body", request, True)
        assert answer.elapsed.total_seconds() > 0
        assert answer.num_bytes_downloaded == 4
        await transport.aclose()


async def test_a_stand_in_for_the_network_is_held_to_the_cap_too() -> None:
    transport = Guard(httpx.MockTransport(lambda _: httpx.Response(200, content=bytes(MIB + 1))), SMALL)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(ResponseTooLarge):
            await client.get("https://api.example/")
        answer = await client.get("https://api.example/", extensions=saying(max_body=MIB + 1))
    assert len(answer.content) == MIB + 1


# Streaming


async def test_a_stream_is_handed_on_unread_and_without_a_cap() -> None:
    async with (
        http1_server(answering(bytes(8 * MIB))) as server,
        guarded() as client,
        client.stream("GET", f"{server.url}/body", extensions=saying(streaming=True)) as answer,
    ):
        assert not answer.is_stream_consumed
        assert sum([len(chunk) async for chunk in answer.aiter_raw()]) == 8 * MIB


@pytest.mark.parametrize("way", ["aiter_bytes", "aiter_raw", "aiter_text"])
@pytest.mark.parametrize("headers", ["", "Content-Encoding: gzip\r\n"])
async def test_a_stream_with_a_cap_ends_there_however_it_is_read(way: str, headers: str) -> None:
    body = os.urandom(4 * MIB)
    packed = gzip.compress(body) if headers else body
    chunked = f"{len(packed):x}\r\n".encode() + packed + b"\r\n0\r\n\r\n"

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{headers}\r\n".encode() + chunked)
        await writer.drain()

    received = 0
    async with http1_server(script) as server, guarded() as client:
        options = saying(streaming=True, max_body=MIB)
        async with client.stream("GET", server.url, extensions=options) as answer:
            with pytest.raises(ResponseTooLarge):  # noqa: PT012  # what came before the error counts
                async for chunk in getattr(answer, way)():
                    received += len(chunk)
    assert received <= MIB * 65 // 64 + 1024


async def test_a_redirect_with_an_endless_body_does_not_hold_up_a_stream() -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(chunk)
            await writer.drain()

    async with http1_server(script) as server, guarded() as client:
        options: dict[str, Any] = {"extensions": saying(streaming=True), "follow_redirects": True}
        with pytest.raises(ResponseTooLarge):
            async with client.stream("GET", server.url, **options):
                pass


async def test_a_streamed_bomb_does_not_fit_into_one_chunk() -> None:
    async with (
        http1_server(answering(bomb(), "Content-Encoding: gzip, gzip\r\n")) as server,
        guarded() as client,
        client.stream("GET", f"{server.url}/bomb", extensions=saying(streaming=True)) as answer,
    ):
        with pytest.raises(ResponseTooLarge):
            await anext(answer.aiter_bytes())


async def test_a_long_stream_of_nothing_passes_in_small_chunks() -> None:
    async with (
        http1_server(answering(zeros(128, layers=1), "Content-Encoding: gzip\r\n")) as server,
        guarded() as client,
        client.stream("GET", f"{server.url}/zeros", extensions=saying(streaming=True)) as answer,
    ):
        sizes = [len(chunk) async for chunk in answer.aiter_bytes()]
    assert sum(sizes) == 128 * MIB
    assert max(sizes) < SLICE_LIMIT

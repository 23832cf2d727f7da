"""A limit that is told in the body only, of an answer that its caller reads."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.bombs import MIB
from tests.fault_server import fault_server_in_the_open
from tests.quotas import SECONDARY, World, hold
from tux_http import HTTPClient
from tux_http.errors import RateLimited
from tux_http.limits import LARGEST_MESSAGE
from tux_http.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TOLD = json.dumps(SECONDARY).encode()
PATH = "/github-secondary-in-the-body"


def in_parts(body: bytes, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    """An upstream's refusal that comes in three parts."""
    third = len(body) // 3
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    async def parts() -> AsyncIterator[bytes]:
        for part in (body[:third], body[third : 2 * third], body[2 * third :]):
            yield part

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(403, headers=fields, content=parts())

    return answer


async def read(world: World) -> bytes:
    async with world.client.stream("GET", "/repos/o/r") as response:
        return await response.aread()


async def test_a_download_that_meets_a_limit_is_told_so_and_the_next_call_is_not_sent() -> None:
    async with fault_server_in_the_open() as server, HTTPClient(trust_env=False) as client:
        api = client.api("github", base_url=server.url)
        with pytest.raises(httpx.HTTPStatusError) as told:
            async with api.stream("GET", PATH):
                pass
        with pytest.raises(RateLimited) as refused:
            await api.get("/")
        assert len(server.log.seen) == 1
        assert refused.value.scope == "secondary"
        for error in (told.value, refused.value):
            assert problem_of(error).code == "slow-down"
            assert problem_of(error).retry_at == refused.value.retry_at


@pytest.mark.parametrize("way", ["aiter_bytes", "aiter_raw", "aiter_text", "aiter_lines"])
async def test_it_is_learned_however_the_body_is_read(way: str) -> None:
    async with fault_server_in_the_open() as server, HTTPClient(trust_env=False) as client:
        api = client.api("github", base_url=server.url)
        async with api.stream("GET", PATH, raise_for_status=False) as answer:
            parts = [part async for part in getattr(answer, way)()]
        assert "secondary rate limit" in str(parts)
        with pytest.raises(RateLimited):
            await api.get("/")


async def test_what_is_not_read_is_not_learned_and_holds_nothing() -> None:
    async with fault_server_in_the_open() as server, HTTPClient(trust_env=False) as client:
        api = client.api("github", base_url=server.url)
        async with api.stream("GET", PATH, raise_for_status=False) as answer:
            assert answer.status_code == 403
        assert (await api.get("/")).text == "ok"


async def test_it_is_learned_from_a_body_that_was_compressed() -> None:
    world = World()
    world.reply = in_parts(gzip.compress(TOLD), content_encoding="gzip")
    assert await read(world) == TOLD
    assert (await world.is_refused()).retry_at == world.after(60)


async def test_each_further_one_doubles_the_wait() -> None:
    world = World()
    for wait in (60, 120, 240):
        world.reply = in_parts(TOLD)
        await read(world)
        assert (await world.is_refused()).retry_at == world.after(wait)
        world.now = world.after(wait)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"message": "Must have admin rights to Repository."}', {}),
        (TOLD[:-1] + b" " * LARGEST_MESSAGE + b"}", {}),
        (gzip.compress(TOLD[:-1] + b" " * LARGEST_MESSAGE + b"}"), {"content_encoding": "gzip"}),
        (b"", {}),
    ],
    ids=["a permission", "too long", "too long when it is decoded", "nothing"],
)
async def test_another_body_is_read_to_its_end_and_holds_nobody(body: bytes, headers: dict[str, str]) -> None:
    world = World()
    world.reply = in_parts(body, **headers)
    whole = await read(world)
    assert whole == (gzip.decompress(body) if headers else body)
    assert (await world.get()).status_code == 403


async def test_of_a_long_body_no_more_is_kept_than_a_limit_takes_to_tell() -> None:
    world = World()
    chunk = bytes(MIB)

    async def long() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield chunk

    world.reply = lambda _: httpx.Response(403, content=long())
    tracemalloc.start()
    try:
        async with world.client.stream("GET", "/repos/o/r") as response:
            assert sum([len(part) async for part in response.aiter_raw()]) == 100 * MIB
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB


async def test_a_broken_body_is_its_readers_error_and_holds_nobody() -> None:
    world = World()
    world.reply = in_parts(b"this is no gzip at all", content_encoding="gzip")
    with pytest.raises(httpx.DecodingError):
        await read(world)
    world.replies(200)
    assert (await world.get()).status_code == 200


async def test_a_limit_in_the_headers_is_learned_before_the_body_is_read() -> None:
    world = World()
    world.reply = in_parts(TOLD, retry_after="90")
    async with world.client.stream("GET", "/repos/o/r"):
        assert (await world.is_refused()).retry_at == world.after(90)


async def test_a_refusal_that_was_closed_is_no_longer_under_way() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get()
    world.reply = in_parts(b"{}", **world.github(2))
    async with world.client.stream("GET", "/repos/o/r") as response:
        stream: Any = response.stream
        await stream.aclose()
        await stream.aclose()
    await hold(world, 2, {})

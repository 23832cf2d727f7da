"""Stored answers to test caches with, and what every `Store` has to do."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx
from loguru import logger

from tux_http.caching.stored import Stored, storable_fields, varying

if TYPE_CHECKING:
    from collections.abc import Generator

    from tux_http.caching.store import Store

GITHUB = "v1:github:aaaa"
OTHER = "v1:github:bbbb"
WEATHER = "v1:weather:cccc"

SECRETS = ("hunter2-in-a-cookie", "hunter2-in-a-field", "hunter2-of-who-asked")


def answer(body: bytes = b'{"stars": 1}', **options: Any) -> Stored:
    """What the cache keeps of an answer that carries secrets, as upstreams send them."""
    headers = httpx.Headers(
        [
            ("ETag", '"one"'),
            ("Set-Cookie", f"session={SECRETS[0]}"),
            ("Connection", "close, X-Internal"),
            ("X-Internal", SECRETS[1]),
            ("Link", "<a>; rel=next"),
            ("Link", "<b>; rel=last"),
        ]
    )
    asked = httpx.Headers({"Accept": "application/json", "Authorization": f"Bearer {SECRETS[2]}"})
    given: dict[str, Any] = {
        "method": "GET",
        "status": 200,
        "headers": storable_fields(headers),
        "body": body,
        "requested_at": 1.25,
        "received_at": 2.5,
        "vary": varying(["Accept", "Authorization", "X-Missing"], asked),
        **options,
    }
    return Stored(**given)


@contextlib.contextmanager
def messages(level: str = "WARNING") -> Generator[list[str]]:
    """What is logged meanwhile, at this level or above."""
    found: list[str] = []
    sink = logger.add(lambda line: found.append(str(line).rstrip("\n")), level=level, format="{message}")
    try:
        yield found
    finally:
        logger.remove(sink)


async def check_round_trip(store: Store) -> None:
    """What is stored comes back as it was, whatever is in it."""
    for stored in (
        answer(),
        answer(b"", status=204, vary=()),
        answer(bytes(range(256)) * 2048, status=301, headers=(("x-text", "é ☃"),)),
    ):
        await store.save(GITHUB, stored, ttl=60)
        assert stored in await store.load(GITHUB)
        await store.remove(GITHUB)
        assert await store.load(GITHUB) == []


async def check_variants(store: Store) -> None:
    """One takes the place of the equal variant, beside others."""
    english, german = ((("accept-language", language),) for language in ("en", "de"))
    first, second, newer = answer(b"1", vary=english), answer(b"2", vary=german), answer(b"3", vary=english)
    head = answer(b"", method="HEAD", vary=english)
    for stored in (first, second, head, newer):
        await store.save(GITHUB, stored, ttl=60)
    found = await store.load(GITHUB)
    assert sorted(found, key=repr) == sorted([second, head, newer], key=repr)
    await store.remove(GITHUB)
    assert await store.load(GITHUB) == []


async def check_ttl(store: Store) -> None:
    await store.save(GITHUB, answer(), ttl=0)
    assert await store.load(GITHUB) == []


async def check_stats_and_clear(store: Store) -> None:
    for key in (GITHUB, OTHER, WEATHER):
        await store.save(key, answer(bytes(5000)), ttl=60)
    await store.save("v1:a%3Ab%2A:dddd", answer(), ttl=60)
    assert [(each.api, each.entries) for each in await store.stats()] == [
        ("a:b*", 1),
        ("github", 2),
        ("weather", 1),
    ]
    of_github = (await store.stats())[1]
    assert 10_000 < of_github.size < 30_000
    assert await store.clear("git") == 0
    assert await store.clear("github") == 2
    assert (await store.load(GITHUB), len(await store.load(WEATHER))) == ([], 1)
    assert await store.clear("a:b*") == 1
    assert await store.clear() == 1
    assert await store.stats() == []


async def check_many_at_once(store: Store) -> None:
    async def one(number: int) -> None:
        key = f"v1:github:{number}"
        await store.save(key, answer(b"%d" % number), ttl=60)
        assert [each.body for each in await store.load(key)] == [b"%d" % number]

    await asyncio.gather(*(one(number) for number in range(50)))


CHECKS = (check_round_trip, check_variants, check_ttl, check_stats_and_clear, check_many_at_once)

"""How fast a fresh answer comes from the cache, beside hishel's own SQLite storage and aiohttp-client-cache's memory.

All contenders are in one process and ask one server on loopback for one of GitHub's example responses, each
once; after that they take turns, in rounds, and only answer from what they keep. The goal is that `API.get` is
at least 5 times as fast as aiohttp-client-cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hishel
import httpx
from aiohttp import web
from aiohttp_client_cache.backends.base import CacheBackend
from aiohttp_client_cache.session import CachedSession
from hishel.httpx import AsyncCacheTransport
from loguru import logger

from tux_http import HTTPClient
from tux_http.cogs.github.api import Repository
from tux_http.policy import CacheSettings, HTTPSettings
from tux_http.sandbox.samples import example

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from tux_http.api import API

    Get = Callable[[], Awaitable[object]]

SHORT: Final = ("--rounds", "3", "--hits", "20")

GOAL: Final = 5.0
"""Times aiohttp-client-cache's throughput."""

BODY: Final = example("repository").encode()
PATH: Final = {"owner": "octocat", "repo": "Hello-World"}


@dataclass
class Server:
    """Answers as GitHub does, but that its answers are good for longer than a run takes; counts who asks."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter[str])

    async def handle(self, request: web.Request) -> web.Response:
        self.asked[request.match_info["contender"]] += 1
        return web.Response(
            body=BODY,
            content_type="application/json",
            headers={
                "Cache-Control": "public, max-age=86400, s-maxage=86400",
                "ETag": '"a0b1c2"',
                "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With",
                "X-RateLimit-Limit": "5000",
                "X-RateLimit-Remaining": "4999",
                "X-RateLimit-Reset": str(int(time.time()) + 3600),
                "X-RateLimit-Resource": "core",
            },
        )


@dataclass
class Result:
    """Seconds that one hit took, by round."""

    contender: str
    seconds: list[float] = field(default_factory=list[float])

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def slower_than(self, other: Result) -> float:
        """How many times as long it took, in the median round."""
        return statistics.median(own / its for own, its in zip(self.seconds, other.seconds, strict=True))


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=15, help="how often each has its turn (15)")
    parser.add_argument("--hits", type=int, default=1000, help="how many in a turn (1,000)")


def run(arguments: Namespace) -> Iterator[str]:
    logger.remove()
    logger.add(lambda _: None, level="INFO")
    yield f"{arguments.rounds} rounds of {arguments.hits:,} hits each, {len(BODY):,} bytes ..."
    results, asked = asyncio.run(_measured(arguments.rounds, arguments.hits))
    yield from _report(results, asked)


async def _measured(rounds: int, hits: int) -> tuple[dict[str, Result], Counter[str]]:
    results = {name: Result(name) for name in CONTENDERS}
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(_serving())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gets = {
            name: await stack.enter_async_context(make(f"{server.url}/{name}", folder))
            for name, make in CONTENDERS.items()
        }
        for get in gets.values():  # the miss; and the first hits, by which ways are learned
            await _spend(get, 20)
        for number in range(rounds):
            names = list(gets)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                started = time.perf_counter()
                await _spend(gets[name], hits)
                results[name].seconds.append((time.perf_counter() - started) / hits)
    return results, server.asked


async def _spend(get: Get, hits: int) -> None:
    for _ in range(hits):
        await get()


@contextlib.asynccontextmanager
async def _serving() -> AsyncGenerator[Server]:
    server = Server()
    application = web.Application()
    application.router.add_get("/{contender}/repos/{owner}/{repo}", server.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _api(url: str, folder: Path, name: str) -> AsyncGenerator[API]:
    cache = CacheSettings(store="sqlite", path=str(folder / f"{name}.sqlite"))
    async with HTTPClient(HTTPSettings(cache=cache, trust_env=False)) as client:
        yield client.api("github", base_url=url)


@contextlib.asynccontextmanager
async def _tux_http(url: str, folder: Path) -> AsyncGenerator[Get]:
    async with _api(url, folder, "plain") as api:

        async def get() -> object:
            return _checked((await api.get("/repos/{owner}/{repo}", path=PATH)).content)

        yield get


@contextlib.asynccontextmanager
async def _tux_http_decoded(url: str, folder: Path) -> AsyncGenerator[Get]:
    """As the cog asks: the JSON becomes a value."""
    async with _api(url, folder, "decoded") as api:
        yield lambda: api.get("/repos/{owner}/{repo}", path=PATH, as_=Repository)


@contextlib.asynccontextmanager
async def _tux_http_long_way(url: str, folder: Path) -> AsyncGenerator[Get]:
    """Through httpx and the cache layer, as a call with a header of its own goes."""
    async with _api(url, folder, "long") as api:
        headers = {"X-Own": "1"}

        async def get() -> object:
            response = await api.get("/repos/{owner}/{repo}", path=PATH, headers=headers)
            return _checked(response.content)

        yield get


@contextlib.asynccontextmanager
async def _hishel(url: str, folder: Path) -> AsyncGenerator[Get]:
    storage = hishel.AsyncSqliteStorage(database_path=folder / "hishel.sqlite")
    transport = AsyncCacheTransport(
        httpx.AsyncHTTPTransport(), storage=storage, rfc=hishel.CacheOptions(shared=False)
    )
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:

        async def get() -> object:
            return _checked((await client.get("/repos/octocat/Hello-World")).content)

        yield get
        await storage.close()


@contextlib.asynccontextmanager
async def _aiohttp_client_cache(url: str, folder: Path) -> AsyncGenerator[Get]:
    del folder
    async with CachedSession(cache=CacheBackend(expire_after=86400)) as session:

        async def get() -> object:
            async with session.get(f"{url}/repos/octocat/Hello-World") as response:
                return _checked(await response.read())

        yield get


def _checked(body: bytes) -> bytes:
    assert len(body) == len(BODY)
    return body


CONTENDERS: Final[dict[str, Callable[[str, Path], Any]]] = {
    "tux_http": _tux_http,
    "tux_http, decoded": _tux_http_decoded,
    "tux_http, the long way": _tux_http_long_way,
    "hishel, SQLite": _hishel,
    "aiohttp-client-cache, memory": _aiohttp_client_cache,
}

COLUMNS: Final = ("", "us/hit", "hits/s", "times tux_http's time", "requests")


def _report(results: dict[str, Result], asked: Counter[str]) -> Iterator[str]:
    ours = results["tux_http"]
    rows = [list(COLUMNS)]
    rows += [
        [
            name,
            f"{result.median * 1e6:,.1f}",
            f"{1 / result.median:,.0f}",
            f"{result.slower_than(ours):.1f}",
            str(asked[name]),
        ]
        for name, result in results.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield ""
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])
    yield ""
    times = results["aiohttp-client-cache, memory"].slower_than(ours)
    verdict = "met" if times >= GOAL else "missed"
    yield f"goal: at least {GOAL:g} times as fast as aiohttp-client-cache: {verdict} ({times:.1f})"

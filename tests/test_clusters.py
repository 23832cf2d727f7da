"""A bot in several processes: real ones, on one real Valkey server, before an upstream that counts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tests.cluster_process import PATIENCE, Member, Outcome, member
from tests.valkey import Valkey, client, empty_database, own_valkey

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

pytestmark = pytest.mark.slow

FRESH = {"Cache-Control": "max-age=60", "ETag": '"one"'}
UNCACHED = {"cache": "no-store"}


class Upstream:
    """Answers as it is told and counts; while `held` is set it answers when that is."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.status = 200
        self.held: asyncio.Event | None = None
        self.url = ""

    def limits(self, resource: str = "core", *, remaining: int = 0, seconds: float = 1800) -> float:
        """Has it announce a quota; returns when that is whole again, as Unix seconds."""
        reset = int(time.time() + seconds)
        self.headers = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Resource": resource,
        }
        return reset

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        text = f"{request.path} {len(self.asked)}"
        status, headers = self.status, self.headers
        if self.held is not None:
            await self.held.wait()
        return web.Response(text=text, status=status, headers=headers)


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    upstream = Upstream()
    app = web.Application()
    app.router.add_get("/{path:.*}", upstream.handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield upstream
    await runner.cleanup()


@pytest.fixture(scope="module")
def _database() -> Generator[str]:
    with empty_database() as url:
        yield url


@pytest.fixture
def server(_database: str) -> Generator[str]:
    yield _database
    with client(_database) as connection:
        connection.flushdb()


@pytest.fixture
def own_server() -> Generator[Valkey]:
    with own_valkey() as server:
        yield server


@contextlib.asynccontextmanager
async def two(upstream: Upstream, server: str) -> AsyncGenerator[tuple[Member, Member]]:
    """Two processes that have both called already."""
    async with member(upstream.url, server) as one, member(upstream.url, server) as other:
        for process in (one, other):
            await process.get("/hello", **UNCACHED)
        upstream.asked.clear()
        yield one, other


async def until(condition: Callable[[], Coroutine[Any, Any, bool]], seconds: float = PATIENCE) -> float:
    """Asks again and again until it is so; returns how many seconds that took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # other processes set no event
            await asyncio.sleep(0.01)
    return time.monotonic() - began


async def is_refused(process: Member, path: str = "/repos/o/r") -> bool:
    return (await process.get(path, **UNCACHED)).error == "RateLimited"


async def is_shared(one: Member, other: Member, path: str) -> bool:
    """Whether what one has fetched is there for the other, without a question to the upstream."""
    return (await one.get(path)).text == (await other.get(path)).text


# Answers.


async def test_an_answer_fetched_by_one_process_is_a_hit_in_the_other(
    upstream: Upstream, server: str
) -> None:
    async with two(upstream, server) as (one, other):
        upstream.headers = FRESH
        fetched = await one.get("/repos/o/r")
        assert fetched.cache == "miss"
        await until(lambda: has(other, "/repos/o/r"))
        found = await other.get("/repos/o/r")
        assert (found.text, found.cache) == (fetched.text, "hit")
        assert upstream.asked == ["/repos/o/r"]


async def has(process: Member, path: str) -> bool:
    """Whether a process can answer without a question to the upstream."""
    return (await process.get(path, cache="only-if-cached", raise_for_status=False)).cache == "hit"


async def test_while_one_process_fetches_the_other_waits_for_its_answer(
    upstream: Upstream, server: str
) -> None:
    async with two(upstream, server) as (one, other):
        upstream.headers, upstream.held = FRESH, asyncio.Event()
        before = claims(server)
        calls = [asyncio.create_task(process.get("/repos/o/r")) for process in (one, other)]
        await until(lambda: _so(claims(server) >= before + 2))  # one has it, the other has not
        upstream.held.set()
        first, second = await asyncio.gather(*calls)
        assert first.text == second.text
        assert sorted([first.cache or "", second.cache or ""]) == ["hit", "miss"]
        assert upstream.asked == ["/repos/o/r"]


def claims(server: str) -> int:
    """How many times a claim was tried."""
    with client(server) as connection:
        return connection.info("commandstats").get("cmdstat_set", {}).get("calls", 0)


async def test_while_one_process_refreshes_both_give_the_old_answer(upstream: Upstream, server: str) -> None:
    async with two(upstream, server) as (one, other):
        upstream.headers = {"Cache-Control": "max-age=1", "ETag": '"one"'}
        old = await one.get("/repos/o/r")
        upstream.headers, upstream.held = FRESH, asyncio.Event()

        async def is_old(process: Member) -> bool:
            outcome = await process.get("/repos/o/r")
            assert outcome.text == old.text
            return outcome.cache == "stale"

        await until(lambda: is_old(one))
        await until(lambda: is_old(other))
        assert upstream.asked == ["/repos/o/r"] * 2  # fetched, and refreshed by one of them
        upstream.held.set()

        async def is_new(process: Member) -> bool:
            return (await process.get("/repos/o/r")).text != old.text

        await until(lambda: is_new(one))
        await until(lambda: is_new(other))
        assert upstream.asked == ["/repos/o/r"] * 2


# Limits.


async def test_a_limit_met_by_one_process_is_obeyed_by_the_other_within_a_second(
    upstream: Upstream, server: str
) -> None:
    async with two(upstream, server) as (one, other):
        reset = upstream.limits()
        assert (await one.get("/repos/o/r", **UNCACHED)).status == 200  # the last one there was
        upstream.headers = {}
        assert await until(lambda: is_refused(other)) < 1
        asked = len(upstream.asked)
        refused = await other.get("/users/o", **UNCACHED)  # which it has never called
        assert (refused.error, refused.retry_at) == ("RateLimited", reset)
        assert len(upstream.asked) == asked


async def test_a_pause_that_one_process_is_asked_for_is_kept_by_the_other_within_a_second(
    upstream: Upstream, server: str
) -> None:
    async with two(upstream, server) as (one, other):
        upstream.status, upstream.headers = 403, {"Retry-After": "600"}
        assert (await one.get("/repos/o/r", raise_for_status=False, retry=False, **UNCACHED)).status == 403
        upstream.status, upstream.headers = 200, {}
        assert await until(lambda: is_refused(other)) < 1


async def test_a_limit_of_one_kind_of_request_holds_that_kind_in_every_process(
    upstream: Upstream, server: str
) -> None:
    async with two(upstream, server) as (one, other):
        upstream.limits("search")
        await one.get("/search/users", **UNCACHED)
        upstream.headers = {}
        assert await until(lambda: is_refused(other, "/search/users")) < 1
        assert not await is_refused(other, "/repos/o/r")


async def test_a_process_that_starts_later_knows_a_limit_at_its_first_call(
    upstream: Upstream, server: str
) -> None:
    async with member(upstream.url, server) as first:
        upstream.limits()
        await first.get("/repos/o/r", **UNCACHED)
    upstream.headers = {}
    async with member(upstream.url, server) as second:
        assert await is_refused(second)
        assert upstream.asked == ["/repos/o/r"]


async def test_the_limit_of_one_credential_holds_no_other(upstream: Upstream, server: str) -> None:
    async with (
        member(upstream.url, server, Authorization="Bearer one") as one,
        member(upstream.url, server, Authorization="Bearer one") as same,
        member(upstream.url, server, Authorization="Bearer other") as other,
    ):
        for process in (same, other):
            await process.get("/hello", **UNCACHED)
        upstream.limits()
        await one.get("/repos/o/r", **UNCACHED)
        upstream.headers = {}
        await until(lambda: is_refused(same))
        assert not await is_refused(other)


# The server.


async def test_killing_the_server_fails_no_call_and_it_is_used_again_when_it_returns(
    upstream: Upstream, own_server: Valkey
) -> None:
    upstream.headers = {"Cache-Control": "max-age=1"}
    outcomes: list[Outcome] = []
    is_over = False

    async def calls(process: Member, number: int) -> None:
        turn = 0
        while not is_over:
            turn += 1
            outcomes.append(await process.get(f"/{number}/{turn % 10}"))

    async def grown(by: int) -> None:
        size = len(outcomes)
        await until(lambda: _so(len(outcomes) >= size + by))

    async with two(upstream, own_server.url) as (one, other):
        running = [
            asyncio.create_task(calls(process, number)) for process in (one, other) for number in (1, 2)
        ]
        await grown(100)
        own_server.kill()
        await grown(200)
        own_server.start_again()
        await grown(200)
        is_over = True
        await asyncio.gather(*running)
        assert {(outcome.status, outcome.error) for outcome in outcomes} == {(200, None)}

        upstream.headers = FRESH
        paths = (f"/new/{number}" for number in range(10_000))
        await until(lambda: is_shared(one, other, next(paths)))
        upstream.limits()
        await one.get("/repos/o/r", **UNCACHED)
        upstream.headers = {}
        await until(lambda: is_refused(other))


async def _so(value: bool) -> bool:
    return value

"""Answers on a real Valkey server: shared, and never in a command's way when it is slow or gone."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.stores import CHECKS, GITHUB, OTHER, SECRETS, answer, messages
from tests.strays import no_strays
from tests.valkey import Valkey, client, empty_database, own_valkey
from tux_http.caching.opening import open_store
from tux_http.caching.redis_store import PREFIX, RedisStore
from tux_http.config import ConfigError
from tux_http.policy import CacheSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

    from tux_http.caching.store import Store

PATIENT = 10.0
"""Seconds: machines that run tests may be slow, and what is tested with it is something else."""

SLACK = 0.3
"""Seconds that a busy machine may add to the tenth of a second that is promised."""

WITHOUT_REDIS = """
import sys
sys.modules["redis"] = None
from tux_http.caching.opening import open_store
from tux_http.policy import CacheSettings
try:
    open_store(CacheSettings(store="redis"))
except Exception as exc:
    print(type(exc).__name__, exc)
"""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def opened(url: str, *, patience: float = PATIENT, **options: Any) -> AsyncGenerator[RedisStore]:
    store = RedisStore(url, patience=patience, **options)
    try:
        yield store
    finally:
        await store.aclose()


@pytest.fixture(scope="module")
def _database() -> Generator[str]:
    with empty_database() as url:
        yield url


@pytest.fixture
def url(_database: str) -> Generator[str]:
    yield _database
    with client(_database) as connection:
        connection.flushdb()


@pytest.fixture
def server() -> Generator[Valkey]:
    with own_valkey() as server:
        yield server


@pytest.mark.parametrize("check", CHECKS)
async def test_it_does_what_a_store_does(
    url: str, check: Callable[[Store], Coroutine[Any, Any, None]]
) -> None:
    with messages("DEBUG") as lines:
        async with no_strays(), opened(url) as store:
            await check(store)
            assert store.available
    assert lines == []


async def test_nothing_is_opened_again_when_it_is_closed(url: str) -> None:
    async with no_strays():
        async with opened(url) as store:
            await store.save(GITHUB, answer(), ttl=60)
        assert await store.load(GITHUB) == []
        await store.aclose()


async def test_what_one_process_stores_is_there_for_the_other(url: str) -> None:
    async with opened(url) as one, opened(url) as other:
        await one.save(GITHUB, stored := answer(), ttl=60)
        assert await other.load(GITHUB) == [stored]
        await other.remove(GITHUB)
        assert await one.load(GITHUB) == []


async def test_nothing_secret_is_on_the_server_and_everything_goes_away_by_itself(url: str) -> None:
    async with opened(url) as store:
        await store.save(GITHUB, answer(), ttl=60)
        await store.claim(GITHUB, seconds=30)
        with client(url) as connection:
            names = list(connection.scan_iter())
            dumped = b"".join(name + (connection.dump(name) or b"") for name in names)
            lives = [connection.ttl(name) for name in names]
    assert len(names) == 5
    assert all(name.startswith(f"{PREFIX}:".encode()) for name in names)
    assert all(0 < life <= 71 for life in lives)
    assert b'"one"' in dumped
    assert not any(secret.encode() in dumped for secret in SECRETS)


async def test_clearing_leaves_other_programs_keys_alone(url: str) -> None:
    with client(url) as connection:
        connection.set("mine", "1")
        async with opened(url) as store:
            await store.save(GITHUB, answer(), ttl=60)
            assert await store.clear() == 1
        assert connection.keys() == [b"mine"]


async def test_half_an_answer_is_none(url: str) -> None:
    """The server evicts single keys where it has too little memory."""
    async with opened(url) as store:
        for part in ("entry", "stream", "stream_done"):
            await store.save(GITHUB, answer(), ttl=60)
            with client(url) as connection:
                assert connection.delete(*connection.keys(f"{PREFIX}:{part}:*")) == 1
                assert await store.load(GITHUB) == []
                assert await store.stats() == []
                connection.flushdb()
        assert store.available


async def test_what_another_program_wrote_there_is_no_answer(url: str) -> None:
    async with opened(url) as store:
        await store.save(GITHUB, answer(), ttl=60)
        with client(url) as connection:
            (name,) = connection.keys(f"{PREFIX}:stream:*")
            connection.lset(name, 0, b"nonsense")
        assert await store.load(GITHUB) == []
        assert store.available


async def test_those_that_store_the_same_at_once_do_not_disturb_each_other(url: str) -> None:
    stored = [answer(b"%d" % number) for number in range(20)]
    with messages() as lines:
        async with opened(url) as store:
            await asyncio.gather(*(store.save(GITHUB, each, ttl=60) for each in stored))
            found = await store.load(GITHUB)
            assert found
            assert all(each in stored for each in found)
            assert store.available
    assert lines == []


# Refreshing: one process at a time.


async def test_one_process_may_refresh_and_another_once_it_is_done(url: str) -> None:
    async with opened(url) as one, opened(url) as other:
        assert await one.claim(GITHUB, seconds=30)
        assert not await other.claim(GITHUB, seconds=30)
        assert await other.claim(OTHER, seconds=30)
        await other.release(GITHUB)  # which it has not
        assert not await other.claim(GITHUB, seconds=30)
        assert not await one.claim(GITHUB, seconds=30)
        await one.release(GITHUB)
        assert await other.claim(GITHUB, seconds=30)


async def test_a_claim_ends_by_itself_and_is_then_not_given_back_for_another(url: str) -> None:
    async with opened(url) as one, opened(url) as other:
        assert await one.claim(GITHUB, seconds=0.02)
        async with asyncio.timeout(PATIENT):
            while not await other.claim(GITHUB, seconds=30):  # noqa: ASYNC110  # the server's clock sets no event
                await asyncio.sleep(0.005)
        await one.release(GITHUB)
        assert not await one.claim(GITHUB, seconds=30)


# When the server is slow or gone.


async def timed(store: RedisStore) -> float:
    """How long a call's operations take together, in seconds."""
    began = time.monotonic()
    assert await store.load(GITHUB) == []
    assert await store.claim(GITHUB, seconds=5)
    await store.save(GITHUB, answer(), ttl=60)
    await store.release(GITHUB)
    return time.monotonic() - began


async def test_a_server_that_stalls_costs_a_tenth_of_a_second_once(server: Valkey) -> None:
    clock = Clock()
    async with no_strays(), opened(server.url, patience=0.1, clock=clock) as store:
        with messages("INFO") as lines:
            await store.save(OTHER, stored := answer(), ttl=60)
            server.stall()
            try:
                assert 0.09 < await timed(store) < 0.1 + SLACK
                assert await timed(store) < SLACK / 2
                clock.now += 1
                assert 0.09 < await timed(store) < 0.1 + SLACK  # one operation tries
            finally:
                server.resume()
            assert await store.load(OTHER) == []
            clock.now += 2
            async with asyncio.timeout(PATIENT):
                while await store.load(OTHER) != [stored]:  # the server awakes
                    clock.now += 30
        named = f"the cache's server at 127.0.0.1:{server.port}"
        assert lines == [
            f"{named} can't be used, going on without it: no answer within 0.1 s",
            f"{named} is back and used again",
        ]


async def test_a_rush_does_not_look_like_an_outage(url: str) -> None:
    # Ten times the patience that it has: this machine may be busy with more.
    async with opened(url, patience=0.5) as store:
        await store.save(GITHUB, answer(), ttl=60)
        with messages() as lines:
            await asyncio.gather(*(store.load(GITHUB) for _ in range(500)))
            assert store.available
            assert await store.load(GITHUB)
        assert lines == []


async def test_connecting_to_a_server_that_stalls_is_bounded_too(server: Valkey) -> None:
    server.stall()
    try:
        async with no_strays(), opened(server.url, patience=0.1) as store:
            assert 0.09 < await timed(store) < 0.1 + SLACK
    finally:
        server.resume()


async def test_a_server_that_is_killed_and_returns(server: Valkey) -> None:
    clock = Clock()
    async with no_strays(), opened(server.url, clock=clock) as store:
        with messages("INFO") as lines:
            await store.save(GITHUB, answer(), ttl=60)
            server.kill()
            results = await asyncio.gather(*(store.load(GITHUB) for _ in range(100)))
            assert results == [[]] * 100
            assert await timed(store) < SLACK
            assert (await store.clear(), await store.stats(), store.available) == (0, [], False)
            server.start_again()
            assert await timed(store) < SLACK  # left alone, still
            clock.now += 1
            await store.save(GITHUB, stored := answer(), ttl=60)
            assert await store.load(GITHUB) == [stored]
            assert store.available
        assert ["can't be used" in line for line in lines] == [True, False]
        assert "refused" in lines[0] or "closed" in lines[0]


async def test_killing_the_server_among_many_calls_fails_none(server: Valkey) -> None:
    done = 0

    async def calls(number: int) -> None:
        nonlocal done
        for turn in range(30):
            key = f"v1:github:{number}-{turn}"
            await store.save(key, answer(bytes(200_000)), ttl=60)
            await store.load(key)
            done += 1
            if done == 60:
                server.kill()

    async with no_strays(), opened(server.url) as store:
        await asyncio.gather(*(calls(number) for number in range(10)))
    assert done == 300


async def test_a_cancelled_call_leaves_the_connections_in_order(url: str) -> None:
    async with no_strays(), opened(url) as store:
        for number in range(20):
            await store.save(f"v1:github:{number}", answer(b"%d" % number), ttl=60)
        for turns in range(60):
            loading = asyncio.create_task(store.load(f"v1:github:{turns % 20}"))
            for _ in range(turns):
                await asyncio.sleep(0)
            loading.cancel()
            await asyncio.wait([loading])
        for number in range(20):
            assert [each.body for each in await store.load(f"v1:github:{number}")] == [b"%d" % number]
        assert store.available


async def test_a_server_without_memory_is_left_alone(server: Valkey) -> None:
    with client(server.url) as connection:
        connection.config_set("maxmemory", "1")
    with messages() as lines:
        async with no_strays(), opened(server.url) as store:
            await store.save(GITHUB, answer(), ttl=60)
            assert not store.available
    assert len(lines) == 1


async def test_a_password_is_not_in_the_log(server: Valkey) -> None:
    url = server.url.replace("redis://", "redis://somebody:hunter2hunter2@")
    with messages("DEBUG") as lines:
        async with opened(url) as store:
            assert await store.load(GITHUB) == []
            assert "hunter2" not in repr(store)
    assert len(lines) == 1
    assert "hunter2" not in lines[0]


# How it is opened.


def test_without_the_extra_the_error_says_how_to_install_it() -> None:
    ended = subprocess.run([sys.executable, "-c", WITHOUT_REDIS], capture_output=True, text=True, check=True)  # noqa: S603  # ours
    assert (
        ended.stdout == 'ConfigError http.cache.store "redis" needs an extra: pip install "tux-http[redis]"\n'
    )


@pytest.mark.parametrize("url", ["", "localhost", "http://localhost", "redis://", "redis://h:x", "unix://"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ConfigError, match="must be redis://HOST:PORT/DATABASE"):
        open_store(CacheSettings(store="redis", url=url))


async def test_a_store_is_made_without_a_connection() -> None:
    store = open_store(CacheSettings(store="redis", url="redis://127.0.0.1:9/0"))
    assert isinstance(store, RedisStore)
    await store.aclose()

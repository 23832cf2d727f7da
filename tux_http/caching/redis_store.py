"""`RedisStore`: answers that many processes share, on a Redis or Valkey server (7 or newer)."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from hishel import AsyncRedisStorage
from redis.exceptions import RedisError

from tux_http.caching import redis_board
from tux_http.caching.entries import body_of, is_variant, request_of, response_of, stored_in
from tux_http.caching.namespace import api_of, namespace
from tux_http.caching.outage import Outage
from tux_http.caching.redis_client import CONNECTIONS, FailedError, client_of, place_of
from tux_http.caching.store import StoreStats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from hishel import Entry

    from tux_http.caching.stored import Stored

T = TypeVar("T")

PREFIX: Final = "tux_http"
"""What all our keys on the server begin with."""

PATIENCE: Final = 0.05
"""Seconds that an operation may take, connecting and waiting for a free connection included. Two are on the way
of a call, `load` and `claim`, and it is to lose no more than a tenth of a second."""

OPERATORS_PATIENCE: Final = 60.0
"""Likewise, for what nobody's command waits for."""

CLOSING: Final = 1.0
"""Seconds that closing connections may take."""

GRACE: Final = 10.0
"""Seconds that hishel keeps what is removed for those that are reading it."""

_RELEASE: Final = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
)


class RedisStore:
    """A `Store`, and a `Board`, on a server; where that is slow or gone, nothing is found, and nothing is kept.

    Args:
        url: As redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss:// or unix://.
        patience: Seconds that an operation may take.

    Raises:
        ValueError: The URL is none of these.
    """

    def __init__(
        self, url: str, *, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._client = client_of(url)
        self._storage = AsyncRedisStorage(
            self._client, default_ttl=None, max_stream_size=None, key_prefix=PREFIX, soft_delete_ttl=GRACE
        )
        self._patience = patience
        self._outage = Outage(f"the cache's server at {place_of(self._client)}", clock=clock)
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._claims: dict[str, str] = {}
        self._closed = False

    keeps = True
    shared = True

    @property
    def available(self) -> bool:
        return not self._outage.is_out

    def is_absent(self, key: str) -> bool:
        """Never known: other processes put things there."""
        del key
        return False

    async def load(self, key: str) -> list[Stored]:
        return await self._run(lambda: self._load(key), [], self._patience)

    async def save(self, key: str, stored: Stored, *, ttl: float) -> None:
        await self._run(lambda: self._save(key, stored, ttl), None, self._patience)

    async def remove(self, key: str) -> None:
        await self._run(lambda: self._remove(key), None, self._patience)

    async def claim(self, key: str, *, seconds: float) -> bool:
        """As `Store` has it; each may where the server can't be asked."""
        token = secrets.token_hex(16)
        granted = await self._run(lambda: self._claim(key, token, seconds), True, self._patience)
        if granted:
            self._claims[key] = token
        return granted

    async def release(self, key: str) -> None:
        if (token := self._claims.pop(key, None)) is not None:
            await self._run(lambda: self._release(key, token), None, self._patience)

    async def stats(self) -> list[StoreStats]:
        return await self._run(self._stats, [], OPERATORS_PATIENCE)

    async def clear(self, api: str | None = None) -> int:
        return await self._run(lambda: self._clear(api), 0, OPERATORS_PATIENCE)

    async def post(
        self, topic: str, key: str, notes: Mapping[str, bytes], message: bytes, *, ttl: float
    ) -> bool:
        return await self._run(lambda: self._post(topic, key, notes, message, ttl), False, self._patience)

    async def read(self, topic: str, key: str) -> list[bytes]:
        return await self._run(lambda: self._read(topic, key), [], self._patience)

    def listening(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return redis_board.listening(self._url, self._channel(topic))

    async def aclose(self) -> None:
        self._closed = True
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSING):
                await self._client.connection_pool.disconnect()

    async def _run(self, operation: Callable[[], Awaitable[T]], default: T, patience: float) -> T:
        """What an operation returns, or the default if it fails, takes too long or is not tried."""
        if self._closed:
            return default
        try:
            async with asyncio.timeout(patience) as bound:
                async with self._turns:
                    return await self._tried(operation, default, bound)
        except TimeoutError:
            return default

    async def _tried(self, operation: Callable[[], Awaitable[T]], default: T, bound: asyncio.Timeout) -> T:
        trial, began = self._outage.begin(), time.monotonic()
        if trial is None:
            return default
        try:
            result = await operation()
        except FailedError as exc:
            if exc.is_race:
                trial.succeeded()
            else:
                trial.failed(exc)
            return default
        except BaseException:
            # Cancelled from outside, or out of time; where most of that went into waiting for a turn, neither
            # tells anything of the server.
            if bound.expired() and time.monotonic() - began > self._patience / 2:
                trial.failed(TimeoutError(f"no answer within {self._patience:g} s"))
            else:
                trial.abandoned()
            raise
        trial.succeeded()
        return result

    async def _load(self, key: str) -> list[Stored]:
        found: list[Stored] = []
        for entry in await self._storage.get_entries(key):
            with contextlib.suppress(RuntimeError):  # the server has made room in between
                body = b"".join([chunk async for chunk in _stream(entry)])
                stored = stored_in(body)
                found += [stored] if stored is not None else []
        return found

    async def _save(self, key: str, stored: Stored, ttl: float) -> None:
        former = [entry for entry in await self._storage.get_entries(key) if is_variant(entry, stored)]
        response = replace(response_of(stored), stream=_once(body_of(stored)))
        entry = await self._storage.create_entry(request_of(key, stored), response, key, ttl=ttl)
        async with contextlib.aclosing(_stream(entry)) as written:
            async for _ in written:  # hishel writes as it is read
                pass
        for each in former:
            await self._storage.remove_entry(each.id)

    async def _remove(self, key: str) -> None:
        for entry in await self._storage.get_entries(key):
            await self._storage.remove_entry(entry.id)

    async def _claim(self, key: str, token: str, seconds: float) -> bool:
        return bool(await self._client.set(_claim_key(key), token, nx=True, px=max(1, int(seconds * 1000))))

    async def _release(self, key: str, token: str) -> None:
        await self._client.eval(_RELEASE, 1, _claim_key(key), token)

    async def _post(
        self, topic: str, key: str, notes: Mapping[str, bytes], message: bytes, ttl: float
    ) -> bool:
        place = _board_key(topic, key)
        await redis_board.post(self._client, self._channel(topic), place, notes, message, ttl=ttl)
        return True

    async def _read(self, topic: str, key: str) -> list[bytes]:
        return await self._client.hvals(_board_key(topic, key))

    def _channel(self, topic: str) -> str:
        # Keys belong to one database of the server, channels to all of them.
        database = self._client.connection_pool.connection_kwargs.get("db", 0)
        return f"{PREFIX}:board:{database}:{topic}"

    async def _stats(self) -> list[StoreStats]:
        entries: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        async for index, key in self._indexes(None):
            ids = await self._client.zrangebyscore(index, f"({time.time()}", "+inf")
            for each in ids:
                sizes[api_of(key)] += await self._size(each)
            entries[api_of(key)] += len(ids)
        return [StoreStats(api=api, entries=entries[api], size=sizes[api]) for api in sorted(+entries)]

    async def _size(self, member: bytes) -> int:
        entry, stream, _ = _data_keys(member)
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.strlen(entry)
            pipe.memory_usage(stream, samples=0)
            return sum(each or 0 for each in await pipe.execute())

    async def _clear(self, api: str | None) -> int:
        found = 0
        async for index, _ in self._indexes(api):
            found += await self._client.zcount(index, f"({time.time()}", "+inf")
            for each in await self._client.zrange(index, 0, -1):
                await self._client.delete(*_data_keys(each))
            await self._client.delete(index)
        return found

    async def _indexes(self, api: str | None) -> AsyncIterator[tuple[bytes, str]]:
        """Hishel's index of each key of an API, or of all, and the key."""
        start = f"{PREFIX}:idx:"
        names: set[bytes] = {
            name async for name in self._client.scan_iter(f"{start}{namespace(api)}*", count=1000)
        }
        for name in names:  # a scan may tell one twice
            yield name, name.decode().removeprefix(start)


def _claim_key(key: str) -> str:
    return f"{PREFIX}:claim:{key}"


def _board_key(topic: str, key: str) -> str:
    return f"{PREFIX}:board:{topic}{key}"


def _data_keys(member: bytes) -> tuple[str, str, str]:
    """The keys under which hishel keeps an entry; their names are checked by its tests and ours."""
    name = UUID(hex=member.decode()).hex
    return f"{PREFIX}:entry:{name}", f"{PREFIX}:stream:{name}", f"{PREFIX}:stream_done:{name}"


def _stream(entry: Entry) -> Any:
    return entry.response.stream


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body

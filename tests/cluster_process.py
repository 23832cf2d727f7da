"""One process of a bot that runs in several: it calls an upstream, and shares its store with the others.

Run as a script, it is that process: `cluster_process.py UPSTREAM SERVER` takes calls as lines of JSON and
answers them so, until its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from loguru import logger

from tests.strict_python import PYTHON, alarms_in
from tux_http import HTTPClient, call_of
from tux_http.caching.redis_store import RedisStore
from tux_http.caching.shelf import Shelf
from tux_http.policy import CacheSettings, HTTPSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tux_http.api import API
    from tux_http.caching.store import Store

ROOT = Path(__file__).parents[1]

PATIENCE = 30.0
"""Seconds until a process has failed to do what it should; machines that run tests may be busy."""


class Order(msgspec.Struct, kw_only=True):
    """A call that a process is to make; `options` are keywords of `API.get`."""

    number: int
    path: str
    options: dict[str, Any]


class Outcome(msgspec.Struct, kw_only=True):
    """What came of it; `error` is the exception's type, `retry_at` when it says to come back."""

    number: int
    status: int | None = None
    text: str = ""
    cache: str | None = None
    error: str | None = None
    retry_at: float | None = None
    seconds: float


class Member:
    """A running process of a cluster."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._reader = asyncio.create_task(self._read())

    async def get(self, path: str, **options: Any) -> Outcome:
        order = Order(number=next(self._numbers), path=path, options=options)
        assert self._process.stdin is not None
        self._waiting[order.number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        async with asyncio.timeout(PATIENCE):
            return await self._waiting[order.number]

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            outcome = msgspec.json.decode(line, type=Outcome)
            self._waiting.pop(outcome.number).set_result(outcome)

    async def leave(self) -> None:
        """Has it close its service and end; it must have had nothing to complain of."""
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            said = (await self._process.stderr.read()).decode()
            assert await self._process.wait() == 0, said
        assert not alarms_in(said), said

    def abandon(self) -> None:
        self._reader.cancel()
        if self._process.returncode is None:
            self._process.kill()


@contextlib.asynccontextmanager
async def member(upstream: str, server: str, **headers: str) -> AsyncGenerator[Member]:
    """Starts a process whose calls carry these headers, and has it end in order."""
    process = await asyncio.create_subprocess_exec(
        *PYTHON, "-m", "tests.cluster_process", upstream, server, msgspec.json.encode(headers).decode(),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    running = Member(process)
    try:
        yield running
        await running.leave()
    finally:
        running.abandon()
        await process.wait()


class PatientShelf(Shelf):
    """Waits for the server: a process that starts on a busy machine would take itself for cut off."""

    def __init__(self, settings: CacheSettings) -> None:
        super().__init__(settings)
        self._patient = RedisStore(settings.url, patience=PATIENCE / 3)

    @property
    def store(self) -> Store:
        return self._patient

    async def aclose(self) -> None:
        await self._patient.aclose()


async def carry_out(api: API, order: Order) -> None:
    began = time.perf_counter()
    outcome = Outcome(number=order.number, seconds=0)
    try:
        response = await api.get(order.path, **order.options)
    except httpx.HTTPError as exc:
        outcome.error = type(exc).__name__
        retry_at = getattr(exc, "retry_at", None)
        outcome.retry_at = None if retry_at is None else retry_at.timestamp()
    else:
        call = call_of(response)
        outcome.status, outcome.text = response.status_code, response.text
        outcome.cache = None if call is None else call.cache
    outcome.seconds = time.perf_counter() - began
    sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
    sys.stdout.flush()


async def main(upstream: str, server: str, headers: str) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    settings = HTTPSettings(cache=CacheSettings(store="redis", url=server))
    async with HTTPClient(settings) as client, asyncio.TaskGroup() as calls:
        client.shelf = PatientShelf(settings.cache)
        api = client.api("github", base_url=upstream, headers=msgspec.json.decode(headers))
        async for line in lines:
            calls.create_task(carry_out(api, msgspec.json.decode(line, type=Order)))
    pipe.close()


if __name__ == "__main__":
    logger.remove()  # nobody reads it before the end
    logger.add(sys.stderr, level="WARNING")
    asyncio.run(main(*sys.argv[1:]))

"""What our layers cost a call that the cache can't answer, in microseconds, layer by layer.

Under the layers is a stand-in for the network that answers at once, with 6 kB that are still to be read. Each layer
is timed with what is below it, and its cost is what that takes longer than without it. Above the layers,
`API.get` is put beside an `httpx.AsyncClient` over the same stand-in. Rows take turns, in rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.bench._rounds import Result, quiet, rotated
from tests.bench._serving import BODY, CACHE_CONTROL
from tests.bench._tables import at_most, table
from tux_http import HTTPClient
from tux_http.call import EXTENSION, Call
from tux_http.policy import CacheSettings, HTTPSettings
from tux_http.transports import Pipeline
from tux_http.transports.layer import DEADLINE_AT

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

    from tux_http.client import ServiceClient

    Work = Callable[[str], Awaitable[httpx.Response]]

SHORT: Final = ("--rounds", "2", "--calls", "20")

GOAL: Final = 30.0
"""Microseconds."""

URL: Final = "https://api.example"

BARE: Final = "engine, a stand-in"
HTTPX: Final = "httpx.AsyncClient.get over the stand-in"
OURS: Final = "tux_http: API.get over the stand-in"


class Body(httpx.AsyncByteStream):
    """As one that comes from the network, in one piece."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield BODY

    async def aclose(self) -> None:
        pass


FIELDS: Final = [
    (b"server", b"nginx"),
    (b"date", b"Fri, 01 Jan 2038 00:00:00 GMT"),
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
    (b"etag", b'"a0b1c2"'),
    (b"cache-control", CACHE_CONTROL.encode()),
]


class StandIn(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        del request
        return httpx.Response(200, headers=FIELDS, stream=Body())


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    work: Work
    over: str | None
    """The row that is below it."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=15, help="how often each has its turn (15)")
    parser.add_argument("--calls", type=int, default=300, help="in a turn (300)")
    parser.add_argument(
        "--store", choices=["memory", "sqlite"], default="sqlite", help="of the cache (sqlite)"
    )


def run(arguments: Namespace) -> Iterator[str]:
    quiet()
    yield f"{arguments.rounds} rounds of {arguments.calls:,} calls each, {len(BODY):,} bytes"
    yield from asyncio.run(_measured(arguments.rounds, arguments.calls, arguments.store))


async def _measured(rounds: int, calls: int, store: str) -> list[str]:
    paths = (f"/repos/octocat/{number}" for number in itertools.count())
    async with _rows(store) as rows:
        results = {row.name: Result(row.name, calls) for row in rows}
        for number in range(-1, rounds):
            for row in rotated(rows, number):
                result, asked = results[row.name], list(itertools.islice(paths, calls))
                with result.turn():
                    for path in asked:
                        await row.work(path)
                await _calm()
            if number < 0:
                for result in results.values():
                    result.turns.clear()
    return list(_report(rows, results))


async def _calm() -> None:
    """Lets what was put off, such as the cache's writes, be done at nobody's expense."""
    while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110  # no event tells of it
        await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def _rows(store: str) -> AsyncGenerator[list[Row]]:
    engine = StandIn()
    with tempfile.TemporaryDirectory() as folder:
        cache = CacheSettings(
            store="sqlite" if store == "sqlite" else "memory", path=str(Path(folder) / "cache")
        )
        settings = HTTPSettings(cache=cache, trust_env=False)
        async with HTTPClient(settings, transport=engine) as client, _plain(engine) as plain:
            api = client.api("bench", base_url=URL)
            rows = [Row(BARE, _through(engine), None), *_layers(await api.get_client())]
            rows += [Row(HTTPX, plain.get, None), Row(OURS, api.get, HTTPX)]
            yield rows


def _plain(engine: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=engine, base_url=URL)


def _layers(client: ServiceClient) -> list[Row]:
    """The layers of an API's pipeline, innermost first."""
    pipeline = client._transport
    assert isinstance(pipeline, Pipeline)
    layer: Any = pipeline._outermost
    found: list[Any] = []
    while type(layer).__module__.startswith("tux_http.transports."):
        found.insert(0, layer)
        layer = layer._inner
    names = [BARE, *(type(each).__name__.lower() for each in found)]
    return [
        Row(name, _through(each), below)
        for name, each, below in zip(names[1:], found, names[:-1], strict=True)
    ]


def _through(transport: httpx.AsyncBaseTransport) -> Work:
    """A call without a client: the request as the client hands it down, and the body read."""

    async def work(path: str) -> httpx.Response:
        request = httpx.Request("GET", URL + path)
        at = asyncio.get_running_loop().time() + 15
        request.extensions |= {EXTENSION: Call.of(request, api="bench"), DEADLINE_AT: at}
        response = await transport.handle_async_request(request)
        await response.aread()
        return response

    return work


def _report(rows: list[Row], results: dict[str, Result]) -> Iterator[str]:
    lines: list[list[str]] = []
    for row in rows:
        own = "" if row.over is None else f"{results[row.name].longer_by(results[row.over]) * 1e6:,.1f}"
        result = results[row.name]
        lines.append([row.name, own, f"{result.seconds * 1e6:,.1f}", f"{result.best * 1e6:,.1f}"])
    yield from table(("", "its own us/call", "with what is below", "best"), lines)
    outermost = rows[-3].name
    together = results[outermost].longer_by(results[BARE]) * 1e6
    yield at_most("all layers together", together, GOAL, " us")
    yield f"API.get takes {results[OURS].longer_by(results[HTTPX]) * 1e6:,.1f} us longer than httpx's own client"

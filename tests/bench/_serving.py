"""A healthy server in a process of its own, so that neither its memory nor its work counts."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import trustme
from aiohttp import web

from tests.servers import http2_server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from multiprocessing.connection import Connection

HTTP: TypeAlias = Literal["1.1", "2"]

FRESH: Final = multiprocessing.get_context("spawn")
"""Makes processes that inherit no memory."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is, over TLS. `/size/N` answers with N bytes."""

    url: str
    http: HTTP
    authority: str

    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authority)


@contextlib.contextmanager
def serving(http: HTTP) -> Generator[Endpoint]:
    ours, theirs = FRESH.Pipe()
    process = FRESH.Process(target=_serve, args=(http, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()
        ours.close()


def _serve(http: HTTP, pipe: Connection) -> None:
    asyncio.run(_serve_until_killed(http, pipe))


async def _serve_until_killed(http: HTTP, pipe: Connection) -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.set_alpn_protocols(["h2"] if http == "2" else ["http/1.1"])
    authority.issue_cert("localhost").configure_cert(tls)  # pyright: ignore[reportUnknownMemberType]  # untyped
    async with _http2(tls) if http == "2" else _http11(tls) as url:
        pipe.send(Endpoint(url, http, authority.cert_pem.bytes().decode("ascii")))
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _http2(tls: ssl.SSLContext) -> AsyncGenerator[str]:
    async with http2_server(tls) as server:
        yield server.url


@contextlib.asynccontextmanager
async def _http11(tls: ssl.SSLContext) -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_get("/size/{size}", _sized)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _sized(request: web.Request) -> web.Response:
    return web.Response(body=bytes(int(request.match_info["size"])))

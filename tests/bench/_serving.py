"""A healthy server in a process of its own, so that neither its memory nor its work counts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import trustme
from aiohttp import web

from tests.servers import HTTP2Protocol, http2_server
from tux_http.sandbox.samples import example

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from multiprocessing.connection import Connection

HTTP: TypeAlias = Literal["1.1", "2"]

FRESH: Final = multiprocessing.get_context("spawn")
"""Makes processes that inherit no memory."""

CACHE_CONTROL: Final = "private, max-age=60"


def _body() -> bytes:
    """What GitHub says of a repository, without the three that it says of others: 6 kB."""
    told = json.loads(example("repository"))
    for other in ("template_repository", "parent", "source"):
        del told[other]
    return json.dumps(told).encode()


BODY: Final = _body()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is, over TLS. `/size/N` answers with N bytes, `/repos/...` with JSON."""

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
    async with http2_server(tls, protocol=_Repositories) as server:
        yield server.url


class _Repositories(HTTP2Protocol):
    async def _send(self, stream_id: int, path: str, method: str) -> None:
        if not path.startswith("/repos/"):
            await super()._send(stream_id, path, method)
            return
        fields = [("content-type", "application/json"), ("cache-control", CACHE_CONTROL)]
        self._h2.send_headers(stream_id, [(":status", "200"), *fields])
        await self._send_data(stream_id, BODY)
        self._tasks.pop(stream_id, None)
        self._done(stream_id)


@contextlib.asynccontextmanager
async def _http11(tls: ssl.SSLContext) -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_get("/size/{size}", _sized)
    app.router.add_get("/repos/{name:.*}", _repository)
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


async def _repository(request: web.Request) -> web.Response:
    headers = {"Cache-Control": CACHE_CONTROL}
    return web.Response(body=BODY, content_type="application/json", headers=headers)

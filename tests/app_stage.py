"""A GitHub on loopback that a GitHub App signs in to: it checks signatures, gives tokens and knows them again."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from loguru import logger

from tux_http import HTTPClient
from tux_http.github_app import NAME, POLICY, AppCredential
from tux_http.policy import Caching, Policy, Retry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from loguru import Record

    from tux_http.api import API

APP: Final = "Iv23liPlanted"
INSTALLATION: Final = 34
BASE: Final = "/api/v3"


@functools.cache
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@functools.cache
def _public_key() -> bytes:
    public = load_pem_private_key(private_key().encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class AppUpstream:
    """`tokens` are those that are good, `refuses` a status that asking for one is answered with."""

    answers: dict[str, web.Response] = field(default_factory=dict[str, web.Response])
    requests: list[web.Request] = field(default_factory=list[web.Request])
    claims: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tokens: list[str] = field(default_factory=list[str])
    installations: list[dict[str, Any]] = field(
        default_factory=lambda: [{"id": INSTALLATION, "account": {"login": "octocat"}}]
    )
    permissions: dict[str, str] = field(default_factory=lambda: {"contents": "read"})
    refuses: int | None = None
    lives: float = 3600.0
    hangs_up: bool = False
    garbled: bool = False
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def asked(self) -> list[str]:
        """The paths below the base, with the methods of those that are no GET."""
        return [
            f"{'' if request.method == 'GET' else request.method + ' '}{request.path.removeprefix(BASE)}"
            for request in self.requests
        ]

    @property
    def tokens_asked(self) -> int:
        return sum(path.startswith("POST ") for path in self.asked)

    def has(self, path: str, body: Any, *, status: int = 200, **headers: str) -> None:
        self.answers[BASE + path] = web.Response(
            body=json.dumps(body).encode(), status=status, headers={"Cache-Control": "no-store"} | headers
        )

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        if request.path.startswith(f"{BASE}/app/"):
            return self._of_the_app(request)
        if self.hangs_up and request.transport is not None:
            request.transport.abort()
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or token not in self.tokens:
            return web.json_response({"message": "Bad credentials"}, status=401)
        answer = self.answers.get(request.path, web.json_response({"message": "Not Found"}, status=404))
        if answer.headers.get("ETag") and request.headers.get("If-None-Match") == answer.headers["ETag"]:
            return web.Response(status=304, headers=answer.headers)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    def _of_the_app(self, request: web.Request) -> web.Response:
        self.arrived.set()
        now = time.time()
        signed = request.headers["Authorization"].removeprefix("Bearer ")
        self.claims.append(
            jwt.decode(
                signed,
                _public_key(),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False},
            )
        )
        if self.refuses is not None:
            return web.json_response({"message": "no"}, status=self.refuses)
        if request.method == "GET":
            return web.json_response(self.installations)
        if self.garbled:
            return web.json_response({"token": 1}, status=201)
        self.tokens.append(f"ghs_planted{len(self.tokens):016}")
        until = datetime.fromtimestamp(now + self.lives, UTC)
        given = {
            "token": self.tokens[-1],
            "expires_at": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": self.permissions,
            "repository_selection": "selected",
        }
        headers = {"Date": formatdate(now, usegmt=True)}
        return web.json_response(given, status=201, headers=headers)


@contextlib.asynccontextmanager
async def app_upstream() -> AsyncGenerator[AppUpstream]:
    """Serves one below `BASE`, as GitHub Enterprise does."""
    served = AppUpstream()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}{BASE}"
    try:
        yield served
    finally:
        await runner.cleanup()


@dataclass
class World:
    """A bot's `github` API, and the time that its tokens are counted by."""

    upstream: AppUpstream
    client: HTTPClient
    credential: AppCredential
    api: API
    passed: list[float] = field(default_factory=list[float])

    def wait(self, seconds: float) -> None:
        self.passed.append(seconds)

    async def renewed(self) -> None:
        """Until what is got behind is there."""
        count = self.upstream.tokens_asked
        while (task := self.credential._renewing) is not None and not task.done():
            await asyncio.wait({task})
        assert self.upstream.tokens_asked >= count

    def sent(self) -> list[str]:
        """What calls were signed with, the App's own aside."""
        asked = zip(self.upstream.asked, self.upstream.requests, strict=True)
        return [
            request.headers.get("Authorization", "") for path, request in asked if path.startswith("/repos/")
        ]


@contextlib.asynccontextmanager
async def world(
    upstream: AppUpstream, *, installation: int = INSTALLATION, wall_off: float = 0.0
) -> AsyncGenerator[World]:
    passed: list[float] = []
    async with HTTPClient() as client:
        tokens = client.api(NAME, base_url=upstream.url, policy=POLICY)
        credential = AppCredential(
            tokens,
            app_id=APP,
            installation_id=installation,
            key=private_key(),
            clock=lambda: sum(passed),
            wall=lambda: time.time() + sum(passed) + wall_off,
        )
        policy = Policy(retry=Retry(attempts=1), caching=Caching(stale_while_revalidate=0.0))
        api = client.api("github", base_url=upstream.url, policy=policy, credential=credential)
        yield World(upstream, client, credential, api, passed)


@contextlib.contextmanager
def heard() -> Generator[list[Record]]:
    """What the log says of the App."""
    records: list[Record] = []
    sink = logger.add(lambda message: records.append(message.record), filter="tux_http", level=0)
    yield records
    logger.remove(sink)


def bearer(number: int) -> str:
    return f"Bearer ghs_planted{number:016}"

"""A small Discord on loopback: the part of its REST API and gateway that a starting bot meets.

https://discord.com/developers/docs/events/gateway. Its gateway sends text frames: compression of the
transport is the client's wish, and discord.py reads both.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

if TYPE_CHECKING:
    from types import TracebackType

TOKEN = "a-token-of-this-test"
APPLICATION_ID = 1000


class Op(IntEnum):
    """https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-opcodes."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    HELLO = 10
    HEARTBEAT_ACK = 11


BOT_USER = {
    "id": str(APPLICATION_ID),
    "username": "tux",
    "discriminator": "0",
    "global_name": None,
    "avatar": None,
    "bot": True,
}

APPLICATION = {
    "id": str(APPLICATION_ID),
    "name": "tux",
    "description": "",
    "icon": None,
    "bot_public": True,
    "bot_require_code_grant": False,
    "verify_key": "",
    "flags": 0,
    "owner": {**BOT_USER, "id": "2000", "bot": False},
}


def _json(body: Any, *, status: int = 200) -> web.Response:
    # Without a charset, as Discord's: discord.py compares the whole header.
    headers = {"Content-Type": "application/json", "Via": "1.1 google"}
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers)


@dataclass
class DiscordServer:
    """Discord, as it is in one test.

    Attributes:
        login: What `GET /users/@me` answers: a status, or None for nothing at all.
        sync: What `PUT /applications/{id}/commands` answers.
        retry_after: Seconds that a 429 says to wait.
        close_code: What the gateway closes with when a bot identifies itself, if it does.
        gateway: Its address; this server's own if not given.
        deaf: Whether the gateway leaves a closing handshake unanswered.
    """

    login: int | None = 200
    sync: int = 200
    retry_after: float = 3600.0
    close_code: int | None = None
    gateway: str | None = None
    deaf: bool = False
    requests: list[str] = field(default_factory=list[str])
    synced: list[list[str]] = field(default_factory=list[list[str]])
    intents: list[int] = field(default_factory=list[int])
    heartbeats: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    identified: asyncio.Event = field(default_factory=asyncio.Event)
    left_with: asyncio.Future[int | None] | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._over = asyncio.Event()
        self.left_with = asyncio.get_running_loop().create_future()
        app = web.Application(middlewares=[self._noted])
        app.add_routes(
            [
                web.get("/api/v10/users/@me", self._me),
                web.get("/api/v10/oauth2/applications/@me", self._application),
                web.get("/api/v10/gateway/bot", self._gateway_address),
                web.put("/api/v10/applications/{id}/commands", self._sync),
                web.get("/gateway/", self._gateway),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._over.set()
        await self._runner.cleanup()

    @web.middleware
    async def _noted(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path.removeprefix('/api/v10')}")
        self.asked.set()
        if request.path.startswith("/api/") and request.headers.get("Authorization") != f"Bot {TOKEN}":
            return _json({"message": "401: Unauthorized", "code": 0}, status=401)
        return await handler(request)

    async def _me(self, _: web.Request) -> web.Response:
        if self.login is None:
            await self._over.wait()
        return self._answer(self.login or 504, BOT_USER)

    async def _application(self, _: web.Request) -> web.Response:
        return _json(APPLICATION)

    async def _gateway_address(self, _: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        address = self.gateway or f"ws://127.0.0.1:{self.port}/gateway/"
        return _json({"url": address, "shards": 1, "session_start_limit": limit})

    async def _sync(self, request: web.Request) -> web.Response:
        commands = await request.json()
        self.synced.append([command["name"] for command in commands])
        ids = {"application_id": str(APPLICATION_ID), "version": "1"}
        numbered = [{**command, **ids, "id": str(number)} for number, command in enumerate(commands, 1)]
        return self._answer(self.sync, numbered)

    def _answer(self, status: int, body: Any) -> web.Response:
        if status == web.HTTPOk.status_code:
            return _json(body)
        error = {"message": "no", "code": 0, "retry_after": self.retry_after, "global": False}
        return _json(error, status=status)

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoclose=not self.deaf)
        await socket.prepare(request)
        await socket.send_json({"op": Op.HELLO, "d": {"heartbeat_interval": 41250}})
        async for message in socket:
            await self._received(socket, message.json())
        if self.deaf:
            await self._over.wait()
        elif self.left_with is not None and not self.left_with.done() and self.close_code is None:
            self.left_with.set_result(socket.close_code)
        return socket

    async def _received(self, socket: web.WebSocketResponse, payload: dict[str, Any]) -> None:
        match payload["op"]:
            case Op.HEARTBEAT:
                self.heartbeats += 1
                await socket.send_json({"op": Op.HEARTBEAT_ACK})
            case Op.IDENTIFY if self.close_code is not None:
                await socket.close(code=self.close_code)
            case Op.IDENTIFY:
                self.intents.append(payload["d"]["intents"])
                await socket.send_json(
                    {"op": Op.DISPATCH, "t": "READY", "s": 1, "d": self._ready(payload["d"])}
                )
                self.identified.set()
            case _:
                raise AssertionError(f"an unexpected payload: {payload}")

    def _ready(self, identify: dict[str, Any]) -> dict[str, Any]:
        return {
            "v": 10,
            "user": BOT_USER,
            "guilds": [],
            "session_id": "session",
            "resume_gateway_url": f"ws://127.0.0.1:{self.port}/gateway/",
            "shard": identify["shard"],
            "application": {"id": str(APPLICATION_ID), "flags": 0},
        }

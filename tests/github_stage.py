"""The GitHub cog on a stage: a GitHub on loopback, a bot with the cog, and a person who asks it."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import msgspec
import simcord
from aiohttp import web
from discord.ext import commands

from tux_http.config import GitHubSettings, Settings
from tux_http.host import attach, detach
from tux_http.http_client import HTTPClient
from tux_http.policy import HTTPSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from simcord.actors import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.env import Env

EXTENSION = "tux_http.cogs.github"
EXAMPLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "github" / "repository.json").read_text(encoding="utf-8")
)
NOT_FOUND = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}


@dataclass
class Upstream:
    """A GitHub on loopback. It knows what is in `answers`, by path; the rest is not found."""

    answers: dict[str, web.Response] = field(default_factory=dict[str, web.Response])
    requests: list[web.Request] = field(default_factory=list[web.Request])
    hangs_up: set[str] = field(default_factory=set[str])
    url: str = ""

    def has(self, path: str, body: Any, *, status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[path] = web.Response(body=content, status=status, headers=headers)

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        if request.path in self.hangs_up and request.transport is not None:
            request.transport.abort()
        answer = self.answers.get(request.path, web.json_response(NOT_FOUND, status=404))
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


@contextlib.asynccontextmanager
async def github() -> AsyncGenerator[Upstream]:
    """Serves one that knows `EXAMPLE`."""
    served = Upstream()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    served.has("/repos/octocat/Hello-World", EXAMPLE)
    try:
        yield served
    finally:
        await runner.cleanup()


def settings_for(upstream: Upstream, *, allow_private: bool = False, token: str | None = None) -> Settings:
    defaults = Settings()
    return Settings(
        apis={"github": msgspec.structs.replace(defaults.apis["github"], base_url=upstream.url)},
        http=HTTPSettings(trust_env=False),
        github=GitHubSettings(allow_private=allow_private),
        tokens={} if token is None else {"github": token},
    )


class PlainBot(commands.Bot):
    """Somebody else's bot, with nothing of ours but the extension."""

    def __init__(self) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(command_prefix="!", intents=intents)

    async def setup_hook(self) -> None:
        await self.load_extension(EXTENSION)
        await self.tree.sync()


@dataclass
class Stage:
    """A bot with the cog, and a person in a channel of a server."""

    bot: commands.Bot
    env: Env
    channel: ChannelHandle
    member: MemberActor

    def seen(self) -> discord.Message:
        """The last message that the person sees, which is the bot's."""
        message = self.channel.history(viewer=self.member.user)[-1]
        assert message.author.id != self.member.id
        return message

    async def slash(self, repository: str) -> discord.Message:
        await self.member.slash(self.channel, "repo", repository=repository)
        return self.seen()

    async def say(self, text: str) -> discord.Message:
        await self.member.send(self.channel, text)
        return self.seen()


@contextlib.asynccontextmanager
async def staged(settings: Settings, *, failing: bool = False) -> AsyncGenerator[Stage]:
    bot = PlainBot()
    async with HTTPClient() as client:
        attach(bot, "test", http=client, settings=settings)
        async with simcord.run(bot, check_errors=not failing) as env:
            guild = env.create_guild()
            channel = guild.create_text_channel("general")
            yield Stage(bot, env, channel, guild.add_member(env.create_user("ada")))
            await bot.unload_extension(EXTENSION)
        await detach(bot, "test")


def values(message: discord.Message) -> dict[str, str]:
    return {str(field.name): str(field.value) for field in message.embeds[0].fields}


def buttons(message: discord.Message) -> dict[str, str]:
    """The links under a card."""
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    return {
        str(item.label): str(item.url)
        for row in rows
        for item in row.children
        if isinstance(item, discord.Button) and item.url is not None
    }


def problem(message: discord.Message) -> tuple[str, str]:
    """What the embed of a failure says, without its reference."""
    (embed,) = message.embeds
    assert re.fullmatch(r"Reference [0-9a-f]{8}", embed.footer.text or "")
    rows: list[Any] = [row.to_dict() for row in message.components]
    assert [part["label"] for row in rows for part in row["components"]] in ([], ["Retry"])
    return str(embed.title), str(embed.description)

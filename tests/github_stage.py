"""The GitHub cog on a stage: a GitHub on loopback, a bot with the cog, and a person who asks it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import discord
import msgspec
import simcord
from aiohttp import web
from discord.ext import commands

from tux_http.config import PrivateAccess, Settings
from tux_http.host import attach, detach
from tux_http.http_client import HTTPClient
from tux_http.policy import HTTPSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from simcord.actors import MemberActor
    from simcord.builders import ChannelHandle, GuildHandle
    from simcord.env import Env

EXTENSION = "tux_http.cogs.github"
EXAMPLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "github" / "repository.json").read_text(encoding="utf-8")
)
NOT_FOUND = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}


@dataclass
class Upstream:
    """A GitHub on loopback. It knows what is in `answers`, by path; the rest is not found.

    What a bot with a token asks at its start, which is for its limits, is not among the `requests`.
    """

    answers: dict[str, web.Response] = field(default_factory=dict[str, web.Response])
    requests: list[web.Request] = field(default_factory=list[web.Request])
    limits_asked: int = 0
    hangs_up: set[str] = field(default_factory=set[str])
    hangs: set[str] = field(default_factory=set[str])
    url: str = ""
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def has(self, path: str, body: Any, *, status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[path] = web.Response(body=content, status=status, headers=headers)

    async def handle(self, request: web.Request) -> web.Response:
        if request.path.endswith("/rate_limit"):
            self.limits_asked += 1
        else:
            self.requests.append(request)
        if request.path in self.hangs_up and request.transport is not None:
            request.transport.abort()
        if request.path in self.hangs:
            await self.closing.wait()
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
        served.closing.set()
        await runner.cleanup()


def settings_for(upstream: Upstream, *, token: str | None = None) -> Settings:
    defaults = Settings()
    return Settings(
        apis={"github": msgspec.structs.replace(defaults.apis["github"], base_url=upstream.url)},
        http=HTTPSettings(trust_env=False),
        tokens={} if token is None else {"github": token},
    )


class PlainBot(commands.Bot):
    """Somebody else's bot, with nothing of ours but the extension, which it loads at its start or later."""

    def __init__(self, *, loads: bool = True, reads: bool = True) -> None:
        intents = discord.Intents.default()
        intents.message_content = reads
        super().__init__(command_prefix="!", intents=intents)
        self._loads = loads

    async def setup_hook(self) -> None:
        if self._loads:
            await self.load()

    async def load(self) -> None:
        await self.load_extension(EXTENSION)
        await self.tree.sync()


Access: TypeAlias = "Callable[[GuildHandle, ChannelHandle], tuple[PrivateAccess, ...]]"


def of_the_channel(guild: GuildHandle, channel: ChannelHandle) -> tuple[PrivateAccess, ...]:
    """All who read the channel of the stage may see private repositories there."""
    return (PrivateAccess(guild=guild.id, channels=(channel.id,)),)


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
async def staged(
    settings: Settings, *, failing: bool = False, access: Access | None = None, reads: bool = True
) -> AsyncGenerator[Stage]:
    """The stage; `access` says, of its server and channel, who may see private repositories there.

    Whether the bot `reads` messages is its intent.
    """
    bot = PlainBot(loads=access is None, reads=reads)
    async with HTTPClient() as client:
        host = attach(bot, "test", http=client, settings=settings)
        async with simcord.run(bot, check_errors=not failing) as env:
            guild = env.create_guild()
            channel = guild.create_text_channel("general")
            if access is not None:
                github = msgspec.structs.replace(settings.github, allow_private=access(guild, channel))
                host.settings = msgspec.structs.replace(settings, github=github)
                await bot.load()
                await env.settle()
            yield Stage(bot, env, channel, guild.add_member(env.create_user("ada")))
            await bot.unload_extension(EXTENSION)
        await detach(bot, "test")


def title(message: discord.Message) -> str:
    return str(message.embeds[0].title)


def text(message: discord.Message) -> str:
    return str(message.embeds[0].description)


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

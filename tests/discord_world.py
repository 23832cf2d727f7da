"""A simulated Discord with one server, one channel and one member, for tests that act as that member."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
import simcord
from discord.ext import commands
from loguru import logger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from loguru import Record
    from simcord.actors import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.env import Env
    from simcord.results import InteractionResult

    Fails = Callable[[], Awaitable[None]]


def plain_bot() -> commands.Bot:
    """A bot as somebody might have it, prefix "!"."""
    return commands.Bot("!", intents=discord.Intents.all())


@dataclass
class World:
    """Timers stand still until `advance`: nothing waits for the real clock."""

    env: Env
    channel: ChannelHandle
    member: MemberActor

    async def slash(self, name: str, **options: Any) -> InteractionResult:
        return await self.member.slash(self.channel, name, **options)

    async def say(self, text: str) -> list[discord.Message]:
        """What the channel holds beside the message itself, once the bot is done."""
        mine = await self.member.send(self.channel, text)
        return [message for message in self.channel.history() if message.id > mine.id]

    async def advance(self, seconds: float) -> None:
        await self.env.advance_time(seconds)

    async def settle(self) -> None:
        await self.env.settle()

    async def upstream(self, event: asyncio.Event) -> None:
        """What a command awaits while an upstream takes its time; called in the bot."""
        await self.env.external_wait(event.wait(), reason="an upstream")

    def posted(self) -> list[Any]:
        """The bodies of all messages that the bot sent to the channel."""
        path = f"/channels/{self.channel.id}/messages"
        return [
            entry.json for entry in self.env.http_requests if (entry.method, entry.path) == ("POST", path)
        ]


@asynccontextmanager
async def world(bot: commands.Bot | commands.AutoShardedBot, **options: Any) -> AsyncGenerator[World]:
    """Runs a bot in it. What commands raise is what the tests are about, and does not fail them."""
    settings: dict[str, Any] = {"check_errors": False, "settle_timeout": 1, "strict_sync": False, **options}
    async with simcord.run(bot, **settings) as env:
        guild = env.create_guild()
        channel = guild.create_text_channel("general")
        member = guild.add_member(env.create_user("alice"))
        await env.settle()
        yield World(env, channel, member)


def raising(exc: BaseException) -> Fails:
    async def fails() -> None:
        raise exc

    return fails


@contextmanager
def failure_log() -> Generator[list[Record]]:
    """What tux_http logs of failures."""
    records: list[Record] = []
    sink = logger.add(
        lambda message: records.append(message.record), filter="tux_http.error_handler", level=0
    )
    yield records
    logger.remove(sink)

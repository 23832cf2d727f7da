"""Commands that fail as a test says, and the error and its Retry button as their person sees them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import discord
import httpx
import simcord

from tests.discord_world import plain_bot
from tux_http.error_handler import ErrorHandler
from tux_http.errors import RateLimited
from tux_http.responding import responding

if TYPE_CHECKING:
    from pathlib import Path

    from discord.ext import commands
    from simcord.actors import MemberActor
    from simcord.results import InteractionResult, ResponseMessage

    from tests.discord_world import World

LIMIT = 90
"""Seconds until the limit is lifted that the upstream tells."""

LIFE = 15 * 60
"""Seconds that an interaction can be answered."""


class Upstream:
    """What the commands ask: it fails with the errors that it is given, in turn, then it answers."""

    def __init__(self, *errors: BaseException | float) -> None:
        self.errors = list(errors)
        self.asked: list[str] = []
        self.stage: World | None = None
        self.held: asyncio.Event | None = None

    async def ask(self, place: str) -> str:
        self.asked.append(place)
        if self.held is not None:
            assert self.stage is not None
            await self.stage.upstream(self.held)
        if self.errors:
            error = self.errors.pop(0)
            raise error if isinstance(error, BaseException) else limited(error)
        return f"sunny in {place}"

    async def held_until_the_end(self, stage: World) -> None:
        """A /weather whose interaction is over when the upstream answers."""
        self.stage, self.held = stage, asyncio.Event()
        await stage.slash("weather", place="Oslo")
        await stage.advance(LIFE)
        self.held.set()
        await stage.settle()


def limited(seconds: float) -> RateLimited:
    response = httpx.Response(429, request=httpx.Request("GET", "https://api.test/"))
    at = discord.utils.utcnow() + timedelta(seconds=seconds)
    return RateLimited(request=response.request, response=response, retry_at=at)


def too_slow() -> httpx.ReadTimeout:
    return httpx.ReadTimeout("")


def bot_of(upstream: Upstream, *, file: Path | None = None) -> commands.Bot:
    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True, retries=file).install()

    @bot.hybrid_command()
    async def weather(ctx: commands.Context[Any], place: str) -> None:
        async with responding(ctx) as answer:
            await answer(await upstream.ask(place))

    @bot.tree.command(description="for its person alone")
    async def quietly(interaction: discord.Interaction[Any], place: str) -> None:
        async with responding(interaction, ephemeral=True) as answer:
            await answer(await upstream.ask(place))

    @bot.tree.command(description="defers first")
    async def deferring(interaction: discord.Interaction[Any], place: str) -> None:
        await interaction.response.defer()
        await interaction.followup.send(await upstream.ask(place))

    @bot.tree.command(description="of a member")
    async def of(interaction: discord.Interaction[Any], member: discord.Member, times: int = 1) -> None:
        await interaction.response.send_message(await upstream.ask(f"{member.name} {times}"))

    @bot.tree.context_menu(name="Weather there")
    async def menu(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await interaction.response.send_message(await upstream.ask(message.content))

    assert {weather.name, quietly.name, deferring.name, of.name, menu.name}
    return bot


def error(result: InteractionResult) -> ResponseMessage:
    """The one error that a command was answered with."""
    (shown,) = [each for each in (result.response, *result.followups) if each is not None and each.embeds]
    assert shown.ephemeral
    return shown


def button(message: ResponseMessage) -> dict[str, Any] | None:
    """The Retry button."""
    buttons = [part for row in message.components for part in row["components"]]
    assert [part["label"] for part in buttons] in ([], ["Retry"])
    return buttons[0] if buttons else None


def is_enabled(message: ResponseMessage) -> bool:
    found = button(message)
    assert found is not None
    return not found.get("disabled", False)


def is_gone(stage: World, message: ResponseMessage) -> bool:
    try:
        stage.env.backend.get_message(message.channel_id, message.id)
    except simcord.BackendError:
        return True
    return False


def contents(stage: World) -> list[str]:
    return [message.content for message in stage.channel.history()]


async def press(stage: World, message: ResponseMessage, by: MemberActor | None = None) -> InteractionResult:
    return await (by or stage.member).click(message, label="Retry")


def title(message: ResponseMessage) -> str:
    return message.embeds[0].title or ""


async def restarted(stage: World, bot: commands.Bot) -> None:
    await stage.env.restart_bot(bot)
    await stage.settle()

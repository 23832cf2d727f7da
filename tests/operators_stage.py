"""A bot with `/http`, its operators and a stranger, over an upstream that answers as it is told."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
import httpx
import simcord
from discord.ext import commands

from tux_http.config import APISettings, BotSettings, Settings
from tux_http.host import attach, detach
from tux_http.http_client import HTTPClient
from tux_http.policy import CacheSettings, Caching, HTTPSettings, Retry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from simcord.actors import MemberActor
    from simcord.builders import ChannelHandle

    from tux_http.api import API

EXTENSION = "tux_http.cogs.http"
SECRET = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"


class Upstream:
    """Answers with what is next; the last answer stays."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=answer.content, request=request
        )


@dataclass
class Stage:
    """A bot with /look, which asks the upstream; its owner, a stranger, and one with the operators' role."""

    bot: commands.Bot
    http: HTTPClient
    env: simcord.Env
    channel: ChannelHandle
    owner: MemberActor
    stranger: MemberActor
    helper: MemberActor
    api: API
    met: list[httpx.HTTPError]

    async def call(self) -> None:
        """Asks the upstream outside of the simulated Discord, where no timer runs; the next /look meets its error."""
        try:
            await self.api.get("/things/1")
        except httpx.HTTPError as exc:
            self.met.append(exc)

    async def ask(self, name: str, *, of: MemberActor | None = None, **options: Any) -> discord.Embed:
        """The embed that only the person sees who gave a command."""
        result = await (of or self.owner).slash(self.channel, name, **options)
        assert result.response is not None
        assert result.response.ephemeral
        return result.response.embeds[0]

    async def failed(self) -> str:
        """The reference that the stranger is shown, whose /look fails."""
        embed = await self.ask("look", of=self.stranger)
        return (embed.footer.text or "").removeprefix("Reference ")

    async def why(self, reference: str) -> discord.Embed:
        return await self.ask("http why", reference=reference)

    async def offered(self, text: str = "", *, to: MemberActor | None = None) -> list[dict[str, Any]]:
        return await (to or self.owner).autocomplete(self.channel, "http why", "reference", text)


def api_settings(**given: Any) -> APISettings:
    quick: dict[str, Any] = {"retry": Retry(backoff=0.001), "caching": Caching(enabled=False), **given}
    return APISettings(base_url="https://api.example", display_name="Ex*mple", **quick)


@contextlib.asynccontextmanager
async def staged(
    upstream: Callable[[httpx.Request], httpx.Response], *, path: str = "/things/1", **given: Any
) -> AsyncGenerator[Stage]:
    bot = commands.Bot("!", intents=discord.Intents.all())
    http = HTTPSettings(cache=CacheSettings())
    async with (
        HTTPClient(http, transport=httpx.MockTransport(upstream)) as client,
        simcord.run(bot, check_errors=False, strict_sync=False) as env,
    ):
        guild = env.create_guild()
        may_see = guild.create_role("staff", permissions=discord.Permissions(manage_guild=True))
        role = guild.create_role("operators")
        owner = guild.add_member(env.create_user("ada"), roles=[may_see])
        stranger = guild.add_member(env.create_user("bob"), roles=[may_see])
        helper = guild.add_member(env.create_user("eve"), roles=[may_see, role])
        channel = guild.create_text_channel("general")
        bot.owner_id = owner.id
        settings = Settings(
            bot=BotSettings(operators=(role.id,)), apis={"example": api_settings(**given)}, http=http
        )
        host = attach(bot, "test", http=client, settings=settings, everything=True)
        api, met = host.api("example"), list[httpx.HTTPError]()

        @bot.tree.command(description="asks the upstream")
        async def look(interaction: discord.Interaction[Any]) -> None:
            if met:
                raise met.pop()
            response = await api.get(path)
            await interaction.response.send_message(response.text, ephemeral=True)

        assert look.name
        await bot.load_extension(EXTENSION)
        await bot.tree.sync()
        await env.settle()
        yield Stage(bot, client, env, channel, owner, stranger, helper, api, met)
        await bot.unload_extension(EXTENSION)
        await detach(bot, "test")


def fields(embed: discord.Embed) -> dict[str, str]:
    return {str(field.name): str(field.value) for field in embed.fields}


def text_of(embed: discord.Embed) -> str:
    return str(embed.to_dict())

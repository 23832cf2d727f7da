"""The offline Discord: a server with one channel, one member and the real bot with its real cogs."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import discord
import msgspec
import simcord
from simcord.backend.cdn import CDN_BASE

from tux_http.bot import TuxBot
from tux_http.chaos import Faults
from tux_http.config import DEFAULT_APIS
from tux_http.embeds import budget
from tux_http.http_client import HTTPClient
from tux_http.policy import CacheSettings
from tux_http.sandbox.avatars import identicon
from tux_http.sandbox.chaos import Chaos, Stage
from tux_http.sandbox.clock import WallClock
from tux_http.sandbox.issues import NUMBERED
from tux_http.sandbox.member import TypingMember
from tux_http.sandbox.samples import ERRORS, FLAKY, REPOSITORIES, avatar_urls

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from tux_http.config import Settings
    from tux_http.sandbox.samples import Sample
    from tux_http.sandbox.upstream import SampleGitHub

BOT_NAME: Final = "Tux"
MEMBER_NAME: Final = "you"
AVATAR: Final = "identicon"
"""What Discord has as the hash of an avatar."""

MAY_MANAGE: Final = discord.Permissions(manage_guild=True)

GIVEN_UP_AFTER: Final = 3.0
"""Seconds after the latest deadline of an API when the page gives a command up."""

ENDING_TIME: Final = 1.0
"""Seconds that commands under way get when the sandbox is stopped."""


@dataclass(frozen=True)
class World:
    """Who is there: the bot, a member, and the channel they meet in."""

    env: simcord.Env
    bot: TuxBot
    channel: simcord.ChannelHandle
    member: TypingMember
    stage: Stage
    upstream: SampleGitHub | None = None

    async def close(self) -> None:
        """Ends what the bot is doing, and the bot. The upstream goes first: it ends the calls that wait for it."""
        if self.upstream is not None:
            await self.upstream.close()
            await self._settled()
        await self.bot.close()

    async def _settled(self) -> None:
        """Waits for the commands under way, a moment at most, so that the bot still answers them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDING_TIME):
                while True:
                    try:
                        return await self.env.settle()
                    except simcord.SetupError:  # the page's own wait for a command has not ended yet
                        await asyncio.sleep(0.01)

    async def introduce(self) -> None:
        """The bot posts what one can type."""
        channel = self.bot.get_channel(self.channel.id)
        if isinstance(channel, discord.TextChannel):
            await channel.send(embed=_introduction(live=self.upstream is None))

    async def say(self, text: str) -> None:
        """The member sends a message or gives a command, such as `/repo owner/name`.

        Raises:
            ValueError: There is no such command, or it takes other options, or has no answer.
        """
        if text.startswith("/") and self.member.spelled(self.channel, text) is None:
            known = ", ".join(f"/{name}" for name in sorted(self.member.available_commands(self.channel)))
            raise ValueError(f"{text}: there is no such command; there are: {known}")
        try:
            await self.member.send(self.channel, text)
        except (simcord.OptionError, simcord.SetupError) as exc:
            raise ValueError(f"{text}: {exc}") from exc

    def preview(self, *, port: int = 0, width: int = 960, height: int = 720) -> simcord.Preview:
        """The web page of the channel; an async context manager.

        Raises:
            simcord.SetupError: On entering, when the port can't be had.
        """
        return self.env.preview(
            self.channel,
            viewers=[self.member],
            layout="channel",
            port=port,
            width=width,
            height=height,
            assets=self._pictures(),
        )

    def _pictures(self) -> dict[str, tuple[str, bytes]]:
        people = {
            _avatar_url(self.env.backend.bot_user.id): BOT_NAME,
            _avatar_url(self.member.id): MEMBER_NAME,
        }
        return {url: ("avatar.png", identicon(name)) for url, name in (avatar_urls() | people).items()}


def _offline(settings: Settings, *, github: str) -> Settings:
    """The settings with GitHub's base URL replaced, and nothing that must not go there: no token, no proxy.

    Nor does anything of the samples go into the operator's cache.
    """
    apis = {**DEFAULT_APIS, **settings.apis}
    # Each sample is to fail for itself: what one answers must not keep the next from being asked.
    given = apis["github"]
    quota = msgspec.structs.replace(given.quota, enabled=False)
    breaker = msgspec.structs.replace(given.breaker, enabled=False)
    github_settings = msgspec.structs.replace(given, base_url=github, quota=quota, breaker=breaker)
    return msgspec.structs.replace(
        settings,
        apis={**apis, "github": github_settings},
        http=msgspec.structs.replace(settings.http, trust_env=False, cache=CacheSettings()),
        tokens={},
    )


@contextlib.asynccontextmanager
async def opened(
    settings: Settings, *, upstream: SampleGitHub | None, faults: Faults | None = None
) -> AsyncGenerator[World]:
    """Starts the bot in an offline Discord, and ends it.

    Args:
        settings: Of the bot.
        upstream: Up, and called instead of the real APIs.
        faults: That happen to the calls of its APIs, until `/chaos` changes them.
    """
    if upstream is not None:
        settings = _offline(settings, github=upstream.url)
    async with contextlib.AsyncExitStack() as stack:
        # What is set with /github here is of no server that there is.
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="tux-http-sandbox-"))
        of_github = msgspec.structs.replace(settings.github, database=f"{directory}/servers.sqlite")
        # It syncs its commands below: by itself the bot would note for this user which ones it synced.
        of_the_bot = msgspec.structs.replace(settings.bot, message_content=True, sync="never")
        shown = msgspec.structs.replace(settings, bot=of_the_bot, github=of_github)
        bot = TuxBot(shown, http=HTTPClient(settings.http))
        stage = Stage(bot.http_client, faults or Faults())
        env = _env(bot, deadline=max((api.deadline for api in settings.apis.values()), default=0.0))
        await env.start()
        stack.push_async_callback(env.shutdown)
        stack.push_async_callback(bot.close)
        world = await _furnished(env, bot, stage, upstream)
        stack.push_async_callback(world.close)
        yield world


def _env(bot: TuxBot, *, deadline: float) -> simcord.Env:
    env = simcord.Env(bot, check_errors=False, shard_count=1, settle_timeout=deadline + GIVEN_UP_AFTER)
    env.backend.clock = WallClock()  # pyright: ignore[reportAttributeAccessIssue]  # it has the shape
    env.backend.edit_bot_profile(BOT_NAME)
    env.backend.bot_user.avatar = AVATAR
    return env


async def _furnished(env: simcord.Env, bot: TuxBot, stage: Stage, upstream: SampleGitHub | None) -> World:
    _leave_errors_to_the_bot(bot)
    await stage.settle()
    await bot.add_cog(Chaos(stage))
    await bot.tree.sync()
    guild = env.create_guild("Sandbox")
    channel = guild.create_text_channel("try-it")
    member = TypingMember(env, guild, env.create_user(MEMBER_NAME, avatar=AVATAR), bot=bot)
    bot.owner_id = member.id  # so that the operators' commands are there to be tried, too
    guild.add_member(member.user, roles=[guild.create_role("Operators", permissions=MAY_MANAGE)])
    await env.settle()
    return World(env, bot, channel, member, stage, upstream)


def _avatar_url(user_id: int) -> str:
    return f"{CDN_BASE}/avatars/{user_id}/{AVATAR}.png"


def _leave_errors_to_the_bot(bot: TuxBot) -> None:
    # simcord listens to command errors, and its page says of every command that met one: "Action outcome
    # uncertain". Here an error is an answer, and the bot has given it.
    for listener in bot.extra_events.get("on_command_error", [])[:]:
        if listener.__module__.startswith("simcord."):
            bot.remove_listener(listener, "on_command_error")


def _introduction(*, live: bool) -> discord.Embed:
    embed = discord.Embed(
        title="Type a command below",
        description="For example `/repo allthingslinux/tux`, or `!repo allthingslinux/tux`.",
    )
    if live:
        return budget(embed.set_footer(text="The answers are the real GitHub's."))
    embed.add_field(name="These names show a card", value=_listed(REPOSITORIES), inline=False)
    embed.add_field(name="These show an error", value=_listed(ERRORS), inline=False)
    numbers = ", ".join(f"{number} ({each.shows})" for number, each in NUMBERED.items())
    numbered = f"`/issue allthingslinux/tux#1`, `/pr allthingslinux/tux#2`, and more: {numbers}"
    embed.add_field(name="Each has these issues and pull requests", value=numbered, inline=False)
    more = (
        "`/release allthingslinux/tux`, `/commit allthingslinux/tux`, `/ghuser octocat`, "
        "`/ghsearch repositories python`, `/ghsearch issues reminders`"
    )
    embed.add_field(name="Each has releases and commits, and can be found", value=more, inline=False)
    twice = f"`{FLAKY}` answers once. Then it is down, and the card says how old it is."
    embed.add_field(name="Ask for this one twice", value=twice, inline=False)
    upset = "`/chaos set github:status=503`, then any of the above; `/chaos clear` ends it."
    embed.add_field(name="Have GitHub fail as you like", value=upset, inline=False)
    embed.set_footer(text="GitHub is a sample server on this machine; it knows no other names.")
    return budget(embed)


def _listed(samples: Iterable[Sample]) -> str:
    return " ".join(f"`{sample.name}`" for sample in samples)

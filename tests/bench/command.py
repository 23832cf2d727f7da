"""What `/repo` takes under a simulated Discord, warm and cold, beside a cog that asks with httpx alone.

One bot has them all: `/repo`; `/bare`, which asks the same GitHub on loopback with a shared httpx client and shows
the same card; and `/still`, which shows that card without asking anybody, and so takes what discord.py and the
simulation take. They take turns, in rounds. Warm is an answer from the cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any, Final

import discord
import httpx
import msgspec
import simcord
from discord.ext import commands

from tests.bench._contenders import versions
from tests.bench._rounds import Result, quiet, rotated
from tests.bench._tables import at_most, table
from tests.github_stage import EXAMPLE, EXTENSION, PlainBot, github, settings_for
from tux_http import HTTPClient
from tux_http.cogs.github.api import Repository
from tux_http.cogs.github.embeds import repository_card, repository_links
from tux_http.cogs.github.reference import Reference
from tux_http.host import attach, detach

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from simcord.actors import MemberActor
    from simcord.builders import ChannelHandle

    from tests.github_stage import Upstream

    Use = Callable[[], Awaitable[Any]]

SHORT: Final = ("--rounds", "1", "--uses", "2")

GOAL: Final = 1.0
"""Milliseconds."""

WARM: Final = "tux_http's /repo, warm"
COLD: Final = "tux_http's /repo, cold"
BARE: Final = "/bare: a cog with httpx"
STILL: Final = "/still: discord.py alone"

ASKED: Final = Reference("octocat", "Hello-World")


class Peers(commands.Cog):
    """The commands that are compared with `/repo`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._known = msgspec.convert(EXAMPLE, Repository, strict=False)
        self._card = repository_card(self._known, asked=ASKED)

    @commands.hybrid_command()
    async def bare(self, ctx: commands.Context[Any], *, repository: str) -> None:
        response = await self._client.get(f"/repos/{repository}")
        response.raise_for_status()
        found = msgspec.convert(response.json(), Repository, strict=False)
        await ctx.send(embed=repository_card(found, asked=ASKED), view=_links(found))

    @commands.hybrid_command()
    async def still(self, ctx: commands.Context[Any], *, repository: str) -> None:
        del repository
        await ctx.send(embed=self._card, view=_links(self._known))


def _links(repository: Repository) -> discord.ui.View:
    view = repository_links(repository)
    assert view is not None
    return view


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=9, help="how often each has its turn (9)")
    parser.add_argument("--uses", type=int, default=20, help="in a turn (20)")


def run(arguments: Namespace) -> Iterator[str]:
    quiet()
    yield f"{arguments.rounds} rounds of {arguments.uses} uses each, discord.py {discord.__version__}; {versions()}"
    results = asyncio.run(_measured(arguments.rounds, arguments.uses))
    yield from _report(results)


async def _measured(rounds: int, uses: int) -> dict[str, Result]:
    async with github() as upstream, _stage(upstream) as scenes:
        results = {name: Result(name, uses) for name in scenes}
        for number in range(-1, rounds):
            for name in rotated(scenes, number):
                with results[name].turn():
                    for _ in range(uses):
                        await scenes[name]()
            if number < 0:  # the first one learns the ways
                for result in results.values():
                    result.turns.clear()
    return results


@contextlib.asynccontextmanager
async def _stage(upstream: Upstream) -> AsyncGenerator[dict[str, Use]]:
    bot = PlainBot()
    async with HTTPClient() as client, httpx.AsyncClient(base_url=upstream.url, trust_env=False) as bare:
        attach(bot, "bench", http=client, settings=settings_for(upstream))
        await bot.add_cog(Peers(bare))
        async with simcord.run(bot) as env:
            guild = env.create_guild()
            channel = guild.create_text_channel("general")
            yield _scenes(upstream, guild.add_member(env.create_user("ada")), channel)
            await bot.unload_extension(EXTENSION)
        await detach(bot, "bench")


def _scenes(upstream: Upstream, member: MemberActor, channel: ChannelHandle) -> dict[str, Use]:
    numbers = itertools.count()
    cacheable: Any = {"Cache-Control": "private, max-age=86400", "ETag": '"a0b1c2"'}
    upstream.has(f"/repos/{ASKED}", EXAMPLE, **cacheable)

    async def cold() -> None:
        name = f"octocat/cold-{next(numbers)}"
        upstream.has(f"/repos/{name}", EXAMPLE, **cacheable)
        await member.slash(channel, "repo", repository=name)

    return {
        STILL: lambda: member.slash(channel, "still", repository=str(ASKED)),
        WARM: lambda: member.slash(channel, "repo", repository=str(ASKED)),
        COLD: cold,
        BARE: lambda: member.slash(channel, "bare", repository=str(ASKED)),
    }


def _report(results: dict[str, Result]) -> Iterator[str]:
    rows = [
        [
            name,
            f"{result.seconds * 1000:,.2f}",
            f"{result.best * 1000:,.2f}",
            f"{result.cpu * 1000:,.2f}",
            f"{result.longer_by(results[STILL]) * 1000:+,.2f}",
        ]
        for name, result in results.items()
    ]
    yield from table(("", "ms/use", "best", "ms of CPU", "beyond discord.py's own"), rows)
    yield at_most("our part of /repo, warm", results[WARM].longer_by(results[STILL]) * 1000, GOAL, " ms")

"""The operators' commands: what became of a call, and how the upstreams do."""

from __future__ import annotations

import asyncio
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from discord import app_commands
from discord.ext import commands

from tux_http.cogs.http.operators import is_operator
from tux_http.cogs.http.status import status_card
from tux_http.cogs.http.why import choice_name, unknown_card, why_card
from tux_http.languages import language_of
from tux_http.languages.commands import localised
from tux_http.records import recent
from tux_http.responding import responding

if TYPE_CHECKING:
    import discord

    from tux_http.caching.store import StoreStats
    from tux_http.host import Host
    from tux_http.responding import Answer

CHOICES: Final = 25
"""https://discord.com/developers/docs/interactions/application-commands#autocomplete."""

COUNTING: Final = 5.0
"""Seconds that a store has for counting what it holds."""

_REFERENCE: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])")


class HTTPService(commands.Cog, name="HTTP"):
    """What became of a call, and how the upstreams do; for whoever runs the bot.

    Args:
        host: Of the bot; its service is looked at.
    """

    def __init__(self, host: Host) -> None:
        self._http = host.http
        self._roles = frozenset(host.settings.bot.operators)
        self._names = {name: api.display_name or name for name, api in host.settings.apis.items()}

    async def cog_check(self, ctx: commands.Context[Any]) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # it may be either
        if not await is_operator(ctx.bot, ctx.author, self._roles):
            raise commands.NotOwner
        return True

    @commands.hybrid_group(
        name=localised("http"),
        description=localised("How the services that the bot asks are doing; for its operators."),
    )
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def http(self, ctx: commands.Context[Any]) -> None:
        """Shows how the services that the bot asks are doing, as `http status` does."""
        if ctx.invoked_subcommand is None:
            await self._show_status(ctx)

    @http.command(
        name=localised("why"),
        description=localised("What became of a call, by the reference that somebody was shown."),
    )
    @app_commands.rename(reference=localised("reference"))
    @app_commands.describe(reference=localised("Eight letters and digits, below the failure and in the log"))
    async def why(self, ctx: commands.Context[Any], *, reference: str) -> None:
        """Shows what became of a call: its attempts, the cache, the breaker. Not its answer, and no secret."""
        found = _REFERENCE.search(reference.lower())
        asked = reference.strip() if found is None else found[0]
        language = language_of(ctx, public=False)
        failure, call = recent.failure(asked), recent.call(asked)
        if failure is None and call is None:
            card = unknown_card(asked, language)
        else:
            card = why_card(asked, failure=failure, call=call, names=self._names, language=language)
        async with responding(ctx, ephemeral=True) as answer:
            await _tell(ctx, answer, card)

    @why.autocomplete("reference")
    async def _failed(
        self, interaction: discord.Interaction[Any], current: str
    ) -> list[app_commands.Choice[str]]:
        """The last failures, the newest first; a cog's check does not hold for what is shown while typing."""
        if not await is_operator(interaction.client, interaction.user, self._roles):
            return []
        typed = current.strip().lower()
        matching = (failure for failure in recent.failures() if typed in str(failure).lower())
        return [
            app_commands.Choice(name=choice_name(failure), value=failure.reference)
            for failure in islice(matching, CHOICES)
        ]

    @http.command(
        name=localised("status"), description=localised("How the services that the bot asks are doing.")
    )
    async def status(self, ctx: commands.Context[Any]) -> None:
        """Shows for each service whether it is left alone, what is left of its quota, its lane and its cache."""
        await self._show_status(ctx)

    async def _show_status(self, ctx: commands.Context[Any]) -> None:
        async with responding(ctx, ephemeral=True) as answer:
            stored = await self._stored()
            language = language_of(ctx, public=False)
            await _tell(
                ctx, answer, status_card(self._http, stored=stored, names=self._names, language=language)
            )

    async def _stored(self) -> list[StoreStats]:
        """How much the store holds; nothing is said of it if it takes long to count."""
        try:
            async with asyncio.timeout(COUNTING):
                return await self._http.shelf.store.stats()
        except TimeoutError:
            return []


async def _tell(ctx: commands.Context[Any], answer: Answer, embed: discord.Embed) -> None:
    """Shows an operator something that is not for the channel: a typed command is answered by direct message."""
    if ctx.interaction is None and ctx.guild is not None:
        await ctx.author.send(embed=embed)
    else:
        await answer(embed=embed)

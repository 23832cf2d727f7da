"""The operators' cog, an extension: `await bot.load_extension("tux_http.cogs.http")` in any discord.py bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tux_http.cogs.http.cog import HTTPService
from tux_http.host import attach, detach

if TYPE_CHECKING:
    from discord.ext import commands

__all__ = ["setup", "teardown"]


async def setup(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Attaches the service and adds the cog, whole or not at all."""
    host = attach(bot, __name__)
    try:
        await bot.add_cog(HTTPService(host))
    except BaseException:  # discord.py calls teardown() too, but not after a cancellation
        await teardown(bot)
        raise


async def teardown(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Takes the service off the bot again, unless others use it."""
    await detach(bot, __name__)

"""The GitHub cog, an extension: `await bot.load_extension("tux_http.cogs.github")` in any discord.py bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tux_http.cogs.github.cog import GitHub
from tux_http.cogs.github.refresh import RefreshRepository
from tux_http.host import attach, detach

if TYPE_CHECKING:
    from discord.ext import commands

__all__ = ["setup", "teardown"]


async def setup(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Attaches the service and adds the cog and its button, whole or not at all."""
    host = attach(bot, __name__)
    try:
        await bot.add_cog(GitHub(host))
        bot.add_dynamic_items(RefreshRepository)
    except BaseException:  # discord.py calls teardown() too, but not after a cancellation
        await teardown(bot)
        raise


async def teardown(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Takes the button off the bot again, and the service unless others use it."""
    bot.remove_dynamic_items(RefreshRepository)
    await detach(bot, __name__)

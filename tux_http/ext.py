"""The extension for somebody else's bot: `await bot.load_extension("tux_http.ext")`.

A module of its own, and not the package: on unload, discord.py drops the extension's module and
everything under its name from `sys.modules`, and other cogs' `tux_http` must stay the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tux_http.host import attach, detach, host_of
from tux_http.languages.commands import give_translator, take_translator

if TYPE_CHECKING:
    from discord.ext import commands


async def setup(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Attaches the service and the error layer, and loads the cogs named in `bot.extensions`, all or none.

    Their names and descriptions are translated unless the bot has a translator of its own.
    """
    host = attach(bot, __name__)
    try:
        host.translator = await give_translator(bot)
        for name in host.settings.bot.extensions:
            if name not in {*bot.extensions, __name__}:
                await bot.load_extension(name)
                host.extensions.append(name)
    except BaseException:  # discord.py calls teardown() too, but not after a cancellation
        await teardown(bot)
        raise


async def teardown(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Unloads what `setup` loaded, and takes the rest off the bot again."""
    try:
        host = host_of(bot)
        if host is not None:
            given, host.translator = host.translator, None
            await take_translator(bot, given)
        while host is not None and host.extensions:
            if (name := host.extensions.pop()) in bot.extensions:
                await bot.unload_extension(name)
    finally:
        await detach(bot, __name__)

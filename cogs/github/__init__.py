"""The GitHub cog, an extension: `await bot.load_extension("tux_http.cogs.github")` in any discord.py bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tux_http.cogs.github.accounts import Accounts, RefreshAccount
from tux_http.cogs.github.cog import GitHub
from tux_http.cogs.github.commits import Commits, RefreshCommit
from tux_http.cogs.github.issues import Issues, RefreshIssue
from tux_http.cogs.github.refresh import RefreshRepository
from tux_http.cogs.github.releases import RefreshRelease, Releases
from tux_http.cogs.github.searches import RefreshSearch, Searches, TurnPage
from tux_http.cogs.github.servers import Servers
from tux_http.cogs.github.unfurl_removal import RemoveUnfurl
from tux_http.cogs.github.unfurls import Unfurls
from tux_http.host import attach, detach

if TYPE_CHECKING:
    from discord.ext import commands

__all__ = ["setup", "teardown"]

COGS: Final = (GitHub, Issues, Releases, Commits, Accounts, Searches)

BUTTONS: Final = (
    RefreshRepository,
    RefreshIssue,
    RefreshRelease,
    RefreshCommit,
    RefreshAccount,
    RefreshSearch,
    TurnPage,
    RemoveUnfurl,
)


async def setup(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Attaches the service and adds the cogs and their buttons, whole or not at all."""
    host = attach(bot, __name__)
    try:
        for cog in COGS:
            await bot.add_cog(cog(host))
        await bot.add_cog(Servers(bot, host))
        await bot.add_cog(Unfurls(bot, host))
        bot.add_dynamic_items(*BUTTONS)
    except BaseException:  # discord.py calls teardown() too, but not after a cancellation
        await teardown(bot)
        raise


async def teardown(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Takes the buttons off the bot again, and the service unless others use it."""
    bot.remove_dynamic_items(*BUTTONS)
    await detach(bot, __name__)

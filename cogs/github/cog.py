"""The GitHub commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.api import fetch_repository
from tux_http.cogs.github.embeds import repository_card, repository_links
from tux_http.cogs.github.reference import parse_reference, web_host
from tux_http.responding import responding

if TYPE_CHECKING:
    from tux_http.host import Host


class GitHub(commands.Cog):
    """Repositories on GitHub.

    Args:
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, host: Host) -> None:
        self._api = host.api("github")
        self._allow_private = host.settings.github.allow_private

    @commands.hybrid_command(description="Shows a repository on GitHub.")
    @app_commands.describe(repository="owner/name, or a link to it")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def repo(self, ctx: commands.Context[Any], *, repository: str) -> None:
        """Shows a repository on GitHub: its description, numbers, language, licence and links."""
        asked = parse_reference(repository, host=web_host(self._api.base_url))
        async with responding(ctx) as answer:
            found = await fetch_repository(self._api, asked, allow_private=self._allow_private)
            await answer(embed=repository_card(found, asked=asked), view=repository_links(found))

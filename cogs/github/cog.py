"""The GitHub commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.api import fetch_repository
from tux_http.cogs.github.embeds import repository_card, repository_links
from tux_http.cogs.github.reference import parse_reference, web_host
from tux_http.cogs.github.refresh import RefreshRepository
from tux_http.refresh import Card
from tux_http.responding import responding
from tux_http.staleness import note_on

if TYPE_CHECKING:
    from tux_http.cogs.github.api import Repository
    from tux_http.cogs.github.reference import Reference
    from tux_http.host import Host


class GitHub(commands.Cog):
    """Repositories on GitHub.

    Args:
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, host: Host) -> None:
        self._api = host.api("github")
        self._service = host.settings.apis["github"].display_name or "github"
        self._allow_private = host.settings.github.allow_private

    @commands.hybrid_command(description="Shows a repository on GitHub.")
    @app_commands.describe(repository="owner/name, or a link to it")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def repo(self, ctx: commands.Context[Any], *, repository: str) -> None:
        """Shows a repository on GitHub: its description, numbers, language, licence and links."""
        asked = parse_reference(repository, host=web_host(self._api.base_url))
        async with responding(ctx) as answer:
            card = await self.card(asked)
            await answer(embed=card.embed, view=card.view)

    async def card(self, asked: Reference, *, revalidate: bool = False) -> Card:
        """What is shown of a repository.

        Args:
            asked: Its name.
            revalidate: Whether GitHub is asked though there is a good answer in the cache.

        Raises:
            httpx.HTTPError: As `fetch_repository`.
        """
        repository, call = await fetch_repository(
            self._api, asked, allow_private=self._allow_private, revalidate=revalidate
        )
        note = note_on(call, service=self._service)
        return Card(repository_card(repository, asked=asked, note=note), _buttons(repository, asked))


def _buttons(repository: Repository, asked: Reference) -> discord.ui.View | None:
    """The links, and Refresh beside or under them."""
    view = repository_links(repository)
    if RefreshRepository.is_possible(asked):
        view = view or discord.ui.View(timeout=None)
        view.add_item(RefreshRepository(asked))
    return view

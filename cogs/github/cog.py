"""The GitHub commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.api import fetch_repository
from tux_http.cogs.github.defaults import defaults_of
from tux_http.cogs.github.embeds import repository_card, repository_links
from tux_http.cogs.github.privacy import may_see_private
from tux_http.cogs.github.reference import EXAMPLE, parse_reference, web_host
from tux_http.cogs.github.refresh import RefreshRepository
from tux_http.languages import ENGLISH, N_, language_of
from tux_http.languages.commands import localised
from tux_http.problems import InvalidInput
from tux_http.refresh import Card
from tux_http.responding import responding
from tux_http.staleness import note_on

if TYPE_CHECKING:
    from tux_http.cogs.github.api import Repository
    from tux_http.cogs.github.reference import Reference
    from tux_http.host import Host
    from tux_http.languages import Language


class GitHub(commands.Cog):
    """Repositories on GitHub.

    Args:
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, host: Host) -> None:
        self._api = host.api("github")
        self._service = host.settings.apis["github"].display_name or "github"
        self._private_access = host.settings.github.private_access
        self._defaults = defaults_of(host)

    @commands.hybrid_command(name=localised("repo"), description=localised("Shows a repository on GitHub."))
    @app_commands.rename(repository=localised("repository"), public=localised("public"))
    @app_commands.describe(
        repository=localised("owner/name, or a link to it; the server's default repository if left out"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def repo(
        self, ctx: commands.Context[Any], repository: str | None = None, public: bool | None = None
    ) -> None:
        """Shows a repository on GitHub: its description, numbers, language, licence and links."""
        asked = await self._meant(ctx, repository)
        ephemeral = await self._defaults.is_ephemeral(ctx, public)
        async with responding(ctx, ephemeral=ephemeral) as answer:
            language = language_of(ctx, public=not ephemeral)
            card = await self.card(ctx, asked, ephemeral=ephemeral, language=language)
            await answer(embed=card.embed, view=card.view)

    async def _meant(self, ctx: commands.Context[Any], typed: str | None) -> Reference:
        """The repository that is named, or the server's default one."""
        if typed is not None:
            return parse_reference(typed, host=web_host(self._api.base_url))
        if ctx.guild is None:
            raise InvalidInput(N_("Name a repository."), example=EXAMPLE)
        if (default := (await self._defaults.of(ctx.guild)).repository) is None:
            raise InvalidInput(N_("Name a repository; this server has no default one."), example=EXAMPLE)
        return default

    async def card(
        self,
        target: commands.Context[Any] | discord.Interaction[Any],
        asked: Reference,
        *,
        ephemeral: bool = False,
        language: Language = ENGLISH,
        revalidate: bool = False,
    ) -> Card:
        """What is shown of a repository.

        Args:
            target: Where it is shown, and to whom.
            asked: Its name.
            ephemeral: Whether only the person who asks sees it.
            language: Of the card.
            revalidate: Whether GitHub is asked though there is a good answer in the cache.

        Raises:
            httpx.HTTPError: As `fetch_repository`.
        """
        private = may_see_private(target, self._private_access, ephemeral=ephemeral)
        repository, call = await fetch_repository(
            self._api, asked, allow_private=private, revalidate=revalidate
        )
        note = note_on(call, service=self._service, language=language)
        embed = repository_card(repository, asked=asked, note=note, language=language)
        return Card(embed, _buttons(repository, asked, language))


def _buttons(repository: Repository, asked: Reference, language: Language) -> discord.ui.View | None:
    """The links, and Refresh beside or under them."""
    view = repository_links(repository, language)
    if RefreshRepository.is_possible(asked):
        view = view or discord.ui.View(timeout=None)
        view.add_item(RefreshRepository(asked, language=language))
    return view

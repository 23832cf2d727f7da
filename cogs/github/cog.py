"""The GitHub commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.api import fetch_repository
from tux_http.cogs.github.card_cog import CardCog
from tux_http.cogs.github.embeds import repository_card, repository_links
from tux_http.cogs.github.reference import EXAMPLE, Reference, parse_reference
from tux_http.cogs.github.refresh import RefreshRepository
from tux_http.languages import N_
from tux_http.languages.commands import localised
from tux_http.problems import InvalidInput
from tux_http.refresh import Card

if TYPE_CHECKING:
    from tux_http.cogs.github.card_cog import Showing


class GitHub(CardCog[Reference]):
    """Repositories on GitHub."""

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
        await self._show(ctx, await self._meant(ctx, repository), public=public)

    async def _meant(self, ctx: commands.Context[Any], typed: str | None) -> Reference:
        """The repository that is named, or the server's default one."""
        if typed is not None:
            return parse_reference(typed, host=self._web_host)
        if ctx.guild is None:
            raise InvalidInput(N_("Name a repository."), example=EXAMPLE)
        if (default := await self._default(ctx)) is None:
            raise InvalidInput(N_("Name a repository; this server has no default one."), example=EXAMPLE)
        return default

    async def card(self, asked: Reference, showing: Showing) -> Card:
        repository, call = await fetch_repository(
            self._api, asked, allow_private=showing.allow_private, revalidate=showing.revalidate
        )
        language = showing.language
        note = self._note(call, language)
        embed = repository_card(repository, asked=asked, note=note, language=language)
        return Card(embed, RefreshRepository.under(repository_links(repository, language), asked, language))

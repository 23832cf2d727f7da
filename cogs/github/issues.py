"""The commands for issues and pull requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.defaults import defaults_of
from tux_http.cogs.github.issues_api import Issue, fetch_issue
from tux_http.cogs.github.issues_embeds import issue_card, issue_links
from tux_http.cogs.github.issues_refresh import COG, RefreshIssue
from tux_http.cogs.github.link_parsing import parse_number_link
from tux_http.cogs.github.privacy import may_see_private
from tux_http.cogs.github.reference import web_host
from tux_http.languages import ENGLISH, language_of
from tux_http.languages.commands import localised
from tux_http.refresh import Card
from tux_http.responding import responding
from tux_http.staleness import note_on

if TYPE_CHECKING:
    from tux_http.cogs.github.links import Kind, NumberLink
    from tux_http.host import Host
    from tux_http.languages import Language


class Issues(commands.Cog, name=COG):
    """Issues and pull requests on GitHub.

    Args:
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, host: Host) -> None:
        self._api = host.api("github")
        self._service = host.settings.apis["github"].display_name or "github"
        self._private_access = host.settings.github.private_access
        self._defaults = defaults_of(host)

    @commands.hybrid_command(name=localised("issue"), description=localised("Shows an issue on GitHub."))
    @app_commands.rename(
        repository=localised("repository"), number=localised("number"), public=localised("public")
    )
    @app_commands.describe(
        repository=localised(
            "owner/name, owner/name#12 or a link; the server's default repository if left out"
        ),
        number=localised("The issue's number, if it isn't given yet"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def issue(
        self,
        ctx: commands.Context[Any],
        repository: str | None = None,
        number: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Shows an issue on GitHub: its state, text, labels and people. A pull request's number will do, too."""
        await self._show(ctx, repository, number, "issue", public=public)

    @commands.hybrid_command(name=localised("pr"), description=localised("Shows a pull request on GitHub."))
    @app_commands.rename(
        repository=localised("repository"), number=localised("number"), public=localised("public")
    )
    @app_commands.describe(
        repository=localised(
            "owner/name, owner/name#12 or a link; the server's default repository if left out"
        ),
        number=localised("The pull request's number, if it isn't given yet"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def pr(
        self,
        ctx: commands.Context[Any],
        repository: str | None = None,
        number: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Shows a pull request on GitHub: its state, text, changes and people. An issue's number will do, too."""
        await self._show(ctx, repository, number, "pull", public=public)

    async def _show(
        self,
        ctx: commands.Context[Any],
        repository: str | None,
        number: str | None,
        kind: Kind,
        *,
        public: bool | None,
    ) -> None:
        default = (await self._defaults.of(ctx.guild)).repository
        asked = parse_number_link(repository, number, host=web_host(self._api.base_url), default=default)
        asked = replace(asked, kind=asked.kind or kind)
        ephemeral = await self._defaults.is_ephemeral(ctx, public)
        async with responding(ctx, ephemeral=ephemeral) as answer:
            language = language_of(ctx, public=not ephemeral)
            card = await self.card(ctx, asked, ephemeral=ephemeral, language=language)
            await answer(embed=card.embed, view=card.view)

    async def card(
        self,
        target: commands.Context[Any] | discord.Interaction[Any],
        asked: NumberLink,
        *,
        ephemeral: bool = False,
        language: Language = ENGLISH,
        revalidate: bool = False,
    ) -> Card:
        """What is shown of an issue or a pull request.

        Args:
            target: Where it is shown, and to whom.
            asked: Its number.
            ephemeral: Whether only the person who asks sees it.
            language: Of the card.
            revalidate: Whether GitHub is asked though there are good answers in the cache.

        Raises:
            httpx.HTTPError: As `fetch_issue`.
            InvalidInput: As `fetch_issue`.
        """
        private = may_see_private(target, self._private_access, ephemeral=ephemeral)
        found = await fetch_issue(self._api, asked, allow_private=private, revalidate=revalidate)
        note = note_on(found.call, service=self._service, language=language)
        view = issue_links(found, language)
        again = replace(asked, kind="issue" if isinstance(found.issue, Issue) else "pull")
        if RefreshIssue.is_possible(again):
            view = view or discord.ui.View(timeout=None)
            view.add_item(RefreshIssue(again, language=language))
        return Card(issue_card(found, asked=asked, note=note, language=language), view)

"""The commands for issues and pull requests, and the Refresh button of their cards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.card_cog import REPOSITORY, CardCog, RefreshCard
from tux_http.cogs.github.issues_api import Issue, fetch_issue
from tux_http.cogs.github.issues_embeds import issue_card, issue_links
from tux_http.cogs.github.link_parsing import parse_number_link
from tux_http.cogs.github.links import NumberLink
from tux_http.cogs.github.reference import Reference
from tux_http.languages.commands import localised
from tux_http.refresh import Card

if TYPE_CHECKING:
    import re

    from tux_http.cogs.github.card_cog import Showing
    from tux_http.cogs.github.links import Kind

__all__ = ["Issues", "RefreshIssue"]

COG: Final = "GitHub issues"

PREFIX: Final = "tux_http:"

_KINDS: Final[dict[str, Kind]] = {"issue": "issue", "pull": "pull"}


class Issues(CardCog[NumberLink], name=COG):
    """Issues and pull requests on GitHub."""

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
        await self._show_number(ctx, repository, number, "issue", public=public)

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
        await self._show_number(ctx, repository, number, "pull", public=public)

    async def _show_number(
        self,
        ctx: commands.Context[Any],
        repository: str | None,
        number: str | None,
        kind: Kind,
        *,
        public: bool | None,
    ) -> None:
        default = await self._default(ctx)
        asked = parse_number_link(repository, number, host=self._web_host, default=default)
        await self._show(ctx, replace(asked, kind=asked.kind or kind), public=public)

    async def card(self, asked: NumberLink, showing: Showing) -> Card:
        found = await fetch_issue(
            self._api, asked, allow_private=showing.allow_private, revalidate=showing.revalidate
        )
        language = showing.language
        embed = issue_card(found, asked=asked, note=self._note(found.call, language), language=language)
        again = replace(asked, kind="issue" if isinstance(found.issue, Issue) else "pull")
        return Card(embed, RefreshIssue.under(issue_links(found, language), again, language))


class RefreshIssue(
    RefreshCard[NumberLink],
    template=rf"{PREFIX}(?P<kind>issue|pull):{REPOSITORY}#(?P<number>[1-9][0-9]{{0,9}})",
):
    """Asks GitHub again for what was asked for."""

    cog = COG

    @staticmethod
    def id_of(asked: NumberLink) -> str:
        return f"{PREFIX}{'pull' if asked.kind == 'pull' else 'issue'}:{asked}"

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        repository = Reference(match["owner"], match["name"])
        return cls(NumberLink(repository, int(match["number"]), _KINDS[match["kind"]]))

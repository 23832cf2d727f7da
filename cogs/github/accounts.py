"""The command for people and organizations, and the Refresh button of its card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, cast

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.accounts_api import fetch_account
from tux_http.cogs.github.accounts_embeds import account_card, account_links
from tux_http.cogs.github.defaults import defaults_of
from tux_http.cogs.github.link_parsing import parse_link
from tux_http.cogs.github.links import AccountLink, GistLink
from tux_http.cogs.github.reference import GITHUB, unwrapped, web_host
from tux_http.languages import ENGLISH, N_, language_of
from tux_http.languages.commands import localised
from tux_http.problems import InvalidInput
from tux_http.refresh import Card, RefreshButton
from tux_http.responding import responding
from tux_http.staleness import note_on

if TYPE_CHECKING:
    import re

    from tux_http.host import Host
    from tux_http.languages import Language

__all__ = ["Accounts", "RefreshAccount", "parse_account"]

COG: Final = "GitHub accounts"

PREFIX: Final = "tux_http:user:"

EXAMPLE: Final = "octocat"

BOT: Final = "[bot]"
"""At the end of the name of an app's account."""


class Accounts(commands.Cog, name=COG):
    """People and organizations on GitHub.

    Args:
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, host: Host) -> None:
        self._api = host.api("github")
        self._service = host.settings.apis["github"].display_name or "github"
        self._defaults = defaults_of(host)

    @commands.hybrid_command(
        name=localised("ghuser"), description=localised("Shows a person or an organization on GitHub.")
    )
    @app_commands.rename(name=localised("name"), public=localised("public"))
    @app_commands.describe(
        name=localised("Their name on GitHub, or a link to their profile"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def ghuser(self, ctx: commands.Context[Any], name: str, public: bool | None = None) -> None:
        """Shows a person or an organization on GitHub: what they say of themselves, numbers and links."""
        asked = parse_account(name, host=web_host(self._api.base_url))
        ephemeral = await self._defaults.is_ephemeral(ctx, public)
        async with responding(ctx, ephemeral=ephemeral) as answer:
            card = await self.card(asked, language=language_of(ctx, public=not ephemeral))
            await answer(embed=card.embed, view=card.view)

    async def card(
        self, asked: AccountLink, *, language: Language = ENGLISH, revalidate: bool = False
    ) -> Card:
        """What is shown of a person or an organization; it is for everybody.

        Args:
            asked: Their account.
            language: Of the card.
            revalidate: Whether GitHub is asked though there are good answers in the cache.

        Raises:
            httpx.HTTPError: As `fetch_account`.
        """
        found = await fetch_account(self._api, asked, revalidate=revalidate)
        note = note_on(found.call, service=self._service, language=language)
        view = account_links(found, language) or discord.ui.View(timeout=None)
        view.add_item(RefreshAccount(asked, language=language))
        return Card(account_card(found, note=note, language=language), view)


class RefreshAccount(RefreshButton, template=rf"{PREFIX}(?P<login>[A-Za-z0-9_-]{{1,39}}(?:\[bot\])?)"):
    """Asks GitHub again for an account.

    Args:
        asked: That.
        language: Of its label.
    """

    def __init__(self, asked: AccountLink, *, language: Language = ENGLISH) -> None:
        self._asked = asked
        super().__init__(f"{PREFIX}{asked.login}", language=language)

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(AccountLink(match["login"]))

    async def renewed(self, interaction: discord.Interaction[Any], language: Language) -> Card:
        # Not `isinstance`: see `RefreshRepository`.
        cog = cast("Accounts | None", cast("commands.Bot", interaction.client).get_cog(COG))
        if cog is None:
            raise app_commands.CommandNotFound("ghuser", [])
        return await cog.card(self._asked, language=language, revalidate=True)


def parse_account(typed: str, *, host: str = GITHUB) -> AccountLink:
    """Reads a person or an organization from what a command was given.

    Args:
        typed: Their name, or an address of their profile or of anything that is theirs.
        host: Of web pages that may be named beside github.com's.

    Raises:
        InvalidInput: It names nobody.
    """
    text = unwrapped(typed)
    suffix = BOT if text.lower().endswith(BOT) else ""
    link = parse_link(text[: len(text) - len(suffix)], host=host, example=EXAMPLE)
    if isinstance(link, AccountLink):
        return AccountLink(link.login + suffix)
    owner = link.owner if isinstance(link, GistLink) else link.repository.owner
    if owner is None:
        raise InvalidInput(N_("That does not lead to a person or an organization."), example=EXAMPLE)
    return AccountLink(owner)

"""The command for people and organizations, and the Refresh button of its card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.accounts_api import fetch_account
from tux_http.cogs.github.accounts_embeds import account_card, account_links
from tux_http.cogs.github.card_cog import CardCog, RefreshCard
from tux_http.cogs.github.link_parsing import parse_link
from tux_http.cogs.github.links import AccountLink, GistLink
from tux_http.cogs.github.reference import GITHUB, unwrapped
from tux_http.languages import N_
from tux_http.languages.commands import localised
from tux_http.problems import InvalidInput
from tux_http.refresh import Card

if TYPE_CHECKING:
    import re

    from tux_http.cogs.github.card_cog import Showing

__all__ = ["Accounts", "RefreshAccount", "parse_account"]

COG: Final = "GitHub accounts"

PREFIX: Final = "tux_http:user:"

EXAMPLE: Final = "octocat"

BOT: Final = "[bot]"
"""At the end of the name of an app's account."""


class Accounts(CardCog[AccountLink], name=COG):
    """People and organizations on GitHub."""

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
        asked = parse_account(name, host=self._web_host)
        await self._show(ctx, asked, public=public)

    async def card(self, asked: AccountLink, showing: Showing) -> Card:
        found = await fetch_account(self._api, asked, revalidate=showing.revalidate)
        language = showing.language
        embed = account_card(found, note=self._note(found.call, language), language=language)
        return Card(embed, RefreshAccount.under(account_links(found, language), asked, language))


class RefreshAccount(
    RefreshCard[AccountLink], template=rf"{PREFIX}(?P<login>[A-Za-z0-9_-]{{1,39}}(?:\[bot\])?)"
):
    """Asks GitHub again for an account."""

    cog = COG

    @staticmethod
    def id_of(asked: AccountLink) -> str:
        return f"{PREFIX}{asked.login}"

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(AccountLink(match["login"]))


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

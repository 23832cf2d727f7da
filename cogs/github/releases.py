"""The command for releases, and the Refresh button of its card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.card_cog import REPOSITORY, CardCog, RefreshCard
from tux_http.cogs.github.link_parsing import TAG, parse_link
from tux_http.cogs.github.links import AccountLink, GistLink, ReleaseLink
from tux_http.cogs.github.reference import GITHUB, Reference, unwrapped
from tux_http.cogs.github.releases_api import fetch_release
from tux_http.cogs.github.releases_embeds import release_card, release_links
from tux_http.languages import N_
from tux_http.languages.commands import localised
from tux_http.problems import InvalidInput
from tux_http.refresh import Card

if TYPE_CHECKING:
    import re

    from tux_http.cogs.github.card_cog import Showing

__all__ = ["RefreshRelease", "Releases", "parse_release"]

COG: Final = "GitHub releases"

PREFIX: Final = "tux_http:release:"

EXAMPLE: Final = "allthingslinux/tux v0.1.0"


class Releases(CardCog[ReleaseLink], name=COG):
    """Releases on GitHub."""

    @commands.hybrid_command(name=localised("release"), description=localised("Shows a release on GitHub."))
    @app_commands.rename(repository=localised("repository"), tag=localised("tag"), public=localised("public"))
    @app_commands.describe(
        repository=localised("owner/name, or a link to it; the server's default repository if left out"),
        tag=localised("The release's tag; the latest release if it isn't given"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def release(
        self,
        ctx: commands.Context[Any],
        repository: str | None = None,
        tag: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Shows a release on GitHub: its notes, files and downloads. The latest one if no tag is given."""
        default = await self._default(ctx)
        asked = parse_release(repository, tag, host=self._web_host, default=default)
        await self._show(ctx, asked, public=public)

    async def card(self, asked: ReleaseLink, showing: Showing) -> Card:
        found = await fetch_release(
            self._api, asked, allow_private=showing.allow_private, revalidate=showing.revalidate
        )
        language = showing.language
        embed = release_card(found, asked=asked, note=self._note(found.call, language), language=language)
        return Card(embed, RefreshRelease.under(release_links(found, language), asked, language))


class RefreshRelease(RefreshCard[ReleaseLink], template=rf"{PREFIX}{REPOSITORY}(?:@(?P<tag>{TAG.pattern}))?"):
    """Asks GitHub again for what was asked for: a release by its tag, or whichever is the latest then."""

    cog = COG

    @staticmethod
    def id_of(asked: ReleaseLink) -> str:
        return f"{PREFIX}{asked.repository}" + (f"@{asked.tag}" if asked.tag is not None else "")

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ReleaseLink(Reference(match["owner"], match["name"]), match["tag"]))


def parse_release(
    typed: str | None,
    tag: str | None = None,
    *,
    host: str = GITHUB,
    default: Reference | None = None,
) -> ReleaseLink:
    """Reads a release from what a command was given.

    Args:
        typed: A repository, or an address of a release or of anything else in a repository.
        tag: It goes before that of `typed`.
        host: Of web pages that may be named beside github.com's.
        default: The repository that is meant where none is named.

    Raises:
        InvalidInput: It names no repository, or the tag can't be one.
    """
    if typed is None and default is None:
        raise InvalidInput(N_("Whose repository? There is no default one here."), example=EXAMPLE)
    text = str(default) if typed is None else typed
    link = parse_link(text, host=host, default=default, example=EXAMPLE)
    if isinstance(link, GistLink | AccountLink):
        raise InvalidInput(N_("That does not lead to a repository or a release."), example=EXAMPLE)
    if tag is None:
        return link if isinstance(link, ReleaseLink) else ReleaseLink(link.repository)
    return ReleaseLink(link.repository, _tag(unwrapped(tag)))


def _tag(text: str) -> str:
    if not TAG.fullmatch(text) or {"", ".", ".."} & {*text.split("/")}:
        raise InvalidInput(N_("That is not a tag: git has none with such a name."), example=EXAMPLE)
    return text

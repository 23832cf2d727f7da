"""The command for releases, and the Refresh button of its card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, cast

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.defaults import defaults_of
from tux_http.cogs.github.link_parsing import TAG, parse_link
from tux_http.cogs.github.links import AccountLink, GistLink, ReleaseLink
from tux_http.cogs.github.privacy import may_see_private
from tux_http.cogs.github.reference import GITHUB, Reference, unwrapped, web_host
from tux_http.cogs.github.releases_api import fetch_release
from tux_http.cogs.github.releases_embeds import release_card, release_links
from tux_http.languages import ENGLISH, N_, language_of
from tux_http.languages.commands import localised
from tux_http.problems import InvalidInput
from tux_http.refresh import CUSTOM_ID, Card, RefreshButton
from tux_http.responding import responding
from tux_http.staleness import note_on

if TYPE_CHECKING:
    import re

    from tux_http.host import Host
    from tux_http.languages import Language

__all__ = ["RefreshRelease", "Releases", "parse_release"]

COG: Final = "GitHub releases"

PREFIX: Final = "tux_http:release:"

EXAMPLE: Final = "allthingslinux/tux v0.1.0"


class Releases(commands.Cog, name=COG):
    """Releases on GitHub.

    Args:
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, host: Host) -> None:
        self._api = host.api("github")
        self._service = host.settings.apis["github"].display_name or "github"
        self._private_access = host.settings.github.private_access
        self._defaults = defaults_of(host)

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
        default = (await self._defaults.of(ctx.guild)).repository
        asked = parse_release(repository, tag, host=web_host(self._api.base_url), default=default)
        ephemeral = await self._defaults.is_ephemeral(ctx, public)
        async with responding(ctx, ephemeral=ephemeral) as answer:
            language = language_of(ctx, public=not ephemeral)
            card = await self.card(ctx, asked, ephemeral=ephemeral, language=language)
            await answer(embed=card.embed, view=card.view)

    async def card(
        self,
        target: commands.Context[Any] | discord.Interaction[Any],
        asked: ReleaseLink,
        *,
        ephemeral: bool = False,
        language: Language = ENGLISH,
        revalidate: bool = False,
    ) -> Card:
        """What is shown of a release.

        Args:
            target: Where it is shown, and to whom.
            asked: The release; without a tag, the latest.
            ephemeral: Whether only the person who asks sees it.
            language: Of the card.
            revalidate: Whether GitHub is asked though there are good answers in the cache.

        Raises:
            httpx.HTTPError: As `fetch_release`.
            InvalidInput: As `fetch_release`.
        """
        private = may_see_private(target, self._private_access, ephemeral=ephemeral)
        found = await fetch_release(self._api, asked, allow_private=private, revalidate=revalidate)
        note = note_on(found.call, service=self._service, language=language)
        view = release_links(found, language)
        if RefreshRelease.is_possible(asked):
            view = view or discord.ui.View(timeout=None)
            view.add_item(RefreshRelease(asked, language=language))
        return Card(release_card(found, asked=asked, note=note, language=language), view)


class RefreshRelease(
    RefreshButton,
    template=rf"{PREFIX}(?P<owner>[A-Za-z0-9_-]{{1,39}})/(?P<name>[A-Za-z0-9._-]{{1,100}})"
    rf"(?:@(?P<tag>{TAG.pattern}))?",
):
    """Asks GitHub again for what was asked for: a release by its tag, or whichever is the latest then.

    Args:
        asked: That.
        language: Of its label.
    """

    def __init__(self, asked: ReleaseLink, *, language: Language = ENGLISH) -> None:
        self._asked = asked
        super().__init__(_custom_id(asked), language=language)

    @staticmethod
    def is_possible(asked: ReleaseLink) -> bool:
        """Whether the names have room in a button."""
        return len(_custom_id(asked)) <= CUSTOM_ID

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ReleaseLink(Reference(match["owner"], match["name"]), match["tag"]))

    async def renewed(self, interaction: discord.Interaction[Any], language: Language) -> Card:
        # Not `isinstance`: see `RefreshRepository`.
        cog = cast("Releases | None", cast("commands.Bot", interaction.client).get_cog(COG))
        if cog is None:
            raise app_commands.CommandNotFound("release", [])
        is_private = interaction.message is not None and interaction.message.flags.ephemeral
        return await cog.card(
            interaction, self._asked, ephemeral=is_private, language=language, revalidate=True
        )


def _custom_id(asked: ReleaseLink) -> str:
    return f"{PREFIX}{asked.repository}" + (f"@{asked.tag}" if asked.tag is not None else "")


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

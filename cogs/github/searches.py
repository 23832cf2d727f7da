"""The commands that search, and the buttons of their pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self, cast

import discord
import httpx
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.defaults import defaults_of
from tux_http.cogs.github.parts import link_buttons
from tux_http.cogs.github.privacy import may_see_private
from tux_http.cogs.github.reference import web_host
from tux_http.cogs.github.search_api import LONGEST, PAGE, REACHABLE, Search, fetch_page, parse_search
from tux_http.cogs.github.search_embeds import search_card
from tux_http.discord_limits import CUSTOM_ID, EMBED_URL
from tux_http.error_handler import handler_of
from tux_http.graphemes import width
from tux_http.languages import ENGLISH, language_of
from tux_http.languages.commands import localised
from tux_http.markdown import safe_link
from tux_http.refresh import Card, RefreshButton
from tux_http.responding import responding
from tux_http.retry_errors import NotYours, TooLate
from tux_http.staleness import note_on

if TYPE_CHECKING:
    import re

    from tux_http.cogs.github.search_api import Kind, Page
    from tux_http.host import Host
    from tux_http.languages import Language

__all__ = ["RefreshSearch", "Searches", "TurnPage"]

COG: Final = "GitHub search"

PAGING: Final = "tux_http:find:"
REFRESHING: Final = "tux_http:refind:"

LAST_PAGE: Final = REACHABLE // PAGE

_LETTERS: Final[dict[Kind, str]] = {"repositories": "r", "issues": "i", "prs": "p"}
_KINDS: Final[dict[str, Kind]] = {letter: kind for kind, letter in _LETTERS.items()}

_PLACE: Final = rf"(?P<kind>[rip]):(?P<user>[0-9]{{1,20}}):(?P<page>[0-9]{{1,3}}):(?P<text>.{{0,{LONGEST}}})"


@dataclass(frozen=True, slots=True)
class Place:
    """A page of a search, and whose search it is.

    A button has it in its `custom_id`. A text that has no room there is read from the address of the embed above
    the button, so it is there as long as the message is.
    """

    search: Search
    user_id: int

    def custom_id(self, prefix: str) -> str:
        start = f"{prefix}{_LETTERS[self.search.kind]}:{self.user_id}:{self.search.page}:"
        return start + (self.search.text if width(start + self.search.text) <= CUSTOM_ID else "")

    def is_kept(self, host: str) -> bool:
        """Whether its text can be found again when a button is pressed; not all hosts can be linked to."""
        longest = self.at(LAST_PAGE).custom_id(REFRESHING)
        return longest.endswith(self.search.text) or safe_link(self.search.url(host), EMBED_URL) is not None

    def at(self, page: int) -> Place:
        return replace(self, search=replace(self.search, page=page))

    @classmethod
    def of(cls, match: re.Match[str], message: discord.Message | None) -> Self:
        text = match["text"] or _text_above(message)
        return cls(Search(_KINDS[match["kind"]], text, int(match["page"])), int(match["user"]))


def _text_above(message: discord.Message | None) -> str:
    """Nothing if it is not there any more: moderators may take embeds away."""
    urls = [embed.url for embed in message.embeds if embed.url] if message is not None else []
    return httpx.URL(urls[0]).params.get("q", "") if urls else ""


class Searches(commands.Cog, name=COG):
    """Searches of GitHub.

    Args:
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, host: Host) -> None:
        self._api = host.api("github")
        self._service = host.settings.apis["github"].display_name or "github"
        self._private_access = host.settings.github.private_access
        self._defaults = defaults_of(host)

    @commands.hybrid_group(name=localised("ghsearch"), description=localised("Searches GitHub."))
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def ghsearch(self, ctx: commands.Context[Any], *, query: str) -> None:
        """Searches GitHub for repositories, as `ghsearch repositories` does."""
        await self._show(ctx, query, "repositories")

    @ghsearch.command(
        name=localised("repositories"), description=localised("Searches GitHub for repositories.")
    )
    @app_commands.rename(query=localised("query"), public=localised("public"))
    @app_commands.describe(
        query=localised("Words, and GitHub's qualifiers such as language:python"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    async def repositories(
        self, ctx: commands.Context[Any], *, query: str, public: bool | None = None
    ) -> None:
        """Searches GitHub for repositories."""
        await self._show(ctx, query, "repositories", public)

    @ghsearch.command(name=localised("issues"), description=localised("Searches GitHub for issues."))
    @app_commands.rename(query=localised("query"), public=localised("public"))
    @app_commands.describe(
        query=localised("Words, and GitHub's qualifiers such as repo:owner/name"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    async def issues(self, ctx: commands.Context[Any], *, query: str, public: bool | None = None) -> None:
        """Searches GitHub for issues."""
        await self._show(ctx, query, "issues", public)

    @ghsearch.command(name=localised("prs"), description=localised("Searches GitHub for pull requests."))
    @app_commands.rename(query=localised("query"), public=localised("public"))
    @app_commands.describe(
        query=localised("Words, and GitHub's qualifiers such as repo:owner/name"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    async def prs(self, ctx: commands.Context[Any], *, query: str, public: bool | None = None) -> None:
        """Searches GitHub for pull requests."""
        await self._show(ctx, query, "prs", public)

    async def _show(
        self, ctx: commands.Context[Any], query: str, kind: Kind, public: bool | None = None
    ) -> None:
        place = Place(parse_search(query, kind), ctx.author.id)
        ephemeral = await self._defaults.is_ephemeral(ctx, public)
        async with responding(ctx, ephemeral=ephemeral) as answer:
            language = language_of(ctx, public=not ephemeral)
            card = await self.card(ctx, place, ephemeral=ephemeral, language=language)
            await answer(embed=card.embed, view=card.view)

    async def card(
        self,
        target: commands.Context[Any] | discord.Interaction[Any],
        place: Place,
        *,
        ephemeral: bool = False,
        language: Language = ENGLISH,
        revalidate: bool = False,
    ) -> Card:
        """A page of what a search finds.

        Args:
            target: Where it is shown, and to whom.
            place: The page.
            ephemeral: Whether only the person who asks sees it.
            language: Of the card.
            revalidate: Whether GitHub is asked though there is a good answer in the cache.

        Raises:
            httpx.HTTPError: As `fetch_page`.
            InvalidInput: As `fetch_page`.
            TooLate: The text of the search is lost.
        """
        if not place.search.text:
            raise TooLate
        private = may_see_private(target, self._private_access, ephemeral=ephemeral)
        page = await fetch_page(self._api, place.search, allow_private=private, revalidate=revalidate)
        note = note_on(page.call, service=self._service, language=language)
        host = web_host(self._api.base_url)
        embed = search_card(page, search=place.search, host=host, note=note, language=language)
        return Card(embed, _buttons(page, place, host, language))


def _buttons(page: Page, place: Place, host: str, language: Language) -> discord.ui.View | None:
    """Previous and Next where there is more than a page, Refresh, and the way to GitHub."""
    view = discord.ui.View(timeout=None)
    if place.is_kept(host):
        number, last = place.search.page, max(page.pages, 1)
        if last > 1 or number > 1:
            back, on = place.at(min(number - 1, last)), place.at(number + 1)
            view.add_item(TurnPage(back, language.gettext("Previous"), "◀️", disabled=number <= 1))
            view.add_item(TurnPage(on, language.gettext("Next"), "▶️", disabled=number >= last))
        view.add_item(RefreshSearch(place, language=language))
    links = link_buttons([(language.gettext("On GitHub"), place.search.url(host))])
    for item in () if links is None else links.children:
        view.add_item(item)
    return view if view.children else None


async def _shown(
    interaction: discord.Interaction[Any], place: Place, language: Language, *, revalidate: bool
) -> Card:
    # Not `isinstance`: see `RefreshRepository`.
    cog = cast("Searches | None", cast("commands.Bot", interaction.client).get_cog(COG))
    if cog is None:
        raise app_commands.CommandNotFound("ghsearch", [])
    is_private = interaction.message is not None and interaction.message.flags.ephemeral
    return await cog.card(interaction, place, ephemeral=is_private, language=language, revalidate=revalidate)


class TurnPage(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=rf"{PAGING}{_PLACE}"):
    """Shows another page in the place of this one, for whoever searched.

    Args:
        place: That page.
        label: What is on the button.
        emoji: Beside it.
        disabled: Whether there is no such page.
    """

    def __init__(
        self, place: Place, label: str | None = None, emoji: str | None = None, *, disabled: bool = False
    ) -> None:
        self._place = place
        super().__init__(
            discord.ui.Button(label=label, emoji=emoji, custom_id=place.custom_id(PAGING), disabled=disabled)
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], _: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Place.of(match, interaction.message))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        try:
            self._check(interaction.user.id)
            async with responding(interaction, in_place=True) as answer:
                is_private = interaction.message is not None and interaction.message.flags.ephemeral
                language = language_of(interaction, public=not is_private)
                card = await _shown(interaction, self._place, language, revalidate=False)
                await answer(embed=card.embed, view=card.view)
        except Exception as exc:  # discord.py would log it, and tell nobody
            if (handler := handler_of(interaction.client)) is None:
                raise
            await handler.answer(interaction, exc, name=type(self).__name__)

    def _check(self, user_id: int) -> None:
        if user_id != self._place.user_id:
            raise NotYours


class RefreshSearch(RefreshButton, template=rf"{REFRESHING}{_PLACE}"):
    """Asks GitHub again for the page that is shown.

    Args:
        place: That.
        language: Of its label.
    """

    def __init__(self, place: Place, *, language: Language = ENGLISH) -> None:
        self._place = place
        super().__init__(place.custom_id(REFRESHING), language=language)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], _: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Place.of(match, interaction.message))

    async def renewed(self, interaction: discord.Interaction[Any], language: Language) -> Card:
        return await _shown(interaction, self._place, language, revalidate=True)

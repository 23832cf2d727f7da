"""The commands that search, and the buttons of their pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

import discord
import httpx
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.card_cog import CardCog, RefreshCard, card_anew, is_whispered
from tux_http.cogs.github.parts import link_buttons
from tux_http.cogs.github.search_api import LONGEST, PAGE, REACHABLE, Search, fetch_page, parse_search
from tux_http.cogs.github.search_embeds import search_card
from tux_http.discord_limits import CUSTOM_ID, EMBED_URL
from tux_http.error_handler import handler_of
from tux_http.graphemes import width
from tux_http.languages import language_of
from tux_http.languages.commands import localised
from tux_http.markdown import safe_link
from tux_http.refresh import Card
from tux_http.responding import responding
from tux_http.retry_errors import NotYours, TooLate

if TYPE_CHECKING:
    import re

    from tux_http.cogs.github.card_cog import Showing
    from tux_http.cogs.github.search_api import Kind, Page
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


class Searches(CardCog[Place], name=COG):
    """Searches of GitHub."""

    @commands.hybrid_group(name=localised("ghsearch"), description=localised("Searches GitHub."))
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def ghsearch(self, ctx: commands.Context[Any], *, query: str) -> None:
        """Searches GitHub for repositories, as `ghsearch repositories` does."""
        await self._show_first(ctx, query, "repositories")

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
        await self._show_first(ctx, query, "repositories", public)

    @ghsearch.command(name=localised("issues"), description=localised("Searches GitHub for issues."))
    @app_commands.rename(query=localised("query"), public=localised("public"))
    @app_commands.describe(
        query=localised("Words, and GitHub's qualifiers such as repo:owner/name"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    async def issues(self, ctx: commands.Context[Any], *, query: str, public: bool | None = None) -> None:
        """Searches GitHub for issues."""
        await self._show_first(ctx, query, "issues", public)

    @ghsearch.command(name=localised("prs"), description=localised("Searches GitHub for pull requests."))
    @app_commands.rename(query=localised("query"), public=localised("public"))
    @app_commands.describe(
        query=localised("Words, and GitHub's qualifiers such as repo:owner/name"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    async def prs(self, ctx: commands.Context[Any], *, query: str, public: bool | None = None) -> None:
        """Searches GitHub for pull requests."""
        await self._show_first(ctx, query, "prs", public)

    async def _show_first(
        self, ctx: commands.Context[Any], query: str, kind: Kind, public: bool | None = None
    ) -> None:
        await self._show(ctx, Place(parse_search(query, kind), ctx.author.id), public=public)

    async def card(self, asked: Place, showing: Showing) -> Card:
        """A page of what a search finds.

        Raises:
            TooLate: The text of the search is lost.
        """
        if not asked.search.text:
            raise TooLate
        page = await fetch_page(
            self._api, asked.search, allow_private=showing.allow_private, revalidate=showing.revalidate
        )
        host, language = self._web_host, showing.language
        note = self._note(page.call, language)
        embed = search_card(page, search=asked.search, host=host, note=note, language=language)
        return Card(embed, _buttons(page, asked, host, language))


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
                language = language_of(interaction, public=not is_whispered(interaction))
                card = await card_anew(interaction, COG, self._place, language=language, revalidate=False)
                await answer(embed=card.embed, view=card.view)
        except Exception as exc:  # discord.py would log it, and tell nobody
            if (handler := handler_of(interaction.client)) is None:
                raise
            await handler.answer(interaction, exc, name=type(self).__name__)

    def _check(self, user_id: int) -> None:
        if user_id != self._place.user_id:
            raise NotYours


class RefreshSearch(RefreshCard[Place], template=rf"{REFRESHING}{_PLACE}"):
    """Asks GitHub again for the page that is shown."""

    cog = COG

    @staticmethod
    def id_of(asked: Place) -> str:
        return asked.custom_id(REFRESHING)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], _: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Place.of(match, interaction.message))

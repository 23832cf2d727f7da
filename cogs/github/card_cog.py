"""`CardCog`: commands that answer with a card, and `RefreshCard`: the button that has such a card made anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.defaults import defaults_of
from tux_http.cogs.github.privacy import may_see_private
from tux_http.cogs.github.reference import web_host
from tux_http.languages import ENGLISH, language_of
from tux_http.refresh import CUSTOM_ID, NOTHING, Card, RefreshButton
from tux_http.responding import responding
from tux_http.staleness import note_on

if TYPE_CHECKING:
    from tux_http.call import Call
    from tux_http.cogs.github.reference import Reference
    from tux_http.host import Host
    from tux_http.languages import Language

__all__ = ["REPOSITORY", "CardCog", "RefreshCard", "Showing", "card_anew", "is_whispered"]

Asked = TypeVar("Asked")
"""What a card is about, such as a link."""

REPOSITORY: Final = r"(?P<owner>[A-Za-z0-9_-]{1,39})/(?P<name>[A-Za-z0-9._-]{1,100})"
"""Of a button's template: the repository that its card is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """How a card is made: for whom, and from how fresh answers.

    Args:
        allow_private: Whether those who see it may see what is private.
        language: Of the card.
        revalidate: Whether GitHub is asked though there are good answers in the cache.
    """

    allow_private: bool
    language: Language
    revalidate: bool


class CardCog(commands.Cog, Generic[Asked]):
    """A cog whose commands answer with a card. A subclass defines `card`.

    Args:
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, host: Host) -> None:
        self._api = host.api("github")
        self._web_host = web_host(self._api.base_url)
        self._service = host.settings.apis["github"].display_name or "github"
        self._private_access = host.settings.github.private_access
        self._defaults = defaults_of(host)

    async def card(self, asked: Asked, showing: Showing) -> Card:
        """What is shown; raises as the calls do that it is made from."""
        raise NotImplementedError

    async def card_for(
        self,
        target: commands.Context[Any] | discord.Interaction[Any],
        asked: Asked,
        *,
        ephemeral: bool,
        language: Language,
        revalidate: bool = False,
    ) -> Card:
        """What is shown where a command was given or a button pressed.

        Args:
            target: Where it is shown, and to whom.
            asked: What it is about.
            ephemeral: Whether only the person who asks sees it.
            language: Of the card.
            revalidate: Whether GitHub is asked though there are good answers in the cache.
        """
        private = may_see_private(target, self._private_access, ephemeral=ephemeral)
        return await self.card(
            asked, Showing(allow_private=private, language=language, revalidate=revalidate)
        )

    async def _show(self, ctx: commands.Context[Any], asked: Asked, *, public: bool | None) -> None:
        """Answers a command; `public` is what its person said of who shall see the answer."""
        ephemeral = await self._defaults.is_ephemeral(ctx, public)
        async with responding(ctx, ephemeral=ephemeral) as answer:
            language = language_of(ctx, public=not ephemeral)
            card = await self.card_for(ctx, asked, ephemeral=ephemeral, language=language)
            await answer(embed=card.embed, view=card.view)

    async def _default(self, ctx: commands.Context[Any]) -> Reference | None:
        """The repository that is meant where none is named."""
        return (await self._defaults.of(ctx.guild)).repository

    def _note(self, call: Call | None, language: Language) -> str | None:
        return note_on(call, service=self._service, language=language)


def is_whispered(interaction: discord.Interaction[Any]) -> bool:
    """Whether only its person sees the message of the button that was pressed."""
    return interaction.message is not None and interaction.message.flags.ephemeral


async def card_anew(
    interaction: discord.Interaction[Any], cog: str, asked: object, *, language: Language, revalidate: bool
) -> Card:
    """What a cog shows where a button of its cards was pressed.

    Raises:
        app_commands.CommandNotFound: There is no such cog any more.
    """
    # Not `isinstance`: while the extension is reloaded, an answer under way may put a class of before in use.
    found = cast("CardCog[Any] | None", cast("commands.Bot", interaction.client).get_cog(cog))
    if found is None:
        raise app_commands.CommandNotFound(cog, [])
    return await found.card_for(
        interaction, asked, ephemeral=is_whispered(interaction), language=language, revalidate=revalidate
    )


class RefreshCard(RefreshButton, Generic[Asked], template=NOTHING):
    """Asks GitHub again for what was asked for.

    A subclass names its `cog`, and defines `id_of` and, reading the same, a `template` and `from_custom_id`.

    Args:
        asked: That.
        language: Of its label.
    """

    cog: ClassVar[str]

    def __init__(self, asked: Asked, *, language: Language = ENGLISH) -> None:
        self._asked = asked
        super().__init__(self.id_of(asked), language=language)

    @staticmethod
    def id_of(asked: Asked) -> str:
        """The `custom_id`."""
        raise NotImplementedError

    @classmethod
    def under(cls, links: discord.ui.View | None, asked: Asked, language: Language) -> discord.ui.View | None:
        """The links, and the button beside or under them, where a name has room in it; hardly any is too long."""
        if len(cls.id_of(asked)) > CUSTOM_ID:
            return links
        return (links or discord.ui.View(timeout=None)).add_item(cls(asked, language=language))

    async def renewed(self, interaction: discord.Interaction[Any], language: Language) -> Card:
        return await card_anew(interaction, self.cog, self._asked, language=language, revalidate=True)

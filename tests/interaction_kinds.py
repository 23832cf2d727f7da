"""One thing that a member can have done by every kind of interaction: commands, menus, buttons, selects, modals."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord

from tests.discord_world import plain_bot
from tests.retry_stage import limited
from tux_http.error_handler import ErrorHandler, Modal, View
from tux_http.responding import responding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from discord.ext import commands
    from simcord.results import InteractionResult, ResponseMessage

    from tests.discord_world import World

COMMANDS = ("slash", "hybrid", "message menu", "user menu")
COMPONENTS = ("button", "select", "modal")
"""The modal is one that a button shows."""

KINDS = (*COMMANDS, *COMPONENTS)


class Work:
    """What is done: it waits while `ready` is unset, raises the next of `errors`, or says each of `says`.

    At last it raises `afterwards`, if that is given. `asked` are the arguments, values and texts that it was asked with.
    """

    def __init__(
        self,
        *says: str,
        errors: Sequence[BaseException | float] = (),
        afterwards: BaseException | None = None,
        ephemeral: bool = False,
        in_place: bool = False,
        slow: bool = False,
        retries: Path | None = None,
    ) -> None:
        self.says = says
        self.errors = list(errors)
        self.afterwards = afterwards
        self.ephemeral = ephemeral
        self.in_place = in_place
        self.ready = asyncio.Event()
        self.asked: list[str] = []
        self.stage: World | None = None
        if not slow:
            self.ready.set()
        self.bot = self.new_bot(retries)

    async def run(self, target: commands.Context[Any] | discord.Interaction[Any], asked: str) -> None:
        self.asked.append(asked)
        async with responding(target, ephemeral=self.ephemeral, in_place=self.in_place) as answer:
            if not self.ready.is_set():
                assert self.stage is not None
                await self.stage.upstream(self.ready)
            if self.errors:
                error = self.errors.pop(0)
                raise error if isinstance(error, BaseException) else limited(error)
            for text in self.says:
                await answer(text, view=Card(self) if self.in_place else None)
            if self.afterwards is not None:
                raise self.afterwards

    def new_bot(self, retries: Path | None = None) -> commands.Bot:
        bot = plain_bot()
        ErrorHandler(bot, names={}, everything=True, retries=retries).install()
        bot.add_view(Card(self))
        _add_commands(bot, self)
        return bot


class Card(View):
    """A message with a button, a select, and a button that shows a modal."""

    def __init__(self, work: Work) -> None:
        super().__init__(timeout=None)
        self._work = work

    @discord.ui.button(label="more", custom_id="more")
    async def more(self, interaction: discord.Interaction[Any], _: discord.ui.Button[Any]) -> None:
        assert interaction.message is not None
        await self._work.run(interaction, f"more of {interaction.message.id}")

    @discord.ui.select(
        custom_id="pick", options=[discord.SelectOption(label=place) for place in ("Oslo", "Lima")]
    )
    async def pick(self, interaction: discord.Interaction[Any], select: discord.ui.Select[Any]) -> None:
        await self._work.run(interaction, select.values[0])

    @discord.ui.button(label="write", custom_id="write")
    async def write(self, interaction: discord.Interaction[Any], _: discord.ui.Button[Any]) -> None:
        await interaction.response.send_modal(Form(self._work))


class Form(Modal, title="Form"):
    text: discord.ui.TextInput[Any] = discord.ui.TextInput(label="text", custom_id="text")

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._work.run(interaction, self.text.value)


def _add_commands(bot: commands.Bot, work: Work) -> None:
    @bot.tree.command(description="x")
    async def slash(interaction: discord.Interaction[Any], place: str) -> None:
        await work.run(interaction, place)

    @bot.hybrid_command()
    async def hybrid(ctx: commands.Context[Any], place: str) -> None:
        await work.run(ctx, place)

    @bot.tree.context_menu(name="message menu")
    async def on_message(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await work.run(interaction, message.content)

    @bot.tree.context_menu(name="user menu")
    async def on_user(interaction: discord.Interaction[Any], user: discord.User) -> None:
        await work.run(interaction, user.name)

    @bot.tree.command(description="x")
    async def card(interaction: discord.Interaction[Any], private: bool = False) -> None:
        await interaction.response.send_message("card", view=Card(work), ephemeral=private)

    assert {slash.name, hybrid.name, on_message.name, on_user.name, card.name}


async def shown_card(stage: World, *, private: bool = False) -> ResponseMessage:
    card = (await stage.slash("card", private=private)).response
    assert card is not None
    return card


async def done(stage: World, kind: str, work: Work, card: ResponseMessage | None = None) -> InteractionResult:
    """Has the member do it; components are those of `card`, or of a new one."""
    work.stage = stage
    if kind in {"slash", "hybrid"}:
        return await stage.slash(kind, place="Oslo")
    if kind == "message menu":
        return await stage.member.context_menu(
            stage.channel, kind, await stage.member.send(stage.channel, "Oslo")
        )
    if kind == "user menu":
        return await stage.member.context_menu(stage.channel, kind, stage.member)
    card = card or await shown_card(stage)
    if kind == "button":
        return await stage.member.click(card, label="more")
    if kind == "select":
        return await stage.member.select(card, ["Oslo"])
    form = await stage.member.click(card, label="write")
    return await stage.member.submit_modal(form, {"text": "Oslo"})

"""The error layer in a bot that has handlers of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import httpx
import pytest
from discord import app_commands
from discord.ext import commands

from tests.discord_world import failure_log, plain_bot, raising, world
from tux_http.error_handler import ErrorHandler, handler_of
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loguru import Record

    from tests.discord_world import Fails, World


@pytest.fixture
def log() -> Iterator[list[Record]]:
    with failure_log() as records:
        yield records


class Theirs:
    """What a bot's own handlers were given."""

    def __init__(self, bot: commands.Bot) -> None:
        self.slash: list[BaseException] = []
        self.prefix: list[BaseException] = []

        @bot.tree.error
        async def on_error(_: discord.Interaction[Any], error: app_commands.AppCommandError) -> None:
            self.slash.append(error)

        @bot.event
        async def on_command_error(_: commands.Context[Any], error: commands.CommandError) -> None:
            self.prefix.append(error)

        self.handlers = (on_error, on_command_error)


def foreign_bot(fails: Fails) -> tuple[commands.Bot, Theirs, ErrorHandler]:
    bot = plain_bot()
    theirs = Theirs(bot)

    @bot.tree.command(description="slash only")
    async def slashed(interaction: discord.Interaction[Any]) -> None:
        await fails()

    @bot.command()
    async def prefixed(ctx: commands.Context[Any]) -> None:
        await fails()

    assert slashed.name == "slashed"
    assert prefixed.name == "prefixed"
    return bot, theirs, ErrorHandler(bot, names={}, everything=False).install()


async def both(discord_: World) -> list[bool]:
    """Whether /slashed and !prefixed were answered."""
    result = await discord_.slash("slashed")
    return [result.response is not None, bool(await discord_.say("!prefixed"))]


async def test_their_own_errors_go_to_their_own_handlers(log: list[Record]) -> None:
    bot, theirs, _ = foreign_bot(raising(KeyError("theirs")))
    async with world(bot) as discord_:
        assert await both(discord_) == [False, False]
        assert not await discord_.say("!unknown")
    assert [type(exc) for exc in theirs.slash] == [app_commands.CommandInvokeError]
    assert [type(exc) for exc in theirs.prefix] == [commands.CommandInvokeError, commands.CommandNotFound]
    assert not log


@pytest.mark.parametrize("exc", [httpx.ReadTimeout(""), httpx.InvalidURL(""), InvalidInput("No.")])
async def test_errors_of_the_service_are_answered_in_their_commands_too(exc: Exception) -> None:
    bot, theirs, _ = foreign_bot(raising(exc))
    async with world(bot) as discord_:
        assert await both(discord_) == [True, True]
    assert not theirs.slash
    assert not theirs.prefix


def our_cog(fails: Fails) -> commands.Cog:
    class Ours(commands.Cog):
        @app_commands.command()
        async def slashed(self, _: discord.Interaction[Any]) -> None:
            await fails()

        @commands.command()
        async def prefixed(self, _: commands.Context[Any]) -> None:
            await fails()

    Ours.__module__ = "tux_http.cogs.sample"
    return Ours()


async def test_all_errors_of_our_cogs_are_answered() -> None:
    bot = plain_bot()
    theirs = Theirs(bot)
    ErrorHandler(bot, names={}, everything=False).install()
    async with world(bot) as discord_:
        await bot.add_cog(our_cog(raising(KeyError("ours"))))
        assert await both(discord_) == [True, True]
    assert not theirs.slash
    assert not theirs.prefix


async def test_uninstalling_gives_them_their_handlers_back() -> None:
    for bot in (plain_bot(), plain_bot()):
        before = (bot.tree.on_error, bot.on_command_error)
        handler = ErrorHandler(bot, names={}, everything=True).install()
        assert handler_of(bot) is handler
        assert (bot.tree.on_error, bot.on_command_error) != before
        handler.install().uninstall()
        handler.uninstall()
        assert (bot.tree.on_error, bot.on_command_error) == before
        assert handler_of(bot) is None
        Theirs(bot)


async def test_handlers_that_were_set_before_ours_come_back() -> None:
    bot, theirs, handler = foreign_bot(raising(httpx.ReadTimeout("")))
    handler.uninstall()
    assert (bot.tree.on_error, bot.on_command_error) == theirs.handlers
    async with world(bot) as discord_:
        assert await both(discord_) == [False, False]
    assert len(theirs.slash) == len(theirs.prefix) == 1


async def test_handlers_that_were_set_after_ours_stay_and_may_still_call_ours() -> None:
    bot, theirs, handler = foreign_bot(raising(httpx.ReadTimeout("")))
    ours, calls = bot.tree.on_error, list[str]()

    @bot.tree.error
    async def on_error(interaction: discord.Interaction[Any], error: app_commands.AppCommandError) -> None:
        calls.append("later")
        await ours(interaction, error)

    handler.uninstall()
    assert bot.tree.on_error is on_error
    handler.install()
    handler.uninstall()
    async with world(bot) as discord_:
        assert await both(discord_) == [False, False]
    assert calls == ["later"]
    assert len(theirs.slash) == 1


# Local handlers come first.


class Local(commands.Cog):
    """A cog that handles its own errors, and one command of each kind that does without it."""

    def __init__(self) -> None:
        self.met: list[str] = []

    async def cog_app_command_error(self, interaction: Any, error: Exception) -> None:
        self.met.append(f"{interaction.command.name}: {type(error).__name__}")

    async def cog_command_error(self, ctx: Any, error: Exception) -> None:
        self.met.append(f"{ctx.command.name}: {type(error).__name__}")

    @app_commands.command()
    async def slashed(self, _: discord.Interaction[Any]) -> None:
        raise httpx.ReadTimeout("")

    @commands.command()
    async def prefixed(self, _: commands.Context[Any]) -> None:
        raise httpx.ReadTimeout("")


async def test_a_cog_that_handles_its_errors_is_left_to_it(log: list[Record]) -> None:
    bot, cog = plain_bot(), Local()
    ErrorHandler(bot, names={}, everything=True).install()
    async with world(bot) as discord_:
        await bot.add_cog(cog)
        assert await both(discord_) == [False, False]
    assert cog.met == ["slashed: CommandInvokeError", "prefixed: CommandInvokeError"]
    assert not log


async def test_commands_and_groups_that_handle_their_errors_are_left_to_it(log: list[Record]) -> None:
    bot, met = plain_bot(), list[str]()
    ErrorHandler(bot, names={}, everything=True).install()
    group = app_commands.Group(name="outer", description="x")
    inner = app_commands.Group(name="inner", description="x", parent=group)

    @group.error
    async def on_group_error(interaction: Any, error: app_commands.AppCommandError) -> None:
        met.append("group")

    @inner.command(description="x")
    async def grouped(interaction: discord.Interaction[Any]) -> None:
        raise httpx.ReadTimeout("")

    @bot.tree.command(description="x")
    async def slashed(interaction: discord.Interaction[Any]) -> None:
        raise httpx.ReadTimeout("")

    @slashed.error
    async def on_slashed_error(interaction: Any, error: app_commands.AppCommandError) -> None:
        met.append("slashed")

    @bot.command()
    async def prefixed(ctx: commands.Context[Any]) -> None:
        raise httpx.ReadTimeout("")

    @prefixed.error
    async def on_prefixed_error(ctx: Any, error: commands.CommandError) -> None:
        met.append("prefixed")

    @bot.tree.context_menu()
    async def menu(interaction: discord.Interaction[Any], member: discord.Member) -> None:
        raise httpx.ReadTimeout("")

    @menu.error
    async def on_menu_error(interaction: Any, error: app_commands.AppCommandError) -> None:
        met.append("menu")

    bot.tree.add_command(group)
    assert {on_group_error, on_slashed_error, on_menu_error}
    assert {grouped.name, on_prefixed_error}
    async with world(bot) as discord_:
        assert await both(discord_) == [False, False]
        assert not (await discord_.slash("outer inner grouped")).acknowledged
        assert not (
            await discord_.member.context_menu(discord_.channel, "Menu", discord_.member)
        ).acknowledged
    assert met == ["slashed", "prefixed", "group", "menu"]
    assert not log


async def test_a_group_without_a_handler_is_ours_to_answer() -> None:
    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True).install()
    group = app_commands.Group(name="outer", description="x")

    @group.command(description="x")
    async def grouped(interaction: discord.Interaction[Any]) -> None:
        raise httpx.ReadTimeout("")

    @bot.tree.context_menu()
    async def menu(interaction: discord.Interaction[Any], member: discord.Member) -> None:
        raise httpx.ReadTimeout("")

    assert grouped.name
    assert menu.name
    bot.tree.add_command(group)
    async with world(bot) as discord_:
        assert (await discord_.slash("outer grouped")).ephemeral
        assert (await discord_.member.context_menu(discord_.channel, "Menu", discord_.member)).ephemeral

"""Retry runs the same call again: the same command or press, with the same arguments, values or texts."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from discord import app_commands

from tests.discord_world import plain_bot, world
from tests.retry_stage import Upstream, bot_of, button, contents, error, press, title, too_slow
from tux_http.error_handler import ErrorHandler


async def test_the_arguments_are_the_same() -> None:
    upstream = Upstream(too_slow())
    async with world(bot_of(upstream)) as stage:
        bob = stage.member.guild.add_member(stage.env.create_user("bob"))
        shown = error(await stage.slash("of", member=bob, times=3))
        await press(stage, shown)
    assert upstream.asked == ["bob 3", "bob 3"]


async def test_a_context_menu_is_run_again_on_the_same_message() -> None:
    upstream = Upstream(too_slow())
    async with world(bot_of(upstream)) as stage:
        message = await stage.member.send(stage.channel, "Lima")
        shown = error(await stage.member.context_menu(stage.channel, "Weather there", message))
        await press(stage, shown)
    assert upstream.asked == ["Lima", "Lima"]


async def test_a_subcommand_of_a_group_is_run_again() -> None:
    bot, upstream = plain_bot(), Upstream(too_slow())
    ErrorHandler(bot, names={}, everything=True).install()
    outer = app_commands.Group(name="outer", description="x")
    inner = app_commands.Group(name="inner", description="x", parent=outer)

    @inner.command(description="x")
    async def leaf(interaction: discord.Interaction[Any], place: str) -> None:
        await interaction.response.send_message(await upstream.ask(place))

    assert leaf.name
    bot.tree.add_command(outer)
    async with world(bot) as stage:
        shown = error(await stage.slash("outer inner leaf", place="Bern"))
        await press(stage, shown)
        assert contents(stage) == ["sunny in Bern"]


@pytest.mark.parametrize("kind", ["hybrid", "slash"])
async def test_checks_and_listeners_see_it_as_a_command(kind: str) -> None:
    bot = bot_of(Upstream(too_slow(), too_slow()))
    completed: list[str] = []

    @bot.listen()
    async def on_app_command_completion(_: discord.Interaction[Any], command: Any) -> None:
        completed.append(command.name)

    assert on_app_command_completion
    name = "weather" if kind == "hybrid" else "quietly"
    async with world(bot) as stage:
        shown = error(await stage.slash(name, place="Oslo"))
        assert not completed
        await press(stage, shown)
        assert not completed
        await press(stage, shown)
    assert completed == [name]


async def test_a_check_that_has_come_to_fail_is_obeyed() -> None:
    bot = bot_of(upstream := Upstream(too_slow()))
    allowed = True
    bot.add_check(lambda _: allowed)
    async with world(bot) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        allowed = False
        await press(stage, shown)
        assert "You can't use this here" in title(shown)
        assert button(shown) is None
    assert upstream.asked == ["Oslo"]


async def test_a_command_that_is_gone_meanwhile_is_said_to_be() -> None:
    bot = bot_of(Upstream(too_slow()))
    async with world(bot) as stage:
        shown = error(await stage.slash("quietly", place="Oslo"))
        bot.tree.remove_command("quietly")
        await press(stage, shown)
        assert "This is switched off" in title(shown)
        assert button(shown) is None


async def test_a_prefix_command_has_no_button() -> None:
    async with world(bot_of(Upstream(too_slow()))) as stage:
        (shown,) = await stage.say("!weather Oslo")
        assert shown.components == []

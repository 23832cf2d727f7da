"""The Retry button under an error: when there is one, when it works, and whose it is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import discord
import httpx
import pytest
import simcord
from discord import app_commands

from tests.discord_world import failure_log, plain_bot, world
from tests.retry_stage import (
    LIFE,
    LIMIT,
    Upstream,
    bot_of,
    button,
    contents,
    error,
    is_enabled,
    is_gone,
    press,
    title,
    too_slow,
)
from tux_http.error_handler import ErrorHandler
from tux_http.problems import InvalidInput
from tux_http.retries import CLOSING, WORTH_WAITING

# The wait.


async def test_a_limit_shows_a_countdown_and_a_button_that_works_when_it_is_over() -> None:
    upstream = Upstream(LIMIT)
    async with world(bot_of(upstream)) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        over = int((stage.env.now() + timedelta(seconds=LIMIT)).timestamp())
        assert f"<t:{over}:R>" in (shown.embeds[0].description or "")
        assert not is_enabled(shown)
        with pytest.raises(simcord.SetupError, match="disabled"):
            await press(stage, shown)
        await stage.advance(LIMIT - 1)
        assert not is_enabled(shown)
        await stage.advance(1)
        assert is_enabled(shown)
        await press(stage, shown)
        assert contents(stage) == ["sunny in Oslo"]
        assert is_gone(stage, shown)
    assert upstream.asked == ["Oslo", "Oslo"]


@pytest.mark.parametrize("exc", [too_slow(), httpx.ConnectError(""), httpx.RemoteProtocolError("")])
async def test_what_may_go_well_the_next_time_can_be_tried_at_once(exc: Exception) -> None:
    async with world(bot_of(Upstream(exc))) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        assert is_enabled(shown)
        await press(stage, shown)
        assert contents(stage) == ["sunny in Oslo"]
        assert is_gone(stage, shown)


@pytest.mark.parametrize(
    "exc",
    [
        InvalidInput("No such place."),
        httpx.HTTPStatusError(
            "", request=httpx.Request("GET", "https://a.test"), response=httpx.Response(404)
        ),
        app_commands.MissingPermissions(["ban_members"]),
        KeyError("a fault of ours"),
        LIFE + 60,
    ],
)
async def test_what_trying_again_cannot_mend_in_time_has_no_button(exc: BaseException | float) -> None:
    async with world(bot_of(Upstream(exc))) as stage:
        assert button(error(await stage.slash("weather", place="Oslo"))) is None


async def test_a_cooldown_counts_for_a_retry_as_for_a_command() -> None:
    bot = bot_of(upstream := Upstream())

    @bot.tree.command(description="once a minute")
    @app_commands.checks.cooldown(1, 60)
    async def rarely(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message(await upstream.ask("Rome"))

    assert rarely.name
    async with world(bot) as stage:
        await stage.slash("rarely")
        shown = error(await stage.slash("rarely"))
        await stage.advance(61)
        await stage.slash("rarely")
        await press(stage, shown)
        assert "A short break is needed" in title(shown)
        assert not is_enabled(shown)
        await stage.advance(61)
        await press(stage, shown)
        assert contents(stage) == ["sunny in Rome"] * 3


# What becomes of the message.


async def test_a_retry_that_fails_shows_the_new_error_in_its_place() -> None:
    async with world(bot_of(Upstream(LIMIT, LIMIT, httpx.ConnectError("")))) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        before = shown.embeds[0].description
        await stage.advance(LIMIT)
        result = await press(stage, shown)
        assert not result.followups
        assert shown.embeds[0].description != before
        assert not is_enabled(shown)
        await stage.advance(LIMIT)
        await press(stage, shown)
        assert "can't be reached" in title(shown)
        await press(stage, shown)
        assert is_gone(stage, shown)
        assert contents(stage) == ["sunny in Oslo"]


async def test_a_private_answer_takes_the_errors_place() -> None:
    async with world(bot_of(Upstream(too_slow()))) as stage:
        shown = error(await stage.slash("quietly", place="Oslo"))
        result = await press(stage, shown)
        assert result.response is not None
        assert (result.response.content, result.response.ephemeral) == ("sunny in Oslo", True)
        assert is_gone(stage, shown)
        assert not contents(stage)


async def test_a_deferred_retry_that_fails_leaves_one_error_and_no_placeholder() -> None:
    async with world(bot_of(Upstream(*[too_slow()] * 2))) as stage:
        shown = error(await stage.slash("deferring", place="Oslo"))
        again = error(await press(stage, shown))
        assert is_gone(stage, shown)
        assert not contents(stage)
        await press(stage, again)
        assert contents(stage) == ["sunny in Oslo"]
        assert is_gone(stage, again)


async def test_a_slow_retry_runs_once_however_often_it_is_pressed() -> None:
    upstream = Upstream(too_slow())
    async with world(bot_of(upstream)) as stage:
        upstream.stage = stage
        shown = error(await stage.slash("weather", place="Oslo"))
        upstream.held = asyncio.Event()
        result = await press(stage, shown)
        await stage.advance(1)
        await press(stage, shown)
        await stage.advance(1)
        assert result.deferred
        upstream.held.set()
        await stage.settle()
        assert contents(stage) == ["sunny in Oslo"]
        assert is_gone(stage, shown)
    assert len(upstream.asked) == 2


async def test_a_command_that_says_nothing_leaves_the_button_as_it_was() -> None:
    bot, asked = plain_bot(), list[int]()
    ErrorHandler(bot, names={}, everything=True).install()

    @bot.tree.command(description="fails, then says nothing")
    async def silent(_: discord.Interaction[Any]) -> None:
        asked.append(len(asked))
        if len(asked) == 1:
            raise too_slow()

    assert silent.name
    async with world(bot) as stage:
        shown = error(await stage.slash("silent"))
        await press(stage, shown)
        await press(stage, shown)
        assert is_enabled(shown)
    assert len(asked) == 3


async def test_the_button_goes_before_the_message_can_not_be_edited_any_more() -> None:
    async with world(bot_of(Upstream(LIMIT))) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await stage.advance(LIFE - CLOSING - 1)
        assert is_enabled(shown)
        await stage.advance(1)
        assert button(shown) is None
        assert shown.embeds
        assert not stage.env.errors[1:]


async def test_a_message_that_was_dismissed_is_left_alone() -> None:
    with failure_log() as log:
        async with world(bot_of(Upstream(LIMIT))) as stage:
            shown = error(await stage.slash("weather", place="Oslo"))
            stage.env.backend.delete_message(shown.channel_id, shown.id)
            await stage.advance(LIFE)
            assert not contents(stage)
    assert len(log) == 1


@pytest.mark.parametrize(
    ("left", "found"), [(CLOSING + WORTH_WAITING + 1, True), (CLOSING + WORTH_WAITING - 1, False)]
)
async def test_near_the_end_of_the_interaction_a_button_would_do_nothing(left: float, found: bool) -> None:
    upstream = Upstream(too_slow())
    async with world(bot_of(upstream)) as stage:
        upstream.stage, upstream.held = stage, asyncio.Event()
        result = await stage.slash("weather", place="Oslo")
        await stage.advance(LIFE - left)
        upstream.held.set()
        await stage.settle()
        assert (button(error(result)) is not None) is found


# Who presses.


async def test_only_who_gave_the_command_may_try_it_again() -> None:
    """A public message: one that came after the end of the interaction."""
    upstream = Upstream(too_slow())
    async with world(bot_of(upstream)) as stage:
        await upstream.held_until_the_end(stage)
        (late,) = stage.channel.history()
        bob = stage.member.guild.add_member(stage.env.create_user("bob"))
        refused = await bob.click(late, label="Retry")
        assert refused.response is not None
        assert refused.response.ephemeral
        assert "This button isn't for you" in title(refused.response)
        assert len(upstream.asked) == 1
        await stage.member.click(late, label="Retry")
        assert contents(stage) == ["sunny in Oslo"]


async def test_the_button_of_a_public_message_goes_too() -> None:
    upstream = Upstream(too_slow())
    async with world(bot_of(upstream)) as stage:
        await upstream.held_until_the_end(stage)
        await stage.advance(LIFE)
        (late,) = stage.channel.history()
        assert late.components == []

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

import discord
import pytest

from tests.discord_world import World, failure_log, plain_bot, world
from tests.retry_stage import is_enabled, is_gone, limited, press, restarted
from tux_http.error_handler import ErrorHandler
from tux_http.refresh import Card, RefreshButton
from tux_http.responding import ACKNOWLEDGE_AFTER

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from discord.ext import commands

    from tux_http.languages import Language


class Button(RefreshButton, template="tests:refresh"):
    """One whose bot says what its card becomes."""

    def __init__(self) -> None:
        super().__init__("tests:refresh")

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], ___: re.Match[str], /
    ) -> Self:
        return cls()

    async def renewed(self, interaction: discord.Interaction[Any], language: Language) -> Card:
        assert language.code == "en"
        return Card(await interaction.client.renews(), _view())  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]  # set by the tests


def _view() -> discord.ui.View:
    return discord.ui.View(timeout=None).add_item(Button())


def bot_that(
    renews: Callable[[], Awaitable[discord.Embed]], *, handled: bool = True, retries: Path | None = None
) -> commands.Bot:
    bot = plain_bot()
    bot.renews = renews  # pyright: ignore[reportAttributeAccessIssue]
    if handled:
        ErrorHandler(bot, names={}, everything=False, retries=retries).install()
    return bot


async def posted(stage: World) -> discord.Message:
    channel = stage.env.bot.get_channel(stage.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return await channel.send(embed=discord.Embed(title="old"), view=_view())


def shown(stage: World) -> discord.Embed:
    return stage.channel.history()[0].embeds[0]


async def test_the_button_shows_the_card_anew_with_the_time() -> None:
    async def renews() -> discord.Embed:
        return discord.Embed(title="new")

    async with world(bot_that(renews)) as stage:
        await stage.member.click(await posted(stage), label="Refresh")
        embed = shown(stage)
    assert (embed.title, embed.footer.text) == ("new", "Refreshed")
    assert embed.timestamp is not None


async def test_a_cards_own_footer_stays() -> None:
    async def renews() -> discord.Embed:
        return discord.Embed(title="new").set_footer(text="its own")

    async with world(bot_that(renews)) as stage:
        await stage.member.click(await posted(stage), label="Refresh")
        assert shown(stage).footer.text == "its own"


async def test_a_full_card_stays_within_discords_limits() -> None:
    async def renews() -> discord.Embed:
        embed = discord.Embed(description="d" * 4000)
        return embed.add_field(name="n", value="v" * 1000).add_field(name="n", value="v" * 998)

    async with world(bot_that(renews)) as stage:
        await stage.member.click(await posted(stage), label="Refresh")
        embed = shown(stage)
    assert embed.footer.text == "Refreshed"
    assert len(embed) <= 6000


async def test_a_slow_upstream_is_waited_for_with_the_old_card_in_sight() -> None:
    answered = asyncio.Event()

    async def renews() -> discord.Embed:
        await stage.upstream(answered)
        return discord.Embed(title="new")

    async with world(bot_that(renews)) as stage:
        card = await posted(stage)
        result = await stage.member.click(card, label="Refresh")
        await stage.advance(ACKNOWLEDGE_AFTER)
        assert result.acknowledged
        assert shown(stage).title == "old"
        answered.set()
        await stage.settle()
        assert shown(stage).title == "new"


async def test_a_fault_of_ours_is_answered_logged_and_leaves_the_card() -> None:
    async def renews() -> discord.Embed:
        raise ZeroDivisionError

    with failure_log() as records:
        async with world(bot_that(renews)) as stage:
            result = await stage.member.click(await posted(stage), label="Refresh")
            assert shown(stage).title == "old"
    assert result.response is not None
    assert result.response.ephemeral
    assert "Something went wrong on our side" in str(result.response.embeds[0].title)
    (record,) = records
    assert record["message"].startswith("Button failed: internal (ZeroDivisionError)")


async def test_without_an_error_layer_a_failure_is_discord_pys(caplog: pytest.LogCaptureFixture) -> None:
    async def renews() -> discord.Embed:
        raise ZeroDivisionError

    async with world(bot_that(renews, handled=False)) as stage:
        await stage.member.click(await posted(stage), label="Refresh")
        assert shown(stage).title == "old"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("restart", [False, True])
async def test_a_refresh_that_failed_is_tried_again_by_retry_and_shows_the_card_in_its_place(
    restart: bool, tmp_path: Path
) -> None:
    """Also after a restart: the button is known by its `custom_id`."""
    waits = [90.0]

    async def renews() -> discord.Embed:
        if waits:
            raise limited(waits.pop())
        return discord.Embed(title="new")

    file = tmp_path / "retries"
    async with world(bot_that(renews, retries=file)) as stage:
        error = (await stage.member.click(await posted(stage), label="Refresh")).response
        assert error is not None
        assert not is_enabled(error)
        if restart:
            bot = bot_that(renews, retries=file)
            bot.add_dynamic_items(Button)
            await restarted(stage, bot)
        await stage.advance(90)
        await press(stage, error)
        assert shown(stage).title == "new"
        assert is_gone(stage, error)
        assert len(stage.channel.history()) == 1


class Named(RefreshButton, template=".*"):
    """One of any name."""


def test_a_custom_id_too_long_for_discord_is_refused() -> None:
    assert Named("x" * 100).custom_id == "x" * 100
    with pytest.raises(ValueError, match="at most 100 characters, got 101"):
        Named("x" * 101)

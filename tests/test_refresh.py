from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

import discord
import pytest

from tests.discord_world import World, failure_log, plain_bot, world
from tux_http.error_handler import ErrorHandler
from tux_http.refresh import Card, RefreshButton

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable

    from discord.ext import commands


class Button(RefreshButton, template="tests:refresh"):
    """One whose bot says what its card becomes."""

    def __init__(self) -> None:
        super().__init__("tests:refresh")

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], ___: re.Match[str], /
    ) -> Self:
        return cls()

    async def renewed(self, client: discord.Client) -> Card:
        assert isinstance(client, discord.Client)
        return Card(await client.renews(), _view())  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]  # set by the tests


def _view() -> discord.ui.View:
    return discord.ui.View(timeout=None).add_item(Button())


def bot_that(renews: Callable[[], Awaitable[discord.Embed]], *, handled: bool = True) -> commands.Bot:
    bot = plain_bot()
    bot.renews = renews  # pyright: ignore[reportAttributeAccessIssue]
    if handled:
        ErrorHandler(bot, names={}, everything=False).install()
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


async def test_the_press_is_acknowledged_before_the_upstream_has_answered() -> None:
    answered = asyncio.Event()

    async def renews() -> discord.Embed:
        await stage.upstream(answered)
        return discord.Embed(title="new")

    async with world(bot_that(renews)) as stage:
        card = await posted(stage)
        result = await stage.member.click(card, label="Refresh")
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
    (answer,) = result.followups
    assert answer.message.flags.ephemeral
    assert "Something went wrong on our side" in str(answer.embeds[0].title)
    (record,) = records
    assert record["message"].startswith("Button failed: internal (ZeroDivisionError)")


async def test_without_an_error_layer_a_failure_is_discord_pys(caplog: pytest.LogCaptureFixture) -> None:
    async def renews() -> discord.Embed:
        raise ZeroDivisionError

    async with world(bot_that(renews, handled=False)) as stage:
        await stage.member.click(await posted(stage), label="Refresh")
        assert shown(stage).title == "old"
    assert "ZeroDivisionError" in caplog.text


class Named(RefreshButton, template=".*"):
    """One of any name."""


def test_a_custom_id_too_long_for_discord_is_refused() -> None:
    assert Named("x" * 100).custom_id == "x" * 100
    with pytest.raises(ValueError, match="at most 100 characters, got 101"):
        Named("x" * 101)

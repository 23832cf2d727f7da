from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import discord
import httpx
import pytest
import simcord
from discord import app_commands

from tests.discord_world import failure_log, plain_bot, world
from tux_http.error_handler import ErrorHandler
from tux_http.errors import RateLimited
from tux_http.problems import InvalidInput
from tux_http.responding import responding
from tux_http.retries import CLOSING, WORTH_WAITING
from tux_http.retry_file import RetryFile

if TYPE_CHECKING:
    from pathlib import Path

    from discord.ext import commands
    from simcord.actors import MemberActor
    from simcord.results import InteractionResult, ResponseMessage

    from tests.discord_world import World

LIMIT = 90
"""Seconds until the limit is lifted that the upstream tells."""

LIFE = 15 * 60


class Upstream:
    """What the commands ask: it fails with the errors that it is given, in turn, then it answers."""

    def __init__(self, *errors: BaseException | float) -> None:
        self.errors = list(errors)
        self.asked: list[str] = []
        self.stage: World | None = None
        self.held: asyncio.Event | None = None

    async def ask(self, place: str) -> str:
        self.asked.append(place)
        if self.held is not None:
            assert self.stage is not None
            await self.stage.upstream(self.held)
        if self.errors:
            error = self.errors.pop(0)
            raise error if isinstance(error, BaseException) else limited(error)
        return f"sunny in {place}"


def limited(seconds: float) -> RateLimited:
    response = httpx.Response(429, request=httpx.Request("GET", "https://api.test/"))
    at = discord.utils.utcnow() + timedelta(seconds=seconds)
    return RateLimited(request=response.request, response=response, retry_at=at)


def bot_of(upstream: Upstream, *, file: Path | None = None) -> commands.Bot:
    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True, retries=file).install()

    @bot.hybrid_command()
    async def weather(ctx: commands.Context[Any], place: str) -> None:
        async with responding(ctx) as answer:
            await answer(await upstream.ask(place))

    @bot.tree.command(description="for its person alone")
    async def quietly(interaction: discord.Interaction[Any], place: str) -> None:
        async with responding(interaction, ephemeral=True) as answer:
            await answer(await upstream.ask(place))

    @bot.tree.command(description="defers first")
    async def deferring(interaction: discord.Interaction[Any], place: str) -> None:
        await interaction.response.defer()
        await interaction.followup.send(await upstream.ask(place))

    @bot.tree.command(description="of a member")
    async def of(interaction: discord.Interaction[Any], member: discord.Member, times: int = 1) -> None:
        await interaction.response.send_message(await upstream.ask(f"{member.name} {times}"))

    @bot.tree.context_menu(name="Weather there")
    async def menu(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await interaction.response.send_message(await upstream.ask(message.content))

    assert {weather.name, quietly.name, deferring.name, of.name, menu.name}
    return bot


def error(result: InteractionResult) -> ResponseMessage:
    """The one error that a command was answered with."""
    (shown,) = [each for each in (result.response, *result.followups) if each is not None and each.embeds]
    assert shown.ephemeral
    return shown


def button(message: ResponseMessage) -> dict[str, Any] | None:
    """The Retry button."""
    buttons = [part for row in message.components for part in row["components"]]
    assert [part["label"] for part in buttons] in ([], ["Retry"])
    return buttons[0] if buttons else None


def is_enabled(message: ResponseMessage) -> bool:
    found = button(message)
    assert found is not None
    return not found.get("disabled", False)


def is_gone(stage: World, message: ResponseMessage) -> bool:
    try:
        stage.env.backend.get_message(message.channel_id, message.id)
    except simcord.BackendError:
        return True
    return False


def contents(stage: World) -> list[str]:
    return [message.content for message in stage.channel.history()]


async def press(stage: World, message: ResponseMessage, by: MemberActor | None = None) -> InteractionResult:
    return await (by or stage.member).click(message, label="Retry")


def title(message: ResponseMessage) -> str:
    return message.embeds[0].title or ""


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


@pytest.mark.parametrize(
    "exc", [httpx.ReadTimeout(""), httpx.ConnectError(""), httpx.RemoteProtocolError("")]
)
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


# What is run again.


async def test_the_arguments_are_the_same() -> None:
    upstream = Upstream(httpx.ReadTimeout(""))
    async with world(bot_of(upstream)) as stage:
        bob = stage.member.guild.add_member(stage.env.create_user("bob"))
        shown = error(await stage.slash("of", member=bob, times=3))
        await press(stage, shown)
    assert upstream.asked == ["bob 3", "bob 3"]


async def test_a_context_menu_is_run_again_on_the_same_message() -> None:
    upstream = Upstream(httpx.ReadTimeout(""))
    async with world(bot_of(upstream)) as stage:
        message = await stage.member.send(stage.channel, "Lima")
        shown = error(await stage.member.context_menu(stage.channel, "Weather there", message))
        await press(stage, shown)
    assert upstream.asked == ["Lima", "Lima"]


async def test_a_subcommand_of_a_group_is_run_again() -> None:
    bot, upstream = plain_bot(), Upstream(httpx.ReadTimeout(""))
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
    bot = bot_of(Upstream(httpx.ReadTimeout(""), httpx.ReadTimeout("")))
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
    bot = bot_of(upstream := Upstream(httpx.ReadTimeout("")))
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
    bot = bot_of(Upstream(httpx.ReadTimeout("")))
    async with world(bot) as stage:
        shown = error(await stage.slash("quietly", place="Oslo"))
        bot.tree.remove_command("quietly")
        await press(stage, shown)
        assert "This is switched off" in title(shown)
        assert button(shown) is None


async def test_a_failed_button_or_modal_is_tried_again_by_pressing_it_again() -> None:
    class Card(discord.ui.View):
        @discord.ui.button(label="more")
        async def more(self, interaction: discord.Interaction[Any], _: discord.ui.Button[Any]) -> None:
            await handler.answer(interaction, httpx.ReadTimeout(""))

    bot = plain_bot()
    handler = ErrorHandler(bot, names={}, everything=True).install()

    @bot.tree.command(description="shows a card")
    async def card(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("card", view=Card())

    assert card.name
    async with world(bot) as stage:
        shown = (await stage.slash("card")).response
        assert shown is not None
        assert button(error(await stage.member.click(shown, label="more"))) is None


async def test_a_prefix_command_has_no_button() -> None:
    async with world(bot_of(Upstream(httpx.ReadTimeout("")))) as stage:
        (shown,) = await stage.say("!weather Oslo")
        assert shown.components == []


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
    async with world(bot_of(Upstream(httpx.ReadTimeout("")))) as stage:
        shown = error(await stage.slash("quietly", place="Oslo"))
        result = await press(stage, shown)
        assert result.response is not None
        assert (result.response.content, result.response.ephemeral) == ("sunny in Oslo", True)
        assert is_gone(stage, shown)
        assert not contents(stage)


async def test_a_deferred_retry_that_fails_leaves_one_error_and_no_placeholder() -> None:
    async with world(bot_of(Upstream(*[httpx.ReadTimeout("")] * 2))) as stage:
        shown = error(await stage.slash("deferring", place="Oslo"))
        again = error(await press(stage, shown))
        assert is_gone(stage, shown)
        assert not contents(stage)
        await press(stage, again)
        assert contents(stage) == ["sunny in Oslo"]
        assert is_gone(stage, again)


async def test_a_slow_retry_runs_once_however_often_it_is_pressed() -> None:
    upstream = Upstream(httpx.ReadTimeout(""))
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
            raise httpx.ReadTimeout("")

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
    upstream = Upstream(httpx.ReadTimeout(""))
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
    upstream = Upstream(httpx.ReadTimeout(""))
    async with world(bot_of(upstream)) as stage:
        upstream.stage, upstream.held = stage, asyncio.Event()
        await stage.slash("weather", place="Oslo")
        await stage.advance(LIFE)
        upstream.held.set()
        await stage.settle()
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
    upstream = Upstream(httpx.ReadTimeout(""))
    async with world(bot_of(upstream)) as stage:
        upstream.stage, upstream.held = stage, asyncio.Event()
        await stage.slash("weather", place="Oslo")
        await stage.advance(LIFE)
        upstream.held.set()
        await stage.settle()
        await stage.advance(LIFE)
        (late,) = stage.channel.history()
        assert late.components == []


# Restarts.


async def restarted(stage: World, bot: commands.Bot) -> None:
    await stage.env.restart_bot(bot)
    await stage.settle()


async def test_a_button_works_after_a_restart(tmp_path: Path) -> None:
    upstream = Upstream(httpx.ReadTimeout(""))
    async with world(bot_of(upstream, file=tmp_path / "retries")) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await restarted(stage, bot_of(upstream, file=tmp_path / "retries"))
        await press(stage, shown)
        assert contents(stage) == ["sunny in Oslo"]
        assert is_gone(stage, shown)


async def test_a_wait_goes_on_over_a_restart(tmp_path: Path) -> None:
    upstream = Upstream(LIMIT)
    async with world(bot_of(upstream, file=tmp_path / "retries")) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await restarted(stage, bot_of(upstream, file=tmp_path / "retries"))
        assert not is_enabled(shown)
        await stage.advance(LIMIT)
        assert is_enabled(shown)
        await stage.advance(LIFE - LIMIT - CLOSING)
        assert button(shown) is None


async def test_what_another_process_has_run_meanwhile_is_left_alone(tmp_path: Path) -> None:
    upstream = Upstream(LIMIT)
    file = tmp_path / "retries"
    async with world(bot_of(upstream, file=file)) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await restarted(stage, bot_of(upstream, file=file))
        (kept,) = RetryFile(file).load(stage.env.backend.application_id, 0)
        RetryFile(file).remove(kept.key)
        await stage.advance(LIFE)
        assert not is_enabled(shown)


async def test_without_a_file_a_button_of_before_a_restart_says_that_it_is_too_late() -> None:
    upstream = Upstream(httpx.ReadTimeout(""))
    async with world(bot_of(upstream)) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await restarted(stage, bot_of(upstream))
        await press(stage, shown)
        assert "That took too long" in title(shown)
        assert button(shown) is None
    assert upstream.asked == ["Oslo"]


async def test_a_file_that_can_not_be_used_costs_the_restart_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "retries"
    file.mkdir()
    async with world(bot_of(Upstream(httpx.ReadTimeout("")), file=file)) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await press(stage, shown)
        assert contents(stage) == ["sunny in Oslo"]


async def test_the_button_goes_with_the_error_layer() -> None:
    bot, upstream = plain_bot(), Upstream(LIMIT, httpx.ReadTimeout(""))
    handler = ErrorHandler(bot, names={}, everything=False).install()

    @bot.tree.command(description="x")
    async def theirs(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message(await upstream.ask("Oslo"))

    assert theirs.name
    async with world(bot) as stage:
        waiting = error(await stage.slash("theirs"))
        ready = error(await stage.slash("theirs"))
        handler.uninstall()
        result = await press(stage, ready)
        await stage.advance(LIFE)
        assert (result.response, result.followups) == (None, [])
        assert not is_enabled(waiting)
    assert len(upstream.asked) == 2


async def test_in_somebody_elses_bot_it_comes_and_goes_with_the_extension(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUX_HTTP__BOT__EXTENSIONS", "[]")
    bot, upstream = plain_bot(), Upstream(*[httpx.ReadTimeout("")] * 2)

    @bot.tree.command(description="x")
    async def theirs(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message(await upstream.ask("Oslo"))

    assert theirs.name
    async with world(bot) as stage:
        await bot.load_extension("tux_http.ext")
        first, second = error(await stage.slash("theirs")), error(await stage.slash("theirs"))
        await bot.reload_extension("tux_http.ext")
        await press(stage, first)
        assert contents(stage) == ["sunny in Oslo"]
        await bot.unload_extension("tux_http.ext")
        await press(stage, second)
        assert len(upstream.asked) == 3
        await bot.load_extension("tux_http.ext")
        await press(stage, second)
        assert contents(stage) == ["sunny in Oslo"] * 2
        await bot.unload_extension("tux_http.ext")


async def test_a_press_that_comes_too_soon_is_told_when() -> None:
    """A client that has not seen an edit yet, or a clock of ours gone wrong."""
    upstream = Upstream(LIMIT)
    async with world(bot_of(upstream)) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        kept = stage.env.backend.get_message(shown.channel_id, shown.id)
        kept.components[0]["components"][0]["disabled"] = False
        result = await press(stage, shown)
        assert result.response is not None
        assert "Not yet" in title(result.response)
        assert "<t:" in (result.response.embeds[0].description or "")
        await stage.advance(LIMIT)
        await press(stage, shown)
        assert contents(stage) == ["sunny in Oslo"]

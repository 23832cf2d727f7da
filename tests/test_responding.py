from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord import app_commands

from tests.discord_world import World, plain_bot, world
from tux_http.error_handler import ErrorHandler
from tux_http.problems import InvalidInput
from tux_http.responding import ACKNOWLEDGE_AFTER, responding

if TYPE_CHECKING:
    from discord.ext import commands


class Held:
    """A command whose upstream answers when the test says so."""

    def __init__(self, *, ephemeral: bool = False, answers: int = 1, fails: bool = False) -> None:
        self.world: World | None = None
        self.ready = asyncio.Event()
        self.messages: list[discord.Message | None] = []
        self.done_after: bool | None = None
        self._ephemeral = ephemeral
        self._answers = answers
        self._fails = fails

    async def run(self, ctx: commands.Context[Any] | discord.Interaction[Any]) -> None:
        try:
            async with responding(ctx, ephemeral=self._ephemeral) as answer:
                if not self.ready.is_set():
                    assert self.world is not None
                    await self.world.upstream(self.ready)
                if self._fails:
                    raise InvalidInput("That is not a repository.")
                for number in range(self._answers):
                    embed = discord.Embed(title=f"answer {number}")
                    self.messages.append(await answer(embed=embed, view=discord.ui.View()))
        finally:
            interaction = ctx if isinstance(ctx, discord.Interaction) else ctx.interaction
            self.done_after = interaction is not None and interaction.response.is_done()


def bot_with(held: Held) -> commands.Bot:
    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True).install()

    @bot.hybrid_command()
    async def repo(ctx: commands.Context[Any]) -> None:
        await held.run(ctx)

    @bot.tree.command(description="slash only")
    async def slashed(interaction: discord.Interaction[Any]) -> None:
        await held.run(interaction)

    assert repo is not None
    assert slashed is not None
    return bot


def title(message: Any) -> str | None:
    return message.embeds[0].title


@pytest.mark.parametrize("command", ["repo", "slashed"])
async def test_a_fast_answer_is_sent_without_deferring(command: str) -> None:
    held = Held()
    held.ready.set()
    async with world(bot_with(held)) as discord_:
        held.world = discord_
        result = await discord_.slash(command)
        assert title(result.response) == "answer 0"
        assert not result.followups
        callbacks = [entry.json for entry in discord_.env.http_requests if entry.path.endswith("/callback")]
        assert [callback["type"] for callback in callbacks if callback] == [4]
        await discord_.advance(60)
        assert len(discord_.channel.history()) == 1


@pytest.mark.parametrize("command", ["repo", "slashed"])
async def test_a_slow_answer_is_deferred_in_time_and_sent_when_it_is_there(command: str) -> None:
    held = Held()
    async with world(bot_with(held)) as discord_:
        held.world = discord_
        result = await discord_.slash(command)
        await discord_.advance(ACKNOWLEDGE_AFTER - 0.01)
        assert not result.acknowledged
        await discord_.advance(0.02)
        assert result.deferred
        await discord_.advance(600)
        held.ready.set()
        await discord_.settle()
        assert not result.deferred
        assert title(result.response) == "answer 0"
        assert len(discord_.channel.history()) == 1


async def test_what_is_old_when_it_arrives_is_acknowledged_the_sooner() -> None:
    held = Held()
    bot = bot_with(held)

    async def look_up(ctx: commands.Context[Any]) -> bool:
        assert held.world is not None
        await held.world.upstream(held.ready)
        held.ready.clear()
        return True

    bot.add_check(look_up)
    async with world(bot, settle_timeout=0.2) as discord_:
        held.world = discord_
        result = await discord_.slash("repo")
        await discord_.advance(1.5)
        held.ready.set()
        await discord_.settle()
        assert not result.acknowledged
        await discord_.advance(0.6)
        assert result.deferred
        held.ready.set()
        await discord_.settle()


async def test_a_private_answer_is_private_whether_deferred_or_not() -> None:
    for wait in (0, 3):
        held = Held(ephemeral=True, answers=2)
        async with world(bot_with(held)) as discord_:
            held.world = discord_
            result = await discord_.slash("repo")
            await discord_.advance(wait)
            held.ready.set()
            await discord_.settle()
            shown = [result.response, *result.followups]
            assert [title(message) for message in shown] == ["answer 0", "answer 1"]
            assert all(message is not None and message.ephemeral for message in shown)


async def test_further_answers_are_follow_ups_and_each_is_told() -> None:
    held = Held(answers=3)
    held.ready.set()
    async with world(bot_with(held)) as discord_:
        result = await discord_.slash("repo")
        assert result.response is not None
        shown = [result.response, *result.followups]
        assert [title(message) for message in shown] == ["answer 0", "answer 1", "answer 2"]
        assert [message and message.id for message in held.messages] == [message.id for message in shown]


async def test_a_fast_failure_is_answered_privately() -> None:
    held = Held(fails=True)
    held.ready.set()
    async with world(bot_with(held)) as discord_:
        result = await discord_.slash("repo")
        assert held.done_after is False
        assert result.ephemeral
        assert result.response is not None
        assert result.response.embeds[0].description == "That is not a repository.\nChange it and try again."
        await discord_.advance(60)
        assert not result.followups


async def test_a_slow_failure_is_answered_privately_and_leaves_nothing_for_the_others() -> None:
    held = Held(fails=True)
    async with world(bot_with(held)) as discord_:
        held.world = discord_
        result = await discord_.slash("repo")
        await discord_.advance(5)
        assert result.deferred
        held.ready.set()
        await discord_.settle()
        assert held.done_after is True
        assert [message.ephemeral for message in result.followups] == [True]
        assert not discord_.channel.history()


async def test_an_answer_waits_for_a_deferral_under_way() -> None:
    arrived, proceed = asyncio.Event(), asyncio.Event()
    held = Held()
    bot = bot_with(held)
    async with world(bot) as discord_:
        held.world = discord_

        class SlowLine(discord.InteractionResponse[Any]):
            __slots__ = ()

            async def defer(self, **options: Any) -> Any:
                arrived.set()
                await discord_.upstream(proceed)
                return await super().defer(**options)

        @bot.before_invoke
        async def _slow_line(ctx: commands.Context[Any]) -> None:
            assert ctx.interaction is not None
            ctx.interaction.response.__class__ = SlowLine

        result = await discord_.slash("repo")
        await discord_.advance(ACKNOWLEDGE_AFTER)
        assert arrived.is_set()
        held.ready.set()
        await discord_.settle()
        assert not result.acknowledged  # the answer stands behind the deferral
        proceed.set()
        await discord_.settle()
        assert title(result.response) == "answer 0"
        assert not discord_.env.errors


async def test_a_deferral_that_fails_leaves_the_answer_to_say_so() -> None:
    held = Held()
    async with world(bot_with(held)) as discord_:
        held.world = discord_
        result = await discord_.slash("repo")
        discord_.env.inject_error("POST", "/interactions/*", status=500, times=1)
        await discord_.advance(ACKNOWLEDGE_AFTER)
        assert not result.acknowledged
        held.ready.set()
        await discord_.settle()
        assert title(result.response) == "answer 0"


async def test_a_prefix_command_shows_typing_when_slow_and_replies_without_a_ping() -> None:
    held = Held()
    async with world(bot_with(held)) as discord_:
        held.world = discord_
        assert not await discord_.say("!repo")
        typing = f"/channels/{discord_.channel.id}/typing"
        assert typing not in [entry.path for entry in discord_.env.http_requests]
        await discord_.advance(ACKNOWLEDGE_AFTER)
        assert typing in [entry.path for entry in discord_.env.http_requests]
        held.ready.set()
        await discord_.settle()
        (body,) = discord_.posted()
        assert body["embeds"][0]["title"] == "answer 0"
        assert body["message_reference"]["fail_if_not_exists"] is False
        assert body["allowed_mentions"] == {"parse": [], "replied_user": False}


async def test_a_bot_that_may_not_read_the_history_answers_all_the_same() -> None:
    held = Held()
    held.ready.set()
    async with world(bot_with(held)) as discord_:
        guild = discord_.env.guild
        permissions = discord.Permissions(view_channel=True, send_messages=True, embed_links=True)
        closed = guild.create_text_channel(
            "closed",
            overwrites={
                guild.default_role: discord.PermissionOverwrite.from_pair(
                    permissions, discord.Permissions(read_message_history=True)
                )
            },
        )
        await discord_.settle()
        discord_.channel = closed
        await discord_.say("!repo")
        (body,) = discord_.posted()
        assert "message_reference" not in body


async def test_no_task_is_left_when_the_command_is_cancelled() -> None:
    held = Held()
    bot = bot_with(held)
    running: list[asyncio.Task[Any]] = []

    @bot.before_invoke
    async def _note(ctx: commands.Context[Any]) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.append(task)

    async with world(bot) as discord_:
        held.world = discord_
        before = asyncio.all_tasks()
        result = await discord_.slash("repo")
        assert asyncio.all_tasks() - before == set(running)
        running[0].cancel()
        await discord_.settle()
        await discord_.advance(60)
        assert not result.acknowledged
        assert asyncio.all_tasks() == before


def bot_that_says(content: str | None = None, **options: Any) -> commands.Bot:
    bot = plain_bot()

    async def show(target: commands.Context[Any] | discord.Interaction[Any]) -> None:
        async with responding(target) as answer:
            await answer(content, **options)

    @bot.tree.command(description="x")
    async def slashed(interaction: discord.Interaction[Any]) -> None:
        await show(interaction)

    @bot.command()
    async def prefixed(ctx: commands.Context[Any]) -> None:
        await show(ctx)

    assert {slashed.name, prefixed.name}
    return bot


async def said(bot: commands.Bot, command: str) -> discord.Message:
    async with world(bot) as discord_:
        await (discord_.say(command) if command.startswith("!") else discord_.slash(command))
        return discord_.channel.history()[-1]


by_both_ways = pytest.mark.parametrize("command", ["slashed", "!prefixed"])

LONG = discord.Embed(title="t" * 300, description="d" * 5000, url="javascript:alert(1)")


@by_both_ways
@pytest.mark.parametrize("options", [{"embed": LONG}, {"embeds": [LONG, LONG]}], ids=["one", "two"])
async def test_an_embed_that_passes_discords_limits_is_cut_and_not_refused(
    command: str, options: dict[str, Any]
) -> None:
    embeds = (await said(bot_that_says(**options), command)).embeds
    assert len(embeds) == len(options.get("embeds", [LONG]))
    assert all(embed.title == "t" * 255 + "…" for embed in embeds)
    assert not any(embed.url for embed in embeds)
    assert sum(len(embed) for embed in embeds) <= 6000


@by_both_ways
async def test_a_text_that_passes_discords_limit_is_cut_and_not_refused(command: str) -> None:
    message = await said(bot_that_says("x" * 3000), command)
    assert message.content == "x" * 1999 + "…"


class MoreOnDemand(discord.ui.View):
    def __init__(self, held: Held) -> None:
        super().__init__()
        self._held = held

    @discord.ui.button(label="more")
    async def more(self, interaction: discord.Interaction[Any], _: discord.ui.Button[Any]) -> None:
        await self._held.run(interaction)


async def test_a_slow_button_is_deferred_and_the_message_above_it_stays() -> None:
    held = Held()
    bot = plain_bot()

    @bot.tree.command(description="shows a button")
    async def show(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("card", view=MoreOnDemand(held))

    assert isinstance(show, app_commands.Command)
    async with world(bot) as discord_:
        held.world = discord_
        card = (await discord_.slash("show")).response
        assert card is not None
        result = await discord_.member.click(card, label="more")
        await discord_.advance(ACKNOWLEDGE_AFTER)
        assert result.deferred
        held.ready.set()
        await discord_.settle()
        assert [message.content for message in discord_.channel.history()] == ["card", ""]
        assert title(result.response) == "answer 0"

"""The message that a button, a select or a modal belongs to becomes the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import httpx
import pytest

from tests.discord_world import failure_log, plain_bot, world
from tests.interaction_kinds import COMPONENTS, Work, done, shown_card
from tux_http.error_handler import ErrorHandler
from tux_http.responding import ACKNOWLEDGE_AFTER, responding

if TYPE_CHECKING:
    from discord.ext import commands
    from simcord.results import InteractionResult

    from tests.discord_world import World

LIFE = 15 * 60

of_each_kind = pytest.mark.parametrize("kind", COMPONENTS)


def contents(stage: World) -> list[str]:
    return [message.content for message in stage.channel.history()]


def problem(result: InteractionResult) -> str:
    """The title of the one answer that only its person sees."""
    given = [message for message in (result.response, *result.followups) if message and message.embeds]
    (message,) = given
    assert message.ephemeral
    return str(message.embeds[0].title)


def callbacks(stage: World) -> list[int]:
    """The kinds of the responses that Discord was sent: 4 a message, 5 "thinking…", 6 nothing yet, 7 an edit."""
    return [
        entry.json["type"]
        for entry in stage.env.http_requests
        if entry.json and entry.path.endswith("/callback")
    ]


@of_each_kind
async def test_a_fast_answer_is_the_response_itself(kind: str) -> None:
    work = Work("here", in_place=True)
    async with world(work.bot) as stage:
        result = await done(stage, kind, work)
        await stage.advance(60)
        assert contents(stage) == ["here"]
        assert callbacks(stage)[-1] == 7
        assert not result.followups


@of_each_kind
async def test_until_a_slow_answer_is_there_the_message_stays_as_it_is(kind: str) -> None:
    work = Work("here", in_place=True, slow=True)
    async with world(work.bot) as stage:
        result = await done(stage, kind, work)
        await stage.advance(ACKNOWLEDGE_AFTER - 0.01)
        assert not result.acknowledged
        await stage.advance(0.02)
        assert result.acknowledged
        assert contents(stage) == ["card"]
        assert callbacks(stage)[-1] == 6
        work.ready.set()
        await stage.settle()
        assert contents(stage) == ["here"]
        assert not result.followups


@of_each_kind
@pytest.mark.parametrize("slow", [False, True])
async def test_the_next_answer_takes_the_place_of_the_one_before(kind: str, slow: bool) -> None:
    work = Work("here", "there", in_place=True, slow=slow)
    async with world(work.bot) as stage:
        await done(stage, kind, work)
        await stage.advance(5)
        work.ready.set()
        await stage.settle()
        assert contents(stage) == ["there"]


@of_each_kind
@pytest.mark.parametrize("slow", [False, True])
async def test_a_failure_leaves_the_message_and_is_for_its_person_alone(kind: str, slow: bool) -> None:
    work = Work(errors=[httpx.ReadTimeout("")], in_place=True, slow=slow)
    async with world(work.bot) as stage:
        result = await done(stage, kind, work)
        await stage.advance(5)
        work.ready.set()
        await stage.settle()
        assert contents(stage) == ["card"]
        assert "taking too long" in problem(result)


@of_each_kind
async def test_when_the_interaction_is_over_the_bot_edits_its_message_as_itself(kind: str) -> None:
    work = Work("here", in_place=True, slow=True)
    async with world(work.bot) as stage:
        await done(stage, kind, work)
        await stage.advance(LIFE)
        work.ready.set()
        await stage.settle()
        assert contents(stage) == ["here"]
        assert not stage.posted()


async def test_a_private_message_that_can_not_be_edited_any_more_is_told_of() -> None:
    """It goes with its interaction's token, and what it said is not made public."""
    work = Work("secret", in_place=True, slow=True)
    async with world(work.bot) as stage:
        await done(stage, "button", work, await shown_card(stage, private=True))
        await stage.advance(LIFE)
        work.ready.set()
        await stage.settle()
        (body,) = stage.posted()
        assert body["content"] == f"<@{stage.member.id}>"
        assert body["embeds"][0]["title"].endswith("That took too long")
        assert "secret" not in str(body)


async def test_a_private_message_is_answered_in_place_too() -> None:
    work = Work("here", in_place=True)
    async with world(work.bot) as stage:
        card = await shown_card(stage, private=True)
        await done(stage, "select", work, card)
        assert card.content == "here"
        assert not contents(stage)


async def test_a_message_that_is_gone_is_told_of() -> None:
    work = Work("here", in_place=True, slow=True)
    async with world(work.bot) as stage:
        card = await shown_card(stage)
        await done(stage, "button", work, card)
        await stage.advance(LIFE)
        stage.env.backend.delete_message(card.channel_id, card.id)
        work.ready.set()
        await stage.settle()
        (body,) = stage.posted()
        assert body["embeds"][0]["title"].endswith("That took too long")


def bot_that(answers: Any) -> commands.Bot:
    """It shows a message with a button."""
    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True).install()

    @bot.tree.command(description="x")
    async def show(interaction: discord.Interaction[Any]) -> None:
        view = discord.ui.View().add_item(Button(answers))
        await interaction.response.send_message("old", embed=discord.Embed(title="old"), view=view)

    assert show.name
    return bot


class Button(discord.ui.Button[discord.ui.View]):
    def __init__(self, answers: Any) -> None:
        super().__init__(label="go")
        self._answers = answers

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await self._answers(interaction)


@pytest.mark.parametrize("slow", [False, True])
async def test_what_the_answer_does_not_have_goes(slow: bool) -> None:
    async def answers(interaction: discord.Interaction[Any]) -> None:
        async with responding(interaction, in_place=True) as answer:
            if slow:
                await interaction.response.defer()
            await answer(embeds=[discord.Embed(title="one"), discord.Embed(title="two")])

    async with world(bot_that(answers)) as stage:
        card = (await stage.slash("show")).response
        assert card is not None
        await stage.member.click(card, label="go")
        (message,) = stage.channel.history()
        assert (message.content, [embed.title for embed in message.embeds]) == ("", ["one", "two"])
        assert not message.components


async def test_it_mentions_nobody_unless_told_to() -> None:
    async def answers(interaction: discord.Interaction[Any]) -> None:
        async with responding(interaction, in_place=True) as answer:
            await answer("@everyone")

    async with world(bot_that(answers)) as stage:
        card = (await stage.slash("show")).response
        assert card is not None
        await stage.member.click(card, label="go")
        body: Any = [entry.json for entry in stage.env.http_requests if entry.path.endswith("/callback")][-1]
        assert body["data"]["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("command", ["show", "!say"])
async def test_a_command_has_no_message_to_be_answered_in_place(command: str) -> None:
    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True).install()

    @bot.hybrid_command(name="show", aliases=["say"])
    async def show(ctx: commands.Context[Any]) -> None:
        async with responding(ctx, in_place=True):
            pass

    assert show.name
    with failure_log() as log:
        async with world(bot) as stage:
            await (stage.say(command) if command.startswith("!") else stage.slash(command))
    assert [record["message"].partition(",")[0] for record in log] == ["show failed: internal (ValueError)"]


async def test_it_is_seen_by_whom_the_message_is_seen() -> None:
    async def answers(interaction: discord.Interaction[Any]) -> None:
        with pytest.raises(ValueError, match="does not go with ephemeral"):
            async with responding(interaction, ephemeral=True, in_place=True):
                pass
        refused.append(True)

    refused: list[bool] = []
    async with world(bot_that(answers)) as stage:
        card = (await stage.slash("show")).response
        assert card is not None
        await stage.member.click(card, label="go")
    assert refused

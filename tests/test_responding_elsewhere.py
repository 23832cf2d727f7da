"""Where the bot is not: an app that somebody has brought along, in direct messages or in a server of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import httpx
import pytest

from tests.discord_world import failure_log, world
from tests.interaction_kinds import COMPONENTS, KINDS, Work, done, shown_card
from tests.retry_stage import button, error, is_gone, press, too_slow

if TYPE_CHECKING:
    from tests.discord_world import World

LIFE = 15 * 60


def keep_out(stage: World) -> None:
    """From now on Discord refuses the bot whatever is not an answer to an interaction.

    It tells an app its permissions in the channel with each interaction all the same: those that it would have.
    """
    for method in ("GET", "POST", "PATCH", "DELETE"):
        stage.env.inject_error(method, "/channels/*", status=403, code=50001, times=None)


def contents(stage: World) -> list[str]:
    return [message.content for message in stage.channel.history() if message.content not in {"card", "Oslo"}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slow", [False, True])
async def test_an_answer_needs_nothing_but_the_interaction(kind: str, slow: bool) -> None:
    work = Work("here", slow=slow)
    async with world(work.bot) as stage:
        keep_out(stage)
        result = await done(stage, kind, work)
        await stage.advance(5)
        work.ready.set()
        await stage.settle()
        assert result.response is not None
        assert result.response.content == "here"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slow", [False, True])
async def test_a_failure_and_its_retry_need_nothing_but_the_interaction(kind: str, slow: bool) -> None:
    work = Work("here", errors=[too_slow()], slow=slow)
    async with world(work.bot) as stage:
        keep_out(stage)
        result = await done(stage, kind, work)
        await stage.advance(5)
        work.ready.set()
        await stage.settle()
        shown = error(result)
        assert not contents(stage)
        await press(stage, shown)
        assert contents(stage) == ["here"]
        assert is_gone(stage, shown)


@pytest.mark.parametrize("kind", COMPONENTS)
@pytest.mark.parametrize("slow", [False, True])
async def test_a_message_is_answered_in_place_by_the_interaction_alone(kind: str, slow: bool) -> None:
    work = Work("here", in_place=True, slow=slow)
    async with world(work.bot) as stage:
        keep_out(stage)
        await done(stage, kind, work)
        await stage.advance(5)
        work.ready.set()
        await stage.settle()
        assert [message.content for message in stage.channel.history()] == ["here"]


async def test_a_retry_that_would_edit_a_message_as_the_bot_says_that_it_may_not() -> None:
    work = Work("here", errors=[too_slow()], in_place=True)
    async with world(work.bot) as stage:
        keep_out(stage)
        shown = error(await done(stage, "button", work))
        result = await press(stage, shown)
        assert "Discord doesn't let the bot do that" in str(error(result).embeds[0].title)
        assert is_gone(stage, shown)


async def test_in_a_server_that_the_bot_is_not_in_there_is_no_retry_of_an_edit() -> None:
    work = Work("here", errors=[too_slow()], in_place=True)
    async with world(work.bot) as stage:
        card = await shown_card(stage)
        stage.env.backend.emit("GUILD_DELETE", {"id": str(stage.env.guild.id)})
        await stage.settle()
        assert not work.bot.guilds
        assert button(error(await done(stage, "button", work, card))) is None
        await done(stage, "button", work, card)
        assert card.content == "here"


async def test_in_a_conversation_of_others_there_is_no_retry_of_an_edit() -> None:
    work = Work("here", errors=[too_slow()], in_place=True, slow=True)

    @work.bot.listen()
    async def on_interaction(interaction: discord.Interaction[Any]) -> None:
        interaction.context = discord.app_commands.AppCommandContext(private_channel=True)

    assert on_interaction
    async with world(work.bot) as stage:
        work.stage, user = stage, stage.env.create_user("grace")
        card = (await user.slash("card")).response
        assert card is not None
        result = await user.click(card, label="more")
        work.ready.set()
        await stage.settle()
        assert button(error(result)) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fails", [False, True])
async def test_when_the_interaction_is_over_there_is_no_way_left_and_the_log_says_so(
    kind: str, fails: bool
) -> None:
    work = Work("here", errors=[too_slow()] if fails else [], slow=True)
    with failure_log() as log:
        async with world(work.bot) as stage:
            keep_out(stage)
            await done(stage, kind, work)
            await stage.advance(LIFE)
            work.ready.set()
            await stage.settle()
            assert not [text for text in contents(stage) if text]
    assert log[-1]["message"].startswith("the answer to a failure could not be sent: ")


@pytest.mark.parametrize("name", ["slash", "hybrid"])
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_direct_message_is_answered_as_a_server_is(name: str, slow: bool, fails: bool) -> None:
    work = Work("here", errors=[httpx.ReadTimeout("")] if fails else [], slow=slow)
    async with world(work.bot) as stage:
        work.stage, user = stage, stage.env.create_user("grace")
        result = await user.slash(name, place="Oslo")
        await stage.advance(5)
        work.ready.set()
        await stage.settle()
        if fails:
            shown = error(result)
            await user.click(shown, label="Retry")
            assert is_gone(stage, shown)
        assert [message.content for message in user.dm_channel.history()] == ["here"]


async def test_a_failed_prefix_command_is_answered_by_a_reply_that_all_can_see() -> None:
    work = Work(errors=[too_slow()], ephemeral=True)
    async with world(work.bot) as stage:
        (shown,) = await stage.say("!hybrid Oslo")
        assert "taking too long" in str(shown.embeds[0].title)
        assert not shown.flags.ephemeral
        assert shown.reference is not None
        assert not shown.components

"""Retry under the error of a button, a select or a modal: the press is run again, with its values and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import httpx
import pytest

from tests.discord_world import plain_bot, world
from tests.interaction_kinds import COMPONENTS, KINDS, Card, Work, done, shown_card
from tests.retry_stage import LIMIT, button, error, is_enabled, is_gone, press, restarted, title, too_slow
from tux_http.error_handler import ErrorHandler, View
from tux_http.responding import ACKNOWLEDGE_AFTER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.discord_world import World

of_each_kind = pytest.mark.parametrize("kind", COMPONENTS)


def contents(stage: World) -> list[str]:
    """What everybody sees, but the message that a menu is opened on."""
    return [message.content for message in stage.channel.history() if message.content != "Oslo"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ephemeral", [False, True])
async def test_the_same_is_asked_again_and_the_answer_takes_the_errors_place(
    kind: str, ephemeral: bool
) -> None:
    work = Work("here", errors=[LIMIT], ephemeral=ephemeral)
    async with world(work.bot) as stage:
        shown = error(await done(stage, kind, work))
        assert not is_enabled(shown)
        await stage.advance(LIMIT)
        result = await press(stage, shown)
        assert result.response is not None
        assert (result.response.content, result.response.ephemeral) == ("here", ephemeral)
        assert is_gone(stage, shown)
    first, second = work.asked
    assert first == second


@of_each_kind
async def test_the_message_of_a_component_becomes_the_answer_and_the_error_goes(kind: str) -> None:
    work = Work("here", errors=[too_slow()], in_place=True)
    async with world(work.bot) as stage:
        shown = error(await done(stage, kind, work))
        result = await press(stage, shown)
        assert contents(stage) == ["here"]
        assert is_gone(stage, shown)
        assert not result.followups
    first, second = work.asked
    assert first == second


@of_each_kind
async def test_a_slow_retry_leaves_error_and_message_until_it_is_answered(kind: str) -> None:
    work = Work("here", errors=[too_slow()], in_place=True)
    async with world(work.bot) as stage:
        shown = error(await done(stage, kind, work))
        work.ready.clear()
        result = await press(stage, shown)
        await stage.advance(ACKNOWLEDGE_AFTER)
        assert result.acknowledged
        assert contents(stage) == ["card"]
        assert not is_gone(stage, shown)
        work.ready.set()
        await stage.settle()
        assert contents(stage) == ["here"]
        assert is_gone(stage, shown)


@of_each_kind
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("slow", [False, True])
async def test_a_retry_that_fails_leaves_one_error_that_can_be_tried_again(
    kind: str, in_place: bool, slow: bool
) -> None:
    work = Work("here", errors=[too_slow(), httpx.ConnectError("")], in_place=in_place)
    async with world(work.bot) as stage:
        shown = error(await done(stage, kind, work))
        if slow:
            work.ready.clear()
        result = await press(stage, shown)
        await stage.advance(5)
        work.ready.set()
        await stage.settle()
        again = error(result) if slow else shown
        assert is_gone(stage, shown) is slow
        assert "can't be reached" in title(again)
        assert contents(stage) == ["card"]
        await press(stage, again)
        assert is_gone(stage, again)
        assert contents(stage) == (["here"] if in_place else ["card", "here"])
    assert len(set(work.asked)) == 1


async def test_an_error_that_came_too_late_for_discord_is_tried_again_from_the_channel() -> None:
    work = Work("here", errors=[too_slow()], in_place=True, slow=True)
    async with world(work.bot) as stage:
        await done(stage, "button", work)
        await stage.advance(15 * 60)
        work.ready.set()
        await stage.settle()
        late = stage.channel.history()[-1]
        await stage.member.click(late, label="Retry")
        assert contents(stage) == ["here"]


# Where there is no button, because it could not do the same.


@of_each_kind
async def test_a_message_that_only_its_person_sees_can_not_be_edited_by_another_press(kind: str) -> None:
    work = Work("here", errors=[too_slow()], in_place=True)
    async with world(work.bot) as stage:
        card = await shown_card(stage, private=True)
        assert button(error(await done(stage, kind, work, card))) is None
        await done(stage, kind, work, card)
        assert card.content == "here"


@of_each_kind
async def test_a_new_message_under_one_that_only_its_person_sees_is_tried_again(kind: str) -> None:
    work = Work("here", errors=[too_slow()])
    async with world(work.bot) as stage:
        shown = error(await done(stage, kind, work, await shown_card(stage, private=True)))
        await press(stage, shown)
        assert contents(stage) == ["here"]


async def test_a_view_that_answers_in_its_own_way_is_tried_again_by_pressing_it_again() -> None:
    class Own(View):
        @discord.ui.button(label="more")
        async def more(self, _: discord.Interaction[Any], __: discord.ui.Button[Any]) -> None:
            raise httpx.ReadTimeout("")

    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True).install()

    @bot.tree.command(description="shows a card")
    async def card(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("card", view=Own())

    assert card.name
    async with world(bot) as stage:
        shown = (await stage.slash("card")).response
        assert shown is not None
        assert button(error(await stage.member.click(shown, label="more"))) is None


# What has gone meanwhile.


async def test_a_view_that_has_ended_meanwhile_is_said_to_be_too_late() -> None:
    work = Work("here", errors=[too_slow()])
    async with world(work.bot) as stage:
        shown = error(await done(stage, "select", work))
        for view in work.bot.persistent_views:
            view.stop()
        await press(stage, shown)
        assert "That took too long" in title(shown)
        assert button(shown) is None
    assert work.asked == ["Oslo"]


@pytest.mark.parametrize("kind", ["button", "select"])
@pytest.mark.parametrize("in_place", [False, True])
async def test_a_press_of_before_a_restart_is_run_again(kind: str, in_place: bool, tmp_path: Path) -> None:
    file = tmp_path / "retries"
    work = Work("here", errors=[LIMIT], in_place=in_place, retries=file)
    async with world(work.bot) as stage:
        shown = error(await done(stage, kind, work))
        await restarted(stage, work.new_bot(file))
        await stage.advance(LIMIT)
        await press(stage, shown)
        assert contents(stage) == (["here"] if in_place else ["card", "here"])
        assert is_gone(stage, shown)
    first, second = work.asked
    assert first == second


@pytest.mark.parametrize("kind", ["button", "modal"])
async def test_after_a_restart_what_is_known_no_more_is_said_to_be_too_late(
    kind: str, tmp_path: Path
) -> None:
    """A message that is gone; a modal, which discord.py knows by its object alone."""
    file = tmp_path / "retries"
    work = Work("here", errors=[too_slow()], retries=file)
    async with world(work.bot) as stage:
        card = await shown_card(stage)
        shown = error(await done(stage, kind, work, card))
        await restarted(stage, work.new_bot(file))
        if kind == "button":
            stage.env.backend.delete_message(card.channel_id, card.id)
        await press(stage, shown)
        assert "That took too long" in title(shown)
        assert button(shown) is None
    assert len(work.asked) == 1
    assert Card(work).is_persistent()

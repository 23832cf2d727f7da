"""Every kind of interaction is answered in time, whatever becomes of it, and where the answer belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.discord_world import world
from tests.interaction_kinds import KINDS, Work, done
from tux_http.responding import ACKNOWLEDGE_AFTER

if TYPE_CHECKING:
    from simcord.results import InteractionResult, ResponseMessage

    from tests.discord_world import World

LIFE = 15 * 60

pytestmark = pytest.mark.parametrize("kind", KINDS)


def answers(result: InteractionResult) -> list[ResponseMessage]:
    """What came of it, in turn."""
    return [message for message in (result.response, *result.followups) if message is not None]


def contents(stage: World) -> list[str]:
    """What everybody sees, but the card that a component stands under and the message that a menu is opened on."""
    return [message.content for message in stage.channel.history() if message.content not in {"card", "Oslo"}]


def is_problem(message: ResponseMessage) -> bool:
    return bool(message.embeds) and "taking too long" in str(message.embeds[0].title)


def too_slow() -> list[BaseException]:
    return [httpx.ReadTimeout("")]


async def test_a_fast_answer_is_sent_without_deferring(kind: str) -> None:
    work = Work("here")
    async with world(work.bot) as stage:
        result = await done(stage, kind, work)
        assert [(message.content, message.ephemeral) for message in answers(result)] == [("here", False)]
        assert not result.deferred
        await stage.advance(60)
        assert contents(stage) == ["here"]


@pytest.mark.parametrize("ephemeral", [False, True])
async def test_a_slow_one_is_deferred_as_visibly_as_it_is_answered(kind: str, ephemeral: bool) -> None:
    work = Work("here", ephemeral=ephemeral, slow=True)
    async with world(work.bot) as stage:
        result = await done(stage, kind, work)
        await stage.advance(ACKNOWLEDGE_AFTER - 0.01)
        assert not result.acknowledged
        await stage.advance(0.02)
        assert (result.deferred, result.ephemeral) == (True, ephemeral)
        work.ready.set()
        await stage.settle()
        assert [(message.content, message.ephemeral) for message in answers(result)] == [("here", ephemeral)]
        assert contents(stage) == ([] if ephemeral else ["here"])


async def test_one_that_is_over_is_answered_in_the_channel_with_one_mention(kind: str) -> None:
    work = Work("here", "there", slow=True)
    async with world(work.bot) as stage:
        await done(stage, kind, work)
        await stage.advance(LIFE)
        work.ready.set()
        await stage.settle()
        assert contents(stage) == [f"<@{stage.member.id}> here"]
        (body,) = stage.posted()
        assert body["allowed_mentions"] == {"parse": [], "users": [stage.member.id]}


async def test_a_fast_failure_is_for_its_person_alone(kind: str) -> None:
    work = Work(errors=too_slow())
    async with world(work.bot) as stage:
        (problem,) = answers(await done(stage, kind, work))
        assert is_problem(problem)
        assert problem.ephemeral
        assert not contents(stage)


async def test_a_failure_is_for_its_person_alone_though_everybody_saw_it_think(kind: str) -> None:
    work = Work(errors=too_slow(), slow=True)
    async with world(work.bot) as stage:
        result = await done(stage, kind, work)
        await stage.advance(5)
        (thinking,) = (message for message in stage.channel.history() if message.flags.loading)
        assert not result.ephemeral
        work.ready.set()
        await stage.settle()
        (problem,) = answers(result)
        assert is_problem(problem)
        assert problem.ephemeral
        assert thinking.id not in [message.id for message in stage.channel.history()]
        assert not contents(stage)


async def test_a_failure_takes_the_place_of_what_its_person_alone_saw_think(kind: str) -> None:
    work = Work(errors=too_slow(), ephemeral=True, slow=True)
    async with world(work.bot) as stage:
        result = await done(stage, kind, work)
        await stage.advance(5)
        work.ready.set()
        await stage.settle()
        (problem,) = answers(result)
        assert is_problem(problem)
        assert problem.ephemeral
        assert not contents(stage)


@pytest.mark.parametrize("slow", [False, True])
async def test_a_failure_after_a_part_of_the_answer_is_for_its_person_alone(kind: str, slow: bool) -> None:
    work = Work("here", afterwards=httpx.ReadTimeout(""), slow=slow)
    async with world(work.bot) as stage:
        result = await done(stage, kind, work)
        await stage.advance(5)
        work.ready.set()
        await stage.settle()
        answer, problem = answers(result)
        assert (answer.content, answer.ephemeral) == ("here", False)
        assert is_problem(problem)
        assert problem.ephemeral
        assert contents(stage) == ["here"]


async def test_a_failure_of_one_that_is_over_goes_to_the_channel(kind: str) -> None:
    work = Work(errors=too_slow(), slow=True)
    async with world(work.bot) as stage:
        await done(stage, kind, work)
        await stage.advance(LIFE)
        work.ready.set()
        await stage.settle()
        (body,) = stage.posted()
        assert body["content"] == f"<@{stage.member.id}>"
        assert contents(stage) == [f"<@{stage.member.id}>"]

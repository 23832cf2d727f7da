"""Answers to interactions that are over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
import httpx
import pytest

from tests.discord_world import World, failure_log, plain_bot, world
from tux_http.error_handler import ErrorHandler
from tux_http.late import TOO_LATE
from tux_http.responding import responding

if TYPE_CHECKING:
    from discord.ext import commands

LIFE = 15 * 60


class Slow:
    """A bot whose command answers, or fails, when the interaction is long over."""

    def __init__(
        self, *answers: str, ephemeral: bool = False, fails: bool = False, files: bool = False
    ) -> None:
        self.ready = asyncio.Event()
        self.stage: World | None = None
        self.bot: commands.Bot = plain_bot()
        ErrorHandler(self.bot, names={}, everything=True).install()

        @self.bot.tree.command(description="takes its time")
        async def slow(interaction: discord.Interaction[Any]) -> None:
            async with responding(interaction, ephemeral=ephemeral) as answer:
                assert self.stage is not None
                await self.stage.upstream(self.ready)
                if fails:
                    raise httpx.ReadTimeout("")
                for text in answers:
                    await answer(text, files=[discord.File(__file__)] if files else None)

        assert slow.name

    async def run(self, stage: World) -> None:
        self.stage = stage
        await stage.slash("slow")
        await stage.advance(LIFE)
        self.ready.set()
        await stage.settle()


async def test_a_late_answer_goes_to_the_channel_and_mentions_its_person_alone() -> None:
    slow = Slow("<@1> @everyone here it is")
    async with world(slow.bot) as stage:
        await slow.run(stage)
        (body,) = stage.posted()
        assert body["content"] == f"<@{stage.member.id}> <@1> @everyone here it is"
        assert body["allowed_mentions"] == {"parse": [], "users": [stage.member.id]}
        assert len(stage.channel.history()) == 1  # and no "thinking…"


async def test_a_late_failure_goes_to_the_channel_and_mentions_its_person_alone() -> None:
    slow = Slow(fails=True)
    async with world(slow.bot) as stage:
        await slow.run(stage)
        (body,) = stage.posted()
        (message,) = stage.channel.history()
        assert body["content"] == f"<@{stage.member.id}>"
        assert body["allowed_mentions"] == {"parse": [], "users": [stage.member.id]}
        assert message.embeds[0].title == "⚠️ The service is taking too long"


async def test_a_long_answer_makes_room_for_the_mention() -> None:
    slow = Slow("x" * 2000)
    async with world(slow.bot) as stage:
        await slow.run(stage)
        (message,) = stage.channel.history()
        assert message.content.startswith(f"<@{stage.member.id}> xxx")
        assert len(message.content) == 2000


async def test_it_is_one_message_however_many_there_were() -> None:
    slow = Slow("one", "two", "three")
    async with world(slow.bot) as stage:
        await slow.run(stage)
        assert [message.content for message in stage.channel.history()] == [f"<@{stage.member.id}> one"]


async def test_a_private_answer_that_is_late_is_not_made_public() -> None:
    slow = Slow("for your eyes only", ephemeral=True)
    async with world(slow.bot) as stage:
        await slow.run(stage)
        (body,) = stage.posted()
        assert body["content"] == f"<@{stage.member.id}>"
        assert body["embeds"][0]["title"].endswith("That took too long")
        assert "for your eyes only" not in str(body)


async def test_files_can_not_be_sent_again_and_it_is_said_that_it_took_too_long() -> None:
    slow = Slow("with a file", files=True)
    async with world(slow.bot) as stage:
        await slow.run(stage)
        (body,) = stage.posted()
        assert body["embeds"][0]["title"].endswith("That took too long")


@pytest.mark.parametrize("closed", ["send_messages", "view_channel", "embed_links"])
async def test_where_the_bot_may_not_write_nothing_is_sent(closed: str) -> None:
    slow = Slow("here it is")
    with failure_log() as log:
        async with world(slow.bot) as stage:
            denied, allowed = (discord.PermissionOverwrite(**{closed: value}) for value in (False, True))
            guild = stage.env.guild
            stage.channel = guild.create_text_channel(
                "closed", overwrites={guild.default_role: denied, stage.member: allowed}
            )
            await stage.settle()
            await slow.run(stage)
            assert not stage.posted()
            assert not [message for message in stage.channel.history() if not message.flags.loading]
    assert [record["message"] for record in log if record["level"].name == "WARNING"] == [
        "the answer to a failure could not be sent: NotFound"
    ]


async def test_in_direct_messages_it_is_tried() -> None:
    slow = Slow("here it is")
    async with world(slow.bot) as stage:
        user = stage.env.create_user("grace")
        slow.stage = stage
        await user.slash("slow")
        await stage.advance(LIFE)
        slow.ready.set()
        await stage.settle()
        assert [message.content for message in user.dm_channel.history()] == [f"<@{user.id}> here it is"]


@pytest.mark.parametrize("code", sorted(TOO_LATE))
async def test_each_way_in_which_discord_says_so_is_understood(code: int) -> None:
    slow = Slow("here it is")
    async with world(slow.bot) as stage:
        slow.stage = stage
        await stage.slash("slow")
        await stage.advance(5)
        stage.env.inject_error(
            "POST", "/webhooks/*", status=401 if code > 50000 else 404, code=code, times=None
        )
        slow.ready.set()
        await stage.settle()
        assert [message.content for message in stage.channel.history()] == [
            f"<@{stage.member.id}> here it is"
        ]


async def test_any_other_refusal_is_a_failure_and_no_reason_to_mention_anybody() -> None:
    slow = Slow("here it is")
    async with world(slow.bot) as stage:
        slow.stage = stage
        await stage.slash("slow")
        await stage.advance(5)
        stage.env.inject_error("POST", "/webhooks/*", status=400, code=50035, times=1)
        slow.ready.set()
        await stage.settle()
        assert not stage.posted()

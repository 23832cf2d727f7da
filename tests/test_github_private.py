"""Who is shown private repositories: where the operator names the server, and the channel or the role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest
from simcord.builders import ChannelHandle

from tests.github_stage import (
    EXAMPLE,
    Access,
    Stage,
    Upstream,
    github,
    of_the_channel,
    problem,
    settings_for,
    staged,
)
from tux_http.cogs.github.privacy import may_see_private
from tux_http.config import PrivateAccess
from tux_http.host import host_of
from tux_http.refresh import COOLDOWN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from simcord.actors import MemberActor
    from simcord.builders import GuildHandle

PRIVATE = "/repos/demo/private"
FRESH: dict[str, Any] = {"Cache-Control": "private, max-age=60", "ETag": '"1"'}


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        served.has(PRIVATE, EXAMPLE | {"full_name": "demo/private", "private": True}, **FRESH)
        yield served


async def asked(stage: Stage, channel: ChannelHandle, who: MemberActor | None = None) -> discord.Message:
    """What a member sees of a slash command."""
    who = who or stage.member
    await who.slash(channel, "repo", repository="demo/private")
    return channel.history(viewer=who.user)[-1]


async def typed(stage: Stage, channel: ChannelHandle) -> discord.Message:
    await stage.member.send(channel, "!repo demo/private")
    return channel.history(viewer=stage.member.user)[-1]


async def thread_of(stage: Stage) -> ChannelHandle:
    """A thread in the channel of the stage."""
    channel = stage.bot.get_channel(stage.channel.id)
    assert isinstance(channel, discord.TextChannel)
    thread = await channel.create_thread(name="talk", type=discord.ChannelType.public_thread)
    return ChannelHandle(stage.env, stage.member.guild, stage.env.backend.get_channel(thread.id))


def is_shown(message: discord.Message) -> bool:
    if message.embeds[0].title == "demo/private":
        return True
    assert "Nothing found" in problem(message)[0]
    assert "demo" not in str(message.embeds[0].to_dict())
    return False


def elsewhere(guild: GuildHandle, channel: ChannelHandle) -> tuple[PrivateAccess, ...]:
    return (PrivateAccess(guild=guild.id, channels=(channel.id + 1,), roles=(channel.id + 2,)),)


def of_another_server(guild: GuildHandle, channel: ChannelHandle) -> tuple[PrivateAccess, ...]:
    return (PrivateAccess(guild=guild.id + 1, channels=(channel.id,), roles=(channel.id + 2,)),)


async def test_they_are_shown_in_a_channel_that_is_named(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        assert is_shown(await asked(stage, stage.channel))
        assert is_shown(await typed(stage, stage.channel))


async def test_they_are_shown_in_the_threads_of_a_channel_that_is_named(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        thread = await thread_of(stage)
        assert is_shown(await asked(stage, thread))
        assert is_shown(await typed(stage, thread))


@pytest.mark.parametrize("access", [None, elsewhere, of_another_server])
async def test_they_are_shown_nowhere_else(upstream: Upstream, access: Access | None) -> None:
    async with staged(settings_for(upstream), failing=True, access=access) as stage:
        thread = await thread_of(stage)
        for channel in (stage.channel, thread):
            assert not is_shown(await asked(stage, channel))
            assert not is_shown(await typed(stage, channel))


async def test_they_are_never_shown_in_direct_messages(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), failing=True, access=of_the_channel) as stage:
        assert is_shown(await asked(stage, stage.channel))
        result = await stage.member.user.slash("repo", repository="demo/private")
        await stage.member.send_dm("!repo demo/private")
        by_prefix = stage.member.user.dm_channel.history()[-1]
    assert result.response is not None
    assert "Nothing found" in str(result.response.embeds[0].title)
    assert not is_shown(by_prefix)


async def test_what_one_channel_may_see_another_is_not_shown_from_the_cache(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), failing=True, access=of_the_channel) as stage:
        other = stage.member.guild.create_text_channel("random")
        assert is_shown(await asked(stage, stage.channel))
        assert not is_shown(await asked(stage, other))
        upstream.has(PRIVATE, b"", status=503)
        assert is_shown(await asked(stage, stage.channel))
        assert "GitHub is unavailable" in problem(await asked(stage, other))[0]


async def test_a_refresh_is_decided_where_and_by_whom_it_is_pressed(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), failing=True, access=of_the_channel) as stage:
        card = await asked(stage, stage.channel)
        await stage.member.click(card, label="Refresh")
        (again,) = [each for each in stage.channel.history() if each.id == card.id]
        assert is_shown(again)
        assert again.embeds[0].footer.text == "Refreshed"
        await stage.env.advance_time(COOLDOWN + 1)
        _withdraw(stage)
        result = await stage.member.click(card, label="Refresh")
        assert result.response is not None
        assert "Nothing found" in str(result.response.embeds[0].title)


def _withdraw(stage: Stage) -> None:
    """The operator takes the permission back; at a restart, otherwise."""
    cog: Any = stage.bot.get_cog("GitHub")
    assert cog._private_access
    cog._private_access = ()


async def test_a_role_counts_where_only_its_member_sees_the_answer(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        guild = stage.member.guild
        staff, other = guild.create_role("staff"), guild.create_role("other")
        holder = guild.add_member(stage.env.create_user("bob"), roles=[staff])
        stranger = guild.add_member(stage.env.create_user("eve"), roles=[other])
        allowed = (PrivateAccess(guild=guild.id, roles=(staff.id,)),)
        seen: list[tuple[int, bool, bool]] = []

        @stage.bot.tree.command(description="asks")
        async def look(interaction: discord.Interaction[Any]) -> None:
            for ephemeral in (True, False):
                allows = may_see_private(interaction, allowed, ephemeral=ephemeral)
                seen.append((interaction.user.id, ephemeral, allows))
            await interaction.response.send_message("ok")

        assert look.name
        await stage.bot.tree.sync()
        for who in (holder, stranger, stage.member):
            await who.slash(stage.channel, "look")
    assert [each for each in seen if each[2]] == [(holder.id, True, True)]
    assert len(seen) == 6


async def test_the_settings_of_the_stage_are_those_of_the_bot(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        host = host_of(stage.bot)
        assert host is not None
        (entry,) = host.settings.github.private_access
        assert entry.channels == (stage.channel.id,)

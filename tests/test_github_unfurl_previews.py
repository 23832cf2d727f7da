"""Discord's own previews beside the cards of links."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import discord
import pytest

from tests.github_stage import (
    Upstream,
    github,
    settings_for,
)
from tests.issues_stage import FRESH
from tests.unfurl_stage import (
    SITE,
    furnish_all,
    said,
    unfurling,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish_all(served, **FRESH)
        yield served


# Discord's own preview.


def suppressions(stage: Any) -> list[Any]:
    return [
        request.json["flags"]
        for request in stage.env.http_requests
        if request.method == "PATCH" and "flags" in (request.json or {})
    ]


@contextlib.asynccontextmanager
async def trusted(upstream: Upstream) -> AsyncGenerator[Any]:
    """The stage, where the bot may manage messages."""
    async with unfurling(settings_for(upstream)) as stage:
        me = stage.bot.user
        assert me is not None
        guild: Any = stage.channel.guild
        overwrite = discord.PermissionOverwrite(manage_messages=True)
        stage.channel = guild.create_text_channel("trusted", overwrites={me: overwrite})
        yield stage


async def test_discords_preview_is_taken_off_where_that_is_allowed(upstream: Upstream) -> None:
    # simcord lets no bot edit another's message, so it is the request that is seen, and its refusal is quiet.
    async with trusted(upstream) as stage:
        await stage.member.send(stage.channel, f"{SITE} and octocat/Hello-World#1")
        assert len(said(stage)) == 1
        assert suppressions(stage) == [4]


async def test_it_stays_where_that_is_not_allowed(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        me = stage.bot.user
        assert me is not None
        guild: Any = stage.channel.guild
        overwrite = discord.PermissionOverwrite(manage_messages=False)
        stage.channel = guild.create_text_channel("plain", overwrites={me: overwrite})
        await stage.member.send(stage.channel, SITE)
        assert len(said(stage)) == 1
        assert suppressions(stage) == []


@pytest.mark.parametrize(
    "content",
    [
        f"{SITE} and https://example.org/cat.gif",
        f"{SITE} and {SITE}/issues/404",
        "octocat/Hello-World#1",
    ],
)
async def test_it_stays_where_it_shows_what_the_cards_do_not(upstream: Upstream, content: str) -> None:
    async with trusted(upstream) as stage:
        await stage.member.send(stage.channel, content)
        assert len(said(stage)) == 1
        assert suppressions(stage) == []


async def test_a_preview_that_comes_late_is_taken_off_once_more(upstream: Upstream) -> None:
    async with trusted(upstream) as stage:
        message = await stage.member.send(stage.channel, SITE)
        for _ in range(3):
            preview = {"embeds": [{"type": "rich", "title": "GitHub"}]}
            stage.env.backend.edit_message(stage.channel.id, message.id, preview)
            await stage.env.settle()
        assert suppressions(stage) == [4, 4]


async def test_what_the_preview_of_a_message_without_cards_shows_is_nobodys_business(
    upstream: Upstream,
) -> None:
    async with trusted(upstream) as stage:
        message = await stage.member.send(stage.channel, SITE)
        await stage.member.click(said(stage)[0], label="Remove")
        stage.env.backend.edit_message(
            stage.channel.id, message.id, {"embeds": [{"type": "rich", "title": "x"}]}
        )
        await stage.env.settle()
        assert suppressions(stage) == [4]

"""The Refresh button under a repository's card, as members press it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest

from tests.github_stage import (
    EXAMPLE,
    EXTENSION,
    NOT_FOUND,
    Stage,
    Upstream,
    buttons,
    github,
    problem,
    settings_for,
    staged,
    values,
)
from tux_http.refresh import COOLDOWN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from simcord.actors import MemberActor
    from simcord.results import InteractionResult

HELLO = "/repos/octocat/Hello-World"
FRESH: dict[str, Any] = {"Cache-Control": "private, max-age=60", "ETag": '"1"'}
MORE_STARS = EXAMPLE | {"stargazers_count": 81}


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        served.has(HELLO, EXAMPLE, **FRESH)
        yield served


async def press(stage: Stage, card: discord.Message, who: MemberActor | None = None) -> InteractionResult:
    return await (who or stage.member).click(card, label="Refresh")


def now(stage: Stage, card: discord.Message) -> discord.Message:
    """The card as it stands in the channel."""
    (found,) = [message for message in stage.channel.history() if message.id == card.id]
    return found


def refresh_buttons(message: discord.Message) -> list[discord.Button]:
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    children = [child for row in rows for child in row.children]
    return [child for child in children if isinstance(child, discord.Button) and child.label == "Refresh"]


def whispered(result: InteractionResult) -> tuple[str, str]:
    """What only the person who pressed the button is told."""
    answers = [answer.message for answer in (result.response, *result.followups) if answer is not None]
    (answer,) = [answer for answer in answers if answer.flags.ephemeral]
    return problem(answer)


async def test_refresh_shows_what_github_says_now_in_the_same_message(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
        upstream.has(HELLO, MORE_STARS, **FRESH)
        result = await press(stage, card)
        after = now(stage, card)
        assert stage.seen().id == card.id
    assert values(card)["⭐ Stars"] == "80"
    assert values(after)["⭐ Stars"] == "81"
    assert after.embeds[0].footer.text == "Refreshed"
    assert after.embeds[0].timestamp is not None
    assert buttons(after) == buttons(card) != {}
    assert len(refresh_buttons(after)) == 1
    assert result.followups == []
    assert [request.headers.get("If-None-Match") for request in upstream.requests] == [None, '"1"']


async def test_refresh_lies_under_the_links(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
    rows = [row for row in card.components if isinstance(row, discord.ActionRow)]
    labels = [[child.label for child in row.children if isinstance(child, discord.Button)] for row in rows]
    assert labels == [["Repository", "Issues", "Pull requests", "Releases", "Homepage"], ["Refresh"]]


async def test_refresh_is_under_the_card_of_a_prefix_command_too(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.say("!repo octocat/Hello-World")
        upstream.has(HELLO, MORE_STARS)
        await press(stage, card)
        assert values(now(stage, card))["⭐ Stars"] == "81"


async def test_it_works_in_direct_messages(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        user = stage.env.create_user("grace")
        result = await user.slash("repo", repository="octocat/Hello-World")
        assert result.response is not None
        upstream.has(HELLO, MORE_STARS)
        await user.click(result.response.message, label="Refresh")
        assert values(user.dm_channel.history()[-1])["⭐ Stars"] == "81"


async def test_anybody_may_refresh(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
        upstream.has(HELLO, MORE_STARS)
        bob = stage.member.guild.add_member(stage.env.create_user("bob"))
        await press(stage, card, bob)
        assert values(now(stage, card))["⭐ Stars"] == "81"


async def test_a_refreshed_card_can_be_refreshed_again(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
        await press(stage, card)
        await stage.env.advance_time(COOLDOWN)
        upstream.has(HELLO, MORE_STARS)
        await press(stage, now(stage, card))
        assert values(now(stage, card))["⭐ Stars"] == "81"


async def test_a_message_is_refreshed_once_in_a_few_seconds_whoever_presses(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
        other = await stage.slash("octocat/Hello-World")
        bob = stage.member.guild.add_member(stage.env.create_user("bob"))
        await press(stage, card)
        upstream.has(HELLO, MORE_STARS, **FRESH)
        title, text = whispered(await press(stage, card, bob))
        asked = len(upstream.requests)
        stars = values(now(stage, card))["⭐ Stars"]
        await press(stage, other, bob)
        assert values(now(stage, other))["⭐ Stars"] == "81"
        await stage.env.advance_time(COOLDOWN)
        await press(stage, card, bob)
        assert values(now(stage, card))["⭐ Stars"] == "81"
    assert "A short break is needed" in title
    assert "Try again <t:" in text
    assert (asked, stars) == (2, "80")


@pytest.mark.parametrize(
    ("status", "title"),
    [(503, "GitHub is unavailable"), (404, "Nothing found"), (429, "GitHub asks us to wait")],
)
async def test_a_refresh_that_fails_is_answered_and_leaves_the_card(
    upstream: Upstream, status: int, title: str
) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
        upstream.has(HELLO, NOT_FOUND, status=status)
        result = await press(stage, card)
        after = now(stage, card)
    assert title in whispered(result)[0]
    assert after.embeds == card.embeds
    assert [row.to_dict() for row in after.components] == [row.to_dict() for row in card.components]
    assert after.edited_at is None


async def test_github_being_gone_is_answered_and_leaves_the_card(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
        upstream.hangs_up.add(HELLO)
        result = await press(stage, card)
        assert now(stage, card).embeds == card.embeds
    assert "GitHub" in " ".join(whispered(result))


async def test_a_repository_that_became_private_is_not_shown_again(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
        upstream.has(HELLO, MORE_STARS | {"private": True})
        result = await press(stage, card)
        assert now(stage, card).embeds == card.embeds
    assert "Nothing found" in whispered(result)[0]


async def test_the_note_on_an_old_answer_goes_with_a_refresh(upstream: Upstream) -> None:
    old: dict[str, Any] = {"Cache-Control": "max-age=1, stale-while-revalidate=0", "Age": "725"}
    upstream.has(HELLO, EXAMPLE, **old)
    async with staged(settings_for(upstream)) as stage:
        await stage.slash("octocat/Hello-World")
        upstream.has(HELLO, b"", status=503)
        card = await stage.slash("octocat/Hello-World")
        upstream.has(HELLO, MORE_STARS)
        await press(stage, card)
        after = now(stage, card)
    assert card.embeds[0].footer.text == "12 min old — GitHub is not answering"
    assert after.embeds[0].footer.text == "Refreshed"


async def test_a_renamed_repository_still_says_so_after_a_refresh(upstream: Upstream) -> None:
    home = f"{upstream.url}/repositories/1296269"
    upstream.has("/repos/octocat/old-name", {"url": home}, status=301, Location=home)
    upstream.has("/repositories/1296269", EXAMPLE)
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/old-name")
        await press(stage, card)
        after = now(stage, card)
    assert after.embeds[0].title == "octocat/Hello-World"
    assert "Renamed from octocat/old-name" in str(after.embeds[0].description)


@pytest.mark.parametrize(("length", "found"), [(46, 1), (47, 0), (100, 0)])
async def test_a_name_too_long_for_a_button_has_a_card_without_it(
    upstream: Upstream, length: int, found: int
) -> None:
    name = f"{'o' * 39}/{'n' * length}"
    upstream.has(f"/repos/{name}", EXAMPLE | {"full_name": name})
    upstream.has(f"/repos/{'o' * 39}/{'m' * 100}", {"full_name": "o/m"})
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash(name)
        bare = await stage.slash(f"{'o' * 39}/{'m' * 100}")
        if found:
            await press(stage, card)
    assert card.embeds[0].title == name
    assert len(refresh_buttons(card)) == found
    assert buttons(card)
    assert bare.components == []


# Restarts and reloads


async def as_before_a_restart(stage: Stage, custom_id: str) -> discord.Message:
    """A card in the channel that this run of the bot knows nothing of."""
    view = discord.ui.View()
    view.add_item(discord.ui.Button[Any](label="Refresh", custom_id=custom_id))
    view.stop()  # discord.py keeps no view that has ended
    channel = stage.bot.get_channel(stage.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return await channel.send(embed=discord.Embed(title="of yesterday"), view=view)


async def test_a_card_of_before_a_restart_can_be_refreshed(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        (button,) = refresh_buttons(await stage.slash("octocat/Hello-World"))
    async with staged(settings_for(upstream)) as stage:
        card = await as_before_a_restart(stage, str(button.custom_id))
        await press(stage, card)
        after = now(stage, card)
    assert after.embeds[0].title == "octocat/Hello-World"
    assert list(buttons(after)) == ["Repository", "Issues", "Pull requests", "Releases", "Homepage"]


async def test_a_card_of_before_a_reload_can_be_refreshed(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
        await stage.bot.reload_extension(EXTENSION)
        upstream.has(HELLO, MORE_STARS)
        await press(stage, card)
        assert values(now(stage, card))["⭐ Stars"] == "81"


async def test_an_unloaded_extension_takes_its_button_along(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await stage.slash("octocat/Hello-World")
        await stage.bot.unload_extension(EXTENSION)
        result = await press(stage, card)
        assert (result.response, result.followups) == (None, [])
        assert now(stage, card).embeds == card.embeds
        assert len(upstream.requests) == 1
        await stage.bot.load_extension(EXTENSION)
        await press(stage, card)
        assert now(stage, card).embeds[0].footer.text == "Refreshed"

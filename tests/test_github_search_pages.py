"""The pages of `/ghsearch`: their buttons, who may press them, and what they outlive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import msgspec
import pytest

from tests.found_stage import FOUND, FRESH, furnish, give, queries
from tests.github_stage import EXTENSION, Stage, Upstream, github, of_the_channel, settings_for, staged, text
from tests.test_github_refresh import now, whispered

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

LONG = "long query " * 20


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served, **FRESH)
        yield served


def button(message: discord.Message, label: str) -> discord.Button:
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    (found,) = [each for row in rows for each in row.children if getattr(each, "label", None) == label]
    assert isinstance(found, discord.Button)
    return found


def enabled(message: discord.Message) -> list[str]:
    """Which of the buttons to other pages can be pressed."""
    return [label for label in ("Previous", "Next") if not button(message, label).disabled]


async def press(stage: Stage, message: discord.Message, label: str) -> discord.Message:
    await stage.member.click(message, label=label)
    return now(stage, message)


def pages(upstream: Upstream, total: int, **headers: Any) -> None:
    upstream.has("/search/repositories", FOUND | {"total_count": total}, **headers)


@pytest.mark.parametrize("query", ["tetris", LONG, "字" * 150, "a:b:c 100%&q=x #1"])
async def test_each_page_is_fetched_when_it_is_asked_for(upstream: Upstream, query: str) -> None:
    pages(upstream, 12, **FRESH)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "ghsearch repositories", query=query)
        shown, ends = [str(card.embeds[0].footer.text)], [enabled(card)]
        for label in ("Next", "Next", "Previous"):
            card = await press(stage, card, label)
            shown.append(str(card.embeds[0].footer.text))
            ends.append(enabled(card))
        assert stage.seen().id == card.id
    assert [each.partition(" · ")[0] for each in shown] == [f"Page {page} of 3" for page in (1, 2, 3, 2)]
    assert ends == [["Next"], ["Previous", "Next"], ["Previous"], ["Previous", "Next"]]
    expected = f"is:public {query.strip()}"
    assert [(each["q"], each["page"]) for each in queries(upstream)] == [(expected, n) for n in "123"]


@pytest.mark.parametrize(("total", "page"), [(1000, 200), (123_456, 200), (996, 200), (995, 199)])
async def test_the_last_page_is_the_last_that_github_gives(upstream: Upstream, total: int, page: int) -> None:
    pages(upstream, total)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "ghsearch repositories", query="x")
        before = str(button(card, "Next").custom_id).replace(":2:x", f":{page}:x")
        last = await as_before_a_restart(stage, before)
        shown = await press(stage, last, "Next")
    assert enabled(shown) == ["Previous"]
    assert f"Page {page} of {page}" in str(shown.embeds[0].footer.text)


@pytest.mark.parametrize("total", [0, 1, 5])
async def test_a_single_page_has_no_buttons_to_others(upstream: Upstream, total: int) -> None:
    pages(upstream, total)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "ghsearch repositories", query="x")
    rows = [row for row in card.components if isinstance(row, discord.ActionRow)]
    assert [getattr(each, "label", None) for row in rows for each in row.children] == ["Refresh", "On GitHub"]


async def test_pages_that_are_gone_meanwhile_lead_back(upstream: Upstream) -> None:
    pages(upstream, 40)
    async with staged(settings_for(upstream)) as stage:
        card = await press(stage, await give(stage, "ghsearch repositories", query="x"), "Next")
        card = await press(stage, card, "Next")
        upstream.has("/search/repositories", {"total_count": 3, "items": []})
        card = await press(stage, card, "Next")
        assert text(card) == "Nothing was found."
        assert enabled(card) == ["Previous"]
        pages(upstream, 3)
        card = await press(stage, card, "Previous")
    assert queries(upstream)[-1]["page"] == "1"
    assert "Tetris" in text(card)


@pytest.mark.parametrize(
    ("query", "shown"), [("x", ["Previous", "Next", "Refresh"]), (LONG, []), ("字" * 150, [])]
)
async def test_where_nothing_can_be_linked_to_there_are_buttons_for_short_searches_alone(
    upstream: Upstream, query: str, shown: list[str]
) -> None:
    pages(upstream, 12)
    settings = settings_for(upstream)
    intranet = upstream.url.replace("127.0.0.1", "localhost")
    api = msgspec.structs.replace(settings.apis["github"], base_url=intranet)
    async with staged(msgspec.structs.replace(settings, apis={"github": api})) as stage:
        card = await give(stage, "ghsearch repositories", query=query)
    rows = [row for row in card.components if isinstance(row, discord.ActionRow)]
    assert [getattr(each, "label", None) for row in rows for each in row.children] == shown
    assert "Tetris" in text(card)


async def test_only_who_searched_turns_the_pages(upstream: Upstream) -> None:
    pages(upstream, 12)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "ghsearch repositories", query="x")
        bob = stage.member.guild.add_member(stage.env.create_user("bob"))
        result = await bob.click(card, label="Next")
        assert "isn't for you" in whispered(result)[0]
        assert now(stage, card).embeds == card.embeds
        assert len(upstream.requests) == 1
        await bob.click(card, label="Refresh")
        card = await press(stage, now(stage, card), "Next")
    assert "Page 2" in str(card.embeds[0].footer.text)


async def as_before_a_restart(stage: Stage, custom_id: str, url: str | None = None) -> discord.Message:
    """A card in the channel that this run of the bot knows nothing of."""
    view = discord.ui.View().add_item(discord.ui.Button[Any](label="Next", custom_id=custom_id))
    view.stop()  # discord.py keeps no view that has ended
    channel = stage.bot.get_channel(stage.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return await channel.send(embed=discord.Embed(title="of yesterday", url=url), view=view)


@pytest.mark.parametrize("query", ["tetris", LONG, "字" * 150])
async def test_the_pages_of_before_a_restart_can_be_turned(upstream: Upstream, query: str) -> None:
    pages(upstream, 12)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "ghsearch repositories", query=query)
        user = stage.member.user
    upstream.requests.clear()
    async with staged(settings_for(upstream)) as stage:
        custom_id = str(button(card, "Next").custom_id).replace(str(user.id), str(stage.member.id))
        before = await as_before_a_restart(stage, custom_id, card.embeds[0].url)
        shown = await press(stage, before, "Next")
    assert "Page 2 of 3" in str(shown.embeds[0].footer.text)
    assert queries(upstream) == [{"q": f"is:public {query.strip()}", "per_page": "5", "page": "2"}]


async def test_a_long_search_whose_embed_was_taken_away_is_said_to_be_lost(upstream: Upstream) -> None:
    pages(upstream, 12)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "ghsearch repositories", query=LONG)
        bare = await as_before_a_restart(stage, str(button(card, "Next").custom_id))
        result = await stage.member.click(bare, label="Next")
    assert "Give the command again" in whispered(result)[1]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("status", "words"), [(503, "GitHub is unavailable"), (429, "asks us to wait"), (451, "legal reasons")]
)
async def test_a_page_that_can_not_be_had_is_answered_and_leaves_the_one_that_is_shown(
    upstream: Upstream, status: int, words: str
) -> None:
    pages(upstream, 12)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "ghsearch repositories", query="x")
        upstream.has("/search/repositories", b"", status=status)
        result = await stage.member.click(card, label="Next")
        assert now(stage, card).embeds == card.embeds
    assert words in whispered(result)[0]


async def test_retry_turns_the_page(upstream: Upstream) -> None:
    pages(upstream, 12)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "ghsearch repositories", query="x")
        upstream.has("/search/repositories", b"<html>", status=500)
        result = await stage.member.click(card, label="Next")
        pages(upstream, 12)
        assert result.response is not None
        await stage.member.click(result.response.message, label="Retry")
        assert "Page 2 of 3" in str(now(stage, card).embeds[0].footer.text)


async def test_a_page_is_decided_where_it_is_turned(upstream: Upstream) -> None:
    pages(upstream, 12)
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        card = await give(stage, "ghsearch repositories", query="x")
        cog: Any = stage.bot.get_cog("GitHub search")
        assert cog._private_access
        cog._private_access = ()  # the operator takes the permission back; at a restart, otherwise
        await press(stage, card, "Next")
    assert [each["q"] for each in queries(upstream)] == ["x", "is:public x"]


async def test_an_unloaded_extension_takes_its_buttons_along(upstream: Upstream) -> None:
    pages(upstream, 12)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "ghsearch repositories", query="x")
        await stage.bot.unload_extension(EXTENSION)
        result = await stage.member.click(card, label="Next")
        assert (result.response, result.followups) == (None, [])
        await stage.bot.load_extension(EXTENSION)
        assert "Page 2" in str((await press(stage, card, "Next")).embeds[0].footer.text)

"""Links in messages, as people post them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest
import simcord

from tests.github_stage import (
    EXAMPLE,
    EXTENSION,
    PlainBot,
    Stage,
    Upstream,
    github,
    settings_for,
    staged,
)
from tests.issues_stage import FRESH, HELLO, ISSUE, paths
from tests.unfurl_stage import (
    GIST_ID,
    LINKS,
    SHA,
    SITE,
    described,
    furnish_all,
    manager,
    said,
    titles,
    unfurling,
)
from tux_http.host import attach, detach
from tux_http.http_client import HTTPClient

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

HALF_AN_HOUR = 30 * 60


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish_all(served, **FRESH)
        yield served


CARDS: dict[str, tuple[str, str]] = {
    SITE: ("octocat/Hello-World", "This your first repo!\n⭐ 80 · 🍴 9"),
    "octocat/Hello-World#1": ("#1 Found a bug", "🟢 Open issue"),
    f"{SITE}/issues/1": ("#1 Found a bug", "🟢 Open issue"),
    f"{SITE}/pull/2": ("#2 Amazing new feature", "🔀 Merged pull request"),
    f"{SITE}/issues/1#issuecomment-5": ("Comment on octocat/Hello-World#1", "Me too\n📅 <t:1735689600:R>"),
    f"{SITE}/pull/2#discussion_r6": (
        "Comment on octocat/Hello-World#2",
        "```diff\n two\n-three\n+drei\n four\n```\nMe too\n📅 <t:1735689600:R> · 📄 src/a.py",
    ),
    f"{SITE}/pull/2#pullrequestreview-7": ("Comment on octocat/Hello-World#2", "✅ Approved · 📅"),
    f"{SITE}/commit/{SHA}#commitcomment-8": ("Comment on octocat/Hello-World@6dcb09b", "Me too"),
    f"{SITE}/releases/latest": ("The first one", "All is new\n📅 <t:1735689600:R>"),
    f"{SITE}/releases/tag/v1.0.0": ("The first one", "All is new\n📅 <t:1735689600:R>"),
    f"{SITE}/commit/{SHA}": ("Fix all the bugs", "📅 <t:1735689600:R> · +104 −4"),  # noqa: RUF001  # a minus
    f"{SITE}/blob/main/src/a.py#L3-L5": (
        "src/a.py · L3-L5",
        "```py\n3  def line_3(): ...\n4  def line_4(): ...\n5  def line_5(): ...\n```",
    ),
    f"https://gist.github.com/octocat/{GIST_ID}": (
        "hello.rb",
        "```rb\n1  puts 'hi'\n2  puts 'ho'\n```\n1 more file",
    ),
    f"https://gist.github.com/octocat/{GIST_ID}#file-hello-py-L2": (
        "hello.py · L2",
        "```py\n2  print('ho')\n```",
    ),
}


@pytest.mark.parametrize("link", LINKS)
async def test_every_kind_of_link_is_shown_as_a_compact_card(upstream: Upstream, link: str) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, f"look at {link}, please")
        (message,) = said(stage)
    title, text = CARDS[link]
    assert titles(message) == [title]
    assert text in described(message)
    (embed,) = message.embeds
    assert not embed.fields
    assert embed.url is not None
    assert embed.url.startswith(("https://github.com/", "https://gist.github.com/"))
    assert paths(upstream) == LINKS[link]


async def test_the_answer_is_a_silent_reply_that_pings_nobody(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        asked = await stage.member.send(stage.channel, SITE)
        (message,) = said(stage)
    assert message.reference is not None
    assert message.reference.message_id == asked.id
    assert message.flags.suppress_notifications
    assert message.mentions == []


async def test_all_links_of_a_message_are_in_one_answer_and_five_at_most(upstream: Upstream) -> None:
    for number in range(3, 9):
        upstream.has(f"{HELLO}/issues/{number}", ISSUE | {"number": number})
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(
            stage.channel, " ".join(f"octocat/Hello-World#{number}" for number in (3, 4, 3, 5, 6, 7, 8))
        )
        (message,) = said(stage)
    assert [title.split()[0] for title in titles(message)] == ["#3", "#4", "#5", "#6", "#7"]


async def test_a_number_alone_is_of_the_default_repository(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream), default="octocat/Hello-World") as stage:
        await stage.member.send(stage.channel, "that was #1, and ##2")
        (message,) = said(stage)
    assert titles(message) == ["#1 Found a bug", "#2 Amazing new feature"]


async def test_without_a_default_repository_a_number_is_a_number(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, "we are #1")
        assert said(stage) == []


@pytest.mark.parametrize(
    "content", [f"`{SITE}`", f"```\n{SITE}\n```", f"> {SITE}", f"||{SITE}||", f"<{SITE}>", "no link"]
)
async def test_what_is_hidden_is_not_shown(upstream: Upstream, content: str) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, content)
        assert said(stage) == []
    assert upstream.requests == []


# Where, and for whom.


async def test_nothing_is_shown_where_nobody_wants_it(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, SITE)
        assert said(stage) == []
    assert upstream.requests == []


async def test_a_channel_may_have_a_word_of_its_own(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        grace = manager(stage)
        await grace.slash(stage.channel, "github unfurl", show=False, where=stage.channel)
        await stage.member.send(stage.channel, SITE)
        assert said(stage) == []
        await grace.slash(stage.channel, "github unfurl", show=True, where=stage.channel)
        await stage.member.send(stage.channel, SITE)
        assert len(said(stage)) == 1


async def test_bots_and_webhooks_are_not_answered(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        guild = stage.channel.guild
        assert guild is not None
        robot = guild.add_member(stage.env.create_user("robot", bot=True))
        await robot.send(stage.channel, SITE)
        await guild.create_webhook(stage.channel).send(SITE)
        assert said(stage) == []


async def test_direct_messages_are_not_answered(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        user = stage.env.create_user("eve")
        await user.send_dm(SITE)
        assert len(user.dm_channel.history()) == 1


async def test_a_command_is_answered_by_the_command_alone(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, f"!repo {SITE}")
        (message,) = said(stage)
    assert message.embeds[0].fields


async def test_without_message_content_the_rest_works(upstream: Upstream) -> None:
    bot = PlainBot()
    bot._connection._intents.message_content = False
    async with HTTPClient() as client:
        attach(bot, "test", http=client, settings=settings_for(upstream))
        async with simcord.run(bot) as env:
            guild = env.create_guild()
            stage = Stage(
                bot, env, guild.create_text_channel("general"), guild.add_member(env.create_user("ada"))
            )
            grace = manager(stage)
            await grace.slash(stage.channel, "github unfurl", show=True)
            told = stage.channel.history(viewer=grace.user)[-1]
            assert "is not let read messages" in described(told)
            await stage.member.send(stage.channel, SITE)
            assert said(stage) == []
            message = await stage.slash("octocat/Hello-World")
            await bot.unload_extension(EXTENSION)
        await detach(bot, "test")
    assert titles(message) == ["octocat/Hello-World"]


@pytest.mark.parametrize("lacking", ["send_messages", "embed_links", "view_channel"])
async def test_where_the_bot_may_not_answer_it_asks_nothing(upstream: Upstream, lacking: str) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        channel = await narrowed(stage, lacking)
        await stage.member.send(channel, SITE)
        assert len(channel.history()) == 1
    assert upstream.requests == []


async def test_where_it_may_not_reply_it_sends_a_message(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        channel = await narrowed(stage, "read_message_history")
        await stage.member.send(channel, SITE)
        message = channel.history()[-1]
    assert titles(message) == ["octocat/Hello-World"]
    assert message.reference is None


async def narrowed(stage: Any, lacking: str) -> Any:
    """A channel where the bot lacks a permission."""
    me = stage.bot.user
    assert me is not None
    overwrite = discord.PermissionOverwrite(**{lacking: False})
    return stage.channel.guild.create_text_channel("narrow", overwrites={me: overwrite})


# How often.


async def test_a_link_is_shown_once_in_half_an_hour_in_a_channel(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, f"{SITE}/issues/1")
        await stage.member.send(stage.channel, "octocat/hello-world#1 again")
        await stage.env.advance_time(HALF_AN_HOUR - 1)
        await stage.member.send(stage.channel, "octocat/Hello-World#1 and again")
        assert len(said(stage)) == 1
        await stage.env.advance_time(1)
        await stage.member.send(stage.channel, "octocat/Hello-World#1 at last")
        assert len(said(stage)) == 2


async def test_another_channel_and_another_link_are_their_own(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, "octocat/Hello-World#1")
        await stage.member.send(stage.channel, "octocat/Hello-World#1 octocat/Hello-World#2")
        other = stage.channel.guild.create_text_channel("other")  # pyright: ignore[reportOptionalMemberAccess]
        await stage.member.send(other, "octocat/Hello-World#1")
        assert [titles(message) for message in said(stage)] == [
            ["#1 Found a bug"],
            ["#2 Amazing new feature"],
        ]
        assert titles(other.history()[-1]) == ["#1 Found a bug"]


@pytest.mark.parametrize("link", LINKS)
async def test_what_is_known_is_not_asked_for_again(upstream: Upstream, link: str) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, link)
        cold = len(upstream.requests)
        other = stage.channel.guild.create_text_channel("other")  # pyright: ignore[reportOptionalMemberAccess]
        await stage.member.send(other, link)
        assert titles(other.history()[-1]) == [CARDS[link][0]]
    assert cold <= 3
    assert len(upstream.requests) == cold


async def test_the_last_of_a_quota_is_for_those_who_wait(upstream: Upstream) -> None:
    low: dict[str, Any] = {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "3",
        "X-RateLimit-Reset": "4102444800",
        "X-RateLimit-Resource": "core",
    }
    upstream.has(HELLO, EXAMPLE, **low)
    async with unfurling(settings_for(upstream)) as stage:
        await stage.slash("octocat/Hello-World")
        asked = len(upstream.requests)
        await stage.member.send(stage.channel, "octocat/Hello-World#1")
        assert len(said(stage)) == 1
        assert len(upstream.requests) == asked
        message = await stage.slash("octocat/Hello-World")
    assert titles(message) == ["octocat/Hello-World"]


async def test_links_into_one_repository_share_what_is_asked_of_it(upstream: Upstream) -> None:
    furnish_all(upstream)  # without a word on how long it is good for
    for number in range(3, 8):
        upstream.has(f"{HELLO}/issues/{number}", ISSUE | {"number": number})
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, " ".join(f"{SITE}/issues/{number}" for number in range(3, 8)))
        assert len(said(stage)) == 1
    assert paths(upstream).count(HELLO) == 1
    assert len(upstream.requests) == 6

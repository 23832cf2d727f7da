"""What the cards of links show, and what they don't."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
import pytest

from tests.discord_markdown import kinds, parse
from tests.github_stage import (
    EXAMPLE,
    Upstream,
    github,
    of_the_channel,
    settings_for,
)
from tests.issues_stage import A_PULL, AN_ISSUE, BOTH, FRESH, HELLO, ISSUE, PULL, paths
from tests.test_github_card import HOSTILE
from tests.unfurl_stage import (
    ANSWERS,
    COMMENT,
    FILE,
    GIST,
    GIST_ID,
    LINKS,
    SHA,
    SITE,
    described,
    furnish_all,
    said,
    titles,
    unfurling,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

HALF_AN_HOUR = 30 * 60


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish_all(served, **FRESH)
        yield served


# What is in them.


@pytest.mark.parametrize("length", [1, 500])
async def test_hostile_text_mentions_nobody_and_is_taken_by_discord(upstream: Upstream, length: int) -> None:
    hostile = HOSTILE * length
    upstream.has(HELLO, EXAMPLE | {"description": hostile, "homepage": hostile, "language": hostile})
    upstream.has(
        AN_ISSUE, ISSUE | {"number": 1, "title": hostile, "body": hostile, "user": {"login": hostile}}
    )
    comment = {"body": hostile, "user": {"login": hostile}, "path": hostile, "diff_hunk": hostile}
    upstream.has(f"{HELLO}/issues/comments/5", COMMENT | comment)
    upstream.has(f"{HELLO}/releases/latest", {"tag_name": hostile, "name": hostile, "body": hostile})
    commit = {"message": hostile, "author": {"name": hostile}}
    upstream.has(f"{HELLO}/commits/{SHA}", {"sha": SHA, "commit": commit, "html_url": hostile})
    content = f"```{hostile}\n```"
    gist = {"description": hostile, "files": {hostile: {"filename": hostile, "content": content}}}
    upstream.has(f"/gists/{GIST_ID}", gist)
    links = [f"{SITE}/issues/1#issuecomment-5", f"{SITE}/releases/latest", f"{SITE}/commit/{SHA}"]
    links += [SITE, f"{SITE}/issues/1", f"https://gist.github.com/octocat/{GIST_ID}"]
    async with unfurling(settings_for(upstream)) as stage:
        for link in links:
            await stage.member.send(stage.channel, link)
        messages = said(stage)
        await stage.env.advance_time(HALF_AN_HOUR)
        await stage.member.send(stage.channel, " ".join(links[1:]))
        messages.append(said(stage)[-1])
    assert len(messages) == 7
    assert len(messages[-1].embeds) == 5
    for message in messages:
        assert not message.mention_everyone
        assert message.mentions == []
        for embed in message.embeds:
            nodes = (*parse(embed.title or ""), *parse(embed.description or ""))
            assert kinds(nodes) <= {"text", "link", "masked", "code", "block", "timestamp"}
            masked = [node.target for node in nodes if node.kind == "masked"]
            assert not [target for target in masked if "evil" in target]
            assert "@everyone" not in f"{embed.title}{embed.description}"


async def test_bodies_of_nulls_are_shown(upstream: Upstream) -> None:
    upstream.has(HELLO, dict.fromkeys(EXAMPLE) | {"full_name": "octocat/Hello-World"})
    upstream.has(AN_ISSUE, dict.fromkeys(ISSUE) | {"number": 1})
    upstream.has(f"{HELLO}/issues/2", dict.fromkeys(BOTH) | {"number": 2, "pull_request": {}})
    upstream.has(A_PULL, dict.fromkeys(PULL) | {"number": 2})
    for path, body in ANSWERS.items():
        kept = {name: body[name] for name in ("tag_name", "sha", "total_count") if name in body}
        upstream.has(path, dict.fromkeys(body) | kept)
    file = {"type": None, "path": None, "html_url": None}
    upstream.has(f"{HELLO}/contents/src/a.py", FILE | file)
    upstream.has(
        f"/gists/{GIST_ID}", dict.fromkeys(GIST) | {"files": {"a.py": {"filename": None}, "b": None}}
    )
    shown: list[str] = []
    async with unfurling(settings_for(upstream)) as stage:
        for link in LINKS:
            before = len(said(stage))
            await stage.member.send(stage.channel, link)
            shown += [link] * (len(said(stage)) - before)
    # What is asked for the second time in half an hour, and lines that a file does not have, are not shown.
    assert set(LINKS) - set(shown) == {
        f"{SITE}/issues/1",
        f"https://gist.github.com/octocat/{GIST_ID}#file-hello-py-L2",
    }


async def test_fifteen_lines_are_shown_and_the_rest_is_linked_to(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, f"{SITE}/blob/main/src/a.py#L1-L40")
        (message,) = said(stage)
    text = described(message)
    assert text.startswith("```py\n 1  def line_1(): ...\n")
    assert text.endswith(f"15  def line_15(): ...\n```\n[25 more lines]({SITE}/blob/main/src/a.py#L1-L40)")
    assert titles(message) == ["src/a.py · L1-L15"]


async def test_a_branch_with_a_slash_is_found(upstream: Upstream) -> None:
    del upstream.answers[f"{HELLO}/contents/src/a.py"]
    upstream.has(f"{HELLO}/contents/a.py", FILE | {"path": "a.py"})
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, f"{SITE}/blob/fix/src/a.py#L3")
        (message,) = said(stage)
    assert titles(message) == ["a.py · L3"]
    assert upstream.requests[-1].query["ref"] == "fix/src"
    assert len(upstream.requests) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"encoding": "none", "content": ""},
        {"type": "dir"},
        {"type": "submodule"},
        {"content": "AAECAw=="},
        {"content": "/////w=="},
        {"content": "not base64 at all"},
        {"content": ""},
    ],
)
async def test_what_is_no_text_is_not_shown(upstream: Upstream, change: dict[str, str]) -> None:
    upstream.has(f"{HELLO}/contents/src/a.py", FILE | change)
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, f"{SITE}/blob/main/src/a.py#L3")
        assert said(stage) == []


async def test_the_language_is_the_servers(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        guild = stage.env.create_guild("Hallo", preferred_locale="de")
        channel = guild.create_text_channel("allgemein")
        role = guild.create_role("alle", permissions=discord.Permissions(manage_guild=True))
        member = guild.add_member(stage.env.create_user("otto"), roles=[role])
        await member.slash(channel, "github unfurl", show=True)
        await member.send(channel, f"{SITE}/issues/1")
        message = channel.history()[-1]
    assert "Offenes Issue" in described(message)


# What is private.


async def test_what_is_private_is_not_shown_and_not_asked_for(upstream: Upstream) -> None:
    upstream.has(HELLO, EXAMPLE | {"private": True}, **FRESH)
    async with unfurling(settings_for(upstream, token="ghp_planted")) as stage:
        for link in LINKS:
            if "gist" not in link:
                await stage.member.send(stage.channel, link)
        assert said(stage) == []
    assert set(paths(upstream)) == {HELLO}


async def test_what_is_private_is_shown_where_all_may_see_it(upstream: Upstream) -> None:
    upstream.has(HELLO, EXAMPLE | {"private": True}, **FRESH)
    settings = settings_for(upstream, token="ghp_planted")
    async with unfurling(settings, access=of_the_channel) as stage:
        await stage.member.send(stage.channel, f"{SITE} {SITE}/blob/main/src/a.py#L3")
        (message,) = said(stage)
        other = stage.channel.guild.create_text_channel("other")  # pyright: ignore[reportOptionalMemberAccess]
        await stage.member.send(other, f"{SITE} {SITE}/blob/main/src/a.py#L3")
        assert len(other.history()) == 1
    assert titles(message) == ["octocat/Hello-World", "src/a.py · L3"]


@pytest.mark.parametrize("link", [f"{SITE}/issues/1#issuecomment-5", f"{SITE}/blob/main/src/a.py#L3"])
async def test_what_has_gone_elsewhere_is_not_shown(upstream: Upstream, link: str) -> None:
    path = LINKS[link][1] if link in LINKS else f"{HELLO}/contents/src/a.py"
    target = f"{upstream.url}/repositories/77/there"
    upstream.has("/repositories/77/there", ANSWERS[path] | {"body": "a secret"})
    upstream.has(path, {"url": target}, status=301, Location=target)
    async with unfurling(settings_for(upstream, token="ghp_planted")) as stage:
        await stage.member.send(stage.channel, link)
        assert said(stage) == []

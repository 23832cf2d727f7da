"""`/issue` and `/pr` as people use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import msgspec
import pytest

from tests.github_stage import (
    EXAMPLE,
    Upstream,
    buttons,
    github,
    problem,
    settings_for,
    staged,
    text,
    title,
    values,
)
from tests.issues_stage import (
    A_PULL,
    AN_ISSUE,
    BOTH,
    COMMANDS,
    FRESH,
    HELLO,
    ISSUE,
    PULL,
    SITE,
    furnish,
    give,
    paths,
)
from tests.test_github_card import HOSTILE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.github_stage import Stage


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served, **FRESH)
        yield served


# Cards.


async def test_an_issue_is_shown_to_everybody(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "issue", "octocat/Hello-World", "1")
    assert title(message) == "#1 Found a bug"
    assert text(message).startswith("🟢 Open issue")
    assert list(buttons(message)) == ["Issue", "Repository"]
    assert buttons(message)["Issue"] == f"{SITE}/issues/1"
    assert not message.flags.ephemeral
    assert paths(upstream) == [HELLO, AN_ISSUE]


async def test_a_pull_request_is_shown_to_everybody(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "pr", "octocat/Hello-World", "#2")
    assert title(message) == "#2 Amazing new feature"
    assert text(message).startswith("🔀 Merged pull request")
    assert values(message)["Branches"] == "`master` ← `new-topic`"
    assert list(buttons(message)) == ["Pull request", "Changes", "Repository"]
    assert not message.flags.ephemeral
    assert paths(upstream) == [HELLO, A_PULL]


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("issue", "octocat/Hello-World#1"),
        ("issue", f"{SITE}/issues/1#issuecomment-5"),
        ("issue", f"<{SITE}/issues/1>"),
        ("issue", "octocat/Hello-World 1"),
        ("issue", "octocat/Hello-World #1"),
        ("pr", "octocat/Hello-World#2"),
        ("pr", f"{SITE}/pull/2/files"),
        ("pr", "octocat/Hello-World 2"),
    ],
)
async def test_one_text_is_enough_and_a_typed_command_shows_the_same(
    upstream: Upstream, command: str, typed: str
) -> None:
    async with staged(settings_for(upstream)) as stage:
        by_slash = await give(stage, command, *typed.split(" "))
        by_prefix = await stage.say(f"!{command} {typed}")
    assert by_prefix.embeds == by_slash.embeds
    assert buttons(by_prefix) == buttons(by_slash)
    assert title(by_slash) == ("#1 Found a bug" if command == "issue" else "#2 Amazing new feature")


@pytest.mark.parametrize("command", COMMANDS)
async def test_each_command_shows_what_the_number_is_of(upstream: Upstream, command: str) -> None:
    async with staged(settings_for(upstream)) as stage:
        issue = await give(stage, command, "octocat/Hello-World", "1")
        pull = await give(stage, command, "octocat/Hello-World", "2")
    assert text(issue).startswith("🟢 Open issue")
    assert text(pull).startswith("🔀 Merged pull request")


@pytest.mark.parametrize("command", COMMANDS)
async def test_it_works_in_direct_messages(upstream: Upstream, command: str) -> None:
    async with staged(settings_for(upstream)) as stage:
        user = stage.env.create_user("grace")
        result = await user.slash(command, repository="octocat/Hello-World#2")
    assert result.response is not None
    assert result.response.embeds[0].title == "#2 Amazing new feature"


@pytest.mark.parametrize("command", COMMANDS)
async def test_discord_shows_what_a_command_takes_and_where_it_works(
    upstream: Upstream, command: str
) -> None:
    async with staged(settings_for(upstream)) as stage:
        shown = stage.bot.tree.get_command(command)
    assert isinstance(shown, discord.app_commands.Command)
    assert {each.name: each.required for each in shown.parameters} == dict.fromkeys(
        ("repository", "number", "public"), False
    )
    assert shown.allowed_contexts is not None
    assert shown.allowed_contexts.dm_channel
    assert shown.allowed_installs is not None
    assert shown.allowed_installs.user


@pytest.mark.parametrize(("command", "number"), [("issue", 1), ("pr", 2)])
async def test_it_works_on_a_server_of_ones_own(upstream: Upstream, command: str, number: int) -> None:
    for path, answer in list(upstream.answers.items()):
        upstream.answers[f"/api/v3{path}"] = answer
    settings = settings_for(upstream)
    own = msgspec.structs.replace(settings.apis["github"], base_url=f"{upstream.url}/api/v3")
    async with staged(msgspec.structs.replace(settings, apis={"github": own})) as stage:
        message = await give(stage, command, f"{upstream.url}/octocat/Hello-World/issues/{number}")
    assert title(message).startswith(f"#{number} ")
    assert all(path.startswith("/api/v3/repos/") for path in paths(upstream))


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_body_of_nulls_is_shown(upstream: Upstream, command: str) -> None:
    upstream.has("/repos/a/b", {"full_name": "a/b"})
    upstream.has("/repos/a/b/issues/1", dict.fromkeys(ISSUE) | {"number": 1})
    upstream.has("/repos/a/b/issues/2", dict.fromkeys(BOTH) | {"number": 2, "pull_request": {}})
    upstream.has("/repos/a/b/pulls/2", dict.fromkeys(PULL) | {"number": 2})
    async with staged(settings_for(upstream)) as stage:
        messages = [await give(stage, command, f"a/b#{number}") for number in (1, 2)]
    assert [title(message) for message in messages] == ["#1", "#2"]
    assert [text(message) for message in messages] == ["🔹 Issue · a/b", "🔹 Pull request · a/b"]
    assert [buttons(message) for message in messages] == [{}, {}]


@pytest.mark.parametrize("length", [1, 500])
async def test_hostile_text_mentions_nobody_and_is_taken_by_discord(upstream: Upstream, length: int) -> None:
    hostile = HOSTILE * length
    texts: dict[str, Any] = dict.fromkeys(("title", "body"), hostile)
    texts |= {"labels": [{"name": hostile}] * 9, "milestone": {"title": hostile}, "user": {"login": hostile}}
    texts |= {"assignees": [{"login": hostile}] * 9}
    upstream.has(AN_ISSUE, ISSUE | texts | {"number": 1})
    upstream.has(A_PULL, PULL | texts | {"number": 2, "base": {"ref": hostile}, "head": {"ref": hostile}})
    async with staged(settings_for(upstream)) as stage:
        for command, number in (("issue", 1), ("pr", 2)):
            await give(stage, command, f"octocat/Hello-World#{number}")
            message = await stage.say(f"!{command} octocat/Hello-World#{number}")
            assert "@everyone" not in text(message) + title(message)
            assert not message.mention_everyone
            assert message.mentions == []


# What a server has set.


async def set_up(stage: Stage, command: str, **options: Any) -> None:
    """As whoever manages the server."""
    guild = stage.member.guild
    staff = guild.create_role("staff", permissions=discord.Permissions(manage_guild=True))
    manager = guild.add_member(stage.env.create_user("eve"), roles=[staff])
    await manager.slash(stage.channel, f"github {command}", **options)


@pytest.fixture
async def upstream_with_docs(upstream: Upstream) -> Upstream:
    upstream.has("/repos/octocat/docs", {"full_name": "octocat/docs"})
    upstream.has("/repos/octocat/docs/issues/3", {"number": 3, "title": "A typo"})
    return upstream


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ({"number": "1"}, "#1 Found a bug"),
        ({"repository": "1"}, "#1 Found a bug"),
        ({"repository": "#1"}, "#1 Found a bug"),
        ({"repository": "docs#3"}, "#3 A typo"),
        ({"repository": "octocat/docs", "number": "3"}, "#3 A typo"),
    ],
)
async def test_the_servers_default_repository_need_not_be_named(
    upstream_with_docs: Upstream, typed: dict[str, str], shown: str
) -> None:
    async with staged(settings_for(upstream_with_docs)) as stage:
        await set_up(stage, "default", repository="octocat/Hello-World")
        await stage.member.slash(stage.channel, "issue", **typed)
        by_slash = stage.seen()
        by_prefix = await stage.say(f"!issue {' '.join(typed.values())}")
    assert title(by_slash) == shown
    assert by_prefix.embeds == by_slash.embeds


async def test_whoever_asks_says_who_sees_the_answer_or_else_the_server(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        hidden: list[bool] = []
        for ephemeral in (False, True):
            await set_up(stage, "visibility", public=not ephemeral)
            for public in ({}, {"public": True}, {"public": False}):
                await stage.member.slash(stage.channel, "pr", repository="octocat/Hello-World#2", **public)
                hidden.append(stage.seen().flags.ephemeral)
    assert hidden == [False, False, True, True, False, True]


# What can't be shown.


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("octocat/Hello-World", "Its number is missing"),
        ("#12", "no default one here"),
        (f"{SITE}/discussions/12", "is a discussion"),
        ("octocat", "does not lead to an issue or a pull request"),
        ("https://gitlab.com/a/b/issues/1", "does not lead to GitHub"),
        ("octocat/Hello-World twelve", "not a number"),
    ],
)
async def test_bad_input_is_answered_with_an_example_and_sent_nowhere(
    upstream: Upstream, command: str, typed: str, words: str
) -> None:
    async with staged(settings_for(upstream), failing=True) as stage:
        by_slash = await give(stage, command, *typed.split(" "))
        by_prefix = await stage.say(f"!{command} {typed}")
    assert by_slash.flags.ephemeral
    assert problem(by_slash) == problem(by_prefix)
    assert words in problem(by_slash)[1]
    assert "`allthingslinux/tux#12`" in problem(by_slash)[1]
    assert upstream.requests == []


async def test_what_may_be_a_discussion_is_called_so(upstream: Upstream) -> None:
    upstream.has(HELLO, EXAMPLE | {"has_discussions": True})
    async with staged(settings_for(upstream), failing=True) as stage:
        found = [await give(stage, command, "octocat/Hello-World#3") for command in COMMANDS]
    assert all("It may be a discussion" in problem(message)[1] for message in found)
    assert len(paths(upstream)) == 2 + 3


async def test_a_repository_without_issues_may_have_pull_requests(upstream: Upstream) -> None:
    upstream.has(HELLO, EXAMPLE | {"has_issues": False})
    upstream.has(AN_ISSUE, {"message": "Issues are disabled for this repo"}, status=410)
    async with staged(settings_for(upstream), failing=True) as stage:
        pull = await give(stage, "issue", "octocat/Hello-World#2")
        none = await give(stage, "issue", "octocat/Hello-World#1")
    assert title(pull) == "#2 Amazing new feature"
    assert "has no issues" in problem(none)[1]
    assert AN_ISSUE not in paths(upstream)


async def test_a_deleted_issue_is_said_to_be_gone(upstream: Upstream) -> None:
    upstream.has(AN_ISSUE, {"message": "This issue was deleted"}, status=410)
    async with staged(settings_for(upstream), failing=True) as stage:
        message = await give(stage, "issue", "octocat/Hello-World#1")
    assert "gone" in problem(message)[0]


# Elsewhere.


async def test_an_issue_that_was_transferred_is_followed(upstream: Upstream) -> None:
    new_home = f"{upstream.url}/repositories/77/issues/5"
    upstream.has(AN_ISSUE, {"url": new_home}, status=301, Location=new_home)
    api = "https://api.github.com/repos/octocat/New"
    upstream.has("/repositories/77/issues/5", ISSUE | {"number": 5, "repository_url": api})
    upstream.has("/repos/octocat/New", EXAMPLE | {"full_name": "octocat/New"})
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "issue", "octocat/Hello-World#1")
    assert title(message) == "#5 Found a bug"
    assert "octocat/New" in text(message)
    assert "➡️ Moved from octocat/Hello-World#1" in text(message)
    assert paths(upstream) == [HELLO, AN_ISSUE, "/repositories/77/issues/5", "/repos/octocat/New"]


@pytest.mark.parametrize(
    "named", ["https://api.github.com/repos/octocat/New", None, "https://evil.example/x y/.."]
)
async def test_an_issue_that_went_where_nobody_may_look_is_not_shown(
    upstream: Upstream, named: str | None
) -> None:
    new_home = f"{upstream.url}/repositories/77/issues/5"
    upstream.has(AN_ISSUE, {"url": new_home}, status=301, Location=new_home)
    upstream.has("/repositories/77/issues/5", ISSUE | {"number": 5, "repository_url": named})
    upstream.has("/repos/octocat/New", EXAMPLE | {"full_name": "octocat/New", "private": True})
    async with staged(settings_for(upstream, token="ghp_planted"), failing=True) as stage:
        message = await give(stage, "issue", "octocat/Hello-World#1")
    assert problem(message)[0].endswith("Nothing found")
    assert "New" not in str(message.embeds[0].to_dict())


@pytest.mark.parametrize(("command", "number"), [("issue", 1), ("pr", 2)])
async def test_a_renamed_repository_is_followed_once(upstream: Upstream, command: str, number: int) -> None:
    new_home = f"{upstream.url}/repositories/1296269"
    upstream.has("/repos/octocat/old-name", {"url": new_home}, status=301, Location=new_home)
    upstream.has("/repositories/1296269", EXAMPLE)
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, command, f"octocat/old-name#{number}")
    assert f"➡️ Moved from octocat/old-name#{number}" in text(message)
    assert "octocat/Hello-World" in text(message)
    assert len(paths(upstream)) == 3

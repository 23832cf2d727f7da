"""What `/issue` and `/pr` ask GitHub for, what they show nobody, and their Refresh button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.github_stage import (
    EXAMPLE,
    EXTENSION,
    NOT_FOUND,
    Upstream,
    github,
    of_the_channel,
    problem,
    settings_for,
    staged,
    title,
    values,
)
from tests.issues_stage import (
    A_PULL,
    AN_ISSUE,
    CHANGED,
    COMMANDS,
    FRESH,
    HELLO,
    ISSUE,
    PULL,
    furnish,
    give,
    paths,
)
from tests.test_github_refresh import now, whispered
from tux_http.cogs.github.issues_api import MOST_KINDS, Kinds
from tux_http.cogs.github.reference import Reference
from tux_http.config import PrivateAccess

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from simcord.builders import ChannelHandle, GuildHandle, RoleHandle


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served, **FRESH)
        yield served


# Calls.


@pytest.mark.parametrize(
    ("command", "number", "asked"),
    [
        ("issue", 1, [HELLO, AN_ISSUE]),
        ("pr", 2, [HELLO, A_PULL]),
        ("issue", 2, [HELLO, f"{HELLO}/issues/2", A_PULL]),
        ("pr", 1, [HELLO, f"{HELLO}/pulls/1", AN_ISSUE]),
    ],
)
async def test_a_card_takes_three_requests_at_most_and_none_again(
    upstream: Upstream, command: str, number: int, asked: list[str]
) -> None:
    async with staged(settings_for(upstream)) as stage:
        first = await give(stage, command, f"octocat/Hello-World#{number}")
        again = await give(stage, command, f"octocat/Hello-World#{number}")
        other = await give(stage, "issue" if command == "pr" else "pr", f"octocat/Hello-World#{number}")
    assert paths(upstream) == asked
    assert first.embeds == again.embeds == other.embeds


def test_kinds_are_remembered_up_to_a_bound_and_whatever_the_case_of_a_name() -> None:
    kinds = Kinds()
    home = Reference("octocat", "Hello-World")
    for number in range(MOST_KINDS + 1):
        kinds.note(home, number, is_pull=bool(number % 2))
    assert kinds.is_pull(home, 1) is None
    assert kinds.is_pull(Reference("OCTOCAT", "hello-world"), MOST_KINDS) is False


OPEN = {"number": 2, "state": "open", "merged_at": None, "closed_at": None}
CHECKS = f"{HELLO}/commits/6dcb09b5b57875f334f61aebed695e2e4193db5e/check-runs"


@pytest.mark.parametrize(
    ("conclusions", "shown"),
    [
        (["success", "skipped"], "✅ Passed · 2/2"),
        (["success", "failure"], "❌ Failed · 1/2"),
        (["success", None], "⏳ Running · 1/2"),
        ([], None),
    ],
)
async def test_an_open_pull_request_has_its_checks_as_the_third_answer(
    upstream: Upstream, conclusions: list[str | None], shown: str | None
) -> None:
    runs = [{"status": "completed", "conclusion": each} for each in conclusions]
    upstream.has(A_PULL, PULL | OPEN, **FRESH)
    upstream.has(CHECKS, {"total_count": len(runs), "check_runs": runs}, **FRESH)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "pr", "octocat/Hello-World#2")
        assert (await give(stage, "pr", "octocat/Hello-World#2")).embeds == card.embeds
        await give(stage, "issue", "octocat/Hello-World#2")
    assert values(card).get("Checks") == shown
    assert paths(upstream) == [HELLO, A_PULL, CHECKS]


@pytest.mark.parametrize(("status", "body"), [(403, b"{}"), (500, b"<html>"), (200, b"[]"), (404, b"{}")])
async def test_a_pull_request_is_shown_though_its_checks_can_not_be_had(
    upstream: Upstream, status: int, body: bytes
) -> None:
    upstream.has(A_PULL, PULL | OPEN)
    upstream.has(CHECKS, body, status=status)
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "pr", "octocat/Hello-World#2")
    assert title(card) == "#2 Amazing new feature"
    assert values(card)["Checks"] == "❔ Not known right now"


async def test_issues_of_one_repository_ask_for_it_once(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        await give(stage, "issue", "octocat/Hello-World#1")
        await give(stage, "pr", "octocat/Hello-World#2")
    assert paths(upstream) == [HELLO, AN_ISSUE, A_PULL]


async def test_an_answer_that_stands_in_says_how_old_it_is(upstream: Upstream) -> None:
    old: dict[str, Any] = {"Cache-Control": "max-age=60, stale-while-revalidate=0", "Age": "725"}
    upstream.has(AN_ISSUE, ISSUE | {"number": 1}, **old)
    async with staged(settings_for(upstream)) as stage:
        await give(stage, "issue", "octocat/Hello-World#1")
        upstream.has(AN_ISSUE, b"", status=429, **{"Retry-After": "60"})
        message = await give(stage, "issue", "octocat/Hello-World#1")
    assert message.embeds[0].footer.text == "12 min old — GitHub limits us"
    assert title(message) == "#1 Found a bug"


# Private repositories.


@pytest.mark.parametrize("headers", [{}, FRESH, FRESH | {"Age": "61"}])
@pytest.mark.parametrize("command", COMMANDS)
async def test_what_is_private_is_told_from_what_does_not_exist_by_nothing(
    upstream: Upstream, command: str, headers: dict[str, Any]
) -> None:
    upstream.has("/repos/demo/private", EXAMPLE | {"full_name": "demo/private", "private": True}, **headers)
    for kind, body in (("issues", ISSUE), ("pulls", PULL)):
        upstream.has(f"/repos/demo/private/{kind}/1", body | {"number": 1}, **headers)
    async with staged(settings_for(upstream, token="ghp_planted"), failing=True) as stage:
        for _ in range(2):
            private = await give(stage, command, "demo/private#1")
            asked = paths(upstream)
            upstream.requests.clear()
            missing = await give(stage, command, "demo/missing#1")
            assert problem(private) == problem(missing)
            assert "demo" not in str(private.embeds[0].to_dict())
            assert set(asked) == {"/repos/demo/private"}  # a second time if it is old, in the background
            assert set(paths(upstream)) == {"/repos/demo/missing"}
            upstream.requests.clear()


@pytest.mark.parametrize("command", COMMANDS)
async def test_what_became_private_is_not_shown_from_the_cache(upstream: Upstream, command: str) -> None:
    number = {"issue": 1, "pr": 2}[command]
    async with staged(settings_for(upstream), failing=True) as stage:
        card = await give(stage, command, f"octocat/Hello-World#{number}")
        upstream.has(HELLO, EXAMPLE | {"private": True}, **CHANGED)
        result = await stage.member.click(card, label="Refresh")
        assert "Nothing found" in whispered(result)[0]
        message = await give(stage, command, f"octocat/Hello-World#{number}")
    assert problem(message)[0].endswith("Nothing found")


async def test_a_pull_request_that_says_itself_that_it_is_private_is_not_shown(upstream: Upstream) -> None:
    base = PULL["base"] | {"repo": PULL["base"]["repo"] | {"private": True}}
    upstream.has(A_PULL, PULL | {"number": 2, "base": base})
    async with staged(settings_for(upstream), failing=True) as stage:
        found = [await give(stage, command, "octocat/Hello-World#2") for command in COMMANDS]
    assert {problem(message)[0].endswith("Nothing found") for message in found} == {True}


@pytest.mark.parametrize("command", COMMANDS)
async def test_what_is_private_is_shown_where_the_operator_allows_it(
    upstream: Upstream, command: str
) -> None:
    number = {"issue": 1, "pr": 2}[command]
    upstream.has(HELLO, EXAMPLE | {"private": True}, **FRESH)
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        message = await give(stage, command, f"octocat/Hello-World#{number}")
    assert title(message).startswith(f"#{number} ")


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_role_is_shown_what_is_private_where_nobody_else_sees_it(
    upstream: Upstream, command: str
) -> None:
    upstream.has(HELLO, EXAMPLE | {"private": True}, **FRESH)
    roles: list[RoleHandle] = []

    def of_a_role(guild: GuildHandle, _: ChannelHandle) -> tuple[PrivateAccess, ...]:
        roles.append(guild.create_role("team"))
        return (PrivateAccess(guild=guild.id, roles=(roles[0].id,)),)

    asked: dict[str, Any] = {"repository": f"octocat/Hello-World#{COMMANDS.index(command) + 1}"}
    async with staged(settings_for(upstream), access=of_a_role, failing=True) as stage:
        holder = stage.member.guild.add_member(stage.env.create_user("bob"), roles=roles)
        alone = await holder.slash(stage.channel, command, **asked, public=False)
        before_all = await holder.slash(stage.channel, command, **asked)
        stranger = await stage.member.slash(stage.channel, command, **asked, public=False)
    assert alone.response is not None
    assert alone.response.ephemeral
    assert str(alone.response.embeds[0].title).startswith("#")
    assert all(whispered(each)[0].endswith("Nothing found") for each in (before_all, stranger))


async def test_the_private_fork_of_a_public_repository_stays_unnamed(upstream: Upstream) -> None:
    fork = {"ref": "secret-plan", "label": "ada:secret-plan", "repo": {"full_name": "ada/x", "private": True}}
    upstream.has(A_PULL, PULL | {"number": 2, "head": fork})
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "pr", "octocat/Hello-World#2")
    assert values(message)["Branches"] == "`master`"
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        message = await give(stage, "pr", "octocat/Hello-World#2")
    assert values(message)["Branches"] == "`master` ← `ada:secret-plan`"


# Refresh.


@pytest.mark.parametrize(("command", "number", "path"), [("issue", 1, AN_ISSUE), ("pr", 2, A_PULL)])
async def test_refresh_asks_github_again(upstream: Upstream, command: str, number: int, path: str) -> None:
    body = ISSUE if command == "issue" else PULL
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, command, f"octocat/Hello-World#{number}")
        upstream.has(path, body | {"number": number, "title": "Better now"}, **CHANGED)
        await stage.member.click(card, label="Refresh")
        after = now(stage, card)
    assert title(after) == f"#{number} Better now"
    assert after.embeds[0].footer.text == "Refreshed"
    assert paths(upstream) == [HELLO, path, HELLO, path]


async def test_a_pull_request_asked_for_as_an_issue_is_refreshed_as_what_it_is(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "issue", "octocat/Hello-World#2")
        upstream.requests.clear()
        await stage.member.click(card, label="Refresh")
        assert title(now(stage, card)) == "#2 Amazing new feature"
    assert paths(upstream) == [HELLO, A_PULL]


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_refresh_that_fails_is_answered_and_leaves_the_card(upstream: Upstream, command: str) -> None:
    number = {"issue": 1, "pr": 2}[command]
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, command, f"octocat/Hello-World#{number}")
        upstream.has(AN_ISSUE if command == "issue" else A_PULL, NOT_FOUND, status=451)
        result = await stage.member.click(card, label="Refresh")
        assert now(stage, card).embeds == card.embeds
    assert "Blocked for legal reasons" in whispered(result)[0]


async def test_a_card_of_before_a_reload_can_be_refreshed(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await give(stage, "issue", "octocat/Hello-World#1")
        await stage.bot.reload_extension(EXTENSION)
        await stage.member.click(card, label="Refresh")
        assert now(stage, card).embeds[0].footer.text == "Refreshed"
        await stage.bot.unload_extension(EXTENSION)
        await stage.member.click(card, label="Refresh")
        await stage.bot.load_extension(EXTENSION)


async def test_a_name_too_long_for_a_button_has_a_card_without_it(upstream: Upstream) -> None:
    name = f"{'o' * 39}/{'n' * 90}"
    upstream.has(f"/repos/{name}", EXAMPLE | {"full_name": name})
    upstream.has(f"/repos/{name}/issues/1", {"number": 1})
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "issue", f"{name}#1")
    assert title(message) == "#1"
    assert message.components == []

"""`/ghsearch` as people use it: what is asked of GitHub, what is shown, and its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.found_stage import FOUND, FRESH, HITS, PUBLIC, REPOSITORIES, furnish, give, queries
from tests.github_stage import (
    Upstream,
    buttons,
    github,
    of_the_channel,
    problem,
    settings_for,
    staged,
    text,
    title,
)
from tests.hostile_text import HOSTILE as HOSTILE_TEXT
from tests.test_github_card import assert_within_limits
from tux_http.cogs.github.api import Repository
from tux_http.cogs.github.search_api import LONGEST, Hit, Page, Search, parse_search
from tux_http.cogs.github.search_embeds import search_card
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

REPOSITORY = FOUND["items"][0]


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served, **FRESH)
        yield served


# What is asked.


@pytest.mark.parametrize(
    ("command", "typed", "asked"),
    [
        ("repositories", "tetris language:c", "is:public tetris language:c"),
        ("repositories", "  two   words ", "is:public two words"),
        ("issues", "memory leak", "is:public is:issue memory leak"),
        ("prs", "memory leak", "is:public is:pr memory leak"),
        ("issues", "leak is:pr", "is:public leak is:pr"),
        ("prs", "leak type:issue", "is:public leak type:issue"),
        ("issues", "C++ & 50% #1 ü", "is:public is:issue C++ & 50% #1 ü"),
        ("issues", "leak NOT", "is:public is:issue leak NOT"),
    ],
)
async def test_github_is_asked_for_what_is_public(
    upstream: Upstream, command: str, typed: str, asked: str
) -> None:
    async with staged(settings_for(upstream)) as stage:
        await give(stage, f"ghsearch {command}", query=typed)
    assert queries(upstream) == [{"q": asked, "per_page": "5", "page": "1"}]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("is:private secret", "Only what is public"),
        ("secret IS:Internal", "Only what is public"),
        ('is:"private"', "Only what is public"),
        ("-is:open,private", "Only what is public"),
        ("visibility:private", "Only what is public"),
        ("x OR repo:corp/secret", "can't have OR"),
        ("x or repo:corp/secret", "can't have OR"),
        ('"x OR" repo:corp/secret', "can't have OR"),
        ("-(x", "can't have OR or brackets"),
        ("x) y", "can't have OR or brackets"),
        ("x" * (LONGEST + 1), "too long"),
        ("字" * 230, "too long"),
        (" \u200b ", "is empty"),
    ],
)
@pytest.mark.parametrize("command", ["repositories", "issues"])
async def test_what_might_reach_further_or_is_no_search_is_refused_and_sent_nowhere(
    upstream: Upstream, command: str, typed: str, words: str
) -> None:
    async with staged(settings_for(upstream), failing=True) as stage:
        message = await give(stage, f"ghsearch {command}", query=typed)
    assert words in problem(message)[1]
    assert message.flags.ephemeral
    assert queries(upstream) == []


async def test_where_what_is_private_may_be_shown_everything_can_be_asked(upstream: Upstream) -> None:
    upstream.has("/search/repositories", REPOSITORIES)
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        message = await give(stage, "ghsearch repositories", query="(a OR b) is:private")
    assert queries(upstream)[0]["q"] == "(a OR b) is:private"
    assert "🔒 Private" in text(message)


@pytest.mark.parametrize("word", ["order", "for", "is:open", "is:public", "this:private-eye", "corp"])
def test_words_that_only_look_like_it_are_let_through(word: str) -> None:
    assert parse_search(word, "issues").text == word


# What is shown.


async def test_repositories_are_listed(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "ghsearch repositories", query="tetris")
    assert title(message) == "🔎 tetris"
    assert message.embeds[0].author.name == "Repositories"
    assert text(message).split("\n") == [
        "**[dtrupenn/Tetris](https://github.com/dtrupenn/Tetris)**",
        "⭐ 1 · Assembly · 📦 Archived · <t:1325378222:R>",
        "A C implementation of Tetris using Pennsim through LC4",
    ]
    assert message.embeds[0].footer.text == "Page 1 of 8 · 40 results"
    assert buttons(message)["On GitHub"].endswith("/search?type=repositories&q=tetris")


async def test_issues_and_pull_requests_are_listed_with_their_state(upstream: Upstream) -> None:
    hit = {name: value for name, value in HITS["items"][0].items() if name != "pull_request"}
    closed = hit | {"number": 2, "state": "closed", "state_reason": "not_planned", "comments": 0}
    merged = hit | {"number": 3, "state": "closed", "pull_request": {"merged_at": "2026-01-01T00:00:00Z"}}
    upstream.has("/search/issues", {"total_count": 3, "items": [hit, closed, merged]})
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "ghsearch issues", query="numbers")
    first, second, third = text(message).split("\n\n")
    site = "https://github.com/batterseapower/pinyin-toolkit/issues/132"
    assert first.split("\n") == [
        f"🟢 [#132 Line Number Indexes Beyond 20 Not Displayed]({site})",
        "batterseapower/pinyin-toolkit · Nick3C · 💬 15 · <t:1247429441:R>",
    ]
    assert second.startswith("🚫 [#2 ")
    assert "💬" not in second
    assert third.startswith("🔀 [#3 ")
    assert message.embeds[0].footer.text is None


@pytest.mark.parametrize(
    "private", [{"private": True}, {"visibility": "internal"}, {"visibility": "private"}]
)
async def test_what_is_private_is_left_out_whatever_github_sends(
    upstream: Upstream, private: dict[str, Any]
) -> None:
    secret = REPOSITORY | {"full_name": "corp/secret", "description": "secret"} | private
    upstream.has("/search/repositories", {"total_count": 2, "items": [secret, REPOSITORY]})
    issue = HITS["items"][0] | {"title": "secret", "repository": {"full_name": "corp/secret"} | private}
    upstream.has("/search/issues", {"total_count": 1, "items": [issue]})
    async with staged(settings_for(upstream, token="ghp_planted")) as stage:
        found = [await give(stage, f"ghsearch {kind}", query="x") for kind in ("repositories", "issues")]
    assert "Tetris" in text(found[0])
    assert not [message for message in found if "secret" in str(message.embeds[0].to_dict())]


async def test_what_one_channel_may_see_another_is_not_shown_from_the_cache(upstream: Upstream) -> None:
    secret = REPOSITORY | {"full_name": "corp/secret", "private": True}
    upstream.has("/search/repositories", {"total_count": 1, "items": [secret]}, **FRESH)
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        other = stage.member.guild.create_text_channel("random")
        assert "corp/secret" in text(await give(stage, "ghsearch repositories", query="x"))
        await stage.member.slash(other, "ghsearch repositories", query="x")
        elsewhere = other.history(viewer=stage.member.user)[-1]
    assert "secret" not in str(elsewhere.embeds[0].to_dict())
    assert [each["q"] for each in queries(upstream)] == ["x", "is:public x"]


@pytest.mark.parametrize("command", ["repositories", "issues", "prs"])
async def test_a_place_that_github_will_not_search_is_told_from_an_empty_one_by_nothing(
    upstream: Upstream, command: str
) -> None:
    path = "/search/repositories" if command == "repositories" else "/search/issues"
    shown: list[dict[str, Any]] = []
    asked: list[int] = []
    async with staged(settings_for(upstream)) as stage:
        for status in (200, 422):
            upstream.has(
                path,
                {"total_count": 0, "message": "Validation Failed"},
                status=status,
                **(FRESH if status == 200 else {}),
            )
            for _ in range(2):
                message = await give(stage, f"ghsearch {command}", query=f"repo:corp/secret {status}")
                shown.append({**message.embeds[0].to_dict(), "title": "", "url": ""})
                asked.append(len(upstream.requests))
    assert all(each == shown[0] for each in shown)
    assert shown[0]["description"] == "Nothing was found."
    assert asked == [1, 2, 3, 4]  # a refusal is not kept, so nothing found is not either


@pytest.mark.parametrize("command", ["repositories", "issues"])
async def test_a_list_of_nulls_is_shown(upstream: Upstream, command: str) -> None:
    upstream.has(
        "/search/repositories",
        {"total_count": 1, "items": [dict.fromkeys(REPOSITORY) | {"full_name": "a/b"}]},
    )
    upstream.has(
        "/search/issues", {"total_count": 1, "items": [dict.fromkeys(HITS["items"][0]) | {"number": 7}]}
    )
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, f"ghsearch {command}", query="x")
        upstream.has("/search/repositories", {"total_count": 0, "items": None, "incomplete_results": None})
        upstream.has("/search/issues", {"total_count": 0})
        nothing = await give(stage, f"ghsearch {command}", query="y")
    assert text(message) == ("**a/b**" if command == "repositories" else "🔹 \\#7")
    assert text(nothing) == "Nothing was found."


async def test_results_that_github_does_not_give_or_did_not_look_for_are_said(upstream: Upstream) -> None:
    upstream.has("/search/repositories", FOUND | {"total_count": 123_456, "incomplete_results": True})
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "ghsearch repositories", query="x")
    assert str(message.embeds[0].footer.text).split("\n") == [
        "Page 1 of 200 · 123,456 results",
        "GitHub shows the first 1,000 of them.",
        "GitHub did not look through everything in time.",
    ]


async def test_a_typed_command_without_a_kind_searches_repositories(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        message = await stage.say("!ghsearch tetris language:c")
    assert message.embeds[0].author.name == "Repositories"
    assert queries(upstream)[0]["q"] == "is:public tetris language:c"


async def test_a_search_limit_that_is_spent_leaves_the_other_commands_alone(upstream: Upstream) -> None:
    spent = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}
    refusal = {"message": "API rate limit exceeded for 203.0.113.7"}
    upstream.has("/search/issues", refusal, status=403, **spent, **{"X-RateLimit-Resource": "search"})
    async with staged(settings_for(upstream), failing=True) as stage:
        refused = await give(stage, "ghsearch issues", query="x")
        release = await give(stage, "release", repository="octocat/Hello-World")
        again = await give(stage, "ghsearch prs", query="x")
    assert "asks us to wait" in problem(refused)[0]
    assert title(release) == "v1.0.0"
    assert "asks us to wait" in problem(again)[0]
    assert len(queries(upstream)) == 1


def test_a_search_is_one_line_without_what_is_not_seen() -> None:
    assert parse_search("a\n b\u202e\x00c", "prs") == Search("prs", "a bc")
    with pytest.raises(InvalidInput):
        parse_search("\n", "prs")


def test_the_official_example_of_a_repository_is_private() -> None:
    assert REPOSITORIES["items"][0]["visibility"] != PUBLIC["visibility"]


HITS_NAMES = ["title", "state", "state_reason", "html_url", "repository_url"]
NAMES = ["full_name", "html_url", "description", "language"]


@settings(deadline=None)
@given(foreign=st.text() | HOSTILE_TEXT, repeated=st.sampled_from([1, 300]))
def test_no_text_takes_the_card_over_the_limits(foreign: str, repeated: int) -> None:
    value = (foreign * repeated).encode("utf-8", "replace").decode()
    search = Search("repositories", value[:LONGEST])
    for name in NAMES:
        item = msgspec.convert(REPOSITORY | {name: value}, Repository)
        assert_within_limits(search_card(Page((item,) * 5, 9), search=search, host="github.com"))
    for name in HITS_NAMES:
        hit = msgspec.convert(HITS["items"][0] | {name: value}, Hit)
        assert_within_limits(search_card(Page((hit,) * 5, 9), search=search, host="github.com"))

"""`/commit` as people use it, and its card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.found_stage import A_COMMIT, CHECKS, COMMIT, FRESH, HELLO, SHA, furnish, give, paths
from tests.github_stage import Upstream, buttons, github, problem, settings_for, staged, text, title
from tests.github_stage import values as fields_of
from tests.hostile_text import HOSTILE as HOSTILE_TEXT
from tests.test_github_card import assert_within_limits, texts, values
from tests.test_github_refresh import now
from tux_http.cogs.github.commits import parse_commit
from tux_http.cogs.github.commits_api import Checks, Commit, FoundCommit
from tux_http.cogs.github.commits_embeds import commit_card, commit_links
from tux_http.cogs.github.links import CommitLink
from tux_http.cogs.github.reference import Reference
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import discord

SITE = "https://github.com/octocat/Hello-World"
HOME = Reference("octocat", "Hello-World")
ASKED = CommitLink(HOME, SHA)


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served, **FRESH)
        yield served


# What is typed.


@pytest.mark.parametrize(
    ("typed", "commit", "expected"),
    [
        ("octocat/Hello-World", None, "HEAD"),
        (SITE, None, "HEAD"),
        (f"{SITE}/releases/latest", None, "HEAD"),
        ("octocat/Hello-World", "6DCB09b", "6DCB09b"),
        ("octocat/Hello-World", "`main`", "main"),
        ("octocat/Hello-World", "feature/x", "feature/x"),
        ("octocat/Hello-World@6dcb09b", None, "6dcb09b"),
        (f"{SITE}/commit/{SHA}", None, SHA),
        (f"<{SITE}/commit/{SHA}.patch>", None, SHA),
        (f"{SITE}/commit/{SHA}#r1", None, SHA),
        (f"{SITE}/pull/12/commits/{SHA}", None, SHA),
        (f"{SITE}/pull/12/changes/{SHA}", None, SHA),
        (f"{SITE}/blob/{SHA}/README.md#L3", None, SHA),
        (f"{SITE}/releases/tag/v1.0.0", None, "v1.0.0"),
        (f"{SITE}/issues/3", "6dcb09b", "6dcb09b"),
        (f"{SITE}/commit/{SHA}", "abc1234", "abc1234"),
    ],
)
def test_a_commit_is_read_from_what_people_paste(typed: str, commit: str | None, expected: str) -> None:
    assert parse_commit(typed, commit) == CommitLink(HOME, expected)


@pytest.mark.parametrize(
    ("typed", "commit"),
    [
        ("octocat", None),
        ("@6dcb09b", None),
        (f"{SITE}/issues/12", None),
        (f"{SITE}/pull/12/files", None),
        ("https://gist.github.com/octocat/9257657", None),
        ("octocat/Hello-World", ""),
        ("octocat/Hello-World", "a b"),
        ("octocat/Hello-World", "../x"),
        ("octocat/Hello-World", "main~1"),
        ("octocat/Hello-World", "x" * 251),
    ],
)
def test_what_is_no_commit_is_refused_with_an_example(typed: str, commit: str | None) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_commit(typed, commit)
    assert raised.value.example is not None


# The command.


@pytest.mark.parametrize("name", ["HEAD", "main", "feature/x", SHA[:7]])
async def test_a_commit_is_shown_by_any_name_that_git_has_for_it(upstream: Upstream, name: str) -> None:
    upstream.has(f"{HELLO}/commits/{name}", COMMIT)
    options = {} if name == "HEAD" else {"commit": name}
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "commit", repository="octocat/Hello-World", **options)
        await stage.member.click(message, label="Refresh")
        assert title(now(stage, message)) == "Fix all the bugs"
    assert title(message) == "Fix all the bugs"
    assert paths(upstream) == [HELLO, f"{HELLO}/commits/{name}", CHECKS] * 2
    assert "/" not in upstream.requests[1].raw_path.partition("/commits/")[2]
    assert buttons(message) == {"Commit": f"{SITE}/commit/{SHA}", "Repository": SITE}


@pytest.mark.parametrize(
    ("status", "words"), [(404, "no such commit"), (422, "no such commit"), (409, "is empty")]
)
async def test_a_commit_that_is_not_there_is_said_so(upstream: Upstream, status: int, words: str) -> None:
    upstream.has(A_COMMIT, {"message": "No commit found for SHA: x"}, status=status)
    async with staged(settings_for(upstream), failing=True) as stage:
        message = await give(stage, "commit", repository="octocat/Hello-World", commit=SHA)
    assert words in problem(message)[1]
    assert message.flags.ephemeral


@pytest.mark.parametrize(
    ("runs", "total", "shown"),
    [
        (["success", "neutral", "skipped"], 3, "✅ Passed · 3/3"),
        (["success", "failure", None], 3, "❌ Failed · 1/3"),
        (["timed_out"], 1, "❌ Failed · 0/1"),
        (["success", None], 2, "⏳ Running · 1/2"),
        (["success"] * 100, 140, "❔ Not known right now"),
        ([], 0, None),
    ],
)
async def test_its_checks_are_summed_up(
    upstream: Upstream, runs: list[str | None], total: int, shown: str | None
) -> None:
    body = {"total_count": total, "check_runs": [{"conclusion": each} for each in runs]}
    upstream.has(CHECKS, body)
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "commit", repository="octocat/Hello-World", commit=SHA)
    assert fields_of(message).get("Checks") == shown


@pytest.mark.parametrize(("status", "body"), [(403, b"{}"), (500, b"<html>"), (200, b"[]")])
async def test_checks_that_can_not_be_had_are_not_known(upstream: Upstream, status: int, body: bytes) -> None:
    upstream.has(CHECKS, body, status=status)
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "commit", repository="octocat/Hello-World", commit=SHA)
    assert fields_of(message)["Checks"] == "❔ Not known right now"


@pytest.mark.parametrize("sha", ["../../../user", "main", "", "6dcb09b"])
async def test_an_answer_with_a_hash_that_is_none_leads_nowhere(upstream: Upstream, sha: str) -> None:
    upstream.has(A_COMMIT, COMMIT | {"sha": sha})
    async with staged(settings_for(upstream)) as stage:
        await give(stage, "commit", repository="octocat/Hello-World", commit=SHA)
    assert paths(upstream) == [HELLO, A_COMMIT]


async def test_there_may_be_more_files_than_an_answer_has(upstream: Upstream) -> None:
    next_page = f'<{upstream.url}{A_COMMIT}?page=2>; rel="next"'
    upstream.has(A_COMMIT, COMMIT | {"files": COMMIT["files"] * 300}, Link=next_page)
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "commit", repository="octocat/Hello-World", commit=SHA)
    assert fields_of(message)["Changes"].endswith(" · more than 300 files")
    assert fields_of(message)["Files"].endswith("\n… 292 more")


# The card.


def found(body: dict[str, Any], checks: Checks | None = None) -> FoundCommit:
    return FoundCommit(msgspec.json.decode(msgspec.json.encode(body), type=Commit), HOME, checks)


def card(body: dict[str, Any], checks: Checks | None = None) -> discord.Embed:
    return commit_card(found(body, checks), asked=ASKED)


def of_git(**changes: Any) -> dict[str, Any]:
    return COMMIT | {"commit": COMMIT["commit"] | changes}


def test_the_official_example_fills_the_card() -> None:
    embed = card(COMMIT, Checks("passed", 2, 2))
    assert embed.title == "Fix all the bugs"
    assert embed.url == f"{SITE}/commit/{SHA}"
    assert embed.author.name == "octocat"
    assert embed.description == f"📌 `6dcb09b` · [octocat/Hello-World]({SITE})"
    assert values(embed) == {
        "Author": "[octocat](https://github.com/octocat)",
        "Committed": "<t:1302796849:R>",
        "Changes": "+104 −4 · 1 file",  # noqa: RUF001  # the sign for less, as the card has it
        "Checks": "✅ Passed · 2/2",
        "Parents": "6dcb09b",
        "Files": "✏️ `file1.txt` +10 −2",  # noqa: RUF001  # see above
    }


def test_nobodys_address_is_shown() -> None:
    assert "mona@" not in str(card(COMMIT | {"author": None, "committer": None}).to_dict())


def test_the_first_line_of_a_message_is_the_title_and_the_rest_the_text() -> None:
    embed = card(of_git(message="\nFix it\n\nBecause *it*\nwas broken.\n"))
    assert embed.title == "Fix it"
    assert (embed.description or "").endswith("\n\nBecause \\*it\\*\nwas broken.")


@pytest.mark.parametrize(
    ("verification", "mark"),
    [
        ({"verified": True, "reason": "valid"}, "🔏 Verified"),
        ({"verified": False, "reason": "unsigned"}, None),
        ({"verified": False, "reason": "bad_email"}, "⚠️ Unverified"),
        ({"verified": False, "reason": None}, None),
        ({"verified": None, "reason": None}, None),
        (None, None),
    ],
)
def test_its_signature_is_marked_as_github_marks_it(
    verification: dict[str, Any] | None, mark: str | None
) -> None:
    first = (card(of_git(verification=verification)).description or "").split(" · ")
    assert first[2:] == ([] if mark is None else [mark])


def test_a_committer_who_is_not_the_author_is_named() -> None:
    shown = values(card(COMMIT | {"committer": {"login": "web-flow"}}))
    assert shown["Committer"] == "web-flow"
    git = {"author": {"name": "Ada"}, "committer": {"name": "Grace"}}
    unknown: dict[str, Any] = {"author": None, "committer": {}, "commit": git}
    shown = values(card(COMMIT | unknown))
    assert (shown["Author"], shown["Committer"]) == ("Ada", "Grace")


def test_each_parent_of_a_merge_is_linked() -> None:
    parents = [{"sha": each * 40, "html_url": f"{SITE}/commit/{each}"} for each in "ab"]
    assert values(card(COMMIT | {"parents": parents}))["Parents"] == (
        f"[aaaaaaa]({SITE}/commit/a), [bbbbbbb]({SITE}/commit/b)"
    )


@pytest.mark.parametrize(
    ("status", "icon"),
    [("added", "🆕"), ("removed", "🗑️"), ("renamed", "➡️"), ("copied", "📄"), ("modified", "✏️"), (None, "✏️")],
)
def test_a_file_has_what_became_of_it(status: str | None, icon: str) -> None:
    files = [{"filename": "a.py", "status": status}]
    assert values(card(COMMIT | {"files": files}))["Files"] == f"{icon} `a.py`"


@pytest.mark.parametrize(("state", "colour"), [("passed", 0x1F883D), ("failed", 0xCF222E)])
def test_the_colour_is_that_of_the_checks(state: Any, colour: int) -> None:
    embed = card(COMMIT, Checks(state, 1, 1))
    assert embed.colour is not None
    assert embed.colour.value == colour


@pytest.mark.parametrize("name", [name for name in Commit.__struct_fields__ if name != "sha"])
@pytest.mark.parametrize("absent", [False, True])
def test_a_field_without_a_value_is_left_out(name: str, absent: bool) -> None:
    body = COMMIT | {name: None}
    if absent:
        del body[name]
    embed = card(body)
    assert not [shown for shown in texts(embed) if "None" in shown or "null" in shown]
    assert_within_limits(embed)


def _nulled(value: Any) -> Any:
    match value:
        case dict():
            return dict.fromkeys(cast("dict[str, Any]", value))
        case list():
            return [_nulled(each) for each in cast("list[Any]", value)]
        case _:
            return None


@pytest.mark.parametrize(
    "body",
    [
        {},
        dict.fromkeys(COMMIT),
        {name: _nulled(value) for name, value in COMMIT.items() if name not in {"stats", "files"}},
        {"commit": {name: _nulled(value) for name, value in COMMIT["commit"].items()}},
        {"stats": dict.fromkeys(COMMIT["stats"])},
    ],
)
def test_a_body_of_nulls_is_a_card(body: dict[str, Any]) -> None:
    shown = found(body | {"sha": SHA})
    assert texts(commit_card(shown, asked=ASKED)) == ["6dcb09b", "📌 `6dcb09b` · octocat/Hello-World"]
    assert commit_links(shown) is None


def test_files_of_nulls_are_counted() -> None:
    shown = values(card({"sha": SHA, "files": [dict.fromkeys(COMMIT["files"][0])]}))
    assert shown == {"Changes": "1 file"}


@settings(deadline=None)
@given(foreign=st.text() | HOSTILE_TEXT, repeated=st.sampled_from([1, 300]))
def test_no_text_takes_the_card_over_the_limits(foreign: str, repeated: int) -> None:
    value = (foreign * repeated).encode("utf-8", "replace").decode()
    person = {"login": value, "html_url": value, "avatar_url": value}
    body = {
        "sha": value,
        "html_url": value,
        "commit": {"message": value, "author": {"name": value}, "verification": {"reason": value}},
        "author": person,
        "committer": person,
        "parents": [{"sha": value, "html_url": value}] * 9,
        "files": [{"filename": value, "status": value, "additions": 2**63, "deletions": 2**63}] * 9,
    }
    assert_within_limits(card(body))
    assert_within_limits(card(COMMIT | {"files": body["files"]}))


async def test_nothing_of_a_commit_is_shown_that_github_does_not_tell(upstream: Upstream) -> None:
    upstream.has(A_COMMIT, {"sha": SHA})
    upstream.has(CHECKS, {"total_count": 0})
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "commit", repository="octocat/Hello-World", commit=SHA)
    assert fields_of(message) == {}
    assert text(message) == "📌 `6dcb09b` · octocat/Hello-World"

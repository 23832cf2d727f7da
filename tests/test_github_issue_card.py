from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import discord
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile_text import HOSTILE as HOSTILE_TEXT
from tests.issues_stage import BOTH, ISSUE, PULL
from tests.test_github_card import HOSTILE, assert_within_limits, texts, values
from tux_http.cogs.github.issues_api import FoundIssue, Issue, PullRequest
from tux_http.cogs.github.issues_embeds import _ISSUES, _PULLS, _REASONS, issue_card, issue_links
from tux_http.cogs.github.links import NumberLink
from tux_http.cogs.github.reference import Reference

HELLO = Reference("octocat", "Hello-World")
ASKED = NumberLink(HELLO, 1347)


def found(body: dict[str, Any], kind: type[Issue | PullRequest]) -> FoundIssue:
    return FoundIssue(msgspec.json.decode(msgspec.json.encode(body), type=kind), HELLO, None)


def issue(**changes: Any) -> FoundIssue:
    return found(ISSUE | changes, Issue)


def pull(**changes: Any) -> FoundIssue:
    return found(PULL | changes, PullRequest)


def card(shown: FoundIssue, asked: NumberLink = ASKED) -> discord.Embed:
    return issue_card(shown, asked=asked)


def lines(shown: FoundIssue, asked: NumberLink = ASKED) -> list[str]:
    return (card(shown, asked).description or "").split("\n")


def buttons(shown: FoundIssue) -> dict[str, str]:
    view = issue_links(shown)
    items = [] if view is None else view.children
    links = [item for item in items if isinstance(item, discord.ui.Button)]
    return {str(link.label): str(link.url) for link in links}


def test_the_official_example_of_an_issue_fills_the_card() -> None:
    embed = card(issue())
    assert embed.title == "#1347 Found a bug"
    assert embed.url == "https://github.com/octocat/Hello-World/issues/1347"
    assert embed.author.name == "octocat"
    assert (embed.description or "").split("\n") == [
        "🟢 Open issue · [octocat/Hello-World](https://github.com/octocat/Hello-World) · 🔒 Locked",
        "",
        "I'm having a problem with this.",
    ]
    assert values(embed) == {
        "Assignees": "[octocat](https://github.com/octocat)",
        "Milestone": "[v1.0](https://github.com/octocat/Hello-World/milestones/v1.0)",
        "💬 Comments": "0",
        "Opened": "<t:1303479228:R>",
        "Last change": "<t:1303479228:R>",
        "Labels": "`bug`",
    }


def test_the_official_example_of_a_pull_request_fills_the_card() -> None:
    embed = card(pull())
    assert embed.title == "#1347 Amazing new feature"
    assert embed.url == "https://github.com/octocat/Hello-World/pull/1347"
    assert (embed.description or "").endswith("\n\nPlease pull these awesome changes in!")
    assert values(embed) == {
        "Branches": "`master` ← `new-topic`",
        "Changes": "+100 −3 · 5 files · 3 commits",  # noqa: RUF001  # the sign for less, as the card has it
        "Reviewers": "[other_user](https://github.com/other_user), "
        "[Justice League](https://github.com/orgs/github/teams/justice-league)",
        "Assignees": "[octocat](https://github.com/octocat), [hubot](https://github.com/hubot)",
        "Milestone": "[v1.0](https://github.com/octocat/Hello-World/milestones/v1.0)",
        "💬 Comments": "10",
        "Opened": "<t:1296068472:R>",
        "Merged": "<t:1296068472:R>",
        "Last change": "<t:1296068472:R>",
        "Labels": "`bug`",
    }


@pytest.mark.parametrize(
    ("state", "reason", "shown"),
    [
        ("open", None, "🟢 Open issue"),
        ("open", "reopened", "🟢 Open issue"),
        ("closed", "completed", "✅ Issue closed as completed"),
        ("closed", "not_planned", "🚫 Issue closed as not planned"),
        ("closed", "duplicate", "👥 Issue closed as a duplicate"),
        ("closed", None, "☑️ Closed issue"),
        ("closed", "something new", "☑️ Closed issue"),
        ("something new", None, "🔹 Issue"),
        (None, None, "🔹 Issue"),
    ],
)
def test_an_issue_has_its_state_in_a_word(state: str | None, reason: str | None, shown: str) -> None:
    assert lines(issue(state=state, state_reason=reason))[0].startswith(f"{shown} · ")


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "🔀 Merged pull request"),
        ({"state": "closed", "merged": True}, "🔀 Merged pull request"),
        ({"state": "closed", "merged_at": None}, "❌ Pull request closed without merging"),
        ({"state": "open", "merged_at": None}, "🟢 Open pull request"),
        ({"state": "open", "merged_at": None, "draft": True}, "📝 Draft pull request"),
        ({"state": "closed", "merged_at": None, "draft": True}, "❌ Pull request closed without merging"),
        ({"state": None, "merged_at": None}, "🔹 Pull request"),
    ],
)
def test_a_pull_request_has_its_state_in_a_word(changes: dict[str, Any], shown: str) -> None:
    assert lines(pull(**changes))[0].startswith(f"{shown} · ")


@pytest.mark.parametrize("states", [_ISSUES | _REASONS, _PULLS])
def test_states_can_be_told_apart_without_their_colour(states: dict[str, Any]) -> None:
    assert len({state.icon for state in states.values()}) == len(states)
    assert len({state.word for state in states.values()}) == len(states)


def test_the_colour_is_that_of_the_state() -> None:
    assert card(issue()).colour == discord.Colour(0x1F883D)
    assert card(pull()).colour == discord.Colour(0x8250DF)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("clean", "✅ Ready"),
        ("dirty", "⚠️ Has conflicts"),
        ("blocked", "⛔ Waiting for reviews or checks"),
        ("unstable", "🟡 Checks have not passed"),
        ("behind", "⏳ Behind its base branch"),
        ("unknown", None),
        ("draft", None),
        (None, None),
    ],
)
def test_an_open_pull_request_says_what_keeps_it_from_being_merged(
    state: str | None, shown: str | None
) -> None:
    unmerged = {"merged_at": None, "closed_at": None, "mergeable_state": state}
    assert values(card(pull(**unmerged))).get("Merging") == shown
    assert "Merging" not in values(card(pull(**unmerged | {"state": "closed"})))


def test_a_branch_of_a_fork_has_its_owner() -> None:
    fork = PULL["head"] | {"label": "ada:topic", "ref": "topic", "repo": {"full_name": "ada/Hello-World"}}
    assert values(card(pull(head=fork)))["Branches"] == "`master` ← `ada:topic`"
    assert values(card(pull(head=fork | {"repo": None})))["Branches"] == "`master` ← `ada:topic`"


def test_one_of_each_is_counted_as_one() -> None:
    shown = values(card(pull(changed_files=1, commits=1, additions=1234, deletions=0)))
    assert shown["Changes"] == "+1,234 −0 · 1 file · 1 commit"  # noqa: RUF001  # see above


def test_comments_on_code_are_comments_too() -> None:
    assert values(card(pull(comments=2, review_comments=3)))["💬 Comments"] == "5"


def test_what_is_elsewhere_now_says_where_it_was() -> None:
    asked = NumberLink(Reference("old_owner", "x"), 3)
    assert lines(issue(), asked)[1] == "➡️ Moved from old\\_owner/x#3"
    assert lines(issue(), NumberLink(Reference("OCTOCAT", "hello-world"), 1347))[1] == ""


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<!-- explain yourself -->\r\nIt broke.\r\n", "It broke."),
        ("It <!-- a --> broke<!-- b -->.", "It broke."),
        ("It broke.<!-- no end", "It broke."),
        ("<!-- <!-- -->It broke.", "It broke."),
        ("--> It broke.", "--\\> It broke."),
        ("### Steps\n\n\n\n1. Start", "\\### Steps\n\n1\\. Start"),
    ],
)
def test_the_text_is_shown_as_github_shows_it(body: str, shown: str) -> None:
    text = (card(issue(body=body)).description or "").partition("\n\n")[2]
    assert text.replace("\\", "") == shown.replace("\\", "")
    assert ("###" in text) == ("\\#" in text or "#\\" in text)


@pytest.mark.parametrize("body", [None, "", " \n", "<!-- only a template -->"])
def test_without_a_text_there_is_one_line(body: str | None) -> None:
    assert len(lines(issue(body=body))) == 1


def test_megabytes_of_comments_are_read_in_no_time() -> None:
    started = datetime.now(UTC)
    assert card(issue(body="<!--" * 500_000 + "-->It broke.")).description is not None
    assert (datetime.now(UTC) - started).total_seconds() < 5


def test_labels_and_people_that_find_no_room_are_counted() -> None:
    labels = [{"name": f"label-{number:03}-{'x' * 40}"} for number in range(60)]
    people = [{"login": f"p{number}", "html_url": f"https://github.com/p{number}"} for number in range(20)]
    shown = values(card(issue(labels=labels, assignees=people)))
    assert shown["Labels"].endswith(" more")
    assert shown["Assignees"].startswith("[p0](https://github.com/p0), [p1]")
    assert shown["Assignees"].endswith(" and 12 more")


def test_labels_may_be_bare_names() -> None:
    assert values(card(issue(labels=["bug", {"name": "ui"}, {"name": None}, ""])))["Labels"] == "`bug` `ui`"


def test_buttons_lead_to_it_and_to_its_repository() -> None:
    page = "https://github.com/octocat/Hello-World"
    assert buttons(issue()) == {"Issue": f"{page}/issues/1347", "Repository": page}
    assert buttons(pull()) == {
        "Pull request": f"{page}/pull/1347",
        "Changes": f"{page}/pull/1347/files",
        "Repository": page,
    }
    assert buttons(issue(html_url=None)) == {}
    assert buttons(issue(html_url="javascript:alert(1)//x/y")) == {}


@pytest.mark.parametrize(
    ("kind", "body", "name"),
    [
        (kind, body, name)
        for kind, body in ((Issue, BOTH), (PullRequest, PULL))
        for name in kind.__struct_fields__
        if name != "number"
    ],
)
@pytest.mark.parametrize("absent", [False, True])
def test_a_field_without_a_value_is_left_out(
    kind: Any, body: dict[str, Any], name: str, absent: bool
) -> None:
    changed = body | {name: None}
    if absent:
        del changed[name]
    embed = card(found(changed, kind))
    assert not [text for text in texts(embed) if "None" in text or "null" in text]
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
    ("kind", "body", "word"), [(Issue, BOTH, "Issue"), (PullRequest, PULL, "Pull request")]
)
def test_a_body_of_nulls_at_every_depth_is_a_card(kind: Any, body: dict[str, Any], word: str) -> None:
    for nulls in (dict.fromkeys(body), {name: _nulled(value) for name, value in body.items()}, {}):
        shown = found(nulls | {"number": 7}, kind)
        embed = card(shown, NumberLink(HELLO, 7))
        assert texts(embed) == ["#7", f"🔹 {word} · octocat/Hello-World"]
        assert buttons(shown) == {}


def _hostile(key: str, value: Any) -> Any:
    """Every text but addresses and times, at every depth, made hostile."""
    match value:
        case dict():
            return {name: _hostile(name, inner) for name, inner in cast("dict[str, Any]", value).items()}
        case list():
            return [_hostile(key, inner) for inner in cast("list[Any]", value)]
        case str() if not key.endswith(("url", "_at", "_on", "state")):
            return HOSTILE * 100
        case _:
            return value


@pytest.mark.parametrize(("kind", "body"), [(Issue, BOTH), (PullRequest, PULL)])
def test_hostile_text_in_every_field_does_nothing(kind: Any, body: dict[str, Any]) -> None:
    embed = card(found(_hostile("", body), kind))
    inert = {embed.author.name, values(embed)["Labels"], values(embed).get("Branches")}
    for text in [text for text in texts(embed) if text not in inert]:
        for acting in ("@everyone", "<@1>", "<@&2>", "<#3>", "\n# ", "[bank](", "||s||"):
            assert acting not in text.replace("\\[", "").replace("\\]", ""), acting
    for text in (embed.title or "", embed.description or ""):
        assert "**b**" not in text
        assert "`c`" not in text
    assert_within_limits(embed)


TEXTS = ["title", "body", "html_url", "state", "state_reason", "mergeable_state"]


@settings(deadline=None)
@given(text=st.text() | HOSTILE_TEXT, repeated=st.sampled_from([1, 300]), name=st.sampled_from(TEXTS))
def test_no_text_takes_the_card_over_the_limits(text: str, repeated: int, name: str) -> None:
    foreign = (text * repeated).encode("utf-8", "replace").decode()
    people = [{"login": foreign, "html_url": foreign}] * 9
    for shown in (
        issue(**{name: foreign}, labels=[foreign] * 9, assignees=people),
        pull(**{name: foreign}, base={"ref": foreign}, requested_reviewers=people),
    ):
        assert_within_limits(card(shown))
        assert all(len(url) <= 512 for url in buttons(shown).values())


def test_numbers_and_times_at_the_edge_are_shown() -> None:
    edge = {"created_at": "0001-01-01T00:00:00Z", "updated_at": "9999-12-31T23:59:59Z", "comments": 2**63}
    shown = values(card(issue(**edge)))
    assert shown["Opened"] == "<t:-62135596800:R>"
    assert shown["Last change"] == "<t:253402300799:R>"
    assert shown["💬 Comments"] == "9,223,372,036,854,775,808"

"""`/ghuser` as people use it, and its card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.found_stage import FRESH, ORGANIZATION, USER, furnish, give, paths
from tests.github_stage import Upstream, buttons, github, problem, settings_for, staged, text, title
from tests.github_stage import values as fields_of
from tests.hostile_text import HOSTILE as HOSTILE_TEXT
from tests.test_github_card import assert_within_limits, texts, values
from tests.test_github_refresh import now
from tux_http.cogs.github.accounts import parse_account
from tux_http.cogs.github.accounts_api import Account, FoundAccount, Profile
from tux_http.cogs.github.accounts_embeds import account_card, account_links
from tux_http.cogs.github.links import AccountLink
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import discord


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served, **FRESH)
        yield served


# What is typed.


@pytest.mark.parametrize(
    ("typed", "login"),
    [
        ("octocat", "octocat"),
        (" @octocat ", "octocat"),
        ("https://github.com/octocat", "octocat"),
        ("<https://github.com/octocat?tab=repositories>", "octocat"),
        ("https://github.com/orgs/github/people", "github"),
        ("octocat/Hello-World", "octocat"),
        ("https://github.com/octocat/Hello-World/issues/3", "octocat"),
        ("https://gist.github.com/octocat/9257657", "octocat"),
        ("dependabot[bot]", "dependabot[bot]"),
        ("@renovate[bot]", "renovate[bot]"),
    ],
)
def test_an_account_is_read_from_what_people_paste(typed: str, login: str) -> None:
    assert parse_account(typed) == AccountLink(login)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "[bot]",
        "two words",
        "x" * 40,
        "..",
        "https://github.com/settings",
        "https://gitlab.com/octocat",
        "https://gist.github.com/0123456789abcdef0123",
        "octo\u202ecat",
    ],
)
def test_what_is_nobody_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_account(typed)
    assert raised.value.example == "octocat"


# The command.


async def test_a_person_is_shown(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "ghuser", name="https://github.com/octocat")
    assert title(message) == "monalisa octocat (octocat)"
    assert text(message) == "👤 Person\n\nThere once was..."
    assert buttons(message) == {
        "Profile": "https://github.com/octocat",
        "Repositories": "https://github.com/octocat?tab=repositories",
        "Website": "https://github.com/blog",
    }
    assert paths(upstream) == ["/users/octocat"]


async def test_an_organization_is_shown_with_its_own_profile(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "ghuser", name="github")
    assert text(message) == "🏢 Organization · 🔏 Verified\n\nA great organization"
    assert paths(upstream) == ["/users/github", "/orgs/github"]


async def test_an_app_is_shown_as_a_bot(upstream: Upstream) -> None:
    bot = dict.fromkeys(USER) | {"login": "dependabot[bot]", "type": "Bot"}
    upstream.has("/users/dependabot[bot]", bot | {"html_url": "https://github.com/apps/dependabot"})
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "ghuser", name="dependabot[bot]")
        await stage.member.click(message, label="Refresh")
        assert now(stage, message).embeds[0].timestamp is not None
    assert title(message) == "dependabot\\[bot\\]"
    assert text(message) == "🤖 Bot"
    assert buttons(message) == {"Profile": "https://github.com/apps/dependabot"}


async def test_nobody_is_said_to_be_nobody(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), failing=True) as stage:
        missing = await give(stage, "ghuser", name="nobody-at-all")
        wrong = await give(stage, "ghuser", name="two words")
    assert problem(missing)[0].endswith("Nothing found")
    assert "`octocat`" in problem(wrong)[1]
    assert paths(upstream) == ["/users/nobody-at-all"]


# The card.


def found(body: dict[str, Any], profile: Profile | None = None) -> FoundAccount:
    return FoundAccount(msgspec.json.decode(msgspec.json.encode(body), type=Account), profile)


def card(body: dict[str, Any], profile: Profile | None = None) -> discord.Embed:
    return account_card(found(body, profile))


def test_the_official_example_of_a_person_fills_the_card() -> None:
    embed = card(USER)
    assert embed.url == "https://github.com/octocat"
    assert embed.thumbnail.url == "https://github.com/images/error/octocat_happy.gif"
    assert values(embed) == {
        "Followers": "20",
        "Following": "0",
        "Public repositories": "2",
        "Company": "GitHub",
        "Location": "San Francisco",
        "Joined": "<t:1200285215:D>",
        "Website": "[github.com/blog](https://github.com/blog)",
        "X": "[@monatheoctocat](https://x.com/monatheoctocat)",
    }


def test_the_official_example_of_an_organization_fills_the_card() -> None:
    embed = card(ORGANIZATION, Profile(description="A great organization", is_verified=True))
    assert embed.title == "github"
    assert "Following" not in values(embed)
    assert values(embed)["Followers"] == "20"


def test_what_is_for_the_owner_of_the_token_alone_is_not_read() -> None:
    private = {"email": "mona@github.com", "total_private_repos": 77, "plan": {"name": "Medium"}}
    shown = str(card(USER | private).to_dict())
    assert "mona@" not in shown
    assert "77" not in shown
    assert "Medium" not in shown


@pytest.mark.parametrize(
    ("blog", "website"),
    [
        ("octo.example", "[octo.example](https://octo.example)"),
        ("https://octo.example/(a)", "[octo.example/%28a%29](https://octo.example/%28a%29)"),
        ("javascript:alert(1)", None),
        ("https://user:secret@octo.example", None),
        ("nowhere", None),
        ("", None),
    ],
)
def test_a_website_is_linked_if_it_is_one(blog: str, website: str | None) -> None:
    shown = values(card(USER | {"blog": blog})).get("Website")
    assert shown == website
    view = account_links(found(USER | {"blog": blog}))
    assert view is not None
    assert len(view.children) == (2 if website is None else 3)


@pytest.mark.parametrize("name", ["two words", "../x", "x" * 16, "@everyone", ""])
def test_a_handle_that_is_none_is_left_out(name: str) -> None:
    assert "X" not in values(card(USER | {"twitter_username": name}))


@pytest.mark.parametrize("name", [name for name in Account.__struct_fields__ if name != "login"])
@pytest.mark.parametrize("absent", [False, True])
def test_a_field_without_a_value_is_left_out(name: str, absent: bool) -> None:
    body = USER | {name: None}
    if absent:
        del body[name]
    embed = card(body)
    assert not [shown for shown in texts(embed) if "None" in shown or "null" in shown]
    assert_within_limits(embed)


@pytest.mark.parametrize("body", [{}, dict.fromkeys(USER), dict.fromkeys(ORGANIZATION)])
@pytest.mark.parametrize("profile", [None, Profile()])
def test_a_body_of_nulls_is_a_card(body: dict[str, Any], profile: Profile | None) -> None:
    shown = found(body | {"login": "octocat"}, profile)
    assert texts(account_card(shown)) == ["octocat", "🔹 Account"]
    assert account_links(shown) is None


@settings(deadline=None)
@given(foreign=st.text() | HOSTILE_TEXT, repeated=st.sampled_from([1, 300]))
def test_no_text_takes_the_card_over_the_limits(foreign: str, repeated: int) -> None:
    value = (foreign * repeated).encode("utf-8", "replace").decode()
    names = [name for name in Account.__struct_fields__ if isinstance(USER[name], str) and name[-3:] != "_at"]
    for body in (USER | dict.fromkeys(names, value), *(USER | {name: value} for name in names)):
        assert_within_limits(card(body, Profile(description=value)))


async def test_an_account_of_nulls_is_shown_and_can_be_refreshed(upstream: Upstream) -> None:
    upstream.has("/users/octocat", dict.fromkeys(USER) | {"login": "octocat"})
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "ghuser", name="octocat")
        await stage.member.click(message, label="Refresh")
        assert now(stage, message).embeds[0].timestamp is not None
    assert fields_of(message) == {}
    assert buttons(message) == {}

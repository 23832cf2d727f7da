"""`/release` as people use it, and its card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.found_stage import FRESH, HELLO, LATEST, RELEASE, furnish, give, paths
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
from tests.github_stage import values as fields_of
from tests.hostile_text import HOSTILE as HOSTILE_TEXT
from tests.test_github_card import assert_within_limits, texts, values
from tests.test_github_refresh import now, refresh_buttons
from tux_http.cogs.github.links import ReleaseLink
from tux_http.cogs.github.reference import Reference
from tux_http.cogs.github.releases import parse_release
from tux_http.cogs.github.releases_api import FoundRelease, Release
from tux_http.cogs.github.releases_embeds import release_card, release_links
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import discord

SITE = "https://github.com/octocat/Hello-World"
HOME = Reference("octocat", "Hello-World")
ASKED = ReleaseLink(HOME)


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served, **FRESH)
        yield served


def tagged(tag: str, **changes: Any) -> dict[str, Any]:
    page = f"{SITE}/releases/tag/{tag}"
    return RELEASE | {"tag_name": tag, "name": tag, "html_url": page} | changes


# What is typed.


@pytest.mark.parametrize(
    ("typed", "tag", "expected"),
    [
        ("octocat/Hello-World", None, None),
        (SITE, None, None),
        (f"<{SITE}/releases/latest>", None, None),
        (f"{SITE}/releases", None, None),
        (f"{SITE}/issues/3", None, None),
        (f"{SITE}/releases/tag/v1.0.0", None, "v1.0.0"),
        (f"{SITE}/releases/tag/nightly%2F2026", None, "nightly/2026"),
        (f"{SITE}/releases/download/v1/a.zip", None, "v1"),
        ("octocat/Hello-World", " `v1.0.0` ", "v1.0.0"),
        ("octocat/Hello-World", "nightly/2026-11-21", "nightly/2026-11-21"),
        ("octocat/Hello-World", "版本-1%2F", "版本-1%2F"),
        (f"{SITE}/releases/tag/v1", "v2", "v2"),
    ],
)
def test_a_release_is_read_from_what_people_paste(typed: str, tag: str | None, expected: str | None) -> None:
    assert parse_release(typed, tag) == ReleaseLink(HOME, expected)


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("octocat", None),
        ("https://gist.github.com/octocat/9257657", None),
        ("https://gitlab.com/a/b", None),
        ("octocat/Hello-World", ""),
        ("octocat/Hello-World", "a b"),
        ("octocat/Hello-World", ".."),
        ("octocat/Hello-World", "a/../../b"),
        ("octocat/Hello-World", "v1//2"),
        ("octocat/Hello-World", "x" * 251),
        ("octocat/Hello-World", "\ud800"),
    ],
)
def test_what_is_no_release_is_refused_with_an_example(typed: str, tag: str | None) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_release(typed, tag)
    assert raised.value.example is not None


# The command.


async def test_the_latest_release_is_shown_if_no_tag_is_given(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "release", repository=SITE)
    assert title(message) == "v1.0.0"
    assert text(message).startswith("🏷️ Latest release · ")
    assert list(buttons(message)) == ["Release", "All releases", "Repository"]
    assert buttons(message)["All releases"] == f"{SITE}/releases"


@pytest.mark.parametrize("tag", ["v0.9", "nightly/2026-11-21", "a%2Fb", "版本"])
async def test_a_release_is_shown_by_its_tag(upstream: Upstream, tag: str) -> None:
    upstream.has(f"{HELLO}/releases/tags/{tag}", tagged(tag))
    async with staged(settings_for(upstream)) as stage:
        by_slash = await give(stage, "release", repository="octocat/Hello-World", tag=tag)
        by_prefix = await stage.say(f"!release octocat/Hello-World {tag}")
        await stage.member.click(by_slash, label="Refresh")
        assert title(now(stage, by_slash)) == tag
    assert by_slash.embeds == by_prefix.embeds
    assert text(by_slash).startswith("🔖 Release · ")
    assert "/" not in upstream.requests[1].raw_path.partition("/tags/")[2]


async def test_a_tag_that_is_not_there_is_said_so(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), failing=True) as stage:
        message = await give(stage, "release", repository="octocat/Hello-World", tag="v9")
    assert "has no release by that tag" in problem(message)[1]
    assert message.flags.ephemeral


async def test_where_there_are_pre_releases_alone_the_newest_is_shown(upstream: Upstream) -> None:
    del upstream.answers[LATEST]
    drafts = [tagged("v3", draft=True), tagged("v2-rc", prerelease=True), tagged("v1-rc", prerelease=True)]
    upstream.has(f"{HELLO}/releases", drafts)
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "release", repository="octocat/Hello-World")
    assert title(message) == "v2-rc"
    assert text(message).startswith("🧪 Pre-release · ")
    assert paths(upstream) == [HELLO, LATEST, f"{HELLO}/releases"]


@pytest.mark.parametrize("releases", [[], [tagged("v3", draft=True)]])
async def test_a_repository_without_releases_is_said_to_have_none(
    upstream: Upstream, releases: list[Any]
) -> None:
    del upstream.answers[LATEST]
    upstream.has(f"{HELLO}/releases", releases)
    async with staged(settings_for(upstream), failing=True) as stage:
        message = await give(stage, "release", repository="octocat/Hello-World")
    assert "has no releases" in problem(message)[1]


async def test_a_draft_is_shown_where_what_is_private_may_be_shown_alone(upstream: Upstream) -> None:
    upstream.has(f"{HELLO}/releases/tags/v3", tagged("v3", draft=True))
    upstream.has(LATEST, tagged("v3", draft=True))
    upstream.has(f"{HELLO}/releases", [tagged("v3", draft=True)])
    async with staged(settings_for(upstream), failing=True) as stage:
        for options in ({"tag": "v3"}, {}):
            message = await give(stage, "release", repository="octocat/Hello-World", **options)
            assert "v3" not in str(message.embeds[0].to_dict())
            assert "has no release" in problem(message)[1]
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        for options in ({"tag": "v3"}, {}):
            message = await give(stage, "release", repository="octocat/Hello-World", **options)
            assert text(message).startswith("📝 Draft of a release · ")


@pytest.mark.parametrize(("length", "found"), [(63, 1), (64, 0), (250, 0)])
async def test_a_tag_too_long_for_a_button_has_a_card_without_it(
    upstream: Upstream, length: int, found: int
) -> None:
    tag = "v" * length
    upstream.has(f"{HELLO}/releases/tags/{tag}", tagged(tag))
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "release", repository="octocat/Hello-World", tag=tag)
        assert len(refresh_buttons(message)) == found
        if found:
            await stage.member.click(message, label="Refresh")
            assert now(stage, message).embeds[0].timestamp is not None


# The card.


def found(body: dict[str, Any], *, is_latest: bool = True) -> FoundRelease:
    return FoundRelease(msgspec.json.decode(msgspec.json.encode(body), type=Release), HOME, is_latest, None)


def card(body: dict[str, Any], asked: ReleaseLink = ASKED) -> discord.Embed:
    return release_card(found(body), asked=asked)


def test_the_official_example_fills_the_card() -> None:
    embed = card(RELEASE)
    assert embed.title == "v1.0.0"
    assert embed.url == "https://github.com/octocat/Hello-World/releases/v1.0.0"
    assert embed.author.name == "octocat"
    assert (embed.description or "").split("\n") == [
        f"🏷️ Latest release · [octocat/Hello-World]({SITE}) · `v1.0.0`",
        "",
        "Description of the release",
    ]
    file = f"[example.zip]({SITE}/releases/download/v1.0.0/example.zip)"
    assert values(embed) == {
        "Published": "<t:1361993732:R>",
        "Downloads": "42",
        "Files": f"{file} · 1 kB · 42 downloads",
    }


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({"draft": True, "prerelease": True}, "📝 Draft of a release"),
        ({"prerelease": True}, "🧪 Pre-release"),
        ({}, "🏷️ Latest release"),
    ],
)
def test_a_release_has_its_state_in_a_word(changes: dict[str, Any], mark: str) -> None:
    assert (card(RELEASE | changes).description or "").startswith(f"{mark} · ")


def test_a_release_that_can_not_be_changed_says_so() -> None:
    assert (card(RELEASE | {"immutable": True}).description or "").split("\n")[0].endswith("🔒 Unchangeable")


def test_files_that_find_no_room_are_counted_and_their_downloads_too() -> None:
    asset = RELEASE["assets"][0]
    many = [asset | {"name": f"file-{n}", "download_count": 1000} for n in range(40)]
    shown = values(card(RELEASE | {"assets": many}))
    lines = shown["Files"].split("\n")
    assert lines[0].startswith("[file-0](https://github.com/")
    assert len(lines) - 1 + int(lines[-1].split()[1]) == 40
    assert shown["Downloads"] == "40,000"


def test_templates_comments_are_no_notes() -> None:
    body = "<!-- Release notes generated by something -->\n## New\n* it works"
    assert (card(RELEASE | {"body": body}).description or "").endswith("\n\\## New\n\\* it works")


@pytest.mark.parametrize("name", [name for name in Release.__struct_fields__ if name != "tag_name"])
@pytest.mark.parametrize("absent", [False, True])
def test_a_field_without_a_value_is_left_out(name: str, absent: bool) -> None:
    body = RELEASE | {name: None}
    if absent:
        del body[name]
    embed = card(body)
    assert not [shown for shown in texts(embed) if "None" in shown or "null" in shown]
    assert_within_limits(embed)


@pytest.mark.parametrize(
    "body",
    [
        {},
        dict.fromkeys(RELEASE),
        {"assets": [dict.fromkeys(RELEASE["assets"][0])], "author": dict.fromkeys(RELEASE["author"])},
    ],
)
def test_a_body_of_nulls_is_a_card(body: dict[str, Any]) -> None:
    shown = found(body | {"tag_name": "v1"}, is_latest=False)
    assert texts(release_card(shown, asked=ASKED)) == ["v1", "🔖 Release · octocat/Hello-World · `v1`"]
    assert release_links(shown) is None


@settings(deadline=None)
@given(foreign=st.text() | HOSTILE_TEXT, repeated=st.sampled_from([1, 300]))
def test_no_text_takes_the_card_over_the_limits(foreign: str, repeated: int) -> None:
    value = (foreign * repeated).encode("utf-8", "replace").decode()
    names = ("tag_name", "name", "body", "html_url")
    assets = [{"name": value, "browser_download_url": value, "size": 2**63, "download_count": 2**62}] * 9
    body = dict.fromkeys(names, value) | {"author": {"login": value, "html_url": value}, "assets": assets}
    shown = found(cast("dict[str, Any]", body))
    assert_within_limits(release_card(shown, asked=ReleaseLink(HOME, value)))
    for only in names:
        assert_within_limits(card(RELEASE | {only: value, "assets": assets}))


async def test_nothing_of_a_release_is_shown_that_github_does_not_tell(upstream: Upstream) -> None:
    upstream.has(LATEST, {"tag_name": "v1"})
    async with staged(settings_for(upstream)) as stage:
        message = await give(stage, "release", repository="octocat/Hello-World")
    assert fields_of(message) == {}
    assert buttons(message) == {}

"""What of a message is taken for a link to GitHub."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile_text import HOSTILE
from tux_http.cogs.github.link_parsing import parse_link
from tux_http.cogs.github.links import (
    FileLink,
    GistLink,
    Lines,
    Link,
    NumberLink,
    ReleaseLink,
    RepositoryLink,
)
from tux_http.cogs.github.message_links import MOST, MessageLinks, key_of, links_in, may_have_links
from tux_http.cogs.github.reference import Reference

TUX = Reference("allthingslinux", "tux")
SITE = "https://github.com/allthingslinux/tux"
GIST = "aa5a315d61ae9438b18d"
TWELVE = NumberLink(TUX, 12)


def found(content: str, default: Reference | None = None) -> list[Link]:
    return list(links_in(content, default=default).links)


FOUND: list[tuple[str, list[Link]]] = [
    ("see allthingslinux/tux#12, please", [TWELVE]),
    ("(allthingslinux/tux#12)", [TWELVE]),
    ("**allthingslinux/tux#12**", [TWELVE]),
    ("allthingslinux/tux#12.", [TWELVE]),
    (f"{SITE}", [RepositoryLink(TUX)]),
    (f"{SITE}.", [RepositoryLink(TUX)]),
    (f"({SITE})!", [RepositoryLink(TUX)]),
    (f"[the bot]({SITE})", [RepositoryLink(TUX)]),
    (f"{SITE}/tree/main", [RepositoryLink(TUX, "tree")]),
    ("HTTPS://GitHub.com/allthingslinux/tux/issues/12", [NumberLink(TUX, 12, "issue")]),
    (f"{SITE}/releases/latest", [ReleaseLink(TUX)]),
    (f"{SITE}/blob/main/a(1).py#L3-L5", [FileLink(TUX, "main/a(1).py", Lines(3, 5))]),
    (f"https://gist.github.com/octocat/{GIST}", [GistLink(GIST, "octocat")]),
    (f"{SITE}/pull/12 and {SITE}", [NumberLink(TUX, 12, "pull"), RepositoryLink(TUX)]),
    (f"allthingslinux/tux#12 {SITE}/issues/12", [TWELVE]),
    (f"{SITE}/issues/12 ALLTHINGSLINUX/TUX#12", [NumberLink(TUX, 12, "issue")]),
]

NOT_FOUND = [
    "allthingslinux/tux",
    "tux#12",
    "#12",
    "allthingslinux/tux#0",
    "allthingslinux/tux#12abc",
    "allthingslinux/tux#1.5",
    "x/allthingslinux/tux#12",
    "user@allthingslinux/tux#12",
    "https://gitlab.com/a/b/issues/1",
    "https://example.org/allthingslinux/tux#12",
    f"{SITE}/discussions/12",
    f"{SITE}/discussions/12#discussioncomment-3",
    f"{SITE}/actions",
    f"{SITE}/blob/main/a.py",
    "https://github.com/octocat",
    "https://github.com/login",
    "https://github.com/",
    "`allthingslinux/tux#12`",
    "``allthingslinux/tux#12 ` ``",
    "```\nallthingslinux/tux#12\n```",
    f"```py\n{SITE}\n```",
    "||allthingslinux/tux#12||",
    f"||look: {SITE}\nthere||",
    "> allthingslinux/tux#12",
    ">>> quoted\nallthingslinux/tux#12",
    f"<{SITE}>",
    f"[quiet](<{SITE}>)",
    "<#123>",
    "<@12>",
    "\\#12",
]


@pytest.mark.parametrize(("content", "links"), FOUND)
def test_a_link_is_found_where_its_author_shows_it(content: str, links: list[Link]) -> None:
    assert found(content) == links
    assert may_have_links(content)


@pytest.mark.parametrize("content", NOT_FOUND)
def test_what_is_hidden_or_leads_elsewhere_is_left_alone(content: str) -> None:
    assert found(content) == []


@pytest.mark.parametrize("content", ["#12", "fixed in #12!", "##12", "(#12)", "allthingslinux/tux#12"])
def test_a_number_alone_is_of_the_default_repository(content: str) -> None:
    assert found(content, TUX) == [TWELVE]


@pytest.mark.parametrize(
    "content",
    ["C#12", "tux#12", "<#12>", "&#12;", "\\#12", "`#12`", "#12th", "#1-2", "#12345678", "###12", "# 12"],
)
def test_not_every_hash_is_a_number(content: str) -> None:
    assert found(content, TUX) == []


def test_a_line_that_is_not_quoted_is_read() -> None:
    assert found("> #1\n#2\n`#3` ||#4|| #5", TUX) == [NumberLink(TUX, 2), NumberLink(TUX, 5)]


def test_an_escaped_mark_hides_nothing() -> None:
    assert found("\\`#2\\` \\|| #3 ||", TUX) == [NumberLink(TUX, 2), NumberLink(TUX, 3)]


def test_an_open_mark_hides_nothing() -> None:
    assert found("``` #2 || #3", TUX) == [NumberLink(TUX, 2), NumberLink(TUX, 3)]


def test_five_of_a_message_are_taken_in_their_order() -> None:
    content = f"#1 {SITE}/issues/2 #3 {SITE}/issues/1 allthingslinux/tux#4 #5 #6 #7"
    numbers = [link.number for link in found(content, TUX) if isinstance(link, NumberLink)]
    assert numbers == [1, 2, 3, 4, 5]
    assert len(numbers) == MOST


@pytest.mark.parametrize(
    ("content", "addresses", "has_others"),
    [
        ("allthingslinux/tux#12", 0, False),
        (SITE, 1, False),
        (f"{SITE} and allthingslinux/tux#12", 1, False),
        (f"{SITE} and {SITE}/issues/1", 2, False),
        (f"{SITE} and https://example.org/cat.gif", 1, True),
        (f"{SITE} and <https://example.org/cat.gif>", 1, False),
        (" ".join(f"{SITE}/issues/{number}" for number in range(1, 7)), 5, True),
    ],
)
def test_it_is_known_what_discord_would_preview(content: str, addresses: int, has_others: bool) -> None:
    links = links_in(content)
    assert (len(links.addresses), links.has_others) == (addresses, has_others)
    assert links.addresses <= set(links.links)


def test_hosts_of_an_enterprise_are_known() -> None:
    links = links_in(
        "https://git.example.org/a/b/issues/1 https://other.example/a/b/issues/1", host="git.example.org"
    )
    assert links.links == (NumberLink(Reference("a", "b"), 1, "issue"),)
    assert links.has_others


SAME = [
    ("a/b#1", "https://github.com/A/B/pull/1/files"),
    ("https://github.com/a/b", "https://github.com/A/b"),
    (f"https://gist.github.com/octocat/{GIST}", f"https://gist.github.com/{GIST}"),
]

DIFFERENT = [
    ("a/b#1", "a/b#2"),
    ("a/b#1", "https://github.com/a/b/issues/1#issuecomment-1"),
    ("https://github.com/a/b/blob/main/c#L1", "https://github.com/a/b/blob/main/c#L2"),
    ("https://github.com/a/b/blob/main/c#L1", "https://github.com/a/b/blob/main/C#L1"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_links_to_one_place_have_one_key(one: str, other: str) -> None:
    assert key_of(parse_link(one)) == key_of(parse_link(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_links_to_two_places_have_two_keys(one: str, other: str) -> None:
    assert key_of(parse_link(one)) != key_of(parse_link(other))


ALPHABET = st.sampled_from(
    ["`", "```", "||", "> ", ">>> ", "\n", "<", ">", "\\", "#12", "a/b#1", SITE, " ", "x", "(", ")"]
)


@given(st.lists(ALPHABET, max_size=30).map("".join) | st.text(max_size=200) | HOSTILE)
def test_no_message_is_too_much(content: str) -> None:
    links = links_in(content, default=TUX)
    assert len(links.links) <= MOST
    assert len({key_of(link) for link in links.links}) == len(links.links)
    if not may_have_links(content):
        assert links == MessageLinks()


LONGEST = 4000
WORST = [
    "`",
    "```",
    "`a",
    "||",
    "||a",
    "<",
    "> ",
    "a/",
    "a-",
    "http://",
    "https://a)",
    "\\`",
    "#1",
    "a/b",
    ">>> ",
]


@pytest.mark.parametrize("part", WORST)
def test_the_longest_message_is_read_in_no_time(part: str) -> None:
    content = (part * LONGEST)[:LONGEST]
    began = time.process_time()
    links_in(content, default=TUX)
    assert time.process_time() - began < 0.25

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile_text import HOSTILE
from tests.test_github_reference import FORMS, NAMES, OWNERS, REFERENCES
from tux_http.cogs.github.link_parsing import NUMBER_EXAMPLE, parse_link, parse_number_link
from tux_http.cogs.github.links import (
    AccountLink,
    Comment,
    CommitLink,
    FileLink,
    GistLink,
    Lines,
    Link,
    NumberLink,
    ReleaseLink,
    RepositoryLink,
)
from tux_http.cogs.github.reference import PAGES, Reference, parse_reference
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TUX = Reference("allthingslinux", "tux")
SITE = "https://github.com/allthingslinux/tux"
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
GIST = "aa5a315d61ae9438b18d"

READ: list[tuple[str, Link]] = [
    ("allthingslinux/tux", RepositoryLink(TUX)),
    (f"{SITE}/", RepositoryLink(TUX)),
    (f"{SITE}.git", RepositoryLink(TUX)),
    (f"{SITE}/wiki/Home", RepositoryLink(TUX, "wiki")),
    (f"{SITE}/tree/main/tux", RepositoryLink(TUX, "tree")),
    (f"{SITE}/issues", RepositoryLink(TUX, "issues")),
    (f"{SITE}/issues/new", RepositoryLink(TUX, "issues")),
    (f"{SITE}/issues/0", RepositoryLink(TUX, "issues")),
    (f"{SITE}/pull/new/my-branch", RepositoryLink(TUX, "pull")),
    (f"{SITE}/releases", RepositoryLink(TUX, "releases")),
    (f"{SITE}/%3Cscript%3E", RepositoryLink(TUX)),
    # Numbers.
    ("allthingslinux/tux#12", NumberLink(TUX, 12)),
    ("<allthingslinux/tux#12>", NumberLink(TUX, 12)),
    ("allthingslinux/tux/issues/12", NumberLink(TUX, 12, "issue")),
    ("github.com/allthingslinux/tux/pull/12", NumberLink(TUX, 12, "pull")),
    (f"{SITE}/issues/12", NumberLink(TUX, 12, "issue")),
    (f"<{SITE}/issues/12>", NumberLink(TUX, 12, "issue")),
    (f"{SITE}/issues/12#issue-3456", NumberLink(TUX, 12, "issue")),
    (f"{SITE}/issues/12#issuecomment-345", NumberLink(TUX, 12, "issue", Comment("issuecomment", 345))),
    (f"{SITE}/pull/12", NumberLink(TUX, 12, "pull")),
    (f"{SITE}/pulls/12", NumberLink(TUX, 12, "pull")),
    (f"{SITE}/pull/12/files?w=1", NumberLink(TUX, 12, "pull")),
    (f"{SITE}/pull/12/commits/{SHA}", NumberLink(TUX, 12, "pull")),
    (f"{SITE}/pull/12/checks?check_run_id=1", NumberLink(TUX, 12, "pull")),
    (f"{SITE}/pull/12#discussion_r345", NumberLink(TUX, 12, "pull", Comment("discussion_r", 345))),
    (f"{SITE}/pull/12/files#r345", NumberLink(TUX, 12, "pull", Comment("discussion_r", 345))),
    (f"{SITE}/pull/12#pullrequestreview-3", NumberLink(TUX, 12, "pull", Comment("pullrequestreview", 3))),
    (f"{SITE}/discussions/12", NumberLink(TUX, 12, "discussion")),
    (
        f"{SITE}/discussions/12#discussioncomment-3",
        NumberLink(TUX, 12, "discussion", Comment("discussioncomment", 3)),
    ),
    (
        "https://github.com/orgs/allthingslinux/projects/1?pane=issue&itemId=5&issue=allthingslinux%7Ctux%7C12",
        NumberLink(TUX, 12, "issue"),
    ),
    (f"{SITE}?issue=not+one%7Cx%7C12", RepositoryLink(TUX)),
    # Releases.
    (f"{SITE}/releases/latest", ReleaseLink(TUX)),
    (f"{SITE}/releases/tag/v1.0", ReleaseLink(TUX, "v1.0")),
    (f"{SITE}/releases/tag/tux/v1.0/rc%231", ReleaseLink(TUX, "tux/v1.0/rc#1")),
    (f"{SITE}/releases/tag/tux%2Fv1.0", ReleaseLink(TUX, "tux/v1.0")),
    (f"{SITE}/releases/download/tux/v1.0/tux.tar.gz", ReleaseLink(TUX, "tux/v1.0")),
    # Commits.
    (f"{SITE}/commit/{SHA}", CommitLink(TUX, SHA)),
    (f"{SITE}/commit/6DCB09B", CommitLink(TUX, "6dcb09b")),
    (f"{SITE}/commit/{SHA}.patch", CommitLink(TUX, SHA)),
    (f"{SITE}/commit/{SHA}#commitcomment-3", CommitLink(TUX, SHA, Comment("commitcomment", 3))),
    (f"allthingslinux/tux@{SHA}", CommitLink(TUX, SHA)),
    (f"{SITE}/commits/main", RepositoryLink(TUX, "commits")),
    # Files.
    (f"{SITE}/blob/main/README.md", FileLink(TUX, "main/README.md")),
    (f"{SITE}/blob/main/a%20b/c.py?plain=1#L10-L20", FileLink(TUX, "main/a b/c.py", Lines(10, 20))),
    (f"{SITE}/blob/main/c.py#L10", FileLink(TUX, "main/c.py", Lines(10, 10))),
    (f"{SITE}/blob/main/c.py#L10C3-L20C7", FileLink(TUX, "main/c.py", Lines(10, 20))),
    (f"{SITE}/blob/main/c.py#L20-L10", FileLink(TUX, "main/c.py", Lines(10, 20))),
    (f"{SITE}/blame/main/c.py#L1-2", FileLink(TUX, "main/c.py", Lines(1, 2))),
    (f"{SITE}/raw/main/c.py", FileLink(TUX, "main/c.py")),
    (f"{SITE}/blob/main/c.md#heading", FileLink(TUX, "main/c.md")),
    (f"{SITE}/blob/main", RepositoryLink(TUX, "blob")),
    (
        "https://raw.githubusercontent.com/allthingslinux/tux/refs/heads/main/c.py",
        FileLink(TUX, "refs/heads/main/c.py"),
    ),
    # Gists.
    (f"https://gist.github.com/octocat/{GIST}", GistLink(GIST, "octocat")),
    (f"https://gist.github.com/{GIST}", GistLink(GIST)),
    ("https://gist.github.com/octocat/9257657", GistLink("9257657", "octocat")),
    (f"https://gist.github.com/octocat/{GIST}/{SHA}", GistLink(GIST, "octocat")),
    (f"https://gist.github.com/octocat/{GIST}#file-a-py", GistLink(GIST, "octocat", "a-py")),
    (
        f"https://gist.github.com/octocat/{GIST}#file-a-py-L3-L5",
        GistLink(GIST, "octocat", "a-py", Lines(3, 5)),
    ),
    (f"https://gist.github.com/octocat/{GIST}#gistcomment-1", GistLink(GIST, "octocat")),
    # Accounts.
    ("octocat", AccountLink("octocat")),
    ("@octocat", AccountLink("octocat")),
    ("https://github.com/octocat?tab=repositories", AccountLink("octocat")),
    ("https://github.com/orgs/allthingslinux/people", AccountLink("allthingslinux")),
]


@pytest.mark.parametrize(("typed", "link"), READ)
def test_what_people_paste_is_understood(typed: str, link: Link) -> None:
    assert parse_link(typed) == link


@pytest.mark.parametrize(
    ("typed", "link"),
    [
        ("#12", NumberLink(TUX, 12)),
        ("GH-12", NumberLink(TUX, 12)),
        ("gh-12", NumberLink(TUX, 12)),
        ("docs#12", NumberLink(Reference("allthingslinux", "docs"), 12)),
        ("octocat/docs#12", NumberLink(Reference("octocat", "docs"), 12)),
        (f"@{SHA}", CommitLink(TUX, SHA)),
        ("docs@6dcb09b", CommitLink(Reference("allthingslinux", "docs"), "6dcb09b")),
    ],
)
def test_a_default_repository_stands_in_for_what_is_left_out(typed: str, link: Link) -> None:
    assert parse_link(typed, default=TUX) == link
    if not typed.startswith("octocat/"):
        with pytest.raises(InvalidInput, match="no default one here"):
            parse_link(typed)


@pytest.mark.parametrize(
    ("typed", "link"),
    [
        ("https://ghe.example/a/b/pull/1", NumberLink(Reference("a", "b"), 1, "pull")),
        ("https://ghe.example:8443/a/b/issues/1#issuecomment-2",
         NumberLink(Reference("a", "b"), 1, "issue", Comment("issuecomment", 2))),
        (f"https://ghe.example/gist/octocat/{GIST}#file-a-L1", GistLink(GIST, "octocat", "a", Lines(1, 1))),
        (f"https://gist.ghe.example/octocat/{GIST}", GistLink(GIST, "octocat")),
        ("https://ghe.example/octocat", AccountLink("octocat")),
        ("https://github.com/a/b/pull/1", NumberLink(Reference("a", "b"), 1, "pull")),
    ],
)  # fmt: skip
def test_links_to_an_enterprise_host_are_understood_where_the_api_is_on_it(typed: str, link: Link) -> None:
    assert parse_link(typed, host="ghe.example") == link
    if "github.com" not in typed:
        with pytest.raises(InvalidInput, match="does not lead to GitHub"):
            parse_link(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "https://gitlab.com/a/b/issues/1",
        "https://github.com.evil.example/a/b/issues/1",
        "https://github.com@evil.example/a/b/issues/1",
        "https://ɢithub.com/a/b/issues/1",
        "javascript://github.com/a/b/issues/1",
        "https://raw.githubusercontent.com/a/b",
        "https://[::1/a/b#1",
    ],
)
def test_addresses_elsewhere_are_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="does not lead to GitHub"):
        parse_link(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "/",
        "https://github.com",
        "https://github.com/topics/python",
        "https://github.com/Settings",
        "https://github.com/orgs/..",
        "https://github.com/orgs",
        "https://gist.github.com",
        "https://gist.github.com/octocat",
        "https://gist.github.com/octocat/not-hex",
        f"{SITE}/releases/tag/%ff",
        f"{SITE}/releases/tag/a%20b",
        f"{SITE}/releases/tag/a/%2E%2E/b",
        f"{SITE}/blob/main/../../secret",
        f"{SITE}/blob/main/a%00b",
        "a" * 40,
        f"{SITE}/blob/main/{'a' * 3000}",
        "two words",
    ],
)
def test_what_leads_to_nothing_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="does not lead to anything on GitHub") as raised:
        parse_link(typed, example="octocat/x")
    assert raised.value.example == "octocat/x"


@settings(deadline=None)
@given(reference=REFERENCES, form=st.sampled_from(FORMS))
def test_a_repository_is_read_from_every_form_that_it_is_written_in(reference: Reference, form: str) -> None:
    assert getattr(parse_link(form.format(reference)), "repository", None) == reference


NUMBERS = st.integers(1, 10**10 - 1)
IDS = st.integers(1, 10**19 - 1)
SHAS = st.text("0123456789abcdef", min_size=7, max_size=64)
COMMENTS = st.none() | st.builds(
    Comment, st.sampled_from(["issuecomment", "discussion_r", "pullrequestreview", "discussioncomment"]), IDS
)
LINES = st.none() | st.tuples(st.integers(1, 10**8), st.integers(0, 10**6)).map(
    lambda drawn: Lines(drawn[0], sum(drawn))
)
PART = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/ ~^:?*[\\"), min_size=1, max_size=20
).filter(lambda part: part not in {".", ".."})
TAGS = st.lists(PART, min_size=1, max_size=4).map("/".join)
PLACES = st.lists(PART, min_size=2, max_size=4).map("/".join)
LOGINS = OWNERS.filter(lambda login: login.lower() not in PAGES | {"orgs", "gist"})
LINKS: st.SearchStrategy[Any] = st.one_of(
    st.builds(RepositoryLink, REFERENCES, st.none() | st.sampled_from(["wiki", "actions", "issues"])),
    st.builds(NumberLink, REFERENCES, NUMBERS, st.sampled_from(["issue", "pull", "discussion"]), COMMENTS),
    st.builds(ReleaseLink, REFERENCES, st.none() | TAGS),
    st.builds(CommitLink, REFERENCES, SHAS, st.none() | st.builds(Comment, st.just("commitcomment"), IDS)),
    st.builds(FileLink, REFERENCES, PLACES, LINES),
    st.builds(
        GistLink,
        st.text("0123456789abcdef", min_size=20, max_size=64),
        st.none() | OWNERS.filter(lambda owner: len(owner) < 20),
        st.just("hello-py"),
        LINES,
    ),
    st.builds(AccountLink, LOGINS),
)


@settings(deadline=None)
@given(link=LINKS, host=st.sampled_from(["github.com", "ghe.example"]))
def test_a_link_is_read_from_the_address_that_it_makes(link: Any, host: str) -> None:
    assert parse_link(link.url(host), host="ghe.example") == link
    assert parse_link(f"<{link.url(host)}>", host="ghe.example") == link


@settings(deadline=None)
@given(reference=REFERENCES, number=NUMBERS)
def test_a_number_is_read_from_what_it_is_written_as(reference: Reference, number: int) -> None:
    link = NumberLink(reference, number)
    assert parse_link(str(link)) == link
    assert parse_link(str(link).partition("/")[2], default=reference) == link


ADDRESSES = st.from_regex(
    r"(https://)?((www\.|gist\.|raw\.)?github(usercontent)?\.com|[a-z.@:]{0,9})"
    r"((/(issues|pull|releases|tag|blob|commit|gist|orgs|[^/]{0,6})){0,6})([?#][^ ]{0,20})?",
    fullmatch=True,
)


@settings(deadline=None)
@given(
    typed=st.one_of(st.text(), st.text(string.printable), HOSTILE, ADDRESSES),
    number=st.none() | st.text(max_size=12),
    default=st.sampled_from([None, TUX]),
)
def test_whatever_is_typed_is_read_or_refused_with_an_example(
    typed: str, number: str | None, default: Reference | None
) -> None:
    link = _read(parse_link, typed, default=default)
    if isinstance(link, InvalidInput):
        assert link.message.endswith(".")
        assert parse_reference(link.example or "")
    else:
        assert parse_link(link.url()).url() == link.url()
        assert link.url().isascii()
    found = _read(parse_number_link, typed, number, default=default)
    if isinstance(found, InvalidInput):
        assert parse_number_link(found.example or "")
    else:
        assert found.kind != "discussion"
        assert 1 <= found.number < 10**10


def _read(parse: Callable[..., T], *typed: Any, **given: Any) -> T | InvalidInput:
    try:
        return parse(*typed, **given)
    except InvalidInput as exc:
        return exc


# What `/issue` and `/pr` are given.


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("allthingslinux/tux", "12"),
        ("allthingslinux/tux", "#12"),
        ("allthingslinux/tux", " <#12> "),
        ("allthingslinux/tux#3", "12"),
        (f"{SITE}/issues", "12"),
        (f"{SITE}/wiki", "12"),
        (f"{SITE}/discussions/3", "12"),
        ("allthingslinux/tux#12", None),
        (f"{SITE}/issues/12", None),
        (f"{SITE}/pull/12/files", None),
    ],
)
def test_a_number_may_be_given_beside_its_repository_or_with_it(typed: str, number: str | None) -> None:
    assert str(parse_number_link(typed, number)) == "allthingslinux/tux#12"


@pytest.mark.parametrize("typed", ["12", "#12", "<#12>", "tux#12", "GH-12"])
def test_a_number_alone_is_of_the_default_repository(typed: str) -> None:
    assert str(parse_number_link(typed, default=TUX)) == "allthingslinux/tux#12"
    with pytest.raises(InvalidInput, match="no default one here"):
        parse_number_link(typed)


@pytest.mark.parametrize("number", ["12", "#12", " `12` "])
def test_a_number_without_a_repository_is_of_the_default_one(number: str) -> None:
    assert str(parse_number_link(None, number, default=TUX)) == "allthingslinux/tux#12"
    with pytest.raises(InvalidInput, match="no default one here"):
        parse_number_link(None, number)


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Its number is missing"):
        parse_number_link(None, default=TUX)


@pytest.mark.parametrize(
    ("typed", "number", "message"),
    [
        ("allthingslinux/tux", None, "Its number is missing"),
        (f"{SITE}/releases/tag/v1", None, "Its number is missing"),
        (f"{SITE}/discussions/12", None, "is a discussion"),
        ("allthingslinux/tux", "twelve", "not a number"),
        ("allthingslinux/tux", "0", "not a number"),
        ("allthingslinux/tux", "-1", "not a number"),
        ("allthingslinux/tux", "1" * 11, "not a number"),
        ("allthingslinux/tux", "١٢", "not a number"),
        ("octocat", "12", "does not lead to an issue"),
        (f"https://gist.github.com/octocat/{GIST}", None, "does not lead to an issue"),
        ("#12", None, "no default one here"),
        ("a b/c", "12", "takes an owner, a slash and a name"),
    ],
)
def test_what_is_no_issue_is_refused_with_an_example(typed: str, number: str | None, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as raised:
        parse_number_link(typed, number)
    assert raised.value.example == NUMBER_EXAMPLE


@settings(deadline=None)
@given(owner=OWNERS, name=NAMES)
def test_a_value_says_what_it_is(owner: str, name: str) -> None:
    assert str(NumberLink(Reference(owner, name), 7)) == f"{owner}/{name}#7"


def test_the_first_part_of_a_place_is_taken_for_its_branch() -> None:
    link = FileLink(TUX, "main/src/a.py")
    assert (link.ref, link.path) == ("main", "src/a.py")

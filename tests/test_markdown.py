from __future__ import annotations

import re
import sys
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from simcord.preview._markdown import markdown_tokens

from tests.discord_markdown import kinds, parse, shown
from tests.hostile_text import HOSTILE, utf16
from tux_http.markdown import code, code_block, label, link, paragraphs, plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LIVE = re.compile(
    r"@everyone|@here|<@[!&]?\d+>|<#\d+>|</[^<>]*:\d+>|<a?:\w+:\d+>|<t:-?\d+(:\w)?>|<id:\w+>", re.IGNORECASE
)
PINGS = re.compile(r"@everyone|@here|<@[!&]?\d+>")
PREPENDED = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Format characters that are seen: they enclose what follows."""
FLAGS = ["🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁷󠁬󠁳󠁿"]


def invisible(text: str) -> set[str]:
    for flag in FLAGS:
        text = text.replace(flag, "")
    hidden = {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs"}}
    return hidden - PREPENDED - set("\u200b\u200c\u200d")


def seen(markdown: str) -> str:
    """What is read on Discord. Brackets do not count: those round a link are not shown."""
    return re.sub("[<>\u200b]", "", shown(parse(markdown)))


# Plain text.


@given(text=HOSTILE, limit=st.integers(1, 120))
@example(text="<@1>", limit=3)
@example(text="\\", limit=1)
def test_no_text_is_a_live_mention_or_too_long(text: str, limit: int) -> None:
    found = plain(text, limit)
    assert utf16(found) <= limit
    assert not LIVE.search(found)
    assert not invisible(found)
    assert "\n" not in found


@given(text=HOSTILE, limit=st.integers(1, 120))
@example(text="<mailto:a@b.c> <@a.b> </a@b.c> <+12345>", limit=120)
@example(text="steam://run/1", limit=120)
@example(text="**https://x.org/a**", limit=120)
@example(text="https://x.org/a_b", limit=10)
@example(text="https://\\", limit=10)
@example(text="https://*x*", limit=20)
def test_no_text_is_anything_but_text_and_links_of_the_web(text: str, limit: int) -> None:
    nodes = parse(plain(text, limit))
    assert kinds(nodes) <= {"text", "link"}
    links = [node.target for node in nodes if node.kind == "link"]
    assert all(re.fullmatch(r"https?://[^\s\\]+", target) for target in links)
    assert all(target in label(text, 10_000) for target in links)


@given(text=HOSTILE)
@example(text="https://x.org/a_b_c(d) (https://x.org/a_b) ¯\\_(ツ)_/¯")
def test_every_text_shows_as_it_was_written(text: str) -> None:
    expected = re.sub("[<>\u200b]", "", label(text, 10_000))
    assert seen(plain(text, 10_000)) == expected


@given(text=HOSTILE, limit=st.integers(1, 120))
def test_a_cut_text_is_the_beginning_of_it(text: str, limit: int) -> None:
    whole = re.sub("[<>\u200b]", "", label(text, 10_000))
    found = seen(plain(text, limit))
    assert found == whole or (found.endswith("…") and whole.startswith(found[:-1].rstrip()))


@given(text=st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"])))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert plain(text, 10_000) == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# heading", "\\# heading"),
        ("1. first", "1\\. first"),
        ("12345678901. first", "12345678901\\. first"),
        ("-# small", "\\-# small"),
        ("> quote", "\\> quote"),
        ("snake_case and **bold**", "snake\\_case and \\*\\*bold\\*\\*"),
        ("[text](https://evil.test)", "\\[text\\](https://evil.test)"),
        ("<@1> <@&2> <#3> </c:4>", "\\<\\@1> \\<\\@&2> \\<\\#3> \\<\\/c:4>"),
        ("<t:1:R> <a:x:1> <:x:1> <id:browse>", "\\<t\\:1:R> \\<a\\:x:1> \\<\\:x:1> \\<id\\:browse>"),
        ("@everyone", "@\u200beveryone"),
        ("mail@here.org", "mail@\u200bhere.org"),
        ("steam://run/1", "steam\\://run/1"),
        ("see https://docs.example.org/a_b_c(d)", "see https://docs.example.org/a_b_c(d)"),
        ("see <https://docs.example.org/a_b>.", "see <https://docs.example.org/a_b>."),
        ("**https://docs.example.org/a_b**", "\\*\\*<https://docs.example.org/a_b>\\*\\*"),
        ("[(https://docs.example.org)]", "\\[(<https://docs.example.org>)\\]"),
        ("https://example.org/@everyone_x", "<https://example.org/>@\u200beveryone\\_x"),
        ("https://bücher.example/ü und", "https://bücher.example/ü und"),
        ("https://*x*", "https\\://\\*x\\*"),
        ("HTTPS://EXAMPLE.ORG/_X_", "HTTPS://EXAMPLE.ORG/\\_X\\_"),
        (":rocket: fast", ":rocket: fast"),
        (" a\n\n\tb\u2028c ", "a b c"),
        ("ab\u202ecd\u200b\x00e\ud800f", "abcdef"),
        ("<\u200b@1>", "\\<\\@1>"),
        ("Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306", "Z\u0300\u0301\u0302\u0303"),
        ("ก\u0e48\u0e48\u0e48\u0e48\u200d\u0e48\u200d\u0e48", "ก\u0e48\u0e48\u0e48\u0e48"),
        ("\u0301a", "a"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        (FLAGS[0], FLAGS[0]),
        ("🏴\U000e0078\U000e0079\U000e007f", "🏴"),
        ("می‌خواهم", "می‌خواهم"),
        ("\u06dd٣", "\u06dd٣"),
        ("a\u200db", "ab"),
        ("", ""),
        ("\u200b\u3164", ""),
    ],
)
def test_what_acts_is_escaped_and_what_hides_is_taken_out(text: str, found: str) -> None:
    assert plain(text, 200) == found


@pytest.mark.parametrize(
    ("text", "limit", "found"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abc def", 5, "abc…"),
        ("ab*", 3, "ab…"),
        ("ab*c", 4, "ab…"),
        ("👨‍👩‍👧👨‍👩‍👧", 9, "👨‍👩‍👧…"),
        ("👨‍👩‍👧👨‍👩‍👧", 8, "…"),
        ("🇩🇪🇫🇷", 5, "🇩🇪…"),
        ("🇩🇪🇫🇷", 4, "…"),
        ("👍🏽👍🏽", 5, "👍🏽…"),
        ("e\u0301e\u0301", 3, "e\u0301…"),
        ("\u1112\u1161\u11ab\u1112\u1161\u11ab", 4, "\u1112\u1161\u11ab…"),
        ("क्षिक्षि", 5, "क्षि…"),
        ("क्षिक्षि", 4, "…"),
        ("a https://example.org/long_path b", 20, "a…"),
        ("a https://example.org/b cde", 25, "a https://example.org/b …"),
        ("a https://example.org/b cde", 24, "a…"),
        ("a https://example.org/b. cde", 26, "a https://example.org/b. …"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_a_cut_falls_between_characters(text: str, limit: int, found: str) -> None:
    assert plain(text, limit) == found


def test_whatever_unicode_calls_invisible_is_taken_out() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert not invisible(plain(every, 10_000_000)) - {"\u200c", "\u200d"}


def test_marks_of_any_script_are_piled_up_four_high_at_most() -> None:
    every = [
        char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char).startswith("M")
    ]
    assert len(every) > 2000
    for mark in every:
        assert len(label(f"a{mark * 9}b", 99)) <= len("ab") + 4, ascii(mark)
        assert label(f"{mark}b", 99) == "b", ascii(mark)


def test_a_long_text_takes_no_long_time() -> None:
    assert len(plain("<" * 100_000 + "a\u200d" * 50_000 + "<x" * 50_000, 4096)) <= 4096
    assert len(plain("https://a|" * 100_000, 4096)) <= 4096


# Text of several lines.


@given(text=HOSTILE, limit=st.integers(1, 200))
def test_no_line_of_a_text_is_markdown(text: str, limit: int) -> None:
    found = paragraphs(text, limit)
    assert utf16(found) <= limit
    assert kinds(parse(found)) <= {"text", "link"}
    assert not LIVE.search(found)
    assert "\n\n\n" not in found


@given(text=HOSTILE)
@example(text="a\n===")
def test_the_sandbox_shows_text_as_discord_does(text: str) -> None:
    names = {"users": {"1": "u"}, "roles": {"1": "r"}, "channels": {"1": "c"}, "commands": {"1": "repo"}}
    context = {**names, "everyone": True, "emojis": {"1": {"name": "tux", "animated": False}}}
    for shown_text in (plain(text, 1000), paragraphs(text, 1000)):
        tokens = markdown_tokens(shown_text, "message", context=context)
        found = set(types(tokens)) - {"subtext"}  # the sandbox does not know that it can be escaped
        assert found <= {"paragraph", "inline", "text", "break", "link_open", "link_close"}


def types(tokens: Iterable[Any]) -> Iterator[str]:
    for token in tokens:
        yield token["type"]
        yield from types(token.get("children", ()))


def test_lines_are_kept_with_one_empty_line_at_most() -> None:
    text = "\n\n # A\r\n\r\n\r\n- b\n  > c\n-# d\n1. e\n>>> f\n```py\ng\n```\n"
    assert paragraphs(text, 200) == (
        "\\# A\n\n\\- b\n\\> c\n\\-# d\n1\\. e\n\\>>> f\n\\`\\`\\`py\ng\n\\`\\`\\`"
    )
    assert paragraphs(text, 9) == "\\# A\n\n\\-…"
    assert paragraphs("\n \n", 9) == ""


# Code.


@given(text=HOSTILE, limit=st.integers(1, 60))
def test_no_text_ends_its_inline_code(text: str, limit: int) -> None:
    found = code(text, limit)
    assert utf16(found) <= limit
    assert [node.kind for node in parse(found)] in (["code"], ["code", "text"], ["text"], [])
    assert not PINGS.search(found)
    assert "…" not in "".join(node.text for node in parse(found) if node.kind == "code") or "…" in text


@pytest.mark.parametrize(
    ("text", "limit", "found"),
    [
        ("a_b*c\n d", 20, "`a_b*c d`"),
        ("`x`", 20, "`'x'`"),
        ("<@1>", 20, "`<\u200b@1>`"),
        ("abcdef", 8, "`abcdef`"),
        ("abcdef", 7, "`abcd`…"),
        ("abcdef", 3, "…"),
        (" \u200b", 20, ""),
    ],
)
def test_inline_code_is_closed_before_its_ellipsis(text: str, limit: int, found: str) -> None:
    assert code(text, limit) == found


@given(text=HOSTILE, limit=st.integers(12, 200), lines=st.none() | st.integers(1, 3))
@example(text="```\n<@1>\n```", limit=200, lines=None)
@example(text="a\n``", limit=200, lines=None)
def test_no_text_ends_its_block_of_code(text: str, limit: int, lines: int | None) -> None:
    found = code_block(text, limit, language="py", lines=lines)
    assert utf16(found) <= limit
    assert [node.kind for node in parse(found)] in (["block"], ["block", "text"], ["text"], [])
    assert all(node.text == "…" for node in parse(found) if node.kind == "text")
    assert all(node.target == "py" for node in parse(found) if node.kind == "block")
    assert not PINGS.search(found)


@pytest.mark.parametrize(
    ("text", "limit", "lines", "found"),
    [
        ("\n\tif a:\r\n  b \n\n", 99, None, "```py\n    if a:\n  b\n```"),
        ("a\nb\nc", 99, 2, "```py\na\nb\n```…"),
        ("a\nb", 99, 2, "```py\na\nb\n```"),
        ("abcdef", 16, None, "```py\nabcdef\n```"),
        ("abcdef", 15, None, "```py\nabcd\n```…"),
        ("a\nb", 12, 1, "```py\na\n```…"),
        ("a\nb", 11, 1, "…"),
        ("a```b", 99, None, "```py\na`\u200b`\u200b`b\n```"),
        (" \n\t\n", 99, None, ""),
    ],
)
def test_a_block_of_code_is_cut_after_a_line_or_a_character(
    text: str, limit: int, lines: int | None, found: str
) -> None:
    assert code_block(text, limit, language="py", lines=lines) == found


def test_a_language_that_discord_could_not_read_is_left_out() -> None:
    assert code_block("x", 99, language="c++") == "```c++\nx\n```"
    assert code_block("x", 99, language="p y\n`") == code_block("x", 99) == "```\nx\n```"


# Links.


@given(text=HOSTILE, limit=st.integers(1, 120))
@example(text="[[a](b)", limit=120)
@example(text="_a_bc def", limit=31)
@example(text="https://x.org/@everyone/discord.gg/a", limit=120)
def test_a_masked_link_is_one_whatever_its_text(text: str, limit: int) -> None:
    found = link(text, "https://x.org/a_(b)", limit)
    assert utf16(found) <= limit
    nodes = parse(found)
    assert not LIVE.search(found)
    if found.startswith("["):
        assert [(node.kind, node.target) for node in nodes] == [("masked", "https://x.org/a_%28b%29")]
        assert kinds(nodes[0].nodes) == {"text"}
    else:
        assert found == plain(text, limit)


@pytest.mark.parametrize(
    ("text", "url", "found"),
    [
        ("torvalds/linux", "https://x.org", "[torvalds/linux](https://x.org)"),
        ("a/snake_case_name", "https://x.org", "[a/snake_case_name](https://x.org)"),
        ("__init__.py", "https://x.org", "[ˍ_initˍˍ.py](https://x.org)"),
        ("[x] **y** `z`", "https://x.org", "[(x) ∗∗y∗∗ 'z'](https://x.org)"),  # noqa: RUF001  # that is the point
        ("https://x.org/docs", "https://x.org/docs", "[x.org/docs](https://x.org/docs)"),
        ("discord.gg/x", "https://discord.gg/x", "[discord․gg/x](https://discord.gg/x)"),  # noqa: RUF001  # as above
        ("a_b", None, "a\\_b"),
        ("a_b", "javascript:alert(1)", "a\\_b"),
        ("", "https://x.org", ""),
    ],
)
def test_the_text_of_a_masked_link_has_no_escapes(text: str, url: str | None, found: str) -> None:
    assert link(text, url, 200) == found


def test_a_masked_link_is_cut_in_its_text_and_left_out_where_its_address_has_no_room() -> None:
    assert link("abcdef", "https://x.org", 20) == "[ab…](https://x.org)"
    assert link("abcdef", "https://x.org", 18) == "[…](https://x.org)"
    assert link("abcdef", "https://x.org", 17) == "abcdef"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://example.org", "https://example.org"),
        ("HTTP://Example.org/Path?q=1#f", "http://example.org/Path?q=1#f"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://example.org/a_(b)", "https://example.org/a_%28b%29"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"),
    ],
)
def test_a_link_of_the_webs_is_kept(url: str, found: str) -> None:
    assert safe_link(url) == found
    assert safe_link(found) == found


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "example.org",
        "//example.org",
        "/path",
        "javascript:alert(1)",
        "ftp://example.org",
        "discord://x",
        "https://",
        "https:///path",
        "https://user:secret@example.org",
        "https://user@example.org",
        "https://exa mple.org",
        "https://example.org/\n",
        "https://example.org/\u202e",
        "https://example.org\\@evil.test",
        "https://example.org:99999",
        "http://[::1",
        "http://xn--a/",
        "https://\ud800.org",
        "https://example.org/" + "x" * 500,
        "https://example.org/" + "ü" * 200,
        # Discord refuses the message that has one of these in an embed or a button.
        "http://localhost/",
        "http://[::1]:8080/",
        "http://my_host.example.org/",
    ],
)
def test_no_other_link_is(url: str | None) -> None:
    assert safe_link(url) is None


@given(url=HOSTILE.map("https://".__add__) | HOSTILE)
def test_a_link_is_ascii_without_userinfo_and_not_too_long(url: str) -> None:
    found = safe_link(url)
    assert found is None or re.fullmatch(r"https?://[!-'*-;=?-~]{1,504}", found)
    assert found is None or "@" not in urlsplit(found).netloc
    assert found is None or safe_link(found) == found


# Labels.


def test_a_label_is_not_escaped_as_its_place_renders_no_markdown() -> None:
    assert label("snake_case *x*\u202e\n<@1>", 100) == "snake_case *x* <@1>"
    assert label("abcdef", 4) == "abc…"

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.discord_markdown import Node, kinds, parse, shown
from tests.hostile_text import HOSTILE, utf16
from tux_http.excerpt import excerpt
from tux_http.markdown import code, code_block, link, plain

WORDS = st.text(st.sampled_from("ab 👍🏽\u0301é"), min_size=1, max_size=12).map(
    lambda text: plain(text, 99) or "a"
)
LEAVES = st.one_of(
    WORDS,
    HOSTILE.map(lambda text: plain(text, 40) or "a"),
    HOSTILE.map(lambda text: code(text, 20) or "`a`"),
    HOSTILE.map(lambda text: link(text, "https://x.org/p_q", 60) or "a"),
    st.sampled_from(
        ["<t:1700000000:R>", "<@1>", "</repo info:1>", "<#1>", "<:tux:1>", "<https://x.org/a_b>"]
    ),
    st.just(" https://x.org/a_b "),
)


def wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(["**", "__"]), WORDS, inner).map(
        lambda parts: f"{parts[0]}{parts[1].strip() or 'a'} {parts[2].strip() or 'b'}.{parts[0]}"
    )


LINES = st.lists(
    LEAVES | wrapped(WORDS | st.sampled_from(["`a b`", "<@1>", "\\*"])), min_size=1, max_size=6
).map(" ".join)
BLOCKS = st.one_of(
    LINES,
    LINES.map("### ".__add__),
    LINES.map("- ".__add__),
    LINES.map("> ".__add__),
    HOSTILE.map(lambda text: code_block(text, 80, language="py") or "a"),
)
MARKDOWN = st.lists(BLOCKS, min_size=1, max_size=6).map("\n".join)
BLOCK_KINDS = {"heading", "subtext", "quote", "item"}


def inside(nodes: tuple[Node, ...]) -> str:
    """All text that is in something; a line that is a heading or the like goes on to its end."""
    return " ".join(
        inside(node.nodes) if node.kind in BLOCK_KINDS else node.text for node in nodes if node.kind != "text"
    )


@given(markdown=MARKDOWN, limit=st.integers(0, 150))
@example(markdown="https://x.org/a_b c", limit=18)
def test_the_ellipsis_is_never_inside_of_anything(markdown: str, limit: int) -> None:
    markdown = markdown.replace("…", ".")
    found = excerpt(markdown, limit)
    assert utf16(found) <= limit
    if utf16(markdown) <= limit:
        assert found == markdown
    else:
        assert found.count("…") == min(limit, 1)
        assert "…" not in inside(parse(found))


@given(markdown=MARKDOWN, limit=st.integers(0, 150))
def test_what_is_cut_is_the_markdown_it_was(markdown: str, limit: int) -> None:
    found = excerpt(markdown, limit)
    assert kinds(parse(found)) <= kinds(parse(markdown)) | {"text"}
    whole, part = (shown(parse(text)).replace("\n", " ") for text in (markdown, found))
    if found != markdown:
        kept = part.strip().removesuffix("…").rstrip()
        assert " ".join(whole.split()).startswith(" ".join(kept.split()))


@given(markdown=MARKDOWN, limit=st.integers(1, 150))
def test_an_excerpt_of_an_excerpt_is_itself(markdown: str, limit: int) -> None:
    once = excerpt(markdown, limit)
    assert excerpt(once, limit) == once


@given(text=HOSTILE, limit=st.integers(0, 60))
def test_any_text_at_all_is_cut_within_the_limit(text: str, limit: int) -> None:
    assert utf16(excerpt(text, limit)) <= limit


@pytest.mark.parametrize(
    ("markdown", "limit", "found"),
    [
        ("**bold text** after", 10, "**bold**…"),
        ("**bold text** after", 11, "**bold t**…"),
        ("a **b**", 5, "a…"),
        ("__under__ x", 9, "__unde__…"),
        ("~~struck out~~ x", 12, "~~struck~~…"),
        ("||hidden||!", 10, "||hidde||…"),
        ("*italic text*", 10, "*italic*…"),
        ("_italic text_", 10, "_italic_…"),
        ("**a *b cd* e**", 11, "**a *b***…"),
        ("5 * 3 = 15 and 2 * 2", 9, "5 * 3 =…"),
        ("[text](https://x.test) after", 24, "[text](https://x.test)…"),
        ("[text](https://x.test) after", 22, "…"),
        ("see https://x.test/a b", 21, "see…"),
        ("see https://x.test/a bcdef", 22, "see https://x.test/a …"),
        ("`code here` after", 12, "`code here`…"),
        ("`code here` after", 11, "…"),
        ("<t:1700000000:R> after", 17, "<t:1700000000:R>…"),
        ("<t:1700000000:R> after", 16, "…"),
        ("</repo info:1> x", 14, "…"),
        ("```py\nabc\ndef\n```", 15, "```py\nabc\n```…"),
        ("x\n```py\nabc\n```", 13, "x…"),
        ("a\n# heading", 5, "a…"),
        ("a\n- item", 6, "a\n- i…"),
        ("a\n-# small", 6, "a…"),
        ("a\\*\\*", 4, "a\\*…"),
        ("a\\*\\*", 3, "a…"),
        ("a\\\\b", 3, "a…"),
    ],
)
def test_what_is_opened_is_closed_or_left_out(markdown: str, limit: int, found: str) -> None:
    assert excerpt(markdown, limit) == found


@pytest.mark.parametrize(
    "mark", ["*", "_", "`", "~~", "||", "[", "<", "**a", "```", "[a](", "\\", "https://"]
)
def test_a_long_text_of_marks_takes_no_long_time(mark: str) -> None:
    assert utf16(excerpt(mark * 200_000, 4096)) <= 4096

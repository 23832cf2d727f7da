from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

import discord
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tux_http.embeds import budget, label, plain, safe_link
from tux_http.problem_embed import problem_embed
from tux_http.problems import InvalidInput, problem_of

FRAGMENTS = [
    *"\\*_~`|[]()<>@#&:/!-+.=\"'\n\t ",
    *"at19\u00e9",
    *"\u200b\u200c\u200d\u202e\u2066\u0301\ufe0f\U000e0041\u3164\x00\x1b\ud800",
    *"👨👩🏽🇩🇪🏴",
    "@everyone",
    "@here",
    "<@123456789012345678>",
    "<@!1>",
    "<@&1>",
    "<#1>",
    "</repo:1>",
    "<:tux:1>",
    "<a:tux:1>",
    "<t:1700000000:R>",
    "<id:browse>",
    "https://",
    "https://example.org/a_b",
    "http",
    "```",
    "||",
    "1. ",
    "-# ",
    "](https://evil.test)",
]
HOSTILE = st.lists(st.sampled_from(FRAGMENTS) | st.characters(), max_size=60).map("".join)
LIVE = re.compile(
    r"@everyone|@here|<@[!&]?\d+>|<#\d+>|</[^<>]*:\d+>|<a?:\w+:\d+>|<t:-?\d+(:\w)?>|<id:\w+>", re.IGNORECASE
)
ESCAPE = re.compile(r"\\[^0-9A-Za-z\s]")
# As Discord's clients find them. One may swallow the escape of a bracket after it, which is then a lone one.
LINK = re.compile(r"https?://[^\s<]+[^<.,:;\"'\]\s]\]?")


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def markdown_of(text: str) -> str:
    """What is left for Discord's parser to act on: the text with neither escapes nor links."""
    return ESCAPE.sub("e", LINK.sub("l", text))


def invisible(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs"}} - set(
        "\u200b\u200c\u200d"
    )


# Plain text.


@given(text=HOSTILE, limit=st.integers(1, 120))
@example(text="<@1>", limit=3)
@example(text="\\", limit=1)
def test_no_text_is_a_live_mention_or_too_long(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert utf16(shown) <= limit
    assert not LIVE.search(shown)
    assert not invisible(shown)
    assert "\n" not in shown


@given(text=HOSTILE, limit=st.integers(1, 120))
def test_no_text_is_markdown(text: str, limit: int) -> None:
    acted_on = markdown_of(plain(text, limit))
    assert not re.search(r"[*_~`|\[\]]", acted_on)
    assert not re.match(r"[#>+-]|\d+\.", acted_on)


@given(text=HOSTILE, limit=st.integers(1, 120))
def test_no_escape_is_cut_in_half(text: str, limit: int) -> None:
    shown = plain(text, limit)
    kept = shown.removesuffix("…")
    assert (len(kept) - len(kept.rstrip("\\"))) % 2 == 0


@given(text=st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"])))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert plain(text, 10_000) == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# heading", "\\# heading"),
        ("1. first", "1\\. first"),
        ("-# small", "\\-# small"),
        ("> quote", "\\> quote"),
        ("snake_case and **bold**", "snake\\_case and \\*\\*bold\\*\\*"),
        ("[text](https://evil.test)", "\\[text\\](https://evil.test)"),
        ("<@1> <@&2> <#3> </c:4>", "<\\@1> <\\@&2> <\\#3> <\\/c:4>"),
        ("<t:1:R> <a:x:1> <:x:1> <id:browse>", "<t\\:1:R> <a\\:x:1> <\\:x:1> <id\\:browse>"),
        ("@everyone", "@\u200beveryone"),
        ("mail@here.org", "mail@\u200bhere.org"),
        ("see https://docs.example.org/a_b_c(d)", "see https://docs.example.org/a_b_c(d)"),
        ("https://example.org/@everyone_x", "https://example.org/@\u200beveryone\\_x"),
        (" a\n\n\tb\u2028c ", "a b c"),
        ("ab\u202ecd\u200b\x00e\ud800f", "abcdef"),
        ("<\u200b@1>", "<\\@1>"),
        ("Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306", "Z\u0300\u0301\u0302\u0303"),
        ("\u0301a", "a"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("می‌خواهم", "می‌خواهم"),
        ("a\u200db", "ab"),
        ("", ""),
        ("\u200b\u3164", ""),
    ],
)
def test_text_shows_as_it_was_written(text: str, shown: str) -> None:
    assert plain(text, 200) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
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
        ("a https://example.org/long_path b", 20, "a…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_a_cut_falls_between_characters(text: str, limit: int, shown: str) -> None:
    assert plain(text, limit) == shown


def test_a_label_is_not_escaped_as_its_place_renders_no_markdown() -> None:
    assert label("snake_case *x*\u202e\n<@1>", 100) == "snake_case *x* <@1>"
    assert label("abcdef", 4) == "abc…"


def test_a_long_text_takes_no_long_time() -> None:
    assert len(plain("<" * 100_000 + "a\u200d" * 50_000 + "<x" * 50_000, 4096)) <= 4096


# Links.


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://example.org", "https://example.org"),
        ("HTTP://Example.org/Path?q=1#f", "http://example.org/Path?q=1#f"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://example.org/a_(b)", "https://example.org/a_%28b%29"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
    ],
)
def test_a_link_of_the_webs_is_kept(url: str, link: str) -> None:
    assert safe_link(url) == link


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
    ],
)
def test_no_other_link_is(url: str | None) -> None:
    assert safe_link(url) is None


@given(url=HOSTILE.map("https://".__add__) | HOSTILE)
def test_a_link_is_ascii_without_userinfo_and_not_too_long(url: str) -> None:
    link = safe_link(url)
    assert link is None or re.fullmatch(r"https?://[!-'*-;=?-~]{1,504}", link)
    assert link is None or "@" not in urlsplit(link).netloc


# Budgets.

TEXT = st.text(
    st.sampled_from("ab *\\<@1>👍🏽\u0301") | st.characters(exclude_categories=["Cs"]), max_size=40
)


@st.composite
def embeds(draw: st.DrawFn) -> discord.Embed:
    def long() -> str:
        return draw(TEXT) * draw(st.sampled_from([0, 1, 20, 300]))

    embed = discord.Embed(title=long(), description=long())
    embed.set_footer(text=long()).set_author(name=long())
    for _ in range(draw(st.sampled_from([0, 2, 30]))):
        embed.add_field(name=long(), value=long(), inline=draw(st.booleans()))
    return embed


@given(embed=embeds())
def test_no_embed_is_over_discords_limits(embed: discord.Embed) -> None:
    kept = budget(embed)
    assert utf16(kept.title or "") <= 256
    assert utf16(kept.description or "") <= 4096
    assert utf16(kept.footer.text or "") <= 2048
    assert utf16(kept.author.name or "") <= 256
    assert len(kept.fields) <= 25
    for field in kept.fields:
        assert 1 <= utf16(field.name or "") <= 256
        assert 1 <= utf16(field.value or "") <= 1024
    assert len(kept) <= 6000


def test_an_embed_within_its_budget_is_as_it_was() -> None:
    embed = discord.Embed(title="a", description="**b** <@1>", url="https://x.test", colour=1)
    embed.set_author(name="c", url="https://x.test", icon_url="https://x.test/i.png").set_footer(text="d")
    embed.add_field(name="e", value="f", inline=False).set_thumbnail(url="https://x.test/t.png")
    assert budget(embed).to_dict() == embed.to_dict()
    assert budget(embed) is not embed


def test_a_field_without_a_value_is_dropped_and_one_without_a_name_is_not() -> None:
    embed = discord.Embed().add_field(name="a", value=" ").add_field(name="", value="b")
    assert [(field.name, field.value) for field in budget(embed).fields] == [("\u200b", "b")]


def test_the_description_gives_way_before_the_fields_do() -> None:
    embed = discord.Embed(description="x" * 4096)
    for _ in range(4):
        embed.add_field(name="n", value="y" * 1000)
    kept = budget(embed)
    assert len(kept.fields) == 4
    assert len(kept) == 6000


def test_a_cut_description_keeps_its_timestamps_and_links_whole() -> None:
    start = "x" * 4080
    for tail in ("<t:1700000000:R> after", "[text](https://x.test) after", "\\*\\*\\*\\*\\*\\*\\*\\*\\*\\*"):
        cut = budget(discord.Embed(description=start + tail)).description or ""
        assert cut.rstrip("…").removeprefix(start) in ("", "\\*" * 7)


@given(text=HOSTILE)
def test_no_input_of_a_person_makes_a_live_or_oversized_answer(text: str) -> None:
    embed = problem_embed(problem_of(InvalidInput(text)), reference=text)
    assert len(embed) < 3000
    assert not LIVE.search(embed.description or "")
    assert budget(embed).to_dict() == embed.to_dict()

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile_text import HOSTILE, utf16
from tux_http.graphemes import LONGEST, beginning, cut, width

WHOLE = {
    "CR LF (GB3)": "\r\n",
    "Hangul syllable of jamo (GB6)": "\u1100\u1161\u11a8",
    "Hangul syllable and a final (GB7)": "\uac00\u11a8",
    "Hangul finals (GB8)": "\uac01\u11a8\u11a8",
    "marks (GB9)": "g\u0308\u0323",
    "zero-width joiner (GB9)": "a\u200d",
    "spacing mark (GB9a)": "\u0ba8\u0bbf",
    "Thai vowel (GB9a)": "\u0e01\u0e33",
    "prepended (GB9b)": "\u0600\u0031",
    "Devanagari conjunct (GB9c)": "\u0915\u094d\u0937\u093f",
    "conjunct with nukta and joiner (GB9c)": "\u0915\u093c\u200d\u094d\u0924",
    "Khmer conjunct (GB9c)": "\u179f\u17d2\u178f\u17d2\u179a\u17b8",
    "skin tone (GB9)": "👍🏽",
    "family (GB11)": "👨‍👩‍👧‍👦",
    "couple with skin tones (GB11)": "👩🏽‍❤️‍💋‍👨🏿",
    "flag of letters (GB12)": "🇩🇪",
    "flag of tags (GB9)": "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "keycap (GB9)": "1️⃣",
}


@pytest.mark.parametrize("grapheme", WHOLE.values(), ids=WHOLE)
def test_a_grapheme_is_kept_whole_or_not_at_all(grapheme: str) -> None:
    size = width(grapheme)
    for room in range(1, size):
        assert beginning(grapheme + "x", room) == "", room
        assert beginning("x" + grapheme, room + 1) == "x", room
    assert beginning(grapheme + "x", size) == grapheme
    assert beginning(grapheme + grapheme, size) == grapheme


@pytest.mark.parametrize(
    ("text", "first"),
    [("\n\u0308", "\n"), ("🇩🇪🇫🇷", "🇩🇪"), ("\u11a8\u1100", "\u11a8"), ("a\u0915", "a"), ("🇩a", "🇩")],
)
def test_what_is_not_one_character_is_cut_between(text: str, first: str) -> None:
    assert beginning(text, width(first)) == first
    assert beginning(text, width(text) - 1) == first


def test_a_chain_without_an_end_is_cut_all_the_same() -> None:
    chain = "👨\u200d" * 1000
    assert width(beginning(chain, 100)) >= 100 - 2 * LONGEST


@given(text=HOSTILE | st.text(), limit=st.integers(0, 60))
def test_a_cut_keeps_the_limit_in_units_and_in_characters(text: str, limit: int) -> None:
    found = cut(text, limit)
    assert len(found) <= width(found) == utf16(found) <= limit
    assert found == text or text.startswith(found[:-1])


@pytest.mark.parametrize(("text", "units"), [("", 0), ("abc", 3), ("ü", 1), ("🐧", 2), ("\ud800", 1)])
def test_width_is_in_utf_16_units(text: str, units: int) -> None:
    assert width(text) == units


def test_who_cuts_nothing_does_not_wait_for_the_library_that_knows_where() -> None:
    source = (
        "import sys, tux_http.bot, tux_http.embeds as e, discord\n"
        "e.budget(discord.Embed(description='👨🏽'))\n"
        "before = 'regex' in sys.modules\n"
        "e.budget(discord.Embed(description='👨🏽' * 5000))\n"
        "print(before, 'regex' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", source], check=True, capture_output=True, text=True)  # noqa: S603  # as written above
    assert found.stdout == "False True\n"

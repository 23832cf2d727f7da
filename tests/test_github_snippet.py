"""Lines of a file as they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile_text import HOSTILE
from tux_http.cogs.github.links import Lines
from tux_http.cogs.github.snippet import LONGEST, MOST, snippet
from tux_http.graphemes import width

FILE = "".join(f"line {number}\n" for number in range(1, 101))


def test_lines_have_their_numbers_and_their_language() -> None:
    shown = snippet(FILE, Lines(9, 11), name="src/a.py", room=1000)
    assert shown.block == "```py\n 9  line 9\n10  line 10\n11  line 11\n```"
    assert shown[1:] == (9, 11, 0)


def test_fifteen_lines_are_shown_and_the_others_counted() -> None:
    shown = snippet(FILE, Lines(10, 40), name="a.py", room=4000)
    assert len(shown.block.splitlines()) == MOST + 2
    assert shown[1:] == (10, 24, 16)


def test_lines_that_have_no_room_are_counted_too() -> None:
    shown = snippet(FILE, Lines(1, 10), name="a.py", room=120)
    assert width(shown.block) <= 120
    assert shown.last < 10
    assert shown.left_out == 10 - shown.last
    assert shown.block.count("line") == shown.last


def test_a_range_ends_with_the_file() -> None:
    assert snippet(FILE, Lines(99, 500), name="a.py", room=1000)[1:] == (99, 100, 0)


@pytest.mark.parametrize("text", ["", FILE])
def test_lines_that_are_not_there_are_not_shown(text: str) -> None:
    assert snippet(text, Lines(101, 102), name="a.py", room=1000).block == ""


def test_without_lines_it_is_the_start() -> None:
    assert snippet(FILE, None, name="a.py", room=4000)[1:] == (1, MOST, 100 - MOST)


def test_what_all_lines_are_indented_by_is_left_out() -> None:
    text = "if x:\n\t\twhile y:\n\n\t\t\tz()\r\n"
    assert snippet(text, Lines(2, 4), name="a.py", room=500).block == "```py\n2  while y:\n3\n4      z()\n```"


def test_a_very_long_line_is_cut() -> None:
    shown = snippet("x" * 1_000_000, None, name="min.js", room=4000)
    assert width(shown.block) < LONGEST + 20
    assert "…" in shown.block


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.py", "py"),
        ("src/A.RS", "rs"),
        ("Dockerfile", "dockerfile"),
        ("sub/CMakeLists.txt", "cmake"),
        ("LICENSE", ""),
        (".bashrc", "bash"),
        ("a.`x", ""),
        ("a.b\nc", ""),
    ],
)
def test_a_file_is_coloured_by_its_name(name: str, language: str) -> None:
    assert snippet("x", None, name=name, room=100).block == f"```{language}\n1  x\n```"


def test_code_can_not_end_its_block_or_mention_anybody() -> None:
    shown = snippet("```\n@everyone <@1>\n``````", None, name="a.md", room=500)
    assert shown.block.count("```") == 2
    assert "@everyone" not in shown.block
    assert "<@1>" not in shown.block


def test_what_ends_a_line_for_python_alone_adds_none() -> None:
    shown = snippet("a\x0cb\u2028c\nd", None, name="a.txt", room=500)
    assert [line[:1] for line in shown.block.splitlines()[1:-1]] == ["1", "2"]


@given(
    st.text(max_size=300) | HOSTILE,
    st.integers(1, 20),
    st.integers(0, 20),
    st.integers(60, 3000),
)
def test_no_file_passes_the_room(text: str, first: int, more: int, room: int) -> None:
    shown = snippet(text, Lines(first, first + more), name="a.py", room=room)
    assert width(shown.block) <= room
    assert not shown.block or shown.block.endswith(("```", "…"))

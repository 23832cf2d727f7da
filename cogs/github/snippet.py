"""Some lines of a file as a block of code with their numbers."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final, NamedTuple

from tux_http.graphemes import cut, width
from tux_http.markdown import code_block

if TYPE_CHECKING:
    from tux_http.cogs.github.links import Lines

__all__ = ["MOST", "Snippet", "snippet"]

MOST: Final = 15
"""Lines that are shown."""

LONGEST: Final = 200
"""Characters of a line that are shown; minified code has all of it in one."""

TAB: Final = 4
_FENCES: Final = len("```\n\n```…")
_MARGIN: Final = 40
"""Characters for the language's name, and for what is put into a text so that it does nothing."""

_SUFFIX: Final = re.compile(r"\.([A-Za-z0-9+#-]{1,12})\Z")
_NAMES: Final = {
    "dockerfile": "dockerfile",
    "containerfile": "dockerfile",
    "makefile": "makefile",
    "cmakelists.txt": "cmake",
    "gemfile": "ruby",
    "rakefile": "ruby",
    "justfile": "makefile",
    ".bashrc": "bash",
    ".gitconfig": "ini",
}
"""Files that go by their name; the others go by its end, which the highlighter of Discord's client knows."""


class Snippet(NamedTuple):
    """A block of code, "" if there is none of those lines; `last` is the last one shown, `left_out` how many are not."""

    block: str
    first: int
    last: int
    left_out: int


def snippet(text: str, lines: Lines | None, *, name: str, room: int) -> Snippet:
    """The lines, without what all of them are indented by.

    Args:
        text: Of the file.
        lines: Which; the file from its start if not given.
        name: Of the file.
        room: The longest block in UTF-16 units.
    """
    every = text.removesuffix("\n").split("\n") if text else []
    first = lines.first if lines else 1
    last = min(lines.last if lines else len(every), len(every))
    wanted = every[first - 1 : min(last, first - 1 + MOST)]
    numbered = _fitting(_numbered(wanted, first), room - _FENCES - _MARGIN)
    block = code_block("\n".join(numbered), room, language=_language(name))
    shown_to = first + len(numbered) - 1
    return Snippet(block, first, shown_to, max(last - shown_to, 0) if block else 0)


def _numbered(lines: list[str], first: int) -> list[str]:
    digits = len(str(first + len(lines) - 1))
    clean = [" ".join(line[: 4 * LONGEST].expandtabs(TAB).splitlines()) for line in lines]
    dedented = textwrap.dedent("\n".join(clean)).split("\n") if clean else []
    return [
        f"{number:>{digits}}  {cut(line.rstrip(), LONGEST)}".rstrip()
        for number, line in enumerate(dedented, first)
    ]


def _fitting(lines: list[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if (room := room - width(line) - 1) < 0:
            break
        kept.append(line)
    return kept


def _language(name: str) -> str:
    base = name.rpartition("/")[2].lower()
    suffix = _SUFFIX.search(base)
    return _NAMES.get(base) or (suffix[1] if suffix else "")

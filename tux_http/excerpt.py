"""Markdown of ours that is cut where it has no room, and stays the Markdown it was up to there.

The patterns are those of Discord's client, so that what is one thing to it is one thing here.
"""

from __future__ import annotations

import re
from typing import Final

from tux_http.graphemes import ELLIPSIS, beginning, width

__all__ = ["excerpt"]

_TOKEN: Final = re.compile(
    r"""
    (?P<block>```(?:[A-Za-z0-9_+\-.#]+\n)?\n*[^\n][\s\S]*?\n*```)
  | (?P<whole>
        (?P<ticks>`+)[\s\S]*?[^`](?P=ticks)(?!`)                            # code
      | \[(?:\\.|[^\[\]\\\n]){1,1000}\]\([^()\s]{1,2100}\)                  # masked link
      | <(?:https?://[^\s<>]{1,2100}|[^<>\s][^<>\n]{0,100})>                # link, mention, emoji, timestamp
      | (?P<link>(?:https?|steam)://[^\s<]+[^\s<.,:;"'\]])
    )
  | (?P<pair>
        \*\*(?:\\[\s\S]|[^\\])+?\*\*(?!\*)
      | __(?:\\[\s\S]|[^\\])+?__(?!_)
      | ~~[\s\S]+?~~(?!_)
      | \|\|[\s\S]+?\|\|
      | \*(?=\S)(?:\*\*|\\[\s\S]|\s+(?:\\[\s\S]|[^\s*\\]|\*\*)|[^\s*\\])+?[ ]{0,2}\*(?!\*)
      | _(?:__|\\[\s\S]|[^\\_])+?_(?![A-Za-z0-9_])
    )
  | (?P<text>(?:\\[^\n]|[^`*_~|\[<hs\\]|(?!(?:https?|steam)://)[hs])+)
  | [\s\S]                                                                  # a mark without a partner
    """,
    re.VERBOSE,
)
_FENCE: Final = re.compile(r"```(?:[A-Za-z0-9_+\-.#]+\n)?\n*")
_CLOSED: Final = "\n```"
_BARE_LINE: Final = re.compile(
    r"(?:^|(?<=\n))[ ]*(?:#{1,3}|-\#|>{1,3}|[*-]|\d+\.)$"
)  # of a heading, a list …
_DEEPEST: Final = 8  # pairs in pairs; whoever nests more sees the outer ones cut
_HALF_ESCAPE: Final = re.compile(r"(?<!\\)(?:\\\\)*(\\)$")


def excerpt(markdown: str, limit: int) -> str:
    """As much as there is room for, and an ellipsis. What begins in it ends in it.

    The ellipsis stands outside of links, code and what is bold, struck or hidden: a link, a mention, a timestamp
    or inline code is there as a whole or not at all; the others are closed before it.

    Args:
        markdown: Of ours; foreign text in it has been made harmless.
        limit: The longest result in UTF-16 units.
    """
    if width(markdown) <= limit:
        return markdown
    markdown = markdown[: 4 * max(limit, 0) + 1024]  # megabytes would hold up the event loop
    kept = _without_bare_line(_beginning(markdown, limit - len(ELLIPSIS)))
    if _ends_in_link(kept):  # which would take the ellipsis in
        kept = _without_bare_line(_beginning(markdown, limit - len(ELLIPSIS) - 1))
        kept += " " if _ends_in_link(kept) else ""
    return (kept + ELLIPSIS)[: max(limit, 0)]


def _ends_in_link(kept: str) -> bool:
    links = [token.start() for token in _TOKEN.finditer(kept) if token["link"]]
    return bool(links) and not re.search(r"[\s<]", kept[links[-1] :])


def _without_bare_line(markdown: str) -> str:
    return _BARE_LINE.sub("", markdown.rstrip()).rstrip()


def _beginning(markdown: str, room: int, depth: int = 0) -> str:
    kept: list[str] = []
    for token in _TOKEN.finditer(markdown):
        if (needed := width(token[0])) > room:
            kept.append(_part(token, room, depth))
            break
        kept.append(token[0])
        room -= needed
    return "".join(kept)


def _part(token: re.Match[str], room: int, depth: int) -> str:
    if token["text"]:
        return _HALF_ESCAPE.sub(lambda end: end[0][:-1], beginning(token[0], room))
    if token["pair"] and depth < _DEEPEST:
        return _part_of_pair(token[0], room, depth)
    return _part_of_block(token[0], room) if token["block"] else ""


def _part_of_pair(pair: str, room: int, depth: int) -> str:
    mark = pair[:2] if pair[0] == pair[1] else pair[0]
    inner = _beginning(pair[len(mark) : -len(mark)], room - 2 * len(mark), depth + 1).rstrip()
    return f"{mark}{inner}{mark}" if inner else ""


def _part_of_block(block: str, room: int) -> str:
    fence = _FENCE.match(block)
    assert fence is not None  # or it would be no block
    code = block[fence.end() : -3].rstrip("\n")
    inner = beginning(code, room - width(fence[0]) - len(_CLOSED)).rstrip()
    return f"{fence[0]}{inner}{_CLOSED}" if inner else ""

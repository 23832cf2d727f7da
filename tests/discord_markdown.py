"""What Discord's client makes of Markdown, from the rules of its parser; it shares nothing with what it checks.

Names of users, emoji shortcodes and nested blocks are left out.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_FLAGS: Final = re.ASCII  # as in JavaScript


class Node(NamedTuple):
    kind: str
    text: str
    nodes: tuple[Node, ...] = ()
    target: str = ""


_ESCAPE: Final = re.compile(r"\\([^0-9A-Za-z\s])", _FLAGS)
_BLOCK: Final = re.compile(r"```(?:([a-z0-9_+\-.#]+?)\n)?\n*([^\n][\s\S]*?)\n*```", re.IGNORECASE | _FLAGS)
_CODE: Final = re.compile(r"(`+)([\s\S]*?[^`])\1(?!`)", _FLAGS)
_LINK: Final = re.compile(
    r"\[((?:\[[^\]]*\]|[^\[\]]|\](?=[^\[]*\]))*)\]"
    r"\(\s*<?((?:\([^)]*\)|[^\s\\]|\\.)*?)>?(?:\s+['\"]([\s\S]*?)['\"])?\s*\)",
    _FLAGS,
)
_URL: Final = re.compile(r"(?:https?|steam)://[^\s<]+[^<.,:;\"'\]\s]")
_REFERENCES: Final = {
    "link": r"<([^: >]+:/[^ >]+)>",
    "mail": r"<([^\s<>@]+@[^\s<>@]+\.[^\s<>@]+)>",
    "phone": r"<((?:(?:tel|sms):\+?|\+)(?:[0-9]|\([0-9]+\))(?:[- ./]?(?:[0-9]|\([0-9]+\)))+)>",
    "user": r"<@!?(\d+)>",
    "role": r"<@&(\d+)>",
    "channel": r"<#(\d+)>",
    "command": r"</([^<>:\n]{1,98}):(\d+)>",
    "emoji": r"<(?:a)?:(\w+):(\d+)>",
    "timestamp": r"<t:(-?\d{1,17})(?::[tTdDfFRsS])?>",
    "page": r"<id:(home|guide|browse|customize|linked-roles)(?::\d+)?>",
    "sound": r"<sound:(\d+):(\d+)>",
    "everyone": r"(@(?:everyone|here))",
}
_REFERENCE: Final = [(kind, re.compile(pattern, _FLAGS)) for kind, pattern in _REFERENCES.items()]
_STYLES: Final = {  # longest first; with the weight that decides between equals
    "bold": (re.compile(r"\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)"), 0.1),
    "underlined": (re.compile(r"__((?:\\[\s\S]|[^\\])+?)__(?!_)"), 0.0),
    "italic": (
        re.compile(r"_((?:__|\\[\s\S]|[^\\_])+?)_(?![0-9A-Za-z_])|"
                   r"\*(?=\S)((?:\*\*|\\[\s\S]|\s+(?:\\[\s\S]|[^\s*\\]|\*\*)|[^\s*\\])+?) {0,2}\*(?!\*)"),
        0.2,
    ),
}  # fmt: skip
_STRUCK: Final = re.compile(r"~~([\s\S]+?)~~(?!_)")
_SPOILER: Final = re.compile(r"\|\|([\s\S]+?)\|\|")
_LINES: Final = {
    "heading": re.compile(r" *#{1,3}\s+(?!#)([^\n]*)(?:\n|$)"),
    "subtext": re.compile(r" *-# +((?:(?!-#)[^\n])+?) *(?:\n|$)"),
    "quote": re.compile(r" *>(?:>> +([\s\S]*)| +([^\n]*)\n?)"),
    "item": re.compile(r" *(?:[*-]|\d+\.) +([^\n]*)\n?", _FLAGS),
}


def parse(source: str, *, in_link: bool = False) -> tuple[Node, ...]:
    """The nodes of a description or a field's value."""
    nodes: list[Node] = []
    position = 0
    while position < len(source):
        node, end = _node_at(source, position, in_link=in_link)
        if node.kind == "text" and nodes and nodes[-1].kind == "text":
            nodes[-1] = Node("text", nodes[-1].text + node.text)
        else:
            nodes.append(node)
        position = end
    return tuple(nodes)


def shown(nodes: tuple[Node, ...]) -> str:
    return "".join(shown(node.nodes) if node.nodes else node.text for node in nodes)


def kinds(nodes: tuple[Node, ...]) -> set[str]:
    return {node.kind for node in nodes}.union(*(kinds(node.nodes) for node in nodes))


def _node_at(source: str, at: int, *, in_link: bool) -> tuple[Node, int]:  # noqa: PLR0911  # one a rule
    if not in_link and (at == 0 or source[at - 1] == "\n"):
        for kind, pattern in _LINES.items():
            if match := pattern.match(source, at):
                inner = next((group for group in match.groups() if group), "")
                return Node(kind, inner, (*parse(inner), Node("text", "\n"))), match.end()
    if not in_link and (match := _ESCAPE.match(source, at)):
        return Node("text", match[1]), match.end()
    if match := _BLOCK.match(source, at):
        return Node("block", match[2], target=match[1] or ""), match.end()
    if match := _CODE.match(source, at):
        return Node("code", match[2]), match.end()
    if not in_link and (match := _LINK.match(source, at)):
        return _link(match), match.end()
    if match := _URL.match(source, at):
        return _url(match[0], at)
    return _reference_or_style(source, at, in_link=in_link)


def _link(match: re.Match[str]) -> Node:
    label, target = match[1], match[2]
    inner = parse(label, in_link=True)
    allowed = {"text", "bold", "underlined", "italic", "struck", "code", "spoiler", "timestamp"}
    is_invitation = re.search(r"discord(?:app)?\.(?:gg|com|gift|new)/", label, re.IGNORECASE)
    if not shown(inner).strip() or kinds(inner) - allowed or is_invitation or "://" not in target:
        return Node("text", match[0])
    return Node("masked", label, inner, target)


def _url(url: str, at: int) -> tuple[Node, int]:
    if url.endswith(")") and url.count("(") < len(url) - len(url.rstrip(")")):
        url = url[:-1]
    return Node("link", url, target=url), at + len(url)


def _reference_or_style(source: str, at: int, *, in_link: bool) -> tuple[Node, int]:
    for kind, pattern in _REFERENCE:
        if match := pattern.match(source, at):
            return Node(kind, match[1], target=match[1]), match.end()
    found = [
        (match.end() + weight, kind, match)
        for kind, (pattern, weight) in _STYLES.items()
        if (match := pattern.match(source, at))
    ]
    found += [(match.end(), "struck", match) for match in [_STRUCK.match(source, at)] if match]
    found += [(match.end(), "spoiler", match) for match in [_SPOILER.match(source, at)] if match]
    if found:
        _, kind, match = max(found, key=lambda each: each[0])
        inner = next(group for group in match.groups() if group)
        return Node(kind, inner, parse(inner, in_link=in_link)), match.end()
    return Node("text", source[at]), at + 1

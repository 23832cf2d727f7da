"""What a message leads to on GitHub, where its author meant to show it.

Code, quotes, spoilers and addresses in angle brackets are left alone: they are what a person hides from
previews, or did not write. The patterns are those of Discord's client.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from tux_http.cogs.github.link_parsing import parse_link
from tux_http.cogs.github.links import (
    CommitLink,
    FileLink,
    GistLink,
    NumberLink,
    ReleaseLink,
    RepositoryLink,
)
from tux_http.cogs.github.reference import GITHUB
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from tux_http.cogs.github.links import Link
    from tux_http.cogs.github.reference import Reference

__all__ = ["MOST", "MessageLinks", "key_of", "links_in", "may_have_links"]

MOST: Final = 5
"""Links of a message that are shown."""

_HIDDEN: Final = re.compile(
    r"""
    (?P<kept>\\[^0-9A-Za-z\s])                                    # an escape: what follows does not act
  | ```[\s\S]+?```
  | (?P<ticks>`+)(?!`)[\s\S]*?[^`](?P=ticks)(?!`)
  | ^[ ]*>>>[ ][\s\S]*
  | ^[ ]*>[ ].*$
  | \|\|[\s\S]+?\|\|
  | <[^<>\s]{1,2100}>                                             # an address without a preview, a mention
    """,
    re.VERBOSE | re.MULTILINE,
)
_URL: Final = re.compile(r"https?://[^\s<>]{1,2100}", re.IGNORECASE)
_AFTER_URL: Final = ".,:;\"'!?]*_~|`"
"""What ends a sentence or a mark, and no address."""

_SHORT: Final = re.compile(
    r"(?<![\w/#&.@:\\-])(?P<typed>(?:[A-Za-z0-9][A-Za-z0-9_-]{0,38}/[A-Za-z0-9._-]{1,100})?\#)\#?"
    r"(?P<number>[1-9][0-9]{0,6})(?![\w#-]|[.,]\d)"
)

_PAGES: Final = frozenset({None, "tree"})
"""Of a repository: those that show the repository itself."""


@dataclass(frozen=True, slots=True)
class MessageLinks:
    """At most `MOST` links, each once; `addresses` are those that were written as a web address.

    `has_others` says whether Discord would show a preview of something else, too.
    """

    links: tuple[Link, ...] = ()
    addresses: frozenset[Link] = frozenset()
    has_others: bool = False


def may_have_links(content: str) -> bool:
    """Whether a closer look pays; most messages have none."""
    return "#" in content or "://" in content


def links_in(content: str, *, host: str = GITHUB, default: Reference | None = None) -> MessageLinks:
    """Reads `owner/name#12`, addresses of pages, and, with a default repository, `#12` and `##12`.

    Args:
        content: Of a message.
        host: Of web pages that may be named beside github.com's.
        default: The repository that a number alone is of.
    """
    shown = _HIDDEN.sub(lambda found: found[0] if found["kept"] else " ", content)
    addresses = [(each.start(), _read(_trimmed(each[0]), host, None)) for each in _URL.finditer(shown)]
    without_addresses = _URL.sub(lambda address: " " * len(address[0]), shown)
    shorts = [
        (each.start(), _read(each["typed"] + each["number"], host, default))
        for each in _SHORT.finditer(without_addresses)
    ]
    found: dict[str, Link] = {}
    for _, link in sorted([*addresses, *shorts], key=lambda each: each[0]):
        if link is not None:
            found.setdefault(key_of(link), link)
    kept = dict(islice(found.items(), MOST))
    keys = {None if link is None else key_of(link) for _, link in addresses}
    return MessageLinks(
        tuple(kept.values()),
        frozenset(link for key, link in kept.items() if key in keys),
        has_others=not keys <= kept.keys(),
    )


def key_of(link: Link) -> str:
    """The same for all that lead to the same place."""
    if isinstance(link, NumberLink):
        return f"{str(link).lower()} {link.comment or ''}"
    if isinstance(link, GistLink):
        return GistLink(link.id, None, link.file, link.lines).url()
    return link.url().lower() if isinstance(link, RepositoryLink) else link.url()


def _read(text: str, host: str, default: Reference | None) -> Link | None:
    with contextlib.suppress(InvalidInput):
        link = parse_link(text, host=host, default=default)
        return link if _is_shown(link) else None
    return None


def _trimmed(address: str) -> str:
    while True:
        trimmed = address.rstrip(_AFTER_URL)
        if trimmed.endswith(")") and trimmed.count(")") > trimmed.count("("):
            trimmed = trimmed[:-1]
        if trimmed == address:
            return address
        address = trimmed


def _is_shown(link: Link) -> bool:
    match link:
        case RepositoryLink(page=page):
            return page in _PAGES
        case NumberLink(kind=kind, comment=comment):
            return kind != "discussion" and (comment is None or comment.kind != "discussioncomment")
        case FileLink(lines=lines):
            return lines is not None
        case CommitLink() | GistLink() | ReleaseLink():
            return True
        case _:
            return False

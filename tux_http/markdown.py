"""Foreign text for Discord: it shows as it was written, and does nothing.

What acts is what Discord's client parses: https://support.discord.com/hc/en-us/articles/210298617.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import httpx

from tux_http.client import checked_url
from tux_http.discord_limits import BUTTON_URL
from tux_http.excerpt import excerpt
from tux_http.graphemes import ELLIPSIS, beginning, cut, width

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["code", "code_block", "label", "link", "paragraphs", "plain", "safe_link"]

# What would act. An http(s) URL is a link to the client and no more, up to the next blank: a backslash in it
# would be part of it. So it is left as it is, and in angle brackets if something follows that needs one.
_ACTING: Final = re.compile(
    r"""(?=[\\`*_~|\[\]<@hs])(?:                     # in half the time
        <(?P<autolink>https?://(?:[A-Za-z0-9._~%/?\#&=+$;:,!'()-]|[^\x00-\x7f]|@(?!everyone|here))+)>
      | (?P<url>https?://(?:[A-Za-z0-9]|[^\x00-\x7f])
            (?:[A-Za-z0-9._~%/?\#&=+$;:,!'()-]|[^\x00-\x7f]|@(?!everyone|here))*
            (?:[A-Za-z0-9_~%/\#&=+$)-]|[^\x00-\x7f]))
        (?P<tail>(?=[^\s<]{0,300}[\\`*_~|\[\]@<>]))?
      | (?P<scheme>https?|steam)(?=://)             # the client links to anything after it
      | (?P<everyone>@(?=everyone|here))            # the two words that need no brackets
      | (?P<mention><(?:@(?!everyone|here)|[\#/:])) # <@1> <@&1> <#1> </name:1> <:name:1>
      | (?P<tag><[A-Za-z0-9]{1,32}):                     # <t:1:R> <a:name:1> <id:browse> <mailto:a@b.c>
      | [\\`*_~|\[\]<]
    )""",
    re.VERBOSE,
)
_LINE_START: Final = re.compile(r"[#>+=-]|\d+[.)]", re.ASCII)  # heading, subtext, quote, list
_PINGS: Final = re.compile(r"@(?=everyone|here)|<(?=@)")
_FENCE: Final = re.compile(r"`{3,}")
_SCHEME: Final = re.compile(r"^https?://")
_ACTING_IN_LINK: Final = re.compile(
    r"""[\\`*\[\]<>]
      | ~{2,} | \|{2,}
      | _(?![A-Za-z0-9])                             # what ends italics, or begins and ends underlining
      | @(?=everyone|here)
      | (?:(?<=discord)|(?<=discordapp))\.(?=(?:gg|com|gift|new)/)  # an invitation
      | (?P<slash>(?<=[/᜵⁁⁄∕╱⟋⧸Ⳇ⼃〳ノ㇓丿])[/᜵⁁⁄∕╱⟋⧸Ⳇ⼃〳ノ㇓丿])  # the second of a URL's, and what is read as such
    """,  # noqa: RUF001  # see there
    re.VERBOSE | re.IGNORECASE,
)
_LOOKALIKES: Final = str.maketrans("\\`*[]<>~|_@.", "⧵'∗()()∼∣ˍ＠․")  # noqa: RUF001  # that is what they are
_HOST: Final = re.compile(rb"(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63}")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_+\-.#]{1,32}")

ZERO_WIDTH: Final = "\u200b"
"""Between two characters that would act together."""

_TAB: Final = 4
"""Columns of a tab in code."""

# What is not seen: controls, format characters, and letters and marks that show nothing: Unicode's
# Default_Ignorable_Code_Point but for joiners and variation selectors, and for the flags that are made of tags.
_UNSEEN: Final = re.compile(
    "(?P<flag>\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f)|"
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_MAYBE_PILE: Final = re.compile(  # marks are in these ranges, though not alone; looking at each character takes long
    "(?:^|{0}{{4}}){0}".format(
        "[\u0300-\u1fff\u200c\u200d\u20d0-\u20ff\u2c00-\u2dff\u3000-\u30ff\ua000-\uabff\ufb00-\ufe2f\U00010000-\U0001e94f]"
    )
)
_JOINERS: Final = re.compile("[\u200c\u200d]+")

MARKS: Final = 4
"""Combining marks kept on one character; no language needs more, and a pile of them spills over the card."""


# For places that render Markdown.


def plain(text: str, limit: int) -> str:
    """Foreign text on one line, for a place that renders Markdown, except the text of a masked link (`link`).

    Shortcodes such as `:rocket:` become emoji there, as they do on GitHub.

    Args:
        text: Anything.
        limit: The longest result in UTF-16 units.
    """
    return excerpt(_escaped(_line(text[: _most(limit)])), limit)


def paragraphs(text: str, limit: int) -> str:
    """As `plain`, with the text's lines, and at most one empty line between them."""
    lines = [_escaped(_line(line)) for line in text[: _most(limit)].splitlines()]
    return excerpt(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n"), limit)


def code(text: str, limit: int) -> str:
    """Foreign text as inline code, nothing if there is none; a backtick becomes an apostrophe."""
    shown = _PINGS.sub(rf"\g<0>{ZERO_WIDTH}", _line(text[: _most(limit)]).replace("`", "'"))
    if not shown or width(shown) + len("``") <= limit:
        return f"`{shown}`" if shown else ""
    kept = beginning(shown, limit - len("``…")).rstrip()
    return f"`{kept}`{ELLIPSIS}" if kept else ELLIPSIS[: max(limit, 0)]


def code_block(text: str, limit: int, *, language: str = "", lines: int | None = None) -> str:
    """Foreign text as a block of code, nothing if there is none.

    Args:
        text: Anything; it can't end the block.
        limit: The longest result in UTF-16 units.
        language: What it is coloured as; left out where Discord could not read it.
        lines: The most lines that are shown.
    """
    shown = [_seen(line.expandtabs(_TAB)).rstrip() for line in text[: _most(limit)].splitlines()]
    kept = "\n".join(shown).strip("\n").split("\n")
    body = _PINGS.sub(rf"\g<0>{ZERO_WIDTH}", "\n".join(kept[:lines]))
    body = _FENCE.sub(lambda marks: ZERO_WIDTH.join(marks[0]), body)[: max(limit, 0) + 1]
    if not body:
        return ""
    block = f"```{language if _LANGUAGE.fullmatch(language) else ''}\n{body}\n```"
    left_out = lines is not None and len(kept) > lines
    if left_out and width(block) + len(ELLIPSIS) <= limit:
        return block + ELLIPSIS
    return excerpt(block + ELLIPSIS * left_out, limit)


def link(text: str, url: str | None, limit: int) -> str:
    """Foreign text as a masked link, or alone if the URL is none to link to, or if there is no room for it.

    Discord's client knows no escapes in there, and shows all of the link's Markdown if its text has an address or
    a mention. So what would act is replaced by what looks like it.
    """
    target = safe_link(url)
    shown = _SCHEME.sub("", _line(text[: _most(limit)]))
    if target is None or not shown or len(target) + len("[…]()") > limit:
        return plain(text, limit)
    shown = _ACTING_IN_LINK.sub(_lookalike, cut(shown, limit - len(target) - len("[]()")))
    return f"[{shown}]({target})"


def _lookalike(acting: re.Match[str]) -> str:
    return acting[0].translate(_LOOKALIKES) if acting["slash"] is None else " "


# For places that do not.


def label(text: str, limit: int) -> str:
    """Foreign text on one line, for places without Markdown: footers, author names, buttons, options."""
    return cut(_line(text[: _most(limit)]), limit)


# URLs.


def safe_link(url: str | None, limit: int = BUTTON_URL) -> str | None:
    """A foreign URL in the form that may be linked to, in ASCII; None if it is none of the web's.

    Discord refuses a whole message for an embed or a button with a URL to a host without a dot, or with an
    underscore. Parentheses are encoded, so that it can stand in a masked link, too.
    """
    found = _linkable(url) if url and len(url) <= limit else None
    return found if found is not None and len(found) <= limit else None


@functools.lru_cache(maxsize=512)
def _linkable(url: str) -> str | None:
    """The same card is asked for again, and each of its URLs is looked at where it is set and by the budget."""
    if "\\" in url or " " in url or _line(url) != url:
        return None
    try:
        parsed = checked_url(url)
    except httpx.InvalidURL:
        return None
    if parsed.scheme not in {"http", "https"} or parsed.userinfo or not _HOST.fullmatch(parsed.raw_host):
        return None
    return str(parsed).replace("(", "%28").replace(")", "%29")


# The parts.


def _most(limit: int) -> int:
    """Characters that are looked at: cleaning takes some away, and megabytes would hold up the event loop."""
    return 4 * max(limit, 0) + 1024


def _escaped(line: str) -> str:
    start = _LINE_START.match(line)
    if start is None:
        return _ACTING.sub(_harmless, line)
    return f"{start[0][:-1]}\\{start[0][-1]}{_ACTING.sub(_harmless, line[start.end() :])}"


def _harmless(acting: re.Match[str]) -> str:  # noqa: PLR0911  # one a case
    match acting.lastgroup:
        case "url" | "autolink":
            return acting[0]
        case "tail":
            url = acting["url"] if "(" in acting["url"] else acting["url"].rstrip(")")
            return f"<{url}>{acting['url'][len(url) :]}"
        case "scheme":
            return f"{acting[0]}\\"
        case "everyone":
            return f"@{ZERO_WIDTH}"  # a backslash before a letter would show
        case "mention":  # a second one, as Discord's API finds mentions without looking at the first
            return f"\\<\\{acting[0][1]}"
        case "tag":
            return f"\\{acting['tag']}\\:"
        case _:
            return f"\\{acting[0]}"


def _line(text: str) -> str:
    """One line without controls and without what is invisible, turns the writing round or piles up."""
    line = " ".join(text.split())
    return line if line.isascii() and line.isprintable() else " ".join(_seen(line).split())


def _seen(text: str) -> str:
    seen = _UNSEEN.sub(lambda unseen: unseen["flag"] or "", text)
    if _MAYBE_PILE.search(seen):
        seen = "".join(_without_piles(seen))
    return _JOINERS.sub(_joiner, seen)


def _joiner(run: re.Match[str]) -> str:
    """Joiners mean something between emoji, and between letters of some scripts; nowhere else."""
    before, after = run.string[: run.start()][-1:], run.string[run.end() :][:1]
    return "" if before < "\x80" or after < "\x80" else run[0][0]


def _without_piles(text: str) -> Iterator[str]:
    pile = MARKS  # a mark with nothing to stand on is one too many
    for char in text:
        if unicodedata.category(char).startswith("M"):
            pile += 1
        elif char not in "\u200c\u200d":
            pile = 0
        if pile <= MARKS:
            yield char

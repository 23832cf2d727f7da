"""Text as an upstream might send it to do harm, and how Discord measures what we make of it."""

from __future__ import annotations

from hypothesis import strategies as st

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
    "<id:linked-roles:1>",
    "<sound:1:1>",
    "<mailto:a@b.c>",
    "<@a.b>",
    "<tel:+123456>",
    "<discord://x>",
    "steam://run/1",
    "https://",
    "https://example.org/a_b",
    "<https://example.org/a_b>",
    "https://x.org/(a)",
    "http",
    "```",
    "```py\n",
    "||",
    "1. ",
    "-# ",
    ">>> ",
    "](https://evil.test)",
    "[x](https://evil.test)",
    "discord.gg/x",
]
HOSTILE = st.lists(st.sampled_from(FRAGMENTS) | st.characters(), max_size=60).map("".join)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2

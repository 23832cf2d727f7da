"""A language that shows what is in the catalogues: each text stands between ⟦ and ⟧, its facts outside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tux_http.languages import Language

if TYPE_CHECKING:
    import discord

FACT: Final = re.compile(r"\{\w+\}")
WORDED: Final = re.compile(r"⟦[^⟦⟧]*⟧")
NOT_READ: Final = re.compile(r"<t:\d+:\w>|https?://[^\s)⟦]+|[\u2139\ufe0f]")
"""Timestamps, addresses, and the sign of information, which counts as a letter."""

DATA: Final = re.compile(r"\bdata\b")
"""What stands for an upstream's words in the tests."""

LETTERS: Final = re.compile(r"[^\W\d_]+")


class Pseudo(Language):
    """Numbers and lists are as in English."""

    def _found(self, msgid: str) -> str:
        return _marked(msgid)

    def _found_plural(self, singular: str, plural: str, n: int) -> str:
        return _marked(singular if n == 1 else plural)

    def listed(self, items: Any) -> str:
        return " ".join(items)


PSEUDO: Final = Pseudo("en")


def _marked(text: str) -> str:
    return "⟦" + FACT.sub(lambda fact: f"⟧{fact[0]}⟦", text) + "⟧"


def unworded(*texts: str | None) -> list[str]:
    """The words of texts that are neither from a catalogue nor data."""
    found: list[str] = []
    for text in filter(None, texts):
        rest = text
        for pattern in (NOT_READ, WORDED, DATA):
            rest = pattern.sub(" ", rest)
        if words := LETTERS.findall(rest):
            found.append(f"{words} in {text!r}")
    return found


def texts_of(embed: discord.Embed) -> list[str]:
    """All that a person reads of an embed."""
    texts = [embed.title, embed.description, embed.author.name, embed.footer.text]
    for field in embed.fields:
        texts += [field.name, field.value]
    return [text for text in texts if text]


def labels(view: discord.ui.View | None) -> list[str]:
    """All that a person reads of the buttons under a message."""
    assert view is not None
    rows: list[Any] = view.to_components()
    return [part["label"] for row in rows for part in row["components"]]

"""Embeds within Discord's limits: what is over is cut, and what Discord would refuse is left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import discord

from tux_http.discord_limits import (
    AUTHOR,
    DESCRIPTION,
    EMBED_URL,
    EMBEDS,
    FIELD_NAME,
    FIELD_VALUE,
    FIELDS,
    FOOTER,
    TITLE,
    TOTAL,
)
from tux_http.excerpt import excerpt
from tux_http.graphemes import cut, width
from tux_http.markdown import ZERO_WIDTH, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["budget", "budget_all"]

KEPT_DESCRIPTION: Final = 1024
"""Characters of a description that are kept while there are fields left to drop."""

_UPLOADED: Final = re.compile(r"attachment://[\w.-]{1,200}", re.ASCII)
"""A file that goes with the message: https://discord.com/developers/docs/reference#editing-message-attachments."""


def budget(embed: discord.Embed) -> discord.Embed:
    """A copy of an embed that Discord takes, as the only one of its message."""
    return budget_all([embed])[0]


def budget_all(embeds: Iterable[discord.Embed]) -> list[discord.Embed]:
    """Copies of a message's embeds that Discord takes together; the first ones are cut last.

    Texts are cut as `excerpt` does; fields without a value go, and so do URLs that are none of the web's
    (`attachment://` is left to pictures). A text's Markdown is the caller's.
    """
    kept = [_kept(embed) for embed in list(embeds)[:EMBEDS]]
    _budget_total(kept)
    return [discord.Embed.from_dict(each) for each in kept]


def _kept(embed: discord.Embed) -> Any:
    data: Any = {**embed.to_dict()}
    for name, limit in (("title", TITLE), ("description", DESCRIPTION)):
        if name in data:
            data[name] = excerpt(_encodable(data[name]), limit)
    for name, text, limit in (("author", "name", AUTHOR), ("footer", "text", FOOTER)):
        _set(data, name, _labelled(data.get(name), text, limit))
    for name in ("image", "thumbnail"):
        _set(data, name, _pictured(data.get(name)))
    _set(data, "url", safe_link(data.get("url"), EMBED_URL))
    _set(
        data, "fields", [_field(field) for field in data.get("fields", ()) if field["value"].strip()][:FIELDS]
    )
    return data


def _set(data: Any, name: str, value: Any) -> None:
    if value:
        data[name] = value
    else:
        data.pop(name, None)


def _labelled(part: Any, text: str, limit: int) -> Any:
    """An author or a footer, which Discord takes with a text only."""
    if not part or not (part.get(text) or "").strip():
        return None
    kept = {**part, text: cut(_encodable(part[text]), limit)}
    _set(kept, "url", safe_link(part.get("url"), EMBED_URL))
    _set(kept, "icon_url", _picture(part.get("icon_url")))
    return kept


def _pictured(part: Any) -> Any:
    url = _picture(part.get("url")) if part else None
    return {**part, "url": url} if url else None


def _picture(url: str | None) -> str | None:
    return url if url and _UPLOADED.fullmatch(url) else safe_link(url, EMBED_URL)


def _field(field: Any) -> Any:
    name = excerpt(_encodable(field["name"]), FIELD_NAME).strip() or ZERO_WIDTH  # Discord wants one
    return {**field, "name": name, "value": excerpt(_encodable(field["value"]), FIELD_VALUE)}


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()  # halves of surrogate pairs


# What all have together.


def _budget_total(kept: list[Any]) -> None:
    for each in reversed(kept):
        if (over := sum(map(_total, kept)) - TOTAL) <= 0:
            return
        if description := each.get("description"):
            size = width(description)
            each["description"] = excerpt(description, max(size - over, min(size, KEPT_DESCRIPTION)))
    while sum(map(_total, kept)) > TOTAL:
        last = kept[-1]
        if last.get("fields"):
            _set(last, "fields", last["fields"][:-1])
        else:
            kept.pop()


def _total(embed: Any) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [embed[name][text] for name, text in (("author", "name"), ("footer", "text")) if name in embed]
    for field in embed.get("fields", ()):
        texts += [field["name"], field["value"]]
    return sum(width(text) for text in texts if text)

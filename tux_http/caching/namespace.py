"""What the keys of one API begin with; see `keys`, which makes them."""

from __future__ import annotations

from urllib.parse import quote, unquote

from tux_http.caching.store import SCHEMA


def namespace(api: str | None = None) -> str:
    """The first part of all keys, or of one API's. API names hold neither colons nor wildcards there."""
    return f"{SCHEMA}:" if api is None else f"{SCHEMA}:{quote(api, safe='')}:"


def api_of(key: str) -> str:
    """Whose key this is."""
    return unquote(key.split(":", 2)[1])

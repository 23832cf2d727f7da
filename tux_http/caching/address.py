"""The address of the server that a cache is on: what is wrong with one, and what in it is secret."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from tux_http.policy import CacheSettings

VARIABLE: Final = "REDIS_URL"
"""The environment variable that holds the address, for it may hold a password."""

SCHEMES: Final = ("redis", "rediss", "unix")


def problem_with_server(settings: CacheSettings) -> str | None:
    """Why the server of a "redis" store can't be used, in a line without its address; None if it can."""
    if settings.store != "redis":
        return None
    if importlib.util.find_spec("redis") is None:
        return 'http.cache.store "redis" needs an extra: pip install "tux-http[redis]"'
    url = _split(settings.url)
    if url is None or url.scheme not in SCHEMES or not (url.path if url.scheme == "unix" else url.hostname):
        return f"{VARIABLE} or http.cache.url must be redis://HOST:PORT/DATABASE, rediss:// or unix://PATH"
    return None


def passwords_in(url: str) -> tuple[str, ...]:
    """The passwords in a server's address, as they are written and as they are meant; () for one of the web."""
    parts = _split(url)
    if parts is None or parts.scheme in {"", "http", "https"}:
        return ()
    written = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    return tuple(dict.fromkeys(text for each in written for text in (each, unquote(each)) if text))


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # which raises for one that is no number
    except ValueError:
        return None
    return parts

"""What a request asks of the cache beside its URL; most calls of an API ask the same, so it is read once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import httpx

from tux_http.caching.cache_control import directives
from tux_http.caching.keys import credentials_of
from tux_http.options import options_of

if TYPE_CHECKING:
    RawFields: TypeAlias = tuple[tuple[bytes, bytes], ...]

Mode: TypeAlias = Literal["no-store", "only-if-cached", "no-cache"]

MODES: Final[tuple[Mode, ...]] = ("no-store", "only-if-cached", "no-cache")
"""From the strictest on."""

CONDITIONS: Final = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"}
)
"""Fields by which a caller keeps a cache of its own, or wants a part."""


ASKS_MORE: Final = frozenset({"cache-control", "cookie", "pragma"})
"""Fields of requests that are answered by more than what was asked for, and how long its answer is good."""


class Asking(NamedTuple):
    """`is_special` tells of a field of `ASKS_MORE`; `credentials` is a digest of the fields that say who asks."""

    mode: Mode | None
    is_conditional: bool
    is_special: bool
    credentials: bytes


def asking_of(request: httpx.Request) -> Asking:
    """What a call, or its `Cache-Control`, asks of the cache (RFC 9111, section 5.2.1); a call's word wins."""
    asking = _read(tuple(request.headers.raw))
    told = options_of(request).cache
    return asking if told is None else asking._replace(mode=told)


@lru_cache(maxsize=256)
def _read(fields: RawFields) -> Asking:
    headers = httpx.Headers(fields)
    asked = directives(headers.get_list("cache-control"))
    return Asking(
        mode=next((mode for mode in MODES if mode in asked), None),
        is_conditional=not CONDITIONS.isdisjoint(headers),
        is_special=not ASKS_MORE.isdisjoint(headers),
        credentials=credentials_of(headers),
    )

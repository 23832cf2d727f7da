"""`python -m tux_http cache`: what is stored, for whoever runs the bot."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Final

from tux_http.caching.opening import open_store, path_of
from tux_http.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tux_http.caching.store import Store, StoreStats
    from tux_http.policy import CacheSettings

KIB: Final = 1024

OK: Final = 0
FAILED: Final = 1


def run(settings: CacheSettings, *, action: str, api: str | None) -> int:
    """Writes what `action` ("stats" or "clear") finds to stdout; gives the process's exit status.

    Raises:
        ConfigError: The store can't be had.
    """
    if settings.store == "memory":
        sys.stdout.write("The store is the memory: it is the bot's own, and empty when the bot starts.\n")
        return OK
    return asyncio.run(_run(open_store(settings), _place(settings), action, api))


def _place(settings: CacheSettings) -> str:
    return redact(settings.url) if settings.store == "redis" else str(path_of(settings))


async def _run(store: Store, place: str, action: str, api: str | None) -> int:
    async with contextlib.aclosing(store):
        answer = await (_cleared(store, api) if action == "clear" else _told(store, api))
    if not store.available:  # the log has said why
        return FAILED
    sys.stdout.write(f"{place}\n{answer}\n")
    return OK


async def _cleared(store: Store, api: str | None) -> str:
    count = await store.clear(api)
    return f"{count:,} answer{'' if count == 1 else 's'}{'' if api is None else f' of {api}'} forgotten"


async def _told(store: Store, api: str | None) -> str:
    found = [each for each in await store.stats() if api in {None, each.api}]
    return "\n".join(_table(found)) if found else "nothing is stored"


def _table(found: Iterable[StoreStats]) -> list[str]:
    rows = [
        ("api", "answers", "size"),
        *((each.api, f"{each.entries:,}", _size(each.size)) for each in found),
    ]
    width = max(len(name) for name, *_ in rows)
    return [f"{name:<{width}}  {entries:>10}  {size:>10}" for name, entries, size in rows]


def _size(count: int) -> str:
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= KIB and len(units) > 1:
        size /= KIB
        del units[0]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"

"""What httpx hands down in `request.extensions`: https://www.python-httpx.org/advanced/extensions/."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, MutableMapping

    import httpcore2


def extensions_of(request: httpcore2.Request) -> MutableMapping[str, Any]:
    """The request's own extensions; writing to them changes nobody else's."""
    return cast("MutableMapping[str, Any]", request.extensions)  # pyright: ignore[reportUnknownMemberType]


def timeout_of(request: httpcore2.Request, kind: Literal["connect", "read", "write", "pool"]) -> float | None:
    """Seconds one operation may take; None for as long as it likes."""
    return extensions_of(request).get("timeout", {}).get(kind)


@contextlib.asynccontextmanager
async def traced(request: httpcore2.Request, name: str, **info: Any) -> AsyncGenerator[None]:
    """Tells the request's trace callback, if it has one, that a step started, and completed or failed."""
    tell = extensions_of(request).get("trace")
    if tell is None:
        yield
        return
    await tell(f"{name}.started", info)
    try:
        yield
    except BaseException as exc:
        await tell(f"{name}.failed", {"exception": exc})
        raise
    await tell(f"{name}.complete", {"return_value": None})

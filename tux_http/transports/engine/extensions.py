"""What httpx hands down in `request.extensions`: https://www.python-httpx.org/advanced/extensions/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    import httpcore2


def extensions_of(request: httpcore2.Request) -> MutableMapping[str, Any]:
    """The request's own extensions; writing to them changes nobody else's."""
    return cast("MutableMapping[str, Any]", request.extensions)  # pyright: ignore[reportUnknownMemberType]


def timeout_of(request: httpcore2.Request, kind: Literal["connect", "read", "write", "pool"]) -> float | None:
    """Seconds one operation may take; None for as long as it likes."""
    return extensions_of(request).get("timeout", {}).get(kind)


class traced:  # noqa: N801  # used like a function
    """Tells the request's trace callback, if it has one, that a step started, and completed or failed."""

    def __init__(self, request: httpcore2.Request, name: str, **info: Any) -> None:
        self._tell = extensions_of(request).get("trace")
        self._name = name
        self._info = info

    async def __aenter__(self) -> None:
        if self._tell is not None:
            await self._tell(f"{self._name}.started", self._info)

    async def __aexit__(self, kind: object, exc: BaseException | None, traceback: object) -> None:
        if self._tell is None:
            return
        if exc is not None:
            await self._tell(f"{self._name}.failed", {"exception": exc})
        else:
            await self._tell(f"{self._name}.complete", {"return_value": None})

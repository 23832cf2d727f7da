"""What one call may say of itself, beside what its API's policy says."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import structs

from tux_http.policy import Retry  # noqa: TC001  # msgspec reads the annotation

if TYPE_CHECKING:
    import httpx

EXTENSION: Final = "tux_http.options"
"""The request extension that holds a call's `CallOptions`."""


class CallOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one call; None leaves it to the policy.

    `deadline` is in seconds, `max_body` in bytes after decoding. `retry=True` says that the call may be
    repeated though its method is not idempotent, False that it never is; a `Retry` replaces the policy's
    attempts, back-offs and costs, not the size of its budget. False for `breaker`, `quota` or `lane` lets
    the call pass that layer: it is not refused there, as a health check wants it; the breaker and the lane do
    not count it either, and the quota learns from its answer.
    `priority="background"` is for work that nobody waits for: it is refused first when a quota runs low.
    `cache` is "no-cache" to have the upstream say that the answer is still good, "no-store" to neither use
    nor keep one, "only-if-cached" to ask no upstream (504 if there is none; RFC 9111, section 5.2.1).
    `began` is when the call did, in seconds of the event loop's clock, if that is not now: its deadline counts from then.
    `caller` is who is served in turn when a lane is full, a Discord user or guild id. `streaming` is set by
    `stream()`: the body is read by the caller, not by the layers.
    """

    deadline: float | None = None
    began: float | None = None
    retry: bool | Retry | None = None
    breaker: bool | None = None
    quota: bool | None = None
    lane: bool | None = None
    cache: Literal["no-cache", "no-store", "only-if-cached"] | None = None
    priority: Literal["interactive", "background"] = "interactive"
    caller: object = None
    max_body: int | None = None
    streaming: bool = False


NOTHING: Final = CallOptions()

answerable_until: ContextVar[float | None] = ContextVar("tux_http_answerable_until", default=None)
"""When an answer could not be shown any more, in seconds of the event loop's clock; no call goes on after it.
`responding` sets it from the interaction's token."""

current_caller: ContextVar[object] = ContextVar("tux_http_caller", default=None)
"""On whose behalf calls are made; `responding` sets it to the id of the Discord user."""

current_priority: ContextVar[Literal["interactive", "background"] | None] = ContextVar(
    "tux_http_priority", default=None
)
"""Of calls that do not say theirs: "background" is set by work that nobody waits for."""


def with_options(request: httpx.Request, **changes: Any) -> None:
    """Changes the options that a request carries, leaving out what is None."""
    given = {name: value for name, value in changes.items() if value is not None}
    if given:
        request.extensions = {**request.extensions, EXTENSION: structs.replace(options_of(request), **given)}


def forget_beginning(request: httpx.Request) -> None:
    """Takes `began` out of the options that a request carries."""
    if (options := options_of(request)).began is not None:
        request.extensions = {**request.extensions, EXTENSION: structs.replace(options, began=None)}


def options_of(request: httpx.Request) -> CallOptions:
    """The options that a request carries."""
    found = request.extensions.get(EXTENSION)
    return found if isinstance(found, CallOptions) else NOTHING

"""The operator's Sentry, where there is one: what is logged of a failure carries its reference there, too.

Nothing here imports `sentry_sdk`. Whoever uses it has done so, and has initialised it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tux_http.redaction import MARK, redacted

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["hear_loguru_again", "tagged"]

QUERIES: Final = ("http.query", "http.fragment", "url.query", "url.fragment")
"""Under which Sentry's integrations for HTTP clients note the parts of a URL that may be secret."""


@contextmanager
def tagged(**tags: str) -> Generator[None]:
    """Gives the events of what is logged within these tags, and takes the secrets out of them.

    That is also out of what Sentry noted before, such as the URLs of requests. Without Sentry nothing happens.
    """
    sdk = _initialised()
    if sdk is None:
        yield
        return
    with sdk.new_scope() as scope:
        for name, value in tags.items():
            scope.set_tag(name, value)
        scope.add_event_processor(_without_secrets)
        yield


def hear_loguru_again() -> None:
    """Gives Sentry its sinks back, if it had some, after all sinks were removed."""
    sdk = _initialised()
    integration = None if sdk is None else sdk.get_client().integrations.get("loguru")
    if integration is not None:
        integration.setup_once()


def _initialised() -> Any:
    """Sentry's SDK, version 2, if somebody has initialised it."""
    sdk: Any = sys.modules.get("sentry_sdk")
    return sdk if hasattr(sdk, "is_initialized") and sdk.is_initialized() else None


def _without_secrets(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    del hint
    clean: dict[str, Any] = redacted(event)
    for crumb in clean.get("breadcrumbs", {}).get("values", ()):
        if data := crumb.get("data"):
            data.update((name, MARK) for name in QUERIES if data.get(name))
    if "exception" not in clean:
        clean.setdefault("threads", {"values": []})  # or `attach_stacktrace` adds frames with their variables
    return clean

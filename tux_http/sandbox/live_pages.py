"""Lets the page show what happens when it happens, such as "Thinking…" after a deferral.

By itself simcord's page gets its next state when the command has ended, and counts "in 40 minutes" from when
the page was opened.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from simcord import Preview

if TYPE_CHECKING:
    from collections.abc import Generator

    import simcord

# Private to simcord, so looked for here; without them the page is merely quiet while a command runs.
_PUBLISH = getattr(Preview, "_publish_message_pages", None)
_ACTIVE = "_active_action"
_PAGES = "_pages"

LOOK_EVERY: Final = 0.5
"""Seconds from one look at what the bot has sent to the next."""


def _published(preview: simcord.Preview) -> int:
    """How often its pages got a state."""
    return sum(page.revision for page in getattr(preview, _PAGES, {}).values())


@contextlib.contextmanager
def kept_current(env: simcord.Env, preview: simcord.Preview) -> Generator[None]:
    """Sets the page's time at each event of Discord's, and publishes what a running command has done so far.

    It publishes also what the bot does by itself between two commands, such as enabling a button.
    """
    loop = asyncio.get_running_loop()
    due: list[asyncio.Handle] = []

    def publish() -> None:
        due.clear()
        if _PUBLISH is not None and getattr(preview, _ACTIVE, None) is not None:
            _PUBLISH(preview, reason="refresh")

    def on_event(_event: str, _payload: Any) -> None:
        preview.capture_time = env.now()
        if not due:
            # An empty context, so that simcord does not take this for work of the bot's.
            due.append(loop.call_soon(publish, context=Context()))

    looking: list[asyncio.Handle] = []

    def look(seen: int, shown: int) -> None:
        # There is no event for a message that one person sees, so what the bot sends is counted. What the page
        # has got with a command must not be published once more: it takes no command of an older state.
        sent = len(env.http_requests)
        is_idle = getattr(preview, _ACTIVE, None) is None
        if sent > seen and shown == _published(preview) and is_idle and _PUBLISH is not None:
            preview.capture_time = env.now()
            _PUBLISH(preview, reason="refresh")
        looking[:] = [loop.call_later(LOOK_EVERY, look, sent, _published(preview), context=Context())]

    env.backend.subscribers.append(on_event)
    look(len(env.http_requests), _published(preview))
    try:
        yield
    finally:
        looking[0].cancel()
        env.backend.subscribers.remove(on_event)
        for handle in due:
            handle.cancel()

"""Lets the page show what happens when it happens, such as "Thinking…" after a deferral.

By itself simcord's page gets its next state when the command has ended, and counts "in 40 minutes" from when
the page was opened.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import Context
from typing import TYPE_CHECKING, Any

from simcord import Preview

if TYPE_CHECKING:
    from collections.abc import Generator

    import simcord

# Private to simcord, so looked for here; without them the page is merely quiet while a command runs.
_PUBLISH = getattr(Preview, "_publish_message_pages", None)
_ACTIVE = "_active_action"


@contextlib.contextmanager
def kept_current(env: simcord.Env, preview: simcord.Preview) -> Generator[None]:
    """Sets the page's time at each event of Discord's, and publishes what a running command has done so far."""
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

    env.backend.subscribers.append(on_event)
    try:
        yield
    finally:
        env.backend.subscribers.remove(on_event)
        for handle in due:
            handle.cancel()

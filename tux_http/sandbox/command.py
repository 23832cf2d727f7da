"""`python -m tux_http sandbox`: the page in a browser until it is stopped, or one picture of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING, Any, Final

import simcord

from tux_http.sandbox.live_pages import kept_current
from tux_http.sandbox.screenshot import ScreenshotError, taken
from tux_http.sandbox.upstream import SampleGitHub
from tux_http.sandbox.world import opened
from tux_http.stop_signals import stop_signals

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Coroutine
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tux_http.chaos import Faults
    from tux_http.config import Settings
    from tux_http.sandbox.world import World

OK: Final = 0
UNUSABLE: Final = 2
"""As for every wrong argument."""

DEFAULT_COMMAND: Final = "/repo allthingslinux/tux"


class UnusableError(Exception):
    """The sandbox can't do what it was asked to; the message is one line for whoever asked."""


def serve(settings: Settings, *, port: int, browser: bool, live: bool, faults: Faults | None = None) -> int:
    """Serves the page until Ctrl-C, SIGTERM or its "End preview session"; gives the exit status."""
    world = _world(settings, live=live, faults=faults)
    return _run(_serve(world, port=port, browser=browser))


def shoot(settings: Settings, *, live: bool, file: Path, typed: str, faults: Faults | None = None) -> int:
    """Types each line of `typed` and writes a PNG of the channel; gives the exit status."""
    world = _world(settings, live=live, faults=faults)
    return _run(_shoot(world, file=file, lines=typed.splitlines()))


def _run(work: Coroutine[Any, Any, None]) -> int:
    try:
        asyncio.run(work)
    except (UnusableError, ScreenshotError) as exc:
        sys.stderr.write(f"{exc}\n")
        return UNUSABLE
    except KeyboardInterrupt:  # Windows, where asyncio handles no signals
        return OK
    return OK


async def _serve(opening: AbstractAsyncContextManager[World], *, port: int, browser: bool) -> None:
    with stop_signals() as stop:
        async with opening as world:
            await world.introduce()
            async with _page(world, port) as preview:
                _say(f"Sandbox: {preview.url}\nPress Ctrl-C to stop.")
                if browser:
                    _open_browser(preview.url)
                await _first(stop.wait(), preview.wait_closed())
                # Ends what a stop interrupts: the page does not close before its last command has ended.
                await world.close()


async def _shoot(opening: AbstractAsyncContextManager[World], *, file: Path, lines: list[str]) -> None:
    async with opening as world:
        for line in lines:
            try:
                await world.say(line)
            except ValueError as exc:
                raise UnusableError(str(exc)) from exc
        async with _page(world, 0) as preview:
            try:
                await taken(preview.url, file)
            except OSError as exc:
                raise UnusableError(f"{file} can't be written: {exc.strerror}") from exc
    _say(f"Screenshot: {file}")


@contextlib.asynccontextmanager
async def _world(settings: Settings, *, live: bool, faults: Faults | None) -> AsyncGenerator[World]:
    async with contextlib.AsyncExitStack() as stack:
        upstream = None if live else await stack.enter_async_context(SampleGitHub())
        yield await stack.enter_async_context(opened(settings, upstream=upstream, faults=faults))


@contextlib.asynccontextmanager
async def _page(world: World, port: int) -> AsyncGenerator[simcord.Preview]:
    preview = world.preview(port=port)
    try:
        await preview.__aenter__()
    except simcord.SetupError as exc:
        cause = exc.__cause__
        if not isinstance(cause, OSError):
            raise UnusableError(f"The sandbox can't start: {exc}") from exc
        raise UnusableError(
            f"Port {port} can't be had ({os.strerror(cause.errno or 0)}); choose another with --port."
        ) from exc
    try:
        with kept_current(world.env, preview):
            yield preview
    finally:
        await preview.close()


async def _first(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _open_browser(url: str) -> None:
    # In a thread of its own that nobody waits for: a browser in the terminal returns when it is closed.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

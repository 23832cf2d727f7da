"""An offline Discord in the browser, with sample upstreams on loopback. Needs the extra `tux-http[sandbox]`."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tux_http.chaos import Faults
    from tux_http.config import Settings

__all__ = ["run"]

_OF_THE_EXTRA = {"simcord", "PIL"}


def run(
    settings: Settings,
    *,
    port: int,
    browser: bool,
    live: bool,
    screenshot: Path | None,
    command: str | None,
    faults: Faults | None = None,
) -> int:
    """Runs the sandbox; gives the process's exit status: 2 when it can't do what was asked.

    Args:
        settings: Of the bot.
        port: Of the page, on loopback; 0 takes any free one.
        browser: Whether to open the page in the default browser.
        live: Whether to call the real APIs instead of the sample one.
        screenshot: Where to write a picture of the channel after `command`, instead of serving the page.
        command: What the member types for the picture, one command a line; `/repo allthingslinux/tux` if None.
        faults: That happen to the calls of its APIs; `/chaos` changes them.
    """
    try:
        with _unheard("discord.client", "discord.state"):
            from tux_http.sandbox import command as sandbox  # noqa: PLC0415  # needs the extra
    except ModuleNotFoundError as exc:
        if exc.name not in _OF_THE_EXTRA:
            raise
        sys.stderr.write('The sandbox needs its extra: pip install "tux-http[sandbox]"\n')
        return 2
    if screenshot is None:
        return sandbox.serve(settings, port=port, browser=browser, live=live, faults=faults)
    typed = command or sandbox.DEFAULT_COMMAND
    return sandbox.shoot(settings, live=live, file=screenshot, typed=typed, faults=faults)


@contextlib.contextmanager
def _unheard(*loggers: str) -> Generator[None]:
    """Keeps warnings off the log: simcord tries discord.py out when imported, without voice and intents."""
    levels = {name: logging.getLogger(name).level for name in loggers}
    for name in loggers:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)

"""One picture of the channel: the sandbox's page in a headless Chromium, driven by Playwright."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from playwright.async_api import Browser, Page, ViewportSize

VARIABLE: Final = "TUX_HTTP_CHROMIUM"
"""The environment variable that names the browser's executable."""

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")

ARGUMENTS: Final = (
    "--no-sandbox",  # Chromium refuses to run as root without it; it opens our own page only
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

WIDTH: Final = 956
"""CSS pixels; the channel beside the list of messages has 700 of them, which a row of five buttons needs."""

HEIGHT: Final = 600
SCALE: Final = 1.5
"""Pixels a CSS pixel."""

MAX_HEIGHT: Final = 2400
"""CSS pixels; a longer channel is scrolled to its end."""

_FIT: Final = """() => {
  const timeline = document.querySelector("#channel-timeline");
  const list = document.querySelector("#channel-message-list");
  return Math.ceil(window.innerHeight - timeline.clientHeight + list.scrollHeight + 32);
}"""


class ScreenshotError(Exception):
    """There is no browser to take the picture with; the message says what to do."""


def chromium() -> str:
    """The path of a Chromium.

    Raises:
        ScreenshotError: There is none.
    """
    found = os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise ScreenshotError(
            f"A screenshot needs Chromium: install it (apt-get install chromium), or name one in {VARIABLE}."
        )
    return found


@contextlib.asynccontextmanager
async def browser() -> AsyncGenerator[Browser]:
    """A headless Chromium.

    Raises:
        ScreenshotError: Playwright or Chromium is missing, or fails.
    """
    try:
        from playwright.async_api import Error, async_playwright  # noqa: PLC0415  # not part of the sandbox extra
    except ImportError as exc:
        raise ScreenshotError("A screenshot needs Playwright: pip install playwright.") from exc
    executable = chromium()
    async with async_playwright() as playwright:
        try:
            async with await playwright.chromium.launch(
                executable_path=executable, args=list(ARGUMENTS)
            ) as chrome:
                yield chrome
        except Error as exc:
            raise ScreenshotError(f"{executable} takes no picture: {exc.message.splitlines()[0]}") from exc


async def taken(url: str, file: Path) -> None:
    """Writes a PNG of the channel that the sandbox's page at `url` shows.

    Raises:
        ScreenshotError: Playwright or Chromium is missing, or fails.
        OSError: The file can't be written.
    """
    async with browser() as chrome:
        viewport: ViewportSize = {"width": WIDTH, "height": HEIGHT}
        page = await chrome.new_page(viewport=viewport, device_scale_factor=SCALE)
        await shown(page, url)
        height = min(await page.evaluate(_FIT), MAX_HEIGHT)
        await page.set_viewport_size({"width": WIDTH, "height": height})
        await _ready(page)
        picture = await page.locator("#preview-app").screenshot(animations="disabled")
    await asyncio.to_thread(file.write_bytes, picture)


async def shown(page: Page, url: str) -> None:
    """Opens the sandbox's page, and waits until it shows its channel."""
    await page.goto(url)
    await _ready(page)


async def _ready(page: Page) -> None:
    await page.wait_for_function("() => window.simcordPreview?.ready === true")

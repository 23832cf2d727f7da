"""Pictures of every problem, as the sandbox's page shows it: `python -m tests.screenshots DIRECTORY [CODE ...]`.

To be looked at by whoever changes words, colours or embeds. Each problem is made by `/chaos`: by a fault of the
upstream where one leads there, else by `/chaos problem`. The page has one theme, the dark one.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from tux_http.config import Settings
from tux_http.sandbox.problems import PROBLEMS
from tux_http.sandbox.screenshot import ScreenshotError, browser, shown
from tux_http.sandbox.upstream import SampleGitHub
from tux_http.sandbox.world import opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playwright.async_api import FloatRect, Locator, Page

    from tux_http.sandbox.world import World

CARD: Final = "/repo allthingslinux/tux"

WIDTHS: Final[Mapping[str, int]] = MappingProxyType({"phone": 390, "desktop": 956})
"""CSS pixels of the window."""

CARD_OF: Final = "desktop"
"""Where the card alone is taken from."""

MARGIN: Final = 4
HEIGHT: Final = 800
SCALE: Final = 1.5

DEADLINE: Final = 5.0
"""Seconds until a call that hangs is given up here."""

RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "timeout": "status=504",
        "deadline": "timeout",
        "unreachable": "connect",
        "connection-lost": "reset",
        "insecure": "certificate",
        "proxy": "proxy",
        "moved": "status=302",
        "redirect-loop": "loop",
        "garbled": "truncated",
        "unreadable": "damaged",
        "unexpected-answer": "invalid",
        "too-large": "too-large",
        "not-signed-in": "status=401",
        "forbidden": "status=403",
        "rate-limited": "limit,retry-after=600s",
        "slow-down": "limit=secondary,retry-after=90s",
        "not-found": "status=404",
        "gone": "status=410",
        "not-accepted": "status=422",
        "legal": "status=451",
        "refused": "status=418",
        "service-error": "status=500",
        "bad-gateway": "status=502",
        "unavailable": "status=503",
    }
)
"""The fault of GitHub's that each of these problems comes from."""


def _scenes() -> dict[str, tuple[str, ...]]:
    made = {code: (f"/chaos problem {code}",) for code in PROBLEMS}
    met = {code: (f"/chaos set github:{rule}", CARD) for code, rule in RULES.items()}
    down = ("/chaos set github:status=503", *[CARD] * 4)
    return {**made, **met, "service-down": down, "invalid-input": ("/repo not a repository",)}


SCENES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(_scenes())
"""What is typed for each problem; the last answer shows it."""


async def take(directory: Path, codes: Sequence[str]) -> None:
    """Writes `CODE-phone.png`, `CODE-desktop.png` and `CODE-card.png` for each of these problems.

    Raises:
        ScreenshotError: Playwright or Chromium is missing, or fails.
    """
    settings = Settings()
    github = msgspec.structs.replace(settings.apis["github"], deadline=DEADLINE)
    settings = msgspec.structs.replace(settings, apis={"github": github})
    async with browser() as chrome:
        pages = {
            name: await chrome.new_page(
                viewport={"width": width, "height": HEIGHT}, device_scale_factor=SCALE
            )
            for name, width in WIDTHS.items()
        }
        for code in codes:
            async with SampleGitHub() as upstream, opened(settings, upstream=upstream) as world:
                await _taken(world, code, pages, directory)


async def _taken(world: World, code: str, pages: Mapping[str, Page], directory: Path) -> None:
    for line in SCENES[code]:
        await world.say(line)
    async with world.preview() as preview:
        for name, page in pages.items():
            await shown(page, preview.url)
            message = page.locator("#channel-message-list .channel-message").last
            picture = await message.screenshot(animations="disabled")
            await asyncio.to_thread((directory / f"{code}-{name}.png").write_bytes, picture)
            if name == CARD_OF:
                await _card_taken(page, message, directory / f"{code}-card.png")


async def _card_taken(page: Page, message: Locator, file: Path) -> None:
    """The embed with its buttons alone, as the README shows it."""
    boxes = [
        await part.bounding_box() for part in await message.locator(".embed-card, .component-button").all()
    ]
    found = [box for box in boxes if box is not None]
    left, top = (min(box[edge] for box in found) - MARGIN for edge in ("x", "y"))
    right = max(box["x"] + box["width"] for box in found) + MARGIN
    bottom = max(box["y"] + box["height"] for box in found) + MARGIN
    clip: FloatRect = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    picture = await page.screenshot(clip=clip, animations="disabled")
    await asyncio.to_thread(file.write_bytes, picture)


def main(words: Sequence[str]) -> int:
    """Takes them; gives the process's exit status."""
    directory, codes = Path(words[0] if words else ""), words[1:] or list(SCENES)
    if not words or not set(codes) <= set(SCENES):
        usage = f"usage: python -m tests.screenshots DIRECTORY [CODE ...]\ncodes: {', '.join(SCENES)}\n"
        sys.stderr.write(usage)
        return 2
    directory.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(take(directory, codes))
    except ScreenshotError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

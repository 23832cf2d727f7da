"""Pictures for the offline Discord: identicons in the manner of GitHub's, drawn instead of downloaded."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

_CELLS: Final = 5
_CELL: Final = 20
_MARGIN: Final = 14
_PAPER: Final = (240, 240, 240)


def identicon(name: str) -> bytes:
    """A PNG of 128 by 128 pixels: a pattern mirrored left to right, the same for the same name."""
    digest = hashlib.sha256(name.lower().encode()).digest()
    side = 2 * _MARGIN + _CELLS * _CELL
    image = Image.new("RGB", (side, side), _PAPER)
    draw = ImageDraw.Draw(image)
    for column, row in _pattern(digest):
        left, top = _MARGIN + column * _CELL, _MARGIN + row * _CELL
        draw.rectangle((left, top, left + _CELL - 1, top + _CELL - 1), fill=_ink(digest))
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _pattern(digest: bytes) -> list[tuple[int, int]]:
    half = (_CELLS + 1) // 2
    left = [(i // _CELLS, i % _CELLS) for i in range(half * _CELLS) if digest[i] % 2]
    return left + [(_CELLS - 1 - column, row) for column, row in left]


def _ink(digest: bytes) -> tuple[int, int, int]:
    # Between 50 and 197, so that the pattern stands out from the paper.
    red, green, blue = (50 + byte * 147 // 255 for byte in digest[-3:])
    return red, green, blue

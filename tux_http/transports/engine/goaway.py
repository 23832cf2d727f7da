"""Takes GOAWAY frames out of what a server sends, before h2 sees them, and refuses frames that are too large.

GOAWAY announces a graceful end: streams up to its last stream id go on, later ones were not processed
(RFC 9113, section 6.8). h2 closes its state machine at once instead, and every open stream with it.

h2 looks at a frame's size when it has all of it, up to 16 MiB; what is not HTTP/2 at all reads like such a
frame, and would be waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import h2.exceptions

HEADER: Final = 9
GOAWAY: Final = 0x07
FIXED_PART: Final = 8  # last stream id and error code, before the debug data
LARGEST: Final = 2**14
"""Bytes of a frame's payload; we allow no more than every endpoint must (RFC 9113, section 4.2)."""


@dataclass(frozen=True, slots=True)
class GoAway:
    """What a server says on its way out."""

    last_stream_id: int
    error_code: int


class GoAwayFilter:
    """Splits one connection's incoming bytes into GOAWAYs and everything else."""

    def __init__(self) -> None:
        self._kept = b""  # the beginning of a frame header, or of a GOAWAY
        self._passing = 0  # bytes that are left of a frame being let through

    def feed(self, data: bytes) -> tuple[bytes, list[GoAway]]:
        """The bytes for h2, and the GOAWAYs that were between them.

        Raises:
            h2.exceptions.FrameTooLargeError: One announces more than `LARGEST`.
        """
        data = self._kept + data
        found: list[GoAway] = []
        parts: list[bytes] = []
        start = 0  # of what is let through
        position = min(self._passing, len(data))
        self._passing -= position
        while len(data) - position >= HEADER:
            size = int.from_bytes(data[position : position + 3])
            if size > LARGEST:
                raise h2.exceptions.FrameTooLargeError
            end = position + HEADER + size
            if not _is_goaway(data, position, end):
                self._passing = max(0, end - len(data))
                position = min(end, len(data))
                continue
            if end > len(data):
                break
            parts.append(data[start:position])
            found.append(_parse(data[position + HEADER : end]))
            start = position = end
        self._kept = data[position:]
        parts.append(data[start:position])
        return b"".join(parts), found


def _is_goaway(data: bytes, position: int, end: int) -> bool:
    size = end - position - HEADER
    return data[position + 3] == GOAWAY and size >= FIXED_PART  # h2 refuses smaller ones


def _parse(payload: bytes) -> GoAway:
    return GoAway(
        last_stream_id=int.from_bytes(payload[:4]) & 0x7FFFFFFF, error_code=int.from_bytes(payload[4:8])
    )

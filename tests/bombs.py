"""Small bodies that become large ones when they are decoded."""

from __future__ import annotations

import gzip
import zlib
from functools import cache

MIB = 1024 * 1024


def zeros(mebibytes: int, *, layers: int) -> bytes:
    """So many MiB of nothing, gzipped so many times."""
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    block = bytes(MIB)
    data = b"".join(packer.compress(block) for _ in range(mebibytes)) + packer.flush()
    for _ in range(layers - 1):
        data = gzip.compress(data, 9)
    return data


@cache
def bomb() -> bytes:
    """512 MiB in less than 2 kB, in two layers of gzip."""
    return zeros(512, layers=2)

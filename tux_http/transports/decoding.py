"""Content decoding that counts while it decodes: a small body can't become a huge one in memory.

httpx's own decoders turn each chunk that arrives into all that it decodes to, 512 MiB if need be. Here
every coding puts out small pieces, and the piece that is too much is the last one made.
"""

from __future__ import annotations

import importlib
import zlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

PIECE: Final = 64 * 1024
"""Bytes that a coding puts out before they are counted."""

SLICE: Final = 64
"""Bytes that a library without bounded output is fed at once; four of zstd's can become 128 KiB."""

ZSTD_WINDOW: Final = 8 * 1024 * 1024
"""Bytes of memory that a zstd frame may ask for: RFC 9659, section 3."""

_ZLIB_HEADER: Final = 2
_DEFLATED: Final = 8


def _optional(*names: str) -> Any:
    """The first of these modules that is installed, if one is."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


# As in httpx, which offers these codings to servers only where they are installed.
_brotli: Final = _optional("brotli", "brotlicffi")
_zstandard: Final = _optional("zstandard")

_BROKEN: Final[tuple[type[Exception], ...]] = (
    zlib.error,
    *((_brotli.error,) if _brotli else ()),
    *((_zstandard.ZstdError,) if _zstandard else ()),
)


class Coding(Protocol):
    """One content coding (RFC 9110, section 8.4.1)."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The next bytes, decoded, in pieces."""
        ...

    def end(self) -> None:
        """Told that no more bytes come; raises if there should be some and httpx would raise too."""


class Zlib:
    """zlib's formats; what follows the end of the first stream is left out, as httpx does."""

    def __init__(self, wbits: int) -> None:
        self._stream = zlib.decompressobj(wbits)

    def decode(self, data: bytes) -> Iterator[bytes]:
        while not self._stream.eof:
            piece = self._stream.decompress(data, PIECE)
            if piece:
                yield piece
            data = self._stream.unconsumed_tail
            if not data and len(piece) < PIECE:
                return

    def end(self) -> None:
        pass


class Gzip(Zlib):
    def __init__(self) -> None:
        super().__init__(zlib.MAX_WBITS | 16)


class Deflate:
    """zlib's format, or without its header, which many servers send: https://stackoverflow.com/questions/1838699."""

    def __init__(self) -> None:
        self._head = b""
        self._inner: Zlib | None = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            data = self._head = self._head + data
            if len(data) < _ZLIB_HEADER:
                return
            self._inner = Zlib(zlib.MAX_WBITS if _has_zlib_header(data) else -zlib.MAX_WBITS)
        yield from self._inner.decode(data)

    def end(self) -> None:
        pass


def _has_zlib_header(data: bytes) -> bool:
    """RFC 1950, section 2.2. A raw stream would begin so only with a stored block whose padding is not zero."""
    return data[0] & 0x0F == _DEFLATED and int.from_bytes(data[:_ZLIB_HEADER]) % 31 == 0


class Brotli:
    """Brotli 1.2 and later can bound its output; to earlier versions the bytes are fed in small slices."""

    def __init__(self) -> None:
        stream = _brotli.Decompressor()
        self._process: Callable[..., bytes] = getattr(stream, "decompress", None) or stream.process
        self._is_bounded = hasattr(stream, "can_accept_more_data")

    def decode(self, data: bytes) -> Iterator[bytes]:
        if not self._is_bounded:
            yield from map(self._process, sliced(data))
            return
        while piece := self._process(data, output_buffer_limit=PIECE):
            yield piece
            data = b""  # it keeps what it has not come to

    def end(self) -> None:
        pass


class Zstandard:
    """zstd (RFC 8878); frames may follow each other."""

    def __init__(self) -> None:
        self._frame: Any = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        for part in sliced(data):
            rest = part
            while rest:
                if self._frame is None or self._frame.eof:
                    self._frame = _zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
                yield self._frame.decompress(rest)
                rest = self._frame.unused_data

    def end(self) -> None:
        if self._frame is not None and not self._frame.eof:
            raise httpx.DecodingError("the zstd body is incomplete")


def sliced(data: bytes) -> Iterator[bytes]:
    return (data[start : start + SLICE] for start in range(0, len(data), SLICE))


CODINGS: Final[Mapping[str, Callable[[], Coding]]] = {
    "gzip": Gzip,
    "deflate": Deflate,
    **({"br": Brotli} if _brotli else {}),
    **({"zstd": Zstandard} if _zstandard else {}),
}
"""What can be decoded here; a body in any other coding is handed on as it is, as httpx does."""


def allowance(limit: int) -> int:
    """Bytes that a body of `limit` bytes may take while encoded: what can't be compressed grows a little."""
    return limit + limit // 64 + 1024


class _Stage:
    """A coding, and a count of what it put out."""

    def __init__(self, coding: Coding, limit: int, excess: Callable[[], Exception]) -> None:
        self.coding = coding
        self.made = 0
        self._limit = limit
        self._excess = excess

    def decode(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            for piece in self.coding.decode(chunk):
                self.made += len(piece)
                if self.made > self._limit:
                    raise self._excess()
                yield piece


class BoundedDecoder:
    """Takes the place of an `httpx.Response`'s own decoder.

    Args:
        codings: As in Content-Encoding, in the order in which they were applied.
        limit: In bytes; no coding puts out more, the ones between included.
        each_call: Whether `limit` is of one call of `decode`, and not of the whole body.
        excess: Makes the exception for a body that is larger.
    """

    def __init__(
        self, codings: Sequence[str], *, limit: int, excess: Callable[[], Exception], each_call: bool = False
    ) -> None:
        known = [CODINGS[name]() for name in reversed(codings) if name in CODINGS]
        self._each_call = each_call
        self._stages = [
            _Stage(coding, limit if coding is known[-1] else allowance(limit), excess) for coding in known
        ]

    @property
    def has_codings(self) -> bool:
        """Whether the body is encoded, in a coding that is known."""
        return bool(self._stages)

    def decode(self, data: bytes) -> bytes:
        """The next bytes, decoded.

        Raises:
            httpx.DecodingError: They are not in this coding. And what `excess` makes.
        """
        chunks: Iterable[bytes] = (data,)
        for stage in self._stages:
            stage.made = 0 if self._each_call else stage.made
            chunks = stage.decode(chunks)
        try:
            return b"".join(chunks)
        except _BROKEN as exc:
            raise httpx.DecodingError(str(exc)) from exc

    def flush(self) -> bytes:
        """Told that the body is complete; nothing is left to put out.

        Raises:
            httpx.DecodingError: It is not.
        """
        for stage in self._stages:
            stage.coding.end()
        return b""

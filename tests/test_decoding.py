"""Content decoding with a bound: the same bytes as httpx's, and never more of them than allowed."""

from __future__ import annotations

import gzip
import importlib
import os
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bombs import bomb
from tux_http.transports.decoding import CODINGS, PIECE, BoundedDecoder, allowance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MIB = 1024 * 1024
GENEROUS = 64 * MIB


class TooMuchError(Exception):
    pass


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    return importlib.import_module("zstandard").ZstdCompressor().compress(data)


def brotli(data: bytes) -> bytes:
    return importlib.import_module("brotli").compress(data)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli,
    "zstd": zstd,
}
KNOWN = sorted(CODINGS)  # br and zstd where their libraries are installed
needs_zstd = pytest.mark.skipif("zstd" not in CODINGS, reason="zstandard is not installed")


def encoded(data: bytes, codings: Iterable[str]) -> bytes:
    for name in codings:
        data = ENCODERS[name](data)
    return data


def decoder(codings: Iterable[str], *, limit: int = GENEROUS, **options: Any) -> BoundedDecoder:
    return BoundedDecoder(list(codings), limit=limit, excess=TooMuchError, **options)


def decoded(data: bytes, codings: Iterable[str], *, limit: int = GENEROUS, step: int | None = None) -> bytes:
    bounded = decoder(codings, limit=limit)
    step = step or len(data) or 1
    parts = [bounded.decode(data[start : start + step]) for start in range(0, len(data), step)]
    return b"".join(parts) + bounded.flush()


def by_httpx(data: bytes, codings: Iterable[str]) -> bytes:
    return httpx.Response(200, headers={"Content-Encoding": ", ".join(codings)}, content=data).content


some_bytes = st.binary(min_size=1, max_size=2000) | st.integers(1, 300_000).map(bytes)
some_codings = st.lists(st.sampled_from(KNOWN), min_size=1, max_size=2)


@given(some_bytes, some_codings, st.integers(1, 5000))
def test_what_was_encoded_comes_out_again_however_it_arrives(
    body: bytes, codings: list[str], step: int
) -> None:
    assert decoded(encoded(body, codings), codings, step=step) == body


@given(some_bytes, st.sampled_from(KNOWN))  # one: httpx fails where zstd is one of two
def test_it_decodes_to_what_httpx_decodes_to(body: bytes, coding: str) -> None:
    data = encoded(body, [coding])
    assert decoded(data, [coding]) == by_httpx(data, [coding])


@given(some_bytes, some_codings, st.integers(1, 5000))
def test_the_last_byte_of_the_limit_passes_and_the_next_does_not(
    body: bytes, codings: list[str], step: int
) -> None:
    data = encoded(body, codings)
    assert decoded(data, codings, limit=len(body), step=step) == body
    with pytest.raises(TooMuchError):
        decoded(data, codings, limit=len(body) - 1, step=step)


@pytest.mark.parametrize("coding", KNOWN)
def test_a_body_at_the_limit_that_can_not_be_compressed_passes(coding: str) -> None:
    body = os.urandom(MIB)
    assert decoded(encoded(body, [coding, coding]), [coding, coding], limit=MIB) == body
    assert len(encoded(body, [coding])) <= allowance(MIB)


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_deflate_without_its_header_is_understood_even_when_it_drips(step: int) -> None:
    assert decoded(raw_deflate(b"no header"), ["deflate"], step=step) == b"no header"


def test_an_empty_body_is_an_empty_body_in_every_coding() -> None:
    assert [decoded(b"", [name]) for name in KNOWN] == [b""] * len(KNOWN)


def test_codings_that_nobody_knows_are_left_as_they_are() -> None:
    bounded = decoder(["compress", "identity"])
    assert bounded.decode(b"as it is") == b"as it is"
    assert not bounded.has_codings


def test_what_follows_the_end_of_a_gzip_stream_is_left_out() -> None:
    data = gzip.compress(b"body") + b"and a tail"
    assert decoded(data, ["gzip"]) == decoded(data, ["gzip"], step=3) == by_httpx(data, ["gzip"]) == b"body"


@needs_zstd
@pytest.mark.parametrize("step", [1, 9, 1000])
def test_zstd_frames_may_follow_each_other(step: int) -> None:
    data = zstd(b"one, ") + zstd(b"two")
    assert decoded(data, ["zstd"], step=step) == b"one, two"


@needs_zstd
def test_a_zstd_body_that_ends_early_is_broken() -> None:
    data = zstd(os.urandom(1000))[:-10]
    with pytest.raises(httpx.DecodingError):
        by_httpx(data, ["zstd"])
    with pytest.raises(httpx.DecodingError, match="incomplete"):
        decoded(data, ["zstd"])


@needs_zstd
def test_a_zstd_frame_may_not_ask_for_more_memory_than_the_web_allows() -> None:
    parameters = importlib.import_module("zstandard")
    wide = parameters.ZstdCompressionParameters(window_log=24)
    packer = parameters.ZstdCompressor(compression_params=wide).compressobj()
    data = packer.compress(os.urandom(20 * MIB)) + packer.flush()
    with pytest.raises(httpx.DecodingError):
        decoded(data, ["zstd"])


@pytest.mark.parametrize("coding", KNOWN)
def test_garbage_is_a_decoding_error(coding: str) -> None:
    garbage = b"\xff\xfe this is in no coding at all \x00\x01" * 20
    with pytest.raises(httpx.DecodingError):
        by_httpx(garbage, [coding])
    with pytest.raises(httpx.DecodingError):
        decoded(garbage, [coding])


def test_a_bomb_costs_no_more_than_its_limit() -> None:
    assert len(bomb()) < 2048
    tracemalloc.start()
    try:
        with pytest.raises(TooMuchError):
            decoded(bomb(), ["gzip", "gzip"], limit=10 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB


@pytest.mark.parametrize("coding", KNOWN)
def test_every_coding_is_bounded(coding: str) -> None:
    data = encoded(bytes(64 * MIB), [coding])
    assert len(data) < 128 * 1024
    tracemalloc.start()
    try:
        with pytest.raises(TooMuchError):
            decoded(data, [coding], limit=MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB


def test_what_lies_between_two_codings_is_bounded_too() -> None:
    # Blocks that hold nothing: the body is empty, and getting there would take as long as its sender likes.
    empty_blocks = b"\x00\x00\x00\xff\xff" * 2_000_000
    data = gzip.compress(empty_blocks + raw_deflate(b""), 9)
    with pytest.raises(TooMuchError):
        decoded(data, ["deflate", "gzip"], limit=MIB)
    assert decoded(data, ["deflate", "gzip"]) == b""


def test_the_limit_of_each_call_lets_a_long_body_pass_in_parts() -> None:
    bounded = decoder(["gzip"], limit=2 * PIECE, each_call=True)
    data = gzip.compress(os.urandom(10 * PIECE))
    made = [len(bounded.decode(data[start : start + PIECE])) for start in range(0, len(data), PIECE)]
    assert sum(made) == 10 * PIECE


def test_the_limit_of_each_call_stops_one_call_that_makes_too_much() -> None:
    bounded = decoder(["gzip", "gzip"], limit=MIB, each_call=True)
    with pytest.raises(TooMuchError):
        bounded.decode(bomb())

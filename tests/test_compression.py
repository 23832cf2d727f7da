"""Header compression on one connection: whatever is said is understood, by hpack too, and nothing secret is kept."""

from __future__ import annotations

from typing import Any

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tux_http.transports.engine.fields import NAMES, FieldDecoder, FieldEncoder

NAME = st.sampled_from(
    [
        b":path",
        b":authority",
        b"accept",
        b"user-agent",
        b"cookie",
        b"authorization",
        b"x-trace",
        b"etag",
        b"x-long",
    ]
)
VALUE = st.one_of(
    st.sampled_from(
        [b"", b"a", b"application/json", b"v" * 126, b"v" * 127, b"v" * 300, b"v" * 2100, b"v" * 5000]
    ),
    st.binary(max_size=200),
)
HEADS = st.lists(st.lists(st.tuples(NAME, VALUE), max_size=8), max_size=30)
SIZES = st.dictionaries(st.integers(0, 29), st.sampled_from([0, 64, 300, 4096, 65536]), max_size=5)


def peer(size: int = 65536) -> hpack.Decoder:
    decoder = hpack.Decoder()
    decoder.max_allowed_table_size = size
    return decoder


@given(heads=HEADS, sizes=SIZES)
def test_what_we_write_hpack_reads_whatever_the_size_of_its_table(
    heads: list[list[tuple[bytes, bytes]]], sizes: dict[int, int]
) -> None:
    ours, theirs = FieldEncoder(), peer()
    for number, head in enumerate(heads):
        if number in sizes:
            ours.header_table_size = sizes[number]
        assert list(theirs.decode(ours.encode(head), raw=True)) == head
        assert ours.header_table.dynamic_entries == theirs.header_table.dynamic_entries


@given(heads=HEADS, sizes=SIZES, huffman=st.booleans())
def test_what_hpack_writes_we_read(
    heads: list[list[tuple[bytes, bytes]]], sizes: dict[int, int], *, huffman: bool
) -> None:
    theirs, ours = hpack.Encoder(), FieldDecoder()
    ours.max_allowed_table_size = 65536
    for number, head in enumerate(heads):
        if number in sizes:
            theirs.header_table_size = sizes[number]
        assert ours.decode(theirs.encode(head, huffman=huffman)) == head
        assert ours.header_table.dynamic_entries == theirs.header_table.dynamic_entries


def outcome(decoder: hpack.Decoder, block: bytes) -> Any:
    try:
        return [tuple(field) for field in decoder.decode(block, raw=True)]
    except hpack.HPACKError:
        return "refused"


@given(blocks=st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_we_refuse_what_hpack_refuses(blocks: list[bytes]) -> None:
    theirs, ours = hpack.Decoder(), FieldDecoder()
    for block in blocks:
        expected = outcome(theirs, block)
        assert outcome(ours, block) == expected
        if expected == "refused":  # and the connection ends
            break


def test_a_head_that_is_too_large_is_refused_before_all_of_it_is_read() -> None:
    ours = FieldDecoder()
    ours.max_header_list_size = 4096
    entered = hpack.Encoder().encode([(b"x", b"v" * 3000)], huffman=False)
    with pytest.raises(hpack.OversizedHeaderListError):
        ours.decode(entered + b"\xbe" * 1_000_000)


def test_a_block_of_nothing_but_changes_of_the_tables_size_is_refused() -> None:
    with pytest.raises(hpack.OversizedHeaderListError):
        FieldDecoder().decode(b"\x20" * 100_000)


@pytest.mark.parametrize(
    ("sizes", "announced"),
    [([0, 0], [0]), ([0, 4096], [0, 4096]), ([300, 0, 64], [0, 64]), ([64, 300] * 1000, [64, 300])],
)
def test_the_smallest_size_of_the_table_and_the_last_are_announced_once(
    sizes: list[int], announced: list[int]
) -> None:
    ours, theirs = FieldEncoder(), hpack.Decoder()
    for size in sizes:
        ours.header_table_size = size
    assert ours.table_size_changes == announced
    assert theirs.decode(ours.encode([(b"a", b"b")]), raw=True) == [(b"a", b"b")]
    assert theirs.header_table_size == sizes[-1]
    assert not ours.table_size_changes


def test_what_is_the_same_in_each_request_becomes_one_byte() -> None:
    ours = FieldEncoder()
    head = [
        (b":method", b"GET"),
        (b":authority", b"api.test"),
        (b"user-agent", b"tux-http/1"),
        (b"accept", b"*/*"),
    ]
    sizes = [len(ours.encode([*head, (b":path", b"/%d" % number)])) for number in range(200)]
    assert sizes[2] == len(head) + 2 + len(b"/2")
    assert sizes[199] == len(head) + 2 + len(b"/199")
    assert len(ours.header_table.dynamic_entries) == 3


def test_what_is_another_one_in_each_request_pushes_nothing_out() -> None:
    ours = FieldEncoder()
    for number in range(10_000):
        ours.encode(
            [(b"accept", b"text/html"), (b"traceparent", b"%d" % number), (b"x-%d" % number, b"once")]
        )
    assert list(ours.header_table.dynamic_entries) == [(b"accept", b"text/html")]
    assert len(ours._last) <= NAMES
    assert len(ours._entered) == 1


@pytest.mark.parametrize(
    "secret",
    [(b"authorization", b"Bearer t0k3n"), (b"proxy-authorization", b"Basic x"), (b"cookie", b"id=1")],
)
def test_secrets_enter_no_table_on_either_side(secret: tuple[bytes, bytes]) -> None:
    ours, theirs = FieldEncoder(), peer()
    for _ in range(5):
        (field,) = theirs.decode(ours.encode([secret]), raw=True)
        assert isinstance(field, hpack.NeverIndexedHeaderTuple)
    assert not ours.header_table.dynamic_entries
    assert secret[1] not in ours._last.values()

"""Header fields on one HTTP/2 connection, compressed (RFC 7541): hpack's tables and limits, written for speed.

hpack builds several objects for each field and decodes Huffman codes nibble by nibble; half of what a request
cost on a connection went there. Here a field that the other side has been told is one look-up, and what a
server says in each of its answers is decoded once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import hpack
from hpack.hpack import decode_integer, encode_integer
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    Field = tuple[bytes, bytes]

STATIC: Final[tuple[Field, ...]] = HeaderTable.STATIC_TABLE

ENTRY_COST: Final = 32
"""Bytes that a field counts for besides its name and value (section 4.1)."""

ONE_OFF: Final = frozenset(
    {
        b":path",
        b"age",
        b"content-length",
        b"etag",
        b"if-modified-since",
        b"if-none-match",
        b"location",
        b"range",
    }
)
"""Fields that are seldom the same twice, and would only push others out of the table; nghttp2 knows them too."""

SECRET: Final = frozenset({b"authorization", b"proxy-authorization"})
"""Fields that go into no table, so that nothing can be guessed from how short they become (section 7.1.3)."""

SHORT_COOKIE: Final = 20
"""Bytes below which a cookie could be guessed; as nghttp2 and h2 have it."""

NAMES: Final = 128
"""Names of fields whose last value is remembered."""

REMEMBERED: Final = 128
"""Bytes of the longest Huffman-coded string that is remembered once decoded."""

HUFFMAN: Final = 0x80
"""Is set where a string is coded (section 5.2)."""

LONGEST_NUMBER: Final = 8
"""Bytes that are looked at for a number; hpack refuses those that take more than 6."""

INDEXED: Final = 0x80
INCREMENTAL: Final = 0x40
RESIZE: Final = 0x20
NEVER_INDEXED: Final = 0x10
NOT_INDEXED: Final = 0x00
"""How a field begins (section 6)."""

_NAME_IN_TABLE: Final = {name: index for index, (name, _) in reversed([*enumerate(STATIC, 1)])}
_FIELD_IN_TABLE: Final = {
    field: bytes([INDEXED | index]) for index, field in enumerate(STATIC, 1) if field[1]
}

_decoded = lru_cache(1024)(decode_huffman)

# What is used of hpack beyond its documented interface; another one without it is to fail at once.
for _name in ("_encode_table_size_change",):
    if not hasattr(hpack.Encoder, _name):
        raise ImportError(f"this hpack has no Encoder.{_name}; tux_http needs hpack 4")
for _name in ("_assert_valid_table_size", "_update_encoding_context"):
    if not hasattr(hpack.Decoder, _name):
        raise ImportError(f"this hpack has no Decoder.{_name}; tux_http needs hpack 4")


class FieldEncoder(hpack.Encoder):
    """Writes a connection's requests.

    A field enters the table when it is the same as the last time; so what all requests have in common does, and
    what is another one in each does not push it out. Strings are written as they are: Huffman coding in Python
    costs more than it saves.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[bytes, bytes] = {}
        self._entered: dict[Field, int] = {}
        self._count = 0  # of fields that ever entered the table

    @property
    def header_table_size(self) -> int:
        return self.header_table.maxsize

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        # The smallest size and the last are announced, whatever a server changed in between (section 4.2).
        if value != self.header_table.maxsize:
            self.header_table.maxsize = value
            self.table_size_changes = sorted({min([*self.table_size_changes, value]), value})

    def encode(self, headers: Iterable[Any], huffman: bool = False) -> bytes:  # noqa: ARG002  # its signature
        parts: list[bytes] = []
        if self.table_size_changes:
            parts.append(self._encode_table_size_change())
        known = len(self.header_table.dynamic_entries)
        for field in headers:
            entered = self._entered.get(field)
            if entered is not None and (age := self._count - entered) < known:
                parts.append(_integer(INDEXED, 7, len(STATIC) + 1 + age))
                continue
            parts.append(_FIELD_IN_TABLE.get(field) or self._literal(*field))
            known = len(self.header_table.dynamic_entries)
        return b"".join(parts)

    def _literal(self, name: bytes, value: bytes) -> bytes:
        if name in SECRET or (name == b"cookie" and len(value) < SHORT_COOKIE):
            return _written(NEVER_INDEXED, 4, name, value)
        if name in ONE_OFF or self._last.get(name) != value:
            self._note(name, value)
            return _written(NOT_INDEXED, 4, name, value)
        if ENTRY_COST + len(name) + len(value) > self.header_table.maxsize // 2:
            return _written(NOT_INDEXED, 4, name, value)
        self._enter((name, value))
        return _written(INCREMENTAL, 6, name, value)

    def _note(self, name: bytes, value: bytes) -> None:
        if name not in ONE_OFF:
            if len(self._last) >= NAMES:
                self._last.clear()
            self._last[name] = value

    def _enter(self, field: Field) -> None:
        self.header_table.add(*field)
        self._count += 1
        self._entered[field] = self._count
        held = len(self.header_table.dynamic_entries)
        if len(self._entered) > 2 * held:  # the table pushed them out
            self._entered = {each: at for each, at in self._entered.items() if self._count - at < held}


def _written(kind: int, bits: int, name: bytes, value: bytes) -> bytes:
    index = _NAME_IN_TABLE.get(name, 0)
    start = _integer(kind, bits, index)
    if not index:
        start += _integer(0, 7, len(name)) + name
    return b"%b%b%b" % (start, _integer(0, 7, len(value)), value)


def _integer(kind: int, bits: int, number: int) -> bytes:
    if number < (1 << bits) - 1:
        return bytes((kind | number,))
    written = encode_integer(number, bits)
    written[0] |= kind
    return bytes(written)


class FieldDecoder(hpack.Decoder):
    """Reads a connection's responses, and refuses what hpack refuses."""

    def decode(self, data: bytes, raw: bool = False) -> Any:  # noqa: ARG002  # its signature
        """The fields of a header block, as bytes.

        Raises:
            hpack.HPACKError: The block is not valid, or its fields are larger than `max_header_list_size`.
        """
        fields: list[Field] = []
        position, size = 0, 0
        while position < len(data):
            kind = data[position]
            if kind & (INDEXED | INCREMENTAL | RESIZE) == RESIZE:
                if fields:
                    raise hpack.HPACKDecodingError("a table's size may change before the first field only")
                position += self._update_encoding_context(data[position : position + LONGEST_NUMBER])
                size += ENTRY_COST  # counts too, or a block could be nothing else and as long as it likes
            else:
                field, position = self._field(data, position, kind)
                fields.append(field)
                size += ENTRY_COST + len(field[0]) + len(field[1])
            if size > self.max_header_list_size:
                raise hpack.OversizedHeaderListError(f"more than {self.max_header_list_size} bytes of fields")
        self._assert_valid_table_size()
        return fields

    def _field(self, data: bytes, position: int, kind: int) -> tuple[Field, int]:
        if kind & INDEXED:
            index, position = _number(data, position, 7)
            return self.header_table.get_by_index(index), position
        index, position = _number(data, position, 6 if kind & INCREMENTAL else 4)
        if index:
            name = self.header_table.get_by_index(index)[0]
        else:
            name, position = _string(data, position)
        value, position = _string(data, position)
        if kind & INCREMENTAL:
            self.header_table.add(name, value)
        return (name, value), position


def _number(data: bytes, position: int, bits: int) -> tuple[int, int]:
    most = (1 << bits) - 1
    number = data[position] & most
    if number < most:
        return number, position + 1
    number, length = decode_integer(data[position : position + LONGEST_NUMBER], bits)
    return number, position + length


def _string(data: bytes, position: int) -> tuple[bytes, int]:
    if position >= len(data):
        raise hpack.HPACKDecodingError("the header block is cut off")
    coded = data[position] & HUFFMAN
    length, position = _number(data, position, 7)
    end = position + length
    if end > len(data):
        raise hpack.HPACKDecodingError("the header block is cut off")
    text = data[position:end]
    if coded:
        text = _decoded(text) if length <= REMEMBERED else decode_huffman(text)
    return text, end

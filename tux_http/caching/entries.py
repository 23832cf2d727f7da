"""`Stored` as an entry of hishel's storages, and back.

The entry's request has our key for its URL: the real one may hold secrets. Its body is the whole `Stored` in
MessagePack, as its media type says, so that all of it comes back as it was.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from hishel import Entry, Headers, Request, Response

from tux_http.caching.stored import Stored

MEDIA_TYPE: Final = "application/vnd.tux-http.stored+msgpack"

_VARIANT: Final = "x-variant"
_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Stored)


def request_of(key: str, stored: Stored) -> Request:
    return Request(stored.method, key, Headers({_VARIANT: _variant(stored)}))


def response_of(stored: Stored) -> Response:
    """Without its body."""
    return Response(stored.status, Headers({"content-type": MEDIA_TYPE}))


def body_of(stored: Stored) -> bytes:
    return _encode(stored)


def stored_in(body: bytes) -> Stored | None:
    """What a body holds; None if it is not one of ours."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):  # the latter for text within that is none
        return None


def is_variant(entry: Entry, stored: Stored) -> bool:
    """Whether an answer takes this entry's place."""
    return entry.request.headers.get(_VARIANT) == _variant(stored)


def _variant(stored: Stored) -> str:
    # A digest, for the header fields that the answer varies by may be secret.
    return hashlib.blake2b(_encode((stored.method, stored.vary)), digest_size=16).hexdigest()

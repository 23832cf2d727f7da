"""`Stored`: an answer as the cache keeps it."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import msgspec

from tux_http.redaction import is_sensitive

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

Field = tuple[str, str]
"""A header field's name, in lower case, and its value."""

PER_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
     "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
"""Fields that must not be stored, beside those that `Connection` names (RFC 9111, section 3.1)."""

NEVER_PER_CONNECTION: Final = frozenset({"cache-control", "vary"})
"""Fields that stay though `Connection` names them: it must not (RFC 9110, section 7.6.1), and what they forbid
would be allowed."""

PER_PERSON: Final = frozenset({"set-cookie", "set-cookie2", "authentication-info"})
"""Fields that are for whoever asked first, and secret."""

OF_THE_CODING: Final = frozenset({"content-encoding", "content-length"})
"""Fields that describe the body as it was sent; it is stored decoded."""


NOT_STORED: Final = PER_CONNECTION | PER_PERSON | OF_THE_CODING


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: decoded, and without what belongs to one connection or one person.

    `vary` are the request's fields that the answer's `Vary` names, None where the request had none. Times are
    Unix times in seconds: when the request was sent, and when its answer was here or was last validated.
    """

    method: str
    status: int
    headers: tuple[Field, ...]
    body: bytes
    requested_at: float
    received_at: float
    vary: tuple[tuple[str, str | None], ...] = ()
    id: UUID = msgspec.field(default_factory=uuid4)

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        return len(self.body) + sum(map(len, chain.from_iterable(self.headers))) + OVERHEAD

    def field(self, name: str) -> str | None:
        """The value of a header field, its lines joined by commas (RFC 9110, section 5.2); None without one."""
        found = [value for key, value in self.headers if key == name]
        return ", ".join(found) if found else None

    def matches(self, headers: httpx.Headers) -> bool:
        """Whether a request with these fields may be answered with it (RFC 9111, section 4.1)."""
        return all(name != "*" and headers.get(name) == value for name, value in self.vary)


OVERHEAD: Final = 1024


def storable_fields(headers: httpx.Headers) -> tuple[Field, ...]:
    """The fields of an answer that are kept (RFC 9111, section 3.1)."""
    left_out = NOT_STORED
    if (named := headers.get("connection")) is not None:
        left_out |= {name.strip().lower() for name in named.split(",")} - NEVER_PER_CONNECTION
    lines = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers.raw]
    return tuple([line for line in lines if line[0] not in left_out])


def varying(names: Iterable[str], headers: httpx.Headers) -> tuple[tuple[str, str | None], ...]:
    """The request's fields that a `Vary` names; but for credentials, which are secret and part of every key."""
    named = sorted({name.strip().lower() for name in names} - {""})
    return tuple((name, headers.get(name)) for name in named if not is_sensitive(name))

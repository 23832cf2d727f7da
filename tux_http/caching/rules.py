"""What hishel's RFC 9111 state machine is asked: what may be stored, how to validate it, what a 304 changes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx
import msgspec

from tux_http.caching.cache_control import REMEMBERED
from tux_http.caching.stored import Stored, storable_fields, varying
from tux_http.limits import limit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import hishel

    from tux_http.caching.stored import Field

DECISIVE: Final = frozenset({"cache-control", "expires"})
"""The fields by which hishel decides whether a private cache may store an answer (RFC 9111, section 3)."""

VALIDATORS: Final = ("if-none-match", "if-modified-since")

OF_THE_AGE: Final = frozenset({"age", "date"})

_URL: Final = "cache:"
"""hishel compares URLs; ours have the same key, and are not its business."""


def is_failing(response: httpx.Response) -> bool:
    """Whether a status says that the upstream is down or limits us, so that an old answer may stand in.

    Never so what it denies: 401, 403 without a limit, 404, 410, 451.
    """
    match response.status_code:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return True
        case HTTPStatus.FORBIDDEN:
            return limit_of(response, datetime.now(UTC)) is not None
        case status:
            return response.is_server_error and status != HTTPStatus.NOT_IMPLEMENTED


def stored_from(
    request: httpx.Request, response: httpx.Response, *, requested_at: float, received_at: float
) -> Stored | None:
    """An answer as it is kept; None if it must not be (RFC 9111, section 3)."""
    fields = storable_fields(response.headers)
    decisive = tuple([field for field in fields if field[0] in DECISIVE])
    is_short = sum(len(value) for _, value in decisive) <= REMEMBERED
    may_be_stored = _remembered if is_short else _may_be_stored
    if not may_be_stored(response.status_code, decisive):
        return None
    told = [value for name, value in fields if name == "vary"]
    vary = varying(",".join(told).split(","), request.headers) if told else ()
    if any(name == "*" for name, _ in vary):
        return None  # matches no request (section 4.1)
    return Stored(
        method=request.method,
        status=response.status_code,
        headers=fields,
        body=response.content,
        vary=vary,
        requested_at=requested_at,
        received_at=received_at,
    )


def conditions(stored: Stored) -> dict[str, str]:
    """The fields that ask whether an answer is still good (RFC 9111, section 4.3.1); none without a validator."""
    revalidation = _revalidation(stored)
    return {
        name: revalidation.request.headers[name]
        for name in VALIDATORS
        if name in revalidation.request.headers
    }


def refreshed(
    stored: Stored,
    request: httpx.Request,
    response: httpx.Response,
    *,
    requested_at: float,
    received_at: float,
) -> Stored | None:
    """A stored answer after a 304 (RFC 9111, section 4.3.4); None if the 304 is about another one.

    Its age begins anew: where the 304 says nothing of it, what was said before is not true any more.
    """
    import hishel  # noqa: PLC0415  # see `load`

    told = storable_fields(response.headers)
    state: hishel.AnyState = _revalidation(stored).next(_told(response.status_code, told))
    if not isinstance(state, hishel.NeedToBeUpdated):
        return None
    outdated = OF_THE_AGE.difference(name for name, _ in told)
    fields = [
        (name, value)
        for name, value in _fields(state.updating_entries[-1].response.headers)
        if name not in outdated
    ]
    vary = [value for name, value in fields if name == "vary"]
    return msgspec.structs.replace(
        stored,
        headers=tuple(fields),
        vary=varying(",".join(vary).split(","), request.headers),
        requested_at=requested_at,
        received_at=received_at,
    )


def response_of(stored: Stored, request: httpx.Request, age: float) -> httpx.Response:
    """A stored answer to a request, with its age (RFC 9111, section 5.1); the caller may change it."""
    lines = [(name, value) for name, value in stored.headers if name != "age"]
    headers = [
        (name.encode("ascii"), value.encode("latin-1")) for name, value in (*lines, ("age", str(int(age))))
    ]
    return httpx.Response(stored.status, headers=headers, content=stored.body, request=request)


def _may_be_stored(status: int, fields: tuple[Field, ...]) -> bool:
    """What hishel says of the answer to a GET with these decisive fields; most of an API's have the same ones."""
    import hishel  # noqa: PLC0415  # see `load`

    miss = hishel.CacheMiss(request=_asked(httpx.Headers()), options=_options())
    return isinstance(miss.next(_told(status, fields)), hishel.StoreAndUse)


_remembered = lru_cache(maxsize=REMEMBERED)(_may_be_stored)


def load() -> None:
    """Imports hishel, which takes a tenth of a second where its Redis client is installed: before it is needed."""
    _options()


@cache
def _options() -> hishel.CacheOptions:
    import hishel  # noqa: PLC0415  # see `load`

    return hishel.CacheOptions(shared=False, supported_methods=["GET"])


def _revalidation(stored: Stored) -> hishel.NeedRevalidation:
    import hishel  # noqa: PLC0415  # see `load`

    entry = hishel.Entry(
        id=stored.id, request=_asked(httpx.Headers()), response=_told(stored.status, stored.headers)
    )
    # `no-cache` keeps hishel from answering by its own arithmetic.
    state = hishel.IdleClient(options=_options()).next(
        _asked(httpx.Headers({"cache-control": "no-cache"})), [entry]
    )
    assert isinstance(state, hishel.NeedRevalidation)
    return state


def _asked(headers: httpx.Headers) -> hishel.Request:
    import hishel  # noqa: PLC0415  # see `load`

    return hishel.Request(method="GET", url=_URL, headers=hishel.Headers(dict(headers.items())))


def _told(status: int, fields: Iterable[Field]) -> hishel.Response:
    import hishel  # noqa: PLC0415  # see `load`

    lines: dict[str, list[str]] = {}
    for name, value in fields:
        lines.setdefault(name, []).append(value)
    return hishel.Response(status_code=status, headers=hishel.Headers(lines))


def _fields(headers: hishel.Headers) -> tuple[Field, ...]:
    return tuple((name.lower(), value) for name in headers for value in headers.get_list(name) or [])

"""What hishel's RFC 9111 state machine is asked: what may be stored, how to validate it, what a 304 changes."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import hishel
import httpx
import msgspec

from tux_http.caching.stored import Stored, storable_fields, varying
from tux_http.limits import limit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tux_http.caching.stored import Field

OPTIONS: Final = hishel.CacheOptions(shared=False, supported_methods=["GET"])

VALIDATORS: Final = ("if-none-match", "if-modified-since")

OF_THE_AGE: Final = frozenset({"age", "date"})

_URL: Final = "cache:"
"""hishel compares URLs; ours have the same key, and are not its business."""


def is_failing(response: httpx.Response) -> bool:
    """Whether a status says that the upstream is down or limits us, so that an old answer may stand in.

    Never so what it denies: 401, 403 without a limit, 404, 410, 451.
    """
    limited = response.status_code == HTTPStatus.TOO_MANY_REQUESTS or limit_of(response, datetime.now(UTC))
    return bool(limited) or (response.is_server_error and response.status_code != HTTPStatus.NOT_IMPLEMENTED)


def stored_from(
    request: httpx.Request, response: httpx.Response, *, requested_at: float, received_at: float
) -> Stored | None:
    """An answer as it is kept; None if it must not be (RFC 9111, section 3)."""
    miss = hishel.CacheMiss(request=_asked(request.headers), options=OPTIONS)
    fields = storable_fields(response.headers)
    if not isinstance(miss.next(_told(response.status_code, fields)), hishel.StoreAndUse):
        return None
    vary = varying(response.headers.get_list("vary", split_commas=True), request.headers)
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


def _revalidation(stored: Stored) -> hishel.NeedRevalidation:
    entry = hishel.Entry(
        id=stored.id, request=_asked(httpx.Headers()), response=_told(stored.status, stored.headers)
    )
    # `no-cache` keeps hishel from answering by its own arithmetic.
    state = hishel.IdleClient(options=OPTIONS).next(
        _asked(httpx.Headers({"cache-control": "no-cache"})), [entry]
    )
    assert isinstance(state, hishel.NeedRevalidation)
    return state


def _asked(headers: httpx.Headers) -> hishel.Request:
    return hishel.Request(method="GET", url=_URL, headers=hishel.Headers(dict(headers.items())))


def _told(status: int, fields: Iterable[Field]) -> hishel.Response:
    lines: dict[str, list[str]] = {}
    for name, value in fields:
        lines.setdefault(name, []).append(value)
    return hishel.Response(status_code=status, headers=hishel.Headers(lines))


def _fields(headers: hishel.Headers) -> tuple[Field, ...]:
    return tuple((name.lower(), value) for name in headers for value in headers.get_list(name) or [])

"""Header fields as a plain dictionary. A look into `httpx.Headers` goes through all of them, and takes microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

_EXTENSION: Final = "tux_http.fields"


def fields_in(headers: httpx.Headers) -> dict[str, str]:
    """Values by name in lower case; those of several lines are joined by commas (RFC 9110, section 5.2)."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def fields_of(response: httpx.Response) -> Mapping[str, str]:
    """Those of an answer that is on its way up through the layers, where nobody changes them: read once."""
    fields = response.extensions.get(_EXTENSION)
    if fields is None:
        response.extensions[_EXTENSION] = fields = fields_in(response.headers)
    return fields


def forget(response: httpx.Response) -> None:
    """Before the answer is its caller's, who may change it."""
    response.extensions.pop(_EXTENSION, None)

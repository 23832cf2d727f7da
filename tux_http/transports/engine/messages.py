"""How an HTTP/2 connection begins, and what its messages' heads look like (RFC 9113, sections 3.4 and 8.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import h2.config
import h2.connection
import h2.errors
import h2.settings

if TYPE_CHECKING:
    import httpcore2

    from tux_http.transports.engine.stream import Head

STREAM_WINDOW: Final = 2**20
"""Bytes of one response that may arrive before its reader takes any."""

CONNECTION_WINDOW: Final = 2**24

MAX_STREAMS: Final = 100
"""Streams opened at once until the server says how many it takes (RFC 9113, section 6.5.2, says: no fewer)."""

MAX_HEADER_LIST: Final = 2**17
"""Bytes of header fields, with 32 for each (RFC 9113, section 6.5.2). The guard above refuses at half of it, and
costs one response; to be over this costs the connection."""

# Fields that belong to HTTP/1.1's connection, or that HTTP/2 writes otherwise (RFC 9113, section 8.2.2).
_DROPPED: Final = frozenset(
    {b"host", b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)

_CONFIG: Final = h2.config.H2Configuration(
    client_side=True, header_encoding=None, validate_inbound_headers=False
)


class _Connection(h2.connection.H2Connection):
    # h2 remembers 65,536 ended streams, some 8 MiB on a connection that lives long. What a server still sends
    # on one that was reset comes within a round trip, long before this many others have ended.
    MAX_CLOSED_STREAMS = 4096


def handshake() -> h2.connection.H2Connection:
    connection = _Connection(config=_CONFIG)
    codes = h2.settings.SettingCodes
    connection.local_settings = h2.settings.Settings(
        client=True,
        initial_values={
            codes.ENABLE_PUSH: 0,
            codes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
            codes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            codes.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST,
        },
    )
    del connection.local_settings[codes.ENABLE_CONNECT_PROTOCOL]
    connection.decoder.max_header_list_size = MAX_HEADER_LIST  # h2 takes initial values for the default
    connection.initiate_connection()
    connection.increment_flow_control_window(CONNECTION_WINDOW - connection.inbound_flow_control_window)
    return connection


def request_fields(request: httpcore2.Request) -> list[tuple[bytes, bytes]]:
    fields = [(name.lower(), value) for name, value in request.headers]
    authority = next((value for name, value in fields if name == b"host"), request.url.host)
    return [
        (b":method", request.method),
        (b":authority", authority),
        (b":scheme", request.url.scheme),
        (b":path", request.url.target),
        *(field for field in fields if field[0] not in _DROPPED),
    ]


def response_head(headers: Any) -> Head:
    status = next((int(value) for name, value in headers if name == b":status"), 0)
    return status, [(name, value) for name, value in headers if not name.startswith(b":")]


def error_name(code: Any) -> str:
    try:
        return h2.errors.ErrorCodes(code).name
    except ValueError:
        return f"error {code}"

"""How an HTTP/2 connection begins, and what its messages' heads look like (RFC 9113, sections 3.4 and 8.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import h2.config
import h2.connection
import h2.errors
import h2.settings
import httpcore2

from tux_http.transports.engine.fields import FieldDecoder, FieldEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    Head = tuple[int, list[tuple[bytes, bytes]]]

STREAM_WINDOW: Final = 2**20
"""Bytes of one response that may arrive before its reader takes any."""

CONNECTION_WINDOW: Final = 2**24

MAX_UNREAD: Final = 2**20
"""Bytes of answers that wait for a server which reads none, after which it gets no more (RFC 9113, section 10.5)."""

MAX_STREAMS: Final = 100
"""Streams opened at once until the server says how many it takes (RFC 9113, section 6.5.2, says: no fewer)."""

MAX_HEADER_LIST: Final = 2**17
"""Bytes of header fields, with 32 for each (RFC 9113, section 6.5.2). The guard above refuses at half of it, and
costs one response; to be over this costs the connection."""

# Fields that belong to HTTP/1.1's connection, or that HTTP/2 writes otherwise (RFC 9113, section 8.2.2).
_DROPPED: Final = frozenset(
    {b"host", b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)

# RFC 9110, section 5.6.2, and RFC 9113, section 8.2.1.
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET: Final = re.compile(rb"[^\0-\x20\x7f]+")
_STATUS: Final = re.compile(rb"[1-9][0-9]{2}")
_BLANK: Final = b" \t"
_NOT_IN_VALUES: Final = re.compile(rb"[\0\r\n]")

_CONFIG: Final = h2.config.H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_inbound_headers=False,
    validate_outbound_headers=False,  # `request_fields` gives none that h2 would refuse or change
    normalize_outbound_headers=False,
)


class StateMachine(h2.connection.H2Connection):
    # h2 remembers 65,536 ended streams, some 8 MiB on a connection that lives long. What a server still sends
    # on one that was reset comes within a round trip, long before this many others have ended.
    MAX_CLOSED_STREAMS = 4096

    @property
    def open_outbound_streams(self) -> int:
        """As h2's, which counts those that ended too, one by one, before each request."""
        if len(self.streams) < self.remote_settings.max_concurrent_streams:
            return len(self.streams)
        return super().open_outbound_streams

    def forget(self, stream_id: int) -> None:
        """Lets go of a stream that ended, as h2 does when it counts."""
        stream = self.streams.get(stream_id)
        if stream is not None and stream.closed:
            del self.streams[stream_id]
            self._closed_streams[stream_id] = stream.closed_by


class Request(httpcore2.Request):
    """As httpcore2's, of parts that are known to be what it checks; its extensions are its own."""

    def __init__(  # pyright: ignore[reportMissingSuperCall]  # that is what is left out
        self, method: bytes, url: httpcore2.URL, headers: Any, stream: Any, extensions: Mapping[str, Any]
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.stream = stream
        self.extensions = dict(extensions)
        if "target" in extensions:
            self.url = httpcore2.URL(
                scheme=url.scheme, host=url.host, port=url.port, target=extensions["target"]
            )


class Response(httpcore2.Response):
    """As httpcore2's, of parts that are known to be what it checks."""

    def __init__(  # pyright: ignore[reportMissingSuperCall]  # that is what is left out
        self, head: Head, stream: Any, extensions: dict[str, Any]
    ) -> None:
        self.status, self.headers = head
        self.stream = stream
        self.extensions = extensions


def handshake() -> StateMachine:
    connection = StateMachine(config=_CONFIG)
    connection.encoder = FieldEncoder()
    connection.decoder = FieldDecoder()
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


_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})
"""Fields that say that a body follows."""


def request_fields(request: httpcore2.Request) -> tuple[list[tuple[bytes, bytes]], bool]:
    """A request's head as HTTP/2 has it, and whether a body follows.

    Raises:
        httpcore2.LocalProtocolError: A field can't be sent.
    """
    url, has_body = request.url, False
    fields = [
        (b":method", request.method),
        (b":authority", url.host),
        (b":scheme", url.scheme),
        (b":path", url.target),
    ]
    for given, value in request.headers:
        name = given.lower()
        if not _NAME.fullmatch(name) or _NOT_IN_VALUES.search(value):
            raise httpcore2.LocalProtocolError("a header has a character that can't be sent")
        has_body = has_body or name in _BODY
        if name not in _DROPPED:
            fields.append((name, value.strip(_BLANK)))
        elif name == b"host":
            fields[1] = (b":authority", value.strip(_BLANK))
        if name == b"te" and value.strip(_BLANK).lower() != b"trailers":
            raise httpcore2.LocalProtocolError("HTTP/2 knows no te but trailers")
    if not _METHOD.fullmatch(request.method):
        raise httpcore2.LocalProtocolError("the method is none that can be sent")
    if not _TARGET.fullmatch(url.target):
        raise httpcore2.LocalProtocolError("the path is empty, or has a character that can't be sent")
    return fields, has_body


def response_head(headers: Any) -> Head:
    """The status and the fields of a response.

    Raises:
        httpcore2.RemoteProtocolError: It is malformed (RFC 9113, sections 8.2.1 and 8.3).
    """
    (name, status), *fields = headers or [(b"", b"")]
    if name != b":status" or not _STATUS.fullmatch(status):
        raise httpcore2.RemoteProtocolError("the response has no status")
    names, values = [name for name, _ in fields], [value for _, value in fields]
    odd_name = not all(names) or (names and not _NAME.fullmatch(b"".join(names)))
    if odd_name or _NOT_IN_VALUES.search(b"".join(values)):
        raise httpcore2.RemoteProtocolError("the response has a header that may not be")
    return int(status), fields


def error_name(code: Any) -> str:
    try:
        return h2.errors.ErrorCodes(code).name
    except ValueError:
        return f"error {code}"

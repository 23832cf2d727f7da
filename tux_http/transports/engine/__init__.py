"""The engine: `httpx.AsyncHTTPTransport` over httpcore2's pool, with connections of our own in it.

httpx is used as it is, and `AsyncHTTPTransport.handle_async_request` stays in the path, for that is
what pytest-httpx, respx and OpenTelemetry hook. Only the pool behind it is another:

- Every connection is opened in its own task and closed without suspending, so no cancellation of a
  caller can leave the pool's books half-written. (httpcore 1.0.9 leaks a slot for each:
  https://github.com/encode/httpcore/issues/1093.)
- HTTP/2 is spoken by `http2.HTTP2Connection`: one request's end, timeout or cancellation touches its
  own stream only, and what a server did not process is sent again.
"""

from tux_http.transports.engine.pool import Engine

__all__ = ["Engine"]

"""The engine: `httpx.AsyncHTTPTransport` over a pool and connections of our own, on h2, h11 and httpcore2's parts.

httpx is used as it is, and whoever hooks `AsyncHTTPTransport.handle_async_request`, as pytest-httpx, respx and
OpenTelemetry do, sees every request. What is behind it is another:

- Every connection is opened in its own task and closed without suspending, and a request gives its place
  back however it ends, so no cancellation of a caller can leave the pool's books half-written. (httpcore
  1.0.9 leaks a slot for each: https://github.com/encode/httpcore/issues/1093.)
- HTTP/2 is spoken by `http2.HTTP2Connection`: one request's end, timeout or cancellation touches its
  own stream only, and what a server did not process is sent again.
- What many requests of one turn of the loop say goes out in one piece, and a turn that has done enough
  leaves the rest of a crowd to the next one (`tux_http.pace`).
"""

from tux_http.transports.engine.transport import Engine

__all__ = ["Engine"]

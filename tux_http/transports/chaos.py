"""The chaos layer: does to a call what the rules of `tux_http.chaos` say, where the network would do it.

It lies under all other layers, right above the engine, and is there only where somebody asked for it: retries,
breaker, quota, cache and record meet its faults as they would real ones. What a fault happens to does not reach
the upstream; what is only late does.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import httpcore2
import httpx
import msgspec
from loguru import logger

from tux_http.chaos import LIMITED_FOR
from tux_http.transports.layer import Layer, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from tux_http.chaos import Faults, Rule

MARK: Final = "tux_http.chaos"
"""The extension of a response that is none of the upstream's: the rule it is from."""

ENDLESS: Final = 2**40
"""Bytes that an answer without an end announces."""

CHUNK: Final = b"\0" * 65536

JSON: Final = (("Content-Type", "application/json; charset=utf-8"),)
PAGE: Final = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please log in.</body></html>"
HALF: Final = b'{"message": "This is half of'

# Messages as the engine words them.
_FAILURES: Final[Mapping[str, tuple[type[httpx.RequestError], str]]] = MappingProxyType(
    {
        "connect": (httpx.ConnectError, "Connection refused"),
        "proxy": (httpx.ProxyError, "407 Proxy Authentication Required"),
        "reset": (httpx.ReadError, "the connection was lost"),
        "garbled": (httpx.RemoteProtocolError, "illegal status line: bytearray(b'chaos')"),
    }
)
_Fields: TypeAlias = "tuple[tuple[str, str], ...]"
_Received: TypeAlias = "tuple[int, _Fields, httpx.AsyncByteStream]"

_CERTIFICATE: Final = "the certificate is not valid: certificate has expired"


def _now() -> datetime:
    return datetime.now(UTC)


class Chaos(Layer):
    """Makes calls late, and makes them fail.

    Args:
        inner: The engine.
        faults: What to do.
        api: Whose calls these are.
        sleep: Waits for seconds.
        wall: The time of day, for when a limit is lifted.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        faults: Faults,
        *,
        api: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wall: Callable[[], datetime] = _now,
    ) -> None:
        super().__init__(inner)
        self._faults = faults
        self._api = api
        self._sleep = sleep
        self._wall = wall

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx, and whatever an engine may raise."""
        rules = self._faults.strike(self._api)
        if rules:
            _tell(rules, request)
            fault = next((rule for rule in rules if rule.fault is not None), None)
            await self._wait(request, _latency(rules, fault))
            if fault is not None:
                return self._answer(fault, request)
        return await self._inner.handle_async_request(request)

    async def _wait(self, request: httpx.Request, seconds: float) -> None:
        """Lets the time pass until a byte would come, which the call's read timeout bounds as it does a read."""
        timeouts: dict[str, float | None] = request.extensions.get("timeout") or {}
        patience = timeouts.get("read")
        if patience is not None and seconds >= patience:
            await self._sleep(patience)
            raise httpx.ReadTimeout("no byte came in time", request=request)
        if math.isinf(seconds):
            await asyncio.get_running_loop().create_future()  # the deadline ends it, or nothing does
        if seconds:
            await self._sleep(seconds)

    def _answer(self, rule: Rule, request: httpx.Request) -> httpx.Response:
        name = str(rule.fault)
        if name in _FAILURES:
            error, message = _FAILURES[name]
            raise error(message, request=request)
        if name == "certificate":
            raise _untrusted(request)
        status, fields, stream = self._received(rule, request)
        fields = (*fields, ("Cache-Control", "no-store"))  # nothing of it outlives the rule
        extensions = {"http_version": b"HTTP/1.1", MARK: str(rule)}
        return httpx.Response(status, headers=fields, stream=stream, extensions=extensions, request=request)

    def _received(self, rule: Rule, request: httpx.Request) -> _Received:
        if rule.fault == "limit":
            return self._limited(rule)
        if rule.fault == "loop":
            return HTTPStatus.FOUND, (("Location", str(request.url)),), httpx.ByteStream(b"")
        if rule.fault == "status" and rule.status is not None:
            return rule.status, (*JSON, *_asked_for(rule)), _message(_phrase(rule.status))
        fields, stream = _BROKEN[str(rule.fault)]
        return HTTPStatus.OK, fields, stream()

    def _limited(self, rule: Rule) -> _Received:
        """As GitHub does it: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api."""
        if rule.limit == "secondary":
            fields = (("Retry-After", f"{rule.retry_after or LIMITED_FOR:.0f}"),)
            text = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            return HTTPStatus.TOO_MANY_REQUESTS, (*JSON, *fields), _message(text)
        reset = math.ceil(self._wall().timestamp() + (rule.retry_after or LIMITED_FOR))
        spent = {"Limit": "60", "Remaining": "0", "Used": "60", "Reset": str(reset), "Resource": "core"}
        fields = tuple((f"X-RateLimit-{name}", value) for name, value in spent.items())
        return HTTPStatus.FORBIDDEN, (*JSON, *fields), _message("API rate limit exceeded for 203.0.113.7.")


def _latency(rules: tuple[Rule, ...], fault: Rule | None) -> float:
    if fault is not None and fault.fault == "timeout":
        return math.inf
    return sum(rule.latency for rule in rules)


def _tell(rules: tuple[Rule, ...], request: httpx.Request) -> None:
    call = record_of(request)
    reference = "-" if call is None else call.reference
    logger.info("chaos: {} happens to {}, ref {}", "; ".join(map(str, rules)), request.method, reference)


def _untrusted(request: httpx.Request) -> httpx.ConnectError:
    error = httpx.ConnectError(_CERTIFICATE, request=request)
    error.__cause__ = httpcore2.ConnectError(_CERTIFICATE)
    error.__cause__.__cause__ = ssl.SSLCertVerificationError(_CERTIFICATE)
    return error


def _asked_for(rule: Rule) -> _Fields:
    return () if rule.retry_after is None else (("Retry-After", f"{rule.retry_after:.0f}"),)


def _phrase(status: int) -> str:
    return httpx.codes.get_reason_phrase(status) or "Chaos"


def _message(text: str) -> httpx.ByteStream:
    return httpx.ByteStream(msgspec.json.encode({"message": text}))


class _Cut(httpx.AsyncByteStream):
    """A body that ends too early."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content
        received = len(self._content)
        raise httpx.RemoteProtocolError(
            "peer closed connection without sending complete message body "
            f"(received {received} bytes, expected {2 * received})"
        )


class _Endless(httpx.AsyncByteStream):
    """A body that goes on."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(ENDLESS // len(CHUNK)):
            yield CHUNK
            await asyncio.sleep(0)  # others want to live, and a deadline to end it


# What comes with a 200, and can't be used.
_BROKEN: Final[Mapping[str, tuple[_Fields, Callable[[], httpx.AsyncByteStream]]]] = MappingProxyType(
    {
        "truncated": ((*JSON, ("Content-Length", str(2 * len(HALF)))), partial(_Cut, HALF)),
        "damaged": ((*JSON, ("Content-Encoding", "gzip")), partial(httpx.ByteStream, PAGE)),
        "invalid": ((("Content-Type", "text/html; charset=utf-8"),), partial(httpx.ByteStream, PAGE)),
        "too-large": ((*JSON, ("Content-Length", str(ENDLESS))), _Endless),
    }
)

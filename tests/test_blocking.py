"""The blocking twin: what a script gets. Its redirects are in test_redirects.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.servers import http1_server, http2_server, read_request, response, settle
from tux_http import HTTPClient

if TYPE_CHECKING:
    from tests.conftest import TLS


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        asked = await read_request(reader)
        cookies = [line for line in asked.split(b"\r\n") if line.lower().startswith(b"cookie:")]
        writer.write(response(b"".join(cookies), headers="Set-Cookie: theirs=1\r\n"))


async def test_the_blocking_twin_has_the_same_settings(tls: TLS) -> None:
    client = HTTPClient(verify=tls.client, headers={"X-Base": "b"}, timeout=4, trust_env=False)
    async with http2_server(tls.h2) as server:
        with client.blocking() as twin:
            assert isinstance(twin, httpx.Client)
            assert (twin.timeout, twin.follow_redirects) == (httpx.Timeout(4), True)
            assert twin.headers["x-base"] == "b"
            answer = await asyncio.to_thread(twin.get, f"{server.url}/")
    assert (answer.text, answer.http_version) == ("ok", "HTTP/2")


async def test_it_keeps_no_cookies() -> None:
    async with http1_server(answer) as server:
        with HTTPClient(cookies={"own": "x"}, trust_env=False).blocking() as twin:
            first = await asyncio.to_thread(twin.get, server.url)
            second = await asyncio.to_thread(twin.get, server.url)
    assert first.cookies["theirs"] == "1"
    assert second.text == "Cookie: own=x"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://host:99999/", httpx.InvalidURL),
        ("http://host:0/", httpx.InvalidURL),
        ("http://xn--a/", httpx.InvalidURL),
        ("http://[::1", httpx.InvalidURL),
        ("http://127.0.0.1/\ud800", httpx.InvalidURL),
        ("http://" + "a" * 64 + ".test/", httpx.InvalidURL),
        ("ftp://127.0.0.1/", httpx.UnsupportedProtocol),
    ],
)
def test_whatever_is_wrong_with_a_url_is_an_httpx_error(url: str, kind: type[Exception]) -> None:
    with HTTPClient(trust_env=False, verify=False).blocking() as twin, pytest.raises(kind):
        twin.get(url)


@pytest.mark.parametrize(("value", "connections"), [("é", 0), ("a\r\nb: c", 1)])
async def test_a_header_that_cannot_be_sent_is_an_httpx_error(value: str, connections: int) -> None:
    async with http1_server(answer) as server:
        with HTTPClient(trust_env=False).blocking() as twin, pytest.raises(httpx.LocalProtocolError):
            await asyncio.to_thread(twin.get, server.url, headers={"X-Value": value})
        await settle(lambda: (server.accepted, server.open_connections) == (connections, 0))

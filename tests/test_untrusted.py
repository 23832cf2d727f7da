"""URLs from users: where a connection goes, what a stranger gets to see, and how much is taken of one.

The URLs themselves are in test_hostile_urls.py.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import secrets
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.public_web import ONCE, PUBLIC, Diverted, Names, for_users, sing
from tests.servers import http1_server, read_request, response, settle
from tux_http import BlockedAddress, HTTPClient, ResponseTooLarge
from tux_http.policy import Caps, HTTPSettings, Policy, Retry, Timeouts
from tux_http.untrusted import POLICY, GuardedBackend, Untrusted, rules

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import ssrfguard

    from tests.conftest import TLS
    from tests.servers import HTTP1Server


@pytest.fixture
async def canary() -> AsyncGenerator[HTTP1Server]:
    async with http1_server(sing) as server:
        yield server


@pytest.fixture
async def service(tls: TLS) -> AsyncGenerator[HTTPClient]:
    async with HTTPClient(verify=tls.client, trust_env=False) as service:
        yield service


# With the system's own dialer


def loopback_too(port: int) -> ssrfguard.Policy:
    return replace(rules([port]), allowed_networks=("127.0.0.1/32",))


async def test_with_nothing_put_in_between_loopback_is_not_reached(
    service: HTTPClient, canary: HTTP1Server, tls: TLS
) -> None:
    urls = [f"http://{host}:{canary.port}/" for host in ("127.0.0.1", "localhost", "0x7f000001", "[::1]")]
    users = Untrusted(service, rules([canary.port]), policy=ONCE, tls=tls.client)
    for url in urls:
        with pytest.raises(BlockedAddress, match="Loopback"):
            await users.get(url)
    await users.aclose()
    assert canary.accepted == 0
    friends = Untrusted(service, loopback_too(canary.port), policy=ONCE, tls=tls.client)
    assert (await friends.get(urls[0])).text == "tweet"
    await friends.aclose()


async def test_lookups_do_not_wait_for_the_bots_own_threads(
    service: HTTPClient, canary: HTTP1Server, tls: TLS
) -> None:
    stalled = threading.Event()
    with ThreadPoolExecutor(1) as own:
        own.submit(stalled.wait)
        asyncio.get_running_loop().set_default_executor(own)
        users = Untrusted(service, rules([canary.port]), policy=ONCE, tls=tls.client)
        with pytest.raises(BlockedAddress, match="Loopback"):
            await users.get(f"http://localhost:{canary.port}/", deadline=5)
        stalled.set()
        await users.aclose()
    await settle(lambda: not any("tux_http-lookup" in thread.name for thread in threading.enumerate()))


async def test_a_lookup_that_hangs_ends_with_the_connect_timeout(tls: TLS, canary: HTTP1Server) -> None:
    async def hang(host: str, port: int) -> list[Any]:
        await asyncio.Event().wait()
        return []

    settings = HTTPSettings(timeouts=Timeouts(connect=0.05))
    async with HTTPClient(settings, verify=tls.client, trust_env=False) as service:
        users = Untrusted(
            service, backend=GuardedBackend(rules(), resolver=hang), policy=ONCE, tls=tls.client
        )
        with pytest.raises(httpx.ConnectTimeout):
            await users.get("http://example.com/")
        await users.aclose()


# Names that change


async def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_checked(
    service: HTTPClient, canary: HTTP1Server, tls: TLS
) -> None:
    names = Names({"rebinding.example": [[PUBLIC], ["127.0.0.1"]]})
    backend = Diverted(names, {PUBLIC: canary})
    async with for_users(service, backend, tls) as users:
        answer = await users.get("http://rebinding.example/", headers={"Connection": "close"})
        assert (answer.text, names.asked, backend.dialed) == ("tweet", ["rebinding.example"], [PUBLIC])
        with pytest.raises(BlockedAddress, match="Loopback"):
            await users.get("http://rebinding.example/")
    assert (names.asked, backend.dialed) == (["rebinding.example"] * 2, [PUBLIC])


async def test_a_name_can_not_make_many_attempts_of_one(service: HTTPClient, tls: TLS) -> None:
    many = [f"93.184.215.{last}" for last in range(1, 201)]
    backend = Diverted(Names({"many.example": [many]}), {})
    async with for_users(service, backend, tls) as users:
        with pytest.raises(httpx.ConnectError):
            await users.get("http://many.example/")
    assert backend.dialed == many[:4]


async def test_tls_verifies_the_name_and_not_the_address(service: HTTPClient, tls: TLS) -> None:
    async with http1_server(sing, tls=tls.http11) as server:
        names = Names({"localhost": [[PUBLIC]], "other.example": [[PUBLIC]]})
        backend = Diverted(names, {PUBLIC: server})
        async with for_users(service, backend, tls) as users:
            assert (await users.get("https://localhost/")).text == "tweet"
            with pytest.raises(httpx.ConnectError, match="certificate is not valid"):
                await users.get("https://other.example/")


# What strangers get to see


@dataclass
class Stranger:
    """A server on the public network that writes down what it is asked."""

    headers: str = ""
    asked: list[str] = field(default_factory=list[str])

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.asked.append((await read_request(reader)).decode())
            writer.write(response(headers=self.headers))


async def test_strangers_get_no_credential_header_cookie_or_parameter_of_the_service(tls: TLS) -> None:
    stranger = Stranger()
    async with (
        http1_server(stranger.play) as server,
        HTTPClient(
            verify=tls.client,
            trust_env=False,
            headers={"Authorization": "Bearer s3cr3t", "X-Api-Key": "s3cr3t", "User-Agent": "tests"},
            auth=("me", "s3cr3t"),
            cookies={"session": "s3cr3t"},
            params={"key": "s3cr3t"},
        ) as service,
    ):
        backend = Diverted(Names({"example.com": [[PUBLIC]]}), {PUBLIC: server})
        async with for_users(service, backend, tls) as users:
            await users.get("http://example.com/")
    names = [line.partition(":")[0] for line in stranger.asked[0].split("\r\n")[1:-2]]
    assert stranger.asked[0].startswith("GET / HTTP/1.1\r\nHost: example.com\r\n")
    assert sorted(names) == ["Accept", "Accept-Encoding", "Connection", "Host", "User-Agent"]
    assert "s3cr3t" not in stranger.asked[0]


async def test_no_cookie_is_kept(service: HTTPClient, tls: TLS) -> None:
    stranger = Stranger(headers="Set-Cookie: seen=1; Path=/\r\n")
    async with http1_server(stranger.play) as server:
        backend = Diverted(Names({"example.com": itertools.repeat([PUBLIC])}), {PUBLIC: server})
        async with for_users(service, backend, tls) as users:
            answer = await users.get("http://example.com/")
            assert answer.cookies["seen"] == "1"
            await users.get("http://example.com/")
            assert not (await users.get_client()).cookies
    assert len(stranger.asked) == 2
    assert "cookie" not in "".join(stranger.asked).lower()


async def test_proxies_of_the_environment_are_not_asked(
    canary: HTTP1Server, tls: TLS, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, canary.url)
    stranger = Stranger()
    async with http1_server(stranger.play) as server, HTTPClient(verify=tls.client) as service:
        backend = Diverted(Names({"example.com": [[PUBLIC]]}), {PUBLIC: server})
        async with for_users(service, backend, tls) as users:
            assert (await users.get("http://example.com/")).text == "ok"
    assert canary.accepted == 0


async def test_http2_is_not_spoken_even_to_who_offers_it(service: HTTPClient, tls: TLS) -> None:
    async with http1_server(sing, tls=tls.h2) as server:
        backend = Diverted(Names({"localhost": [[PUBLIC]]}), {PUBLIC: server})
        async with for_users(service, backend, tls) as users:
            assert (await users.get("https://localhost/")).http_version == "HTTP/1.1"


async def test_a_refused_url_takes_its_password_to_no_log(service: HTTPClient, tls: TLS) -> None:
    password = secrets.token_hex()
    async with for_users(service, Diverted(Names(), {}), tls) as users:
        with pytest.raises(BlockedAddress) as refused:
            await users.get(f"http://user:{password}@example.com/?token={password}")
    assert password not in "".join(traceback.format_exception(refused.value))
    assert password not in refused.value.reason


# Limits


@pytest.mark.parametrize(("hops", "arrives"), [(5, True), (6, False)])
async def test_five_redirects_are_followed_and_no_more(
    service: HTTPClient, tls: TLS, hops: int, arrives: bool
) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            left = int((await read_request(reader)).split(b" ")[1][1:])
            headers = f"Location: http://hop{left}.example/{left - 1}\r\n"
            writer.write(response(status="302 Found", headers=headers) if left else response(b"home"))

    names = Names({f"hop{hop}.example": [[PUBLIC]] for hop in range(10)})
    async with http1_server(redirect) as server:
        backend = Diverted(names, {PUBLIC: server})
        async with for_users(service, backend, tls) as users:
            url = f"http://hop0.example/{hops}"
            if arrives:
                assert (await users.get(url)).text == "home"
            else:
                with pytest.raises(httpx.TooManyRedirects):
                    await users.get(url)
    assert len(names.asked) == 6  # every hop's name


async def test_a_body_from_a_stranger_is_capped_and_its_connection_closed(
    service: HTTPClient, tls: TLS
) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(0x10000))
            await writer.drain()

    small = Policy(retry=Retry(attempts=1), caps=Caps(max_body=100_000))
    async with http1_server(pour) as server:
        backend = Diverted(Names({"example.com": [[PUBLIC]]}), {PUBLIC: server})
        async with for_users(service, backend, tls, policy=small) as users:
            with pytest.raises(ResponseTooLarge):
                await users.get("http://example.com/")
            await settle(lambda: server.open_connections == 0)


async def test_ports_can_be_set(service: HTTPClient, canary: HTTP1Server, tls: TLS) -> None:
    names = Names({"example.com": itertools.repeat([PUBLIC])})
    backend = Diverted(names, {PUBLIC: canary}, rules([8080]))
    async with for_users(service, backend, tls) as users:
        assert (await users.get("http://example.com:8080/")).text == "tweet"
        with pytest.raises(BlockedAddress, match="port 80 is not"):
            await users.get("http://example.com/")


# As an API


async def test_a_stand_in_for_the_network_is_asked_only_for_what_is_allowed() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"title": "a page"})

    async with HTTPClient(transport=httpx.MockTransport(answer)) as service:
        users = service.untrusted()
        assert await users.get("https://example.com/", as_=dict[str, str]) == {"title": "a page"}
        with pytest.raises(BlockedAddress):
            await users.get("http://127.0.0.1/")
    assert asked == ["https://example.com/"]


async def test_a_blocked_url_is_not_tried_again(service: HTTPClient, tls: TLS) -> None:
    names = Names({"inside.example": itertools.repeat(["10.0.0.1"])})
    async with for_users(service, Diverted(names, {}), tls, policy=POLICY) as users:
        for _ in range(20):  # nor does it open a circuit
            with pytest.raises(BlockedAddress):
                await users.get("http://inside.example/")
    assert len(names.asked) == 20


async def test_it_can_be_used_again_after_it_was_closed(
    service: HTTPClient, canary: HTTP1Server, tls: TLS
) -> None:
    backend = Diverted(Names({"example.com": itertools.repeat([PUBLIC])}), {"*": canary})
    async with for_users(service, backend, tls) as users:
        for _ in range(2):
            assert (await users.get("http://example.com/")).text == "tweet"
            await users.aclose()
            await settle(lambda: canary.open_connections == 0)


class Friend(BaseHTTPRequestHandler):
    """A server that does not share the client's event loop, and keeps connections alive."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.wfile.write(response(b"tweet"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its signature
        pass


def test_a_script_that_never_closes_it_leaves_no_socket_behind(tls: TLS) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Friend) as server:
        threading.Thread(target=server.serve_forever).start()
        service = HTTPClient(trust_env=False)
        users = Untrusted(service, loopback_too(server.server_port), tls=tls.client)
        service._apis[users.name] = users

        async def script() -> str:
            return (await users.get(f"http://127.0.0.1:{server.server_port}/")).text

        assert [asyncio.run(script()) for _ in range(2)] == ["tweet", "tweet"]
        server.shutdown()
    gc.collect()  # a socket that is still open would warn, and warnings are errors


def test_two_with_the_same_rules_are_the_same_and_two_with_others_are_not() -> None:
    service = HTTPClient()
    assert Untrusted(service).same_as(Untrusted(service, rules([443, 80])))
    assert not Untrusted(service).same_as(Untrusted(service, rules([443])))
    assert not Untrusted(service).same_as(service.api("untrusted", base_url="https://untrusted.invalid"))
    assert repr(Untrusted(service)) == "Untrusted(ports=[80, 443])"

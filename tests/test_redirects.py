"""Redirects: what another origin gets to see, and where no redirect is followed to."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import http1_server, read_request, response
from tux_http import HTTPClient
from tux_http.redirects import ANYWHERE, OF_CONTENT, is_same_origin, redirected_headers, refuses

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.conftest import TLS

    Ask: TypeAlias = Callable[..., Awaitable[httpx.Response]]
    Caller: TypeAlias = Callable[..., AbstractAsyncContextManager[Ask]]

SECRET = "s3cr3t"
CREDENTIALS = {
    "Authorization": f"Bearer {SECRET}",
    "X-Api-Key": SECRET,
    "PRIVATE-TOKEN": SECRET,
    "Proxy-Authorization": f"Basic {SECRET}",
    "X-Anything": SECRET,
}


# The rules


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x", "https://a.example/y?z", True),
        ("https://a.example/", "https://a.example:443/", True),
        ("http://a.example:80/", "http://a.example/", True),
        ("https://A.example/", "https://a.EXAMPLE/", True),
        ("https://bücher.example/", "https://xn--bcher-kva.example/", True),
        ("https://user:pass@a.example/", "https://a.example/", True),
        ("https://a.example/", "http://a.example/", False),
        ("https://a.example/", "https://b.example/", False),
        ("https://a.example/", "https://www.a.example/", False),
        ("https://a.example/", "https://a.example:8443/", False),
        ("https://a.example/", "https://a.example./", False),
        ("http://a.example/", "https://a.example/", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert is_same_origin(httpx.URL(one), httpx.URL(other)) is same
    assert is_same_origin(httpx.URL(other), httpx.URL(one)) is same


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("https://a.example/", "http://a.example/", True),
        ("https://a.example/", "http://b.example/", True),
        ("https://a.example/", "http://a.example:443/", True),
        ("https://a.example/", "https://b.example/", False),
        ("http://a.example/", "https://a.example/", False),
        ("http://a.example/", "http://b.example/", False),
    ],
)
def test_only_the_way_from_https_to_http_is_refused(old: str, new: str, refused: bool) -> None:
    assert refuses(httpx.URL(old), httpx.URL(new)) is refused


names = st.sampled_from([*CREDENTIALS, "Cookie", "Accept", "User-Agent", "Host", "Content-Type", "Origin"])
fields = st.lists(
    st.tuples(names | st.from_regex(r"[A-Za-z][A-Za-z-]{0,12}", fullmatch=True), st.just(SECRET))
)


@given(fields)
def test_another_origin_gets_nothing_but_what_every_browser_sends(
    given_fields: list[tuple[str, str]],
) -> None:
    headers = httpx.Headers([*given_fields, ("Accept", "text/html"), ("User-Agent", "tests")])
    old, new = httpx.URL("https://a.example/"), httpx.URL("https://b.example:8443/")
    kept = redirected_headers(headers, old, new)
    has_body = "content-length" in headers or "transfer-encoding" in headers
    assert set(kept) <= ANYWHERE | {"host"} | (OF_CONTENT if has_body else set[str]())
    assert kept["host"] == "b.example:8443"
    assert kept.get_list("user-agent")[-1] == "tests"


@given(fields)
def test_the_same_origin_gets_everything(given_fields: list[tuple[str, str]]) -> None:
    headers = httpx.Headers(given_fields)
    url = httpx.URL("https://a.example/")
    assert redirected_headers(headers, url, url.join("/moved")).raw == headers.raw


# Over real sockets


@dataclass
class Origin:
    """A server that writes down what it is asked; `moves` tells which path it redirects where, and how."""

    url: str = ""
    moves: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    asked: list[str] = field(default_factory=list[str])
    bodies: list[str] = field(default_factory=list[str])

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _, body = (await read_request(reader)).decode().partition("\r\n\r\n")
            self.asked.append(head)
            self.bodies.append(body)
            path = head.split(" ")[1]
            if path in self.moves:
                status, where = self.moves[path]
                writer.write(response(b"", status=status, headers=f"Location: {where}\r\n"))
            else:
                writer.write(response(headers="Set-Cookie: theirs=1\r\n"))

    @property
    def last(self) -> httpx.Headers:
        lines = (line.partition(": ") for line in self.asked[-1].split("\r\n")[1:])
        return httpx.Headers([(name, value) for name, _, value in lines])


@pytest.fixture
async def origins() -> AsyncGenerator[tuple[Origin, Origin]]:
    ours, theirs = Origin(), Origin()
    async with http1_server(ours.play) as one, http1_server(theirs.play) as other:
        ours.url, theirs.url = one.url, other.url
        yield ours, theirs


# Who calls: each is given the first origin's URL and a client's keywords, and gives what asks for a path there.


@contextlib.asynccontextmanager
async def by_the_service(url: str, **options: Any) -> AsyncGenerator[Ask]:
    async with HTTPClient(trust_env=False, **options) as client:

        async def ask(method: str, path: str, **call: Any) -> httpx.Response:
            return await client.request(method, url + path, **call)

        yield ask


@contextlib.asynccontextmanager
async def by_an_api(url: str, *, verify: Any = True, **options: Any) -> AsyncGenerator[Ask]:
    async with HTTPClient(trust_env=False, verify=verify) as client:
        api = client.api("ours", base_url=url, **options)
        yield api.request


@contextlib.asynccontextmanager
async def by_the_blocking_twin(url: str, **options: Any) -> AsyncGenerator[Ask]:
    with HTTPClient(trust_env=False, **options).blocking() as twin:

        async def ask(method: str, path: str, **call: Any) -> httpx.Response:
            return await asyncio.to_thread(twin.request, method, url + path, **call)

        yield ask


by_all = pytest.mark.parametrize("caller", [by_the_service, by_an_api, by_the_blocking_twin])


@by_all
@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
async def test_credentials_and_cookies_stay_on_their_origin(
    origins: tuple[Origin, Origin], status: str, caller: Caller
) -> None:
    ours, theirs = origins
    ours.moves["/here"] = (status, f"{theirs.url}/there")
    options: dict[str, Any] = {"headers": CREDENTIALS, "cookies": {"session": SECRET}, "auth": ("me", SECRET)}
    async with caller(ours.url, **options) as ask:
        await ask("GET", "/here")
    assert SECRET in ours.asked[0]
    assert ours.last["cookie"] == f"session={SECRET}"
    assert theirs.asked[0].startswith("GET /there")
    assert SECRET not in theirs.asked[0]
    assert set(theirs.last) == {"host", "accept", "accept-encoding", "user-agent"}
    assert f"http://{theirs.last['host']}" == theirs.url


@by_all
async def test_a_redirect_within_the_origin_keeps_everything(
    origins: tuple[Origin, Origin], caller: Caller
) -> None:
    ours, _ = origins
    ours.moves["/here"] = ("302 Found", "/there")
    async with caller(ours.url, headers=CREDENTIALS, cookies={"session": SECRET}) as ask:
        await ask("GET", "/here")
    assert ours.asked[1].startswith("GET /there")
    assert all(ours.last[name] == value for name, value in CREDENTIALS.items())
    assert ours.last["cookie"] == f"session={SECRET}"


@by_all
async def test_what_was_dropped_on_the_way_out_does_not_come_back_on_the_way_home(
    origins: tuple[Origin, Origin], caller: Caller
) -> None:
    ours, theirs = origins
    ours.moves["/here"] = ("302 Found", f"{theirs.url}/there")
    theirs.moves["/there"] = ("302 Found", f"{ours.url}/home")
    async with caller(ours.url, headers=CREDENTIALS, cookies={"session": SECRET}) as ask:
        answer = await ask("GET", "/here")
    assert len(answer.history) == 2
    assert SECRET not in ours.asked[1]


@by_all
async def test_another_origins_cookies_are_not_sent_to_ours(
    origins: tuple[Origin, Origin], caller: Caller
) -> None:
    ours, theirs = origins
    theirs_by_address = theirs.url.replace("localhost", "127.0.0.1")  # a cookie knows no ports
    ours.moves["/here"] = ("302 Found", f"{theirs_by_address}/there")
    async with caller(ours.url) as ask:
        await ask("GET", "/here")
        await ask("GET", "/again")
    assert "cookie" not in ours.last


@by_all
@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_body_that_goes_along_is_described(
    origins: tuple[Origin, Origin], status: str, caller: Caller
) -> None:
    ours, theirs = origins
    ours.moves["/here"] = (status, f"{theirs.url}/there")
    async with caller(ours.url, headers=CREDENTIALS) as ask:
        await ask("POST", "/here", json={"a": 1})
    assert theirs.asked[0].startswith("POST /there")
    assert theirs.bodies == ['{"a":1}']
    assert (theirs.last["content-type"], theirs.last["content-length"]) == ("application/json", "7")
    assert SECRET not in theirs.asked[0]


@by_all
async def test_a_body_that_stays_is_not_described(origins: tuple[Origin, Origin], caller: Caller) -> None:
    ours, theirs = origins
    ours.moves["/here"] = ("303 See Other", f"{theirs.url}/there")
    async with caller(ours.url) as ask:
        await ask("POST", "/here", json={"a": 1})
    assert theirs.asked[0].startswith("GET /there")
    assert not {name for name in theirs.last if name.startswith("content-")}


@by_all
async def test_https_is_never_left_for_http(origins: tuple[Origin, Origin], tls: TLS, caller: Caller) -> None:
    _, theirs = origins
    ours = Origin(moves={"/here": ("302 Found", f"{theirs.url}/there")})
    async with (
        http1_server(ours.play, tls=tls.http11) as server,
        caller(server.url, verify=tls.client) as ask,
    ):
        with pytest.raises(httpx.RemoteProtocolError, match="from https to http") as refused:
            await ask("GET", "/here")
        assert refused.value.request.url == f"{theirs.url}/there"
        seen = await ask("GET", "/here", follow_redirects=False)
        assert (seen.status_code, seen.headers["location"]) == (302, f"{theirs.url}/there")
        assert (await ask("GET", "/elsewhere")).text == "ok"
    assert theirs.asked == []


async def test_the_next_request_from_https_to_http_is_not_sent_by_hand_either(
    origins: tuple[Origin, Origin], tls: TLS
) -> None:
    _, theirs = origins
    ours = Origin(moves={"/here": ("302 Found", f"{theirs.url}/there")})
    async with (
        http1_server(ours.play, tls=tls.http11) as server,
        HTTPClient(trust_env=False, verify=tls.client) as client,
    ):
        seen = await client.get(f"{server.url}/here", follow_redirects=False)
        assert seen.next_request is not None
        with client.blocking() as twin, pytest.raises(httpx.RemoteProtocolError, match="from https to http"):
            await asyncio.to_thread(twin.send, seen.next_request)
        with pytest.raises(httpx.RemoteProtocolError, match="from https to http"):
            await client.send(seen.next_request)
    assert theirs.asked == []


@by_all
async def test_http_may_be_left_for_https_without_the_credentials(
    origins: tuple[Origin, Origin], tls: TLS, caller: Caller
) -> None:
    ours, _ = origins
    safe = Origin()
    async with (
        http1_server(safe.play, tls=tls.http11) as server,
        caller(ours.url, verify=tls.client, headers=CREDENTIALS) as ask,
    ):
        ours.moves["/here"] = ("301 Moved Permanently", f"{server.url}/there")
        assert (await ask("GET", "/here")).text == "ok"
    assert SECRET not in safe.asked[0]


@by_all
@pytest.mark.parametrize(
    "location",
    [
        "http://xn--a/",
        "http://a..b/",
        "http://[::1/",
        "http://b.example:port/",
        "http://\u00ad/",
        "http:there",
    ],
)
async def test_a_redirect_to_what_is_no_url_is_the_servers_error(
    origins: tuple[Origin, Origin], location: str, caller: Caller
) -> None:
    ours, _ = origins
    ours.moves["/here"] = ("302 Found", location)
    async with caller(ours.url) as ask:
        with pytest.raises(httpx.RemoteProtocolError):
            await ask("GET", "/here")

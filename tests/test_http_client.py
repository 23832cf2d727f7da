"""The shared client: what each line of its contract promises a developer."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.servers import http1_server, http2_server, read_request, response, settle
from tux_http import (
    BlockedAddress,
    DeadlineExceeded,
    HTTPClient,
    HTTPSettings,
    ResponseTooLarge,
    Timeouts,
    call_of,
    http_client,
)

if TYPE_CHECKING:
    from tests.conftest import TLS


def echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(
        200,
        json={
            "method": request.method,
            "url": str(request.url),
            "headers": dict(request.headers),
            "body": request.content.decode(),
            "timeout": request.extensions["timeout"],
        },
    )


def mocked(**options: Any) -> HTTPClient:
    return HTTPClient(transport=httpx.MockTransport(echo), **options)


async def test_the_defaults_are_those_of_the_contract() -> None:
    async with HTTPClient() as client:
        inner = await client.get_client()
        assert inner.timeout == httpx.Timeout(connect=10, read=30, write=10, pool=5)
        assert inner.follow_redirects is True
        assert inner.headers["user-agent"].startswith("tux-http/")
        assert "(+https://" in inner.headers["user-agent"]
        engine: Any = inner.engine_for(httpx.URL("https://x.test"))
        pool = engine.pool
        assert (pool._max_connections, pool._max_keepalive_connections, pool._keepalive_expiry) == (
            100,
            20,
            30,
        )
        assert pool._http2 is True


async def test_it_opens_lazily_and_once_for_callers_that_come_together() -> None:
    client = HTTPClient(trust_env=False)
    assert not client.is_open
    opened = await asyncio.gather(*(client.get_client() for _ in range(20)))
    assert len(set(map(id, opened))) == 1
    assert client.is_open
    await client.close()
    assert not client.is_open


async def test_it_is_usable_again_after_close() -> None:
    client = mocked()
    first = await client.get_client()
    await client.get("https://x.test/")
    await client.close()
    await client.close()
    assert (await client.get("https://x.test/")).status_code == 200
    assert await client.get_client() is not first
    await client.close()


async def test_the_tls_context_is_made_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading  # noqa: PLC0415

    made_in: list[threading.Thread] = []
    original = httpx.create_ssl_context

    def watched(*arguments: Any, **options: Any) -> ssl.SSLContext:
        if not isinstance(arguments[0], ssl.SSLContext):
            made_in.append(threading.current_thread())
        return original(*arguments, **options)

    monkeypatch.setattr(httpx, "create_ssl_context", watched)
    async with HTTPClient() as client:
        await client.get_client()
    assert len(made_in) == 1
    assert made_in[0] is not threading.main_thread()


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "head", "options"])
async def test_each_verb_sends_its_method(verb: str) -> None:
    async with mocked() as client:
        answer = await getattr(client, verb)("https://x.test/a", params={"b": "1"}, headers={"X-C": "d"})
    seen = answer.json()
    assert (seen["method"], seen["url"]) == (verb.upper(), "https://x.test/a?b=1")
    assert seen["headers"]["x-c"] == "d"


@pytest.mark.parametrize("status", [400, 404, 418, 500, 503])
async def test_every_4xx_and_5xx_raises(status: int) -> None:
    async with HTTPClient(transport=httpx.MockTransport(lambda _: httpx.Response(status))) as client:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await client.get("https://x.test/secret?token=hunter2")
        assert caught.value.response.status_code == status
        assert "hunter2" not in str(caught.value)
        call = call_of(caught.value)
        assert call is not None
        assert call.status == status
        assert "hunter2" not in repr(call)
        answer = await client.get("https://x.test/", raise_for_status=False)
        assert answer.status_code == status


async def test_redirects_are_followed_unless_the_call_says_otherwise() -> None:
    def move(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/old":
            return httpx.Response(301, headers={"Location": "/new"})
        return httpx.Response(200, text=request.url.path)

    async with HTTPClient(transport=httpx.MockTransport(move)) as client:
        answer = await client.get("https://x.test/old")
        assert (answer.text, len(answer.history)) == ("/new", 1)
        call = call_of(answer)
        assert call is not None
        assert [attempt.status for attempt in call.attempts] == [301, 200]
        assert (await client.get("https://x.test/old", follow_redirects=False)).status_code == 301


async def test_settings_are_defaults_and_keywords_win() -> None:
    settings = HTTPSettings(user_agent="mine/1", timeouts=Timeouts(read=7))
    async with HTTPClient(settings, transport=httpx.MockTransport(echo), headers={"X-Base": "b"}) as client:
        seen = (await client.get("https://x.test/")).json()
        assert seen["headers"]["user-agent"] == "mine/1"
        assert seen["headers"]["x-base"] == "b"
        assert seen["timeout"]["read"] == 7
        assert (await client.get("https://x.test/", timeout=3)).json()["timeout"]["read"] == 3
    async with mocked(timeout=2, auth=("u", "p"), params={"k": "v"}, max_redirects=1) as client:
        seen = (await client.get("https://x.test/")).json()
        assert seen["timeout"]["read"] == 2
        assert seen["headers"]["authorization"].startswith("Basic ")
        assert seen["url"] == "https://x.test/?k=v"


async def test_event_hooks_run() -> None:
    hooked: list[str] = []

    async def on_request(request: httpx.Request) -> None:
        hooked.append(request.method)

    async def on_response(answer: httpx.Response) -> None:
        hooked.append(str(answer.status_code))

    async with mocked(event_hooks={"request": [on_request], "response": [on_response]}) as client:
        await client.get("https://x.test/")
    assert hooked == ["GET", "200"]


async def test_mounts_take_their_part_of_the_traffic() -> None:
    mount = httpx.MockTransport(lambda _: httpx.Response(204))
    async with mocked(mounts={"https://mounted.test": mount}) as client:
        assert (await client.get("https://mounted.test/")).status_code == 204
        assert (await client.get("https://x.test/")).status_code == 200
        api = client.api("mounted", base_url="https://mounted.test")
        assert (await api.get("/")).status_code == 204


async def test_an_asgi_app_can_stand_in_for_the_network() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"asgi"})

    async with HTTPClient(transport=httpx.ASGITransport(app)) as client:
        assert (await client.get("http://app.test/")).text == "asgi"


async def test_build_request_and_send_are_httpxs() -> None:
    client = mocked(headers={"X-Base": "b"})
    request = client.build_request("POST", "https://x.test/", json={"a": 1})
    assert not client.is_open
    assert request.headers["x-base"] == "b"
    answer = await client.send(request)
    assert answer.json()["body"] == '{"a":1}'
    await client.close()


async def test_the_inner_client_is_recorded_too() -> None:
    async with mocked() as client:
        inner = await client.get_client()
        call = call_of(await inner.get("https://u:p@x.test/a?b=c#d"))
        assert call is not None
        assert (call.api, call.method, call.url, call.path) == (None, "GET", "https://x.test/a", "/a")
        assert len(call.reference) == 8
        assert call.elapsed is not None


async def test_the_unnamed_client_keeps_no_cookies() -> None:
    def set_cookie(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Set-Cookie": "s=1"}, text=request.headers.get("cookie", ""))

    async with HTTPClient(transport=httpx.MockTransport(set_cookie), cookies={"own": "x"}) as client:
        await client.get("https://x.test/")
        answer = await client.get("https://x.test/")
        assert answer.text == "own=x"
        assert answer.cookies["s"] == "1"


async def test_a_stream_is_read_by_its_caller_and_closed_at_the_end(tls: TLS) -> None:
    async with http2_server(tls.h2) as server, HTTPClient(verify=tls.client, trust_env=False) as client:
        progress: list[tuple[int, int | None]] = []

        def note(received: int, total: int | None) -> None:
            progress.append((received, total))

        async with client.stream("GET", f"{server.url}/size/100000", progress=note) as download:
            assert not download.is_stream_consumed
            size = 0
            async for chunk in download.aiter_bytes():
                size += len(chunk)
        assert size == 100_000
        assert progress[-1] == (100_000, None)
        with pytest.raises(ResponseTooLarge):
            async with client.stream("GET", f"{server.url}/size/100000", max_bytes=50_000) as download:
                await download.aread()


async def test_a_stream_raises_for_errors_with_their_body_read() -> None:
    refuse = httpx.MockTransport(lambda _: httpx.Response(403, json={"message": "no"}))
    async with HTTPClient(transport=refuse) as client:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            async with client.stream("GET", "https://x.test/"):
                pytest.fail("the block must not be entered")
        assert caught.value.response.json() == {"message": "no"}
        async with client.stream("GET", "https://x.test/", raise_for_status=False) as answer:
            assert answer.status_code == 403


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_a_deadline_ends_a_body_that_drips() -> None:
    async with http1_server(drip) as server, HTTPClient(trust_env=False) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.get(server.url, deadline=0.3)
        assert caught.value.limit == 0.3
        call = call_of(caught.value)
        assert call is not None
        assert call.elapsed is not None
        assert 0.25 < call.elapsed < 1.5
        await settle(lambda: server.open_connections == 0)


async def test_a_deadline_holds_for_a_streamed_body_too() -> None:
    async with http1_server(drip) as server, HTTPClient(trust_env=False) as client:
        with pytest.raises(DeadlineExceeded):
            async with client.stream("GET", server.url, deadline=0.3) as answer:
                await answer.aread()


def test_two_event_loops_one_after_the_other_can_use_the_shared_client() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response())
        await asyncio.sleep(60)  # the connection stays open, for the loop's end to find

    async def use() -> int:
        async with http1_server(answer) as server:
            return (await http_client.get(server.url)).status_code

    assert [asyncio.run(use()) for _ in range(3)] == [200, 200, 200]


async def test_a_second_loop_beside_the_first_is_told_so() -> None:
    client = mocked()
    await client.get_client()

    def elsewhere() -> None:
        asyncio.run(client.get("https://x.test/"))  # pyright: ignore[reportArgumentType]

    with pytest.raises(RuntimeError, match="another running event loop"):
        await asyncio.to_thread(elsewhere)
    await client.close()


async def test_an_open_client_refuses_other_settings() -> None:
    client = mocked()
    client.configure(HTTPSettings(max_redirects=3))
    await client.get_client()
    client.configure(HTTPSettings(max_redirects=3))
    with pytest.raises(RuntimeError, match="close"):
        client.configure(HTTPSettings())
    await client.close()


async def test_a_proxy_is_used_and_named_apis_use_it_too() -> None:
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append((await read_request(reader)).split(b"\r\n")[0])
            writer.write(response(b"proxied"))

    async with (
        http1_server(proxy) as server,
        HTTPClient(proxy=server.url, trust_env=False) as client,
    ):
        assert (await client.get("http://far.test/a")).text == "proxied"
        api = client.api("far", base_url="http://far.test")
        assert (await api.get("/b")).text == "proxied"
    assert seen == [b"GET http://far.test/a HTTP/1.1", b"GET http://far.test/b HTTP/1.1"]


async def test_a_proxy_of_the_environment_is_used_unless_trust_env_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response(b"proxied"))
        await writer.drain()

    async with http1_server(proxy) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        async with HTTPClient() as client:
            assert (await client.get("http://far.test/a")).text == "proxied"
        async with HTTPClient(trust_env=False) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("http://far.invalid/a")


async def test_urls_from_users_have_an_api_of_their_own_that_reaches_no_private_address() -> None:
    async with http1_server(drip) as canary, HTTPClient(trust_env=False) as client:
        users = client.untrusted(ports=[canary.port])
        assert client.untrusted(ports=[canary.port]) is users
        with pytest.raises(BlockedAddress):
            await users.get(canary.url)
        assert canary.accepted == 0
        with pytest.raises(ValueError, match="untrusted"):
            client.untrusted()

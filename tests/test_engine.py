"""The engine over real sockets: what a caller may count on whatever others do and servers send."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.servers import http1_server, http2_server, read_request, response, settle
from tux_http import HTTPClient, call_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.conftest import TLS
    from tux_http.transports.engine.pool import Pool


async def pool_of(client: HTTPClient) -> Pool:
    transport: Any = (await client.get_client())._transport
    return transport.engine.pool


@pytest.fixture
async def client(tls: TLS) -> AsyncGenerator[HTTPClient]:
    async with HTTPClient(verify=tls.client, trust_env=False) as client:
        yield client
    await settle(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(response())


async def test_http2_is_negotiated_where_the_server_speaks_it(client: HTTPClient, tls: TLS) -> None:
    async with http2_server(tls.h2) as server:
        answer = await client.get(f"{server.url}/")
    assert (answer.status_code, answer.text, answer.http_version) == (200, "ok", "HTTP/2")
    call = call_of(answer)
    assert call is not None
    assert call.http_version == "HTTP/2"


async def test_http11_is_spoken_otherwise(client: HTTPClient, tls: TLS) -> None:
    async with http1_server(answer_all, tls=tls.http11) as server:
        answer = await client.get(f"{server.url}/")
    assert (answer.text, answer.http_version) == ("ok", "HTTP/1.1")


async def test_a_cold_burst_over_http2_opens_one_connection(client: HTTPClient, tls: TLS) -> None:
    async with http2_server(tls.h2) as server:
        await asyncio.gather(*(client.get(f"{server.url}/") for _ in range(100)))
        assert len(server.connections) == 1


async def test_a_cold_burst_over_http11_waits_for_the_first_connection_then_spreads(
    client: HTTPClient, tls: TLS
) -> None:
    async with http1_server(answer_all, tls=tls.http11) as server:
        answers = await asyncio.gather(*(client.get(f"{server.url}/") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert 1 < server.accepted <= 50


async def probes(client: HTTPClient, url: str) -> int:
    answers = await asyncio.gather(*(client.get(url, deadline=5) for _ in range(10)), return_exceptions=True)
    return sum(isinstance(answer, httpx.Response) for answer in answers)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
async def test_cancelling_at_random_costs_no_pool_slot(tls: TLS, protocol: str) -> None:
    limits = httpx.Limits(max_connections=10, max_keepalive_connections=10)
    plan = random.Random(20)
    before = asyncio.all_tasks()
    async with (
        http2_server(tls.h2) as http2,
        http1_server(answer_all, tls=tls.http11) as http1,
        HTTPClient(verify=tls.client, limits=limits, trust_env=False) as client,
    ):
        server = http2 if protocol == "HTTP/2" else http1
        serving = asyncio.all_tasks()
        ends = asyncio.get_running_loop().time() + 5

        async def restless() -> None:
            while asyncio.get_running_loop().time() < ends:
                task = asyncio.ensure_future(client.get(f"{server.url}/"))
                await asyncio.sleep(plan.random() * 0.01)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*(restless() for _ in range(20)))
        assert await probes(client, f"{server.url}/") == 10
        pool = await pool_of(client)
        assert pool.requests == 0
        assert len(pool.connections) <= 10
        await settle(lambda: server.open_connections <= len(pool.connections))
        strays = {task for task in asyncio.all_tasks() - serving if "play" not in repr(task)}
        assert not strays
        await client.close()
        await settle(lambda: server.open_connections == 0)
    assert asyncio.all_tasks() == before


async def test_a_timeout_on_a_shared_http2_connection_leaves_its_siblings_alive(
    client: HTTPClient, tls: TLS
) -> None:
    async with http2_server(tls.h2) as server:
        await client.get(f"{server.url}/")
        siblings = [asyncio.ensure_future(client.get(f"{server.url}/wait")) for _ in range(10)]
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{server.url}/hang", timeout=httpx.Timeout(5, read=0.2))
        server.go.set()
        answers = await asyncio.gather(*siblings)
        assert [answer.text for answer in answers] == ["ok"] * 10
        assert server.resets == 1
        assert len(server.connections) == 1


async def test_a_hundred_cancelled_downloads_leave_the_connection_working(
    client: HTTPClient, tls: TLS
) -> None:
    async with http2_server(tls.h2) as server:
        for _ in range(100):
            async with client.stream("GET", f"{server.url}/size/1048576") as download:
                async for _ in download.aiter_raw():
                    break
        answer = await client.get(f"{server.url}/size/3000000")
        assert len(answer.content) == 3_000_000
        assert len(server.connections) == 1
        await settle(lambda: server.resets == 100)


async def test_a_reader_that_stopped_stops_nobody_else(client: HTTPClient, tls: TLS) -> None:
    async with http2_server(tls.h2) as server, client.stream("GET", f"{server.url}/size/40000000"):
        for _ in range(5):
            answer = await client.get(f"{server.url}/size/5000000")
            assert len(answer.content) == 5_000_000
        assert len(server.connections) == 1


@pytest.mark.slow
async def test_goaway_every_hundred_requests_fails_none_of_five_thousand(
    client: HTTPClient, tls: TLS
) -> None:
    async with http2_server(tls.h2, goaway_every=100) as server:
        left = iter(range(5000))

        async def worker() -> list[int]:
            return [(await client.get(f"{server.url}/")).status_code for _ in left]

        statuses = await asyncio.gather(*(worker() for _ in range(20)))
        assert sum(len(each) for each in statuses) == 5000
        assert {status for each in statuses for status in each} == {200}
        assert len(server.connections) >= 50


async def test_every_kept_alive_connection_closed_after_one_response_fails_no_get(client: HTTPClient) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response())
        await writer.drain()

    async with http1_server(once) as server:
        for _ in range(100):
            assert (await client.get(f"{server.url}/")).text == "ok"


async def test_a_kept_alive_connection_closed_on_the_next_request_is_replaced(client: HTTPClient) -> None:
    async def hang_up_on_the_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response())
        await read_request(reader)

    async with http1_server(hang_up_on_the_second) as server:
        for _ in range(20):
            assert (await client.get(f"{server.url}/")).text == "ok"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(f"{server.url}/", json={})  # may have been acted on: not sent again


async def test_a_first_connection_closed_without_an_answer_is_an_error(client: HTTPClient) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async with http1_server(hang_up) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{server.url}/")
        assert server.accepted == 1


async def test_a_refused_stream_is_sent_again_whatever_the_method(client: HTTPClient, tls: TLS) -> None:
    async with http2_server(tls.h2) as server:
        answer = await client.post(f"{server.url}/refuse-once", content=b"x")
        assert (answer.status_code, answer.headers["x-method"]) == (200, "POST")
        assert server.requests == 2


async def test_a_reset_stream_is_an_error_of_its_own_request_only(client: HTTPClient, tls: TLS) -> None:
    async with http2_server(tls.h2) as server:
        sibling = asyncio.ensure_future(client.get(f"{server.url}/wait"))
        with pytest.raises(httpx.RemoteProtocolError, match="INTERNAL_ERROR"):
            await client.get(f"{server.url}/reset")
        server.go.set()
        assert (await sibling).text == "ok"


async def test_a_server_that_takes_one_stream_at_a_time_serves_everybody(
    client: HTTPClient, tls: TLS
) -> None:
    async with http2_server(tls.h2, max_streams=1) as server:
        answers = await asyncio.gather(*(client.get(f"{server.url}/") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}


async def test_uploads_larger_than_the_window_arrive_whole(client: HTTPClient, tls: TLS) -> None:
    body = random.Random(1).randbytes(700_000)
    async with http2_server(tls.h2) as server:
        answers = await asyncio.gather(*(client.post(f"{server.url}/echo", content=body) for _ in range(5)))
        assert all(answer.content == body for answer in answers)


async def test_a_lost_http2_connection_fails_its_requests_and_is_replaced(
    client: HTTPClient, tls: TLS
) -> None:
    async with http2_server(tls.h2) as server:
        waiting = [asyncio.ensure_future(client.get(f"{server.url}/wait")) for _ in range(3)]
        await settle(lambda: server.requests == 3)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{server.url}/die")
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [httpx.RemoteProtocolError] * 3
        assert (await client.get(f"{server.url}/")).text == "ok"


async def test_leaving_while_connecting_leaves_the_connection_to_the_others(
    client: HTTPClient, tls: TLS
) -> None:
    async with http2_server(tls.h2) as server:
        first = asyncio.ensure_future(client.get(f"{server.url}/"))
        others = [asyncio.ensure_future(client.get(f"{server.url}/")) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        assert {answer.status_code for answer in await asyncio.gather(*others)} == {200}
        assert len(server.connections) == 1


async def test_closing_ends_requests_in_flight_with_an_error(tls: TLS) -> None:
    async with http2_server(tls.h2) as server:
        client = HTTPClient(verify=tls.client, trust_env=False)
        waiting = [asyncio.ensure_future(client.get(f"{server.url}/hang")) for _ in range(3)]
        await settle(lambda: server.requests == 3)
        await client.close()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, httpx.TransportError) for outcome in outcomes)


async def test_a_pool_of_one_serves_origins_in_turn(tls: TLS) -> None:
    limits = httpx.Limits(max_connections=1)
    async with (
        http1_server(answer_all) as one,
        http1_server(answer_all) as two,
        HTTPClient(limits=limits, trust_env=False) as client,
    ):
        urls = [one.url, two.url] * 10
        answers = await asyncio.gather(*(client.get(url) for url in urls))
        assert {answer.status_code for answer in answers} == {200}


async def test_a_connection_nobody_waits_for_any_more_frees_the_pool_when_it_is_open(tls: TLS) -> None:
    limits = httpx.Limits(max_connections=1)
    async with (
        http1_server(answer_all, tls=tls.http11) as one,
        http1_server(answer_all) as two,
        HTTPClient(limits=limits, verify=tls.client, trust_env=False) as client,
    ):
        left = asyncio.ensure_future(client.get(one.url))
        await asyncio.sleep(0.001)
        left.cancel()
        assert (await client.get(two.url)).status_code == 200


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://127.0.0.1:1/", httpx.ConnectError),
        ("https://127.0.0.1:1/", httpx.ConnectError),
        ("http://host:99999/", httpx.InvalidURL),
        ("http://xn--a/", httpx.InvalidURL),
        ("http://[::1", httpx.InvalidURL),
        ("http://\ud800/", httpx.InvalidURL),
        ("http://127.0.0.1/\ud800", httpx.InvalidURL),
        ("ftp://127.0.0.1/", httpx.UnsupportedProtocol),
        ("http://" + "a" * 64 + ".test/", httpx.InvalidURL),
        ("http://nothing.invalid/", httpx.ConnectError),
    ],
)
async def test_whatever_is_wrong_with_a_url_is_an_httpx_error(
    client: HTTPClient, url: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await client.get(url)


async def test_a_header_that_cannot_be_sent_is_an_httpx_error(client: HTTPClient) -> None:
    async with http1_server(answer_all) as server:
        for value in ("é", "a\r\nb: c"):
            with pytest.raises(httpx.LocalProtocolError):
                await client.get(server.url, headers={"X-Value": value})


async def test_a_certificate_of_an_unknown_authority_is_a_connect_error(tls: TLS) -> None:
    async with http2_server(tls.h2) as server, HTTPClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await client.get(server.url)


async def test_the_trace_extension_tells_the_steps(client: HTTPClient, tls: TLS) -> None:
    steps: list[str] = []

    async def trace(name: str, info: dict[str, Any]) -> None:
        steps.append(name)

    async with http2_server(tls.h2) as server:
        await client.get(f"{server.url}/", extensions={"trace": trace})
    assert steps[:4] == [
        "connection.connect_tcp.started",
        "connection.connect_tcp.complete",
        "connection.start_tls.started",
        "connection.start_tls.complete",
    ]
    assert "http2.receive_response_headers.complete" in steps

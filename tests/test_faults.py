"""Whatever an upstream does, its caller gets a response or the right error in time, and the pool goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from tests import fault_http2, fault_server
from tests.fault_server import VERSIONS, fault_server_in_the_open, refused, unaccepted, unanswered
from tests.servers import http1_server, response
from tests.strays import no_strays, pool_of
from tux_http import HTTPClient, call_of
from tux_http.errors import DeadlineExceeded, RateLimited, ResponseTooLarge
from tux_http.problems import Problem, problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from tests.conftest import TLS
    from tests.fault_server import FaultServer, Version
    from tux_http.api import API

SHORT: Final = 0.4
"""Seconds; the deadline of calls that are to meet it."""

MARGIN: Final = 1.5
"""Seconds that a busy machine may be late."""

versions = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture
async def client(tls: TLS) -> AsyncGenerator[HTTPClient]:
    """A service with room for one connection: a place that was lost would be missed at once."""
    limits = httpx.Limits(max_connections=1)
    async with no_strays(), HTTPClient(verify=tls.client, trust_env=False, limits=limits) as client:
        yield client
        assert (await pool_of(client)).requests == 0


@contextlib.asynccontextmanager
async def faulty(client: HTTPClient, tls: TLS, version: Version) -> AsyncGenerator[tuple[API, FaultServer]]:
    """An API whose upstream fails. Once the block is through, the pool serves another API."""
    async with fault_server.fault_server(version, tls) as server:
        yield client.api("faulty", base_url=server.url), server
        answer = await client.api("healthy", base_url=server.url).get("/", deadline=5)
        assert (answer.text, answer.http_version) == ("ok", version)


@contextlib.contextmanager
def fails(
    kind: type[Exception], code: str, *, attempts: int = 1, within: float = MARGIN
) -> Generator[list[Problem]]:
    """Expects an error of exactly this class in time, what people are told of it, and what it records."""
    started, problems = time.monotonic(), list[Problem]()
    with pytest.raises(kind) as caught:
        yield problems
    assert time.monotonic() - started < within
    assert type(caught.value) is kind
    problems.append(problem_of(caught.value))
    assert problems[0].code == code
    call = call_of(caught.value)
    assert call is not None
    assert len(call.attempts) == attempts


def over_both(*paths: str) -> list[tuple[Version, str]]:
    """Each path over each version that knows such a fault."""
    known = {"HTTP/1.1": fault_server.FAULTS, "HTTP/2": fault_http2.FAULTS}
    return [(version, path) for version in VERSIONS for path in paths if path in known[version]]


# What does not end.


@pytest.mark.parametrize(
    ("version", "path"),
    over_both(
        *("hang", "hang-in-headers", "hang-in-body", "hang-in-chunks"),
        *("drip-headers", "drip-body", "inform", "flood"),
    ),
)
async def test_what_does_not_end_is_left_at_the_deadline(
    client: HTTPClient, tls: TLS, version: Version, path: str
) -> None:
    async with faulty(client, tls, version) as (api, server):
        with fails(DeadlineExceeded, "deadline", within=SHORT + MARGIN):
            await api.get(f"/{path}?every=0.02", deadline=SHORT)
        assert server.log.count(f"/{path}") == 1


@pytest.mark.parametrize(("version", "path"), over_both("hang", "hang-in-headers", "hang-in-body"))
async def test_silence_for_longer_than_the_read_timeout_is_a_timeout(
    client: HTTPClient, tls: TLS, version: Version, path: str
) -> None:
    async with faulty(client, tls, version) as (api, _):
        with fails(httpx.ReadTimeout, "timeout"):
            await api.get(f"/{path}", timeout=httpx.Timeout(5, read=0.1), retry=False)


@versions
async def test_a_caller_who_reads_a_stream_meets_its_faults_too(
    client: HTTPClient, tls: TLS, version: Version
) -> None:
    broken = httpx.RemoteProtocolError, "garbled"
    async with faulty(client, tls, version) as (api, _):
        for path, (kind, code) in {
            "hang-in-body": (DeadlineExceeded, "deadline"),
            "close-in-body": broken,
            "too-little": broken,
        }.items():
            with fails(kind, code, within=SHORT + MARGIN):
                async with api.stream("GET", f"/{path}", deadline=SHORT, retry=False) as response:
                    assert response.status_code == 200
                    await response.aread()


# What breaks off, or breaks the rules.


@pytest.mark.parametrize(
    ("version", "path"),
    over_both(
        *("close", "close-in-headers", "close-in-body", "close-in-chunks", "too-little"),
        *("reset-stream", "reset-stream-in-body", "refuse", "goaway"),
    ),
)
async def test_what_breaks_off_is_asked_for_three_times(
    client: HTTPClient, tls: TLS, version: Version, path: str
) -> None:
    async with faulty(client, tls, version) as (api, _):
        with fails(httpx.RemoteProtocolError, "garbled", attempts=3):
            await api.get(f"/{path}")


@pytest.mark.parametrize("path", ["reset", "reset-in-headers", "reset-in-body", "reset-in-chunks"])
async def test_a_connection_that_is_reset_is_a_lost_one(client: HTTPClient, tls: TLS, path: str) -> None:
    async with faulty(client, tls, "HTTP/1.1") as (api, _):
        with fails(httpx.ReadError, "connection-lost", attempts=3):
            await api.get(f"/{path}")


@pytest.mark.parametrize("path", ["reset", "reset-in-headers", "reset-in-body"])
async def test_a_connection_of_streams_that_is_reset_breaks_them_off(
    client: HTTPClient, tls: TLS, path: str
) -> None:
    async with faulty(client, tls, "HTTP/2") as (api, _):
        with fails(httpx.RemoteProtocolError, "garbled", attempts=3):
            await api.get(f"/{path}")


@pytest.mark.parametrize(("version", "path"), over_both("close", "reset", "close-in-body"))
async def test_what_may_have_been_acted_on_is_sent_once(
    client: HTTPClient, tls: TLS, version: Version, path: str
) -> None:
    async with faulty(client, tls, version) as (api, server):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await api.post(f"/{path}", json={})
        assert server.log.count(f"/{path}") == 1


@pytest.mark.parametrize(
    ("version", "path"),
    [
        *over_both(
            "two-lengths", "no-length", "bad-chunk", "endless-chunk-size", "endless-headers", "garbage"
        ),
        ("HTTP/2", "too-much"),
    ],
)
async def test_what_is_not_http_is_an_error_at_once(
    client: HTTPClient, tls: TLS, version: Version, path: str
) -> None:
    async with faulty(client, tls, version) as (api, _):
        with fails(httpx.RemoteProtocolError, "garbled"):
            await api.get(f"/{path}", retry=False)


async def test_bytes_behind_a_response_are_never_taken_for_the_next_one(client: HTTPClient, tls: TLS) -> None:
    async with faulty(client, tls, "HTTP/1.1") as (api, server):
        for _ in range(10):
            assert (await api.get("/too-much")).text == "ok"
            assert (await api.get("/")).text == "ok"
        assert server.log.accepted == 11


# What HTTP/2 servers do.


@pytest.mark.parametrize("path", ["goaway-once", "refuse-once"])
async def test_what_the_server_says_it_did_not_process_is_sent_again_whatever_it_is(
    client: HTTPClient, tls: TLS, path: str
) -> None:
    async with faulty(client, tls, "HTTP/2") as (api, server):
        answer = await api.post(f"/{path}", content=b"x", retry=False)
        assert answer.text == "ok"
        assert server.log.count(f"/{path}") == 2


async def test_a_server_that_takes_one_stream_serves_all_calls_in_turn(client: HTTPClient, tls: TLS) -> None:
    async with fault_server.fault_server("HTTP/2", tls, max_streams=1) as server:
        api = client.api("faulty", base_url=server.url)
        hung = asyncio.ensure_future(api.get("/hang", deadline=SHORT))
        answers = await asyncio.gather(*(api.get("/") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert server.log.accepted == 1
        with pytest.raises(DeadlineExceeded):
            await hung


# What is refused, and where it leads.


@pytest.mark.parametrize(
    ("path", "code", "seconds"),
    [
        ("github-primary", "rate-limited", 1800),
        ("github-primary-429", "rate-limited", 1800),
        ("github-secondary", "slow-down", 60),
        ("github-secondary-in-the-body", "slow-down", 60),
        ("retry-after-seconds", "rate-limited", 60),
        ("ietf-rate-limit", "rate-limited", 30),
    ],
)
@versions
async def test_a_limit_is_told_with_its_end_and_asked_for_no_more(
    client: HTTPClient, tls: TLS, version: Version, path: str, code: str, seconds: float
) -> None:
    async with faulty(client, tls, version) as (api, server):
        with fails(httpx.HTTPStatusError, code) as told:
            await api.get(f"/{path}")
        with fails(RateLimited, code, attempts=0) as remembered:
            await api.get(f"/{path}")
        assert server.log.count(f"/{path}") == 1
        for problem in (*told, *remembered):
            assert problem.retry_at is not None
            left = (problem.retry_at - datetime.now(UTC)).total_seconds()
            assert seconds - MARGIN - 1 < left <= seconds + 1


@pytest.mark.parametrize(
    ("path", "code", "attempts"),
    [
        ("github-permission", "forbidden", 1),
        ("retry-after-date", "unavailable", 1),
        ("retry-after-seconds?status=503", "unavailable", 1),
        ("retry-after-nonsense", "unavailable", 1),
        ("status?code=503", "unavailable", 3),
        ("status?code=502", "bad-gateway", 3),
        ("status?code=504", "timeout", 3),
        ("status?code=500", "service-error", 1),
        ("status?code=501", "service-error", 1),
        ("status?code=404", "not-found", 1),
    ],
)
@versions
async def test_a_refusal_is_what_its_status_says(
    client: HTTPClient, tls: TLS, version: Version, path: str, code: str, attempts: int
) -> None:
    async with faulty(client, tls, version) as (api, _):
        with fails(httpx.HTTPStatusError, code, attempts=attempts):
            await api.get(f"/{path}")


@versions
async def test_a_short_retry_after_is_waited_for(client: HTTPClient, tls: TLS, version: Version) -> None:
    async with faulty(client, tls, version) as (api, server):
        with fails(httpx.HTTPStatusError, "unavailable", attempts=2, within=1 + MARGIN):
            await api.get("/retry-after-seconds?status=503&in=1", deadline=1.9)
        assert server.log.count("/retry-after-seconds") == 2


@versions
async def test_redirects_that_lead_nowhere_end(client: HTTPClient, tls: TLS, version: Version) -> None:
    async with faulty(client, tls, version) as (api, _):
        with fails(httpx.TooManyRedirects, "redirect-loop", attempts=21):
            await api.get("/redirect-loop")
        with fails(httpx.RemoteProtocolError, "garbled"):
            await api.get("/redirect-nowhere")


@versions
async def test_what_is_secret_does_not_follow_a_redirect_to_another_origin(
    client: HTTPClient, tls: TLS, version: Version
) -> None:
    secrets = {"Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", "Cookie": "session=s3cret"}
    async with (
        fault_server.fault_server(version, tls) as elsewhere,
        faulty(client, tls, version) as (_, server),
    ):
        api = client.api("secretive", base_url=server.url, headers=secrets)
        assert (await api.get("/redirect", params={"to": f"{elsewhere.url}/"})).text == "ok"
        assert server.log.seen[-1].headers["x-api-key"] == "s3cret"
        (seen,) = elsewhere.log.seen
        assert "s3cret" not in str(seen.headers.raw)


async def test_a_redirect_into_the_open_is_not_followed(client: HTTPClient, tls: TLS) -> None:
    async with fault_server_in_the_open() as open_, faulty(client, tls, "HTTP/2") as (api, _):
        with fails(httpx.RemoteProtocolError, "garbled"):
            await api.get("/redirect", params={"to": open_.url})
        assert not open_.log.accepted


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("bomb", ResponseTooLarge, "too-large"),
        ("bomb-in-a-bomb", ResponseTooLarge, "too-large"),
        ("size?bytes=11000000", ResponseTooLarge, "too-large"),
        ("heavy-headers", ResponseTooLarge, "too-large"),
        ("onion", httpx.DecodingError, "unreadable"),
        ("not-gzip", httpx.DecodingError, "unreadable"),
    ],
)
@versions
async def test_what_is_too_large_or_unreadable_is_refused(
    client: HTTPClient, tls: TLS, version: Version, path: str, kind: type[Exception], code: str
) -> None:
    async with faulty(client, tls, version) as (api, _):
        with fails(kind, code):
            await api.get(f"/{path}")


# Hosts that do not get as far as HTTP.


async def test_a_port_that_nobody_listens_on_is_unreachable(client: HTTPClient) -> None:
    for scheme in ("http", "https"):
        with fails(httpx.ConnectError, "unreachable", attempts=3):
            await client.api(scheme, base_url=f"{scheme}://{refused()}").get("/")


async def test_a_host_that_does_not_take_the_connection_is_left_at_the_deadline(
    client: HTTPClient, tls: TLS
) -> None:
    with unaccepted() as host:
        for scheme in ("http", "https"):
            with fails(DeadlineExceeded, "deadline", within=SHORT + MARGIN):
                await client.api(scheme, base_url=f"{scheme}://{host}").get("/", deadline=SHORT)


async def test_a_host_that_does_not_take_the_connection_is_unreachable_after_the_connect_timeout(
    client: HTTPClient,
) -> None:
    timeout = httpx.Timeout(5, connect=0.1)
    with unaccepted() as silent, unanswered() as deaf:
        for url in (f"https://{silent}", f"https://{deaf}", f"http://{deaf}"):
            with fails(httpx.ConnectTimeout, "unreachable"):
                await client.api(url, base_url=url).get("/", timeout=timeout, retry=False)


async def test_a_port_that_speaks_without_tls_is_not_trusted_over_it(client: HTTPClient) -> None:
    async def answer_anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response(status="400 Bad Request"))

    async with http1_server(answer_anything) as server:
        url = server.url.replace("http:", "https:")
        with fails(httpx.ConnectError, "insecure", attempts=3):
            await client.api("mistaken", base_url=url).get("/")
        with fails(httpx.HTTPStatusError, "refused"):
            await client.get(server.url)

"""Hostile URLs: each is refused, and the canary counts no connection. Public look-alikes are allowed."""

from __future__ import annotations

import itertools
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest

from tests.public_web import PUBLIC, Diverted, Names, for_users, sing
from tests.servers import http1_server, read_request, response
from tux_http import BlockedAddress, HTTPClient, call_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.conftest import TLS
    from tests.servers import HTTP1Server
    from tux_http.untrusted import Untrusted

    Visitor: TypeAlias = Callable[[Diverted], AbstractAsyncContextManager[Untrusted]]

_table: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "hostile_urls.toml").read_text(encoding="utf-8")
)


@pytest.fixture
async def canary() -> AsyncGenerator[HTTP1Server]:
    async with http1_server(sing) as server:
        yield server


@pytest.fixture
async def visitor(tls: TLS) -> AsyncGenerator[Visitor]:
    async with HTTPClient(verify=tls.client, trust_env=False) as service:
        yield partial(for_users, service, tls=tls)


def rows(verdict: str) -> list[Any]:
    return [pytest.param(row, id=f"{row['why']}: {row['url']!a}") for row in _table[verdict]]


def names_of(row: dict[str, Any]) -> Names:
    """What a row's host resolves to, however often it is asked."""
    if row.get("rule") == "not a URL":
        return Names()
    answers = row.get("answers") or [row.get("dials", PUBLIC)]
    return Names({httpx.URL(row["url"]).raw_host.decode(): itertools.repeat(answers)})


def test_the_table_has_at_least_a_hundred_hostile_urls_and_none_twice() -> None:
    urls = [row["url"] for verdict in _table.values() for row in verdict]
    assert len(_table["refused"]) >= 100
    assert len(urls) == len(set(urls))
    assert all(row["why"] and row["rule"] for row in _table["refused"])


@pytest.mark.parametrize("row", rows("refused"))
async def test_a_hostile_url_is_refused_and_no_connection_is_made(
    row: dict[str, Any], visitor: Visitor, canary: HTTP1Server
) -> None:
    backend = Diverted(names_of(row), {"*": canary})
    async with visitor(backend) as users:
        if row["rule"] == "not a URL":
            with pytest.raises(httpx.InvalidURL):
                await users.get(row["url"])
        else:
            with pytest.raises(BlockedAddress) as refused:
                await users.get(row["url"])
            assert row["rule"] in refused.value.reason
            assert refused.value.api == "untrusted"
            assert refused.value.request.method == "GET"
    assert (backend.dialed, canary.accepted) == ([], 0)


@pytest.mark.parametrize("row", [row for row in rows("refused") if "\n" not in row.values[0]["url"]])
async def test_a_redirect_to_a_hostile_url_leads_nowhere(
    row: dict[str, Any], visitor: Visitor, canary: HTTP1Server
) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        location = b"Location: " + row["url"].encode()
        while (await read_request(reader)).startswith(b"GET /start "):
            writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + location + b"\r\n\r\n")
        writer.write(response(b"still here"))

    names = names_of(row)
    names.answers["start.example"] = itertools.repeat([PUBLIC])
    async with http1_server(redirect) as start:
        backend = Diverted(names, {PUBLIC: start, "*": canary})
        async with visitor(backend) as users:
            if row.get("stays"):
                assert (await users.get("http://start.example/start")).text == "still here"
            else:
                with pytest.raises((BlockedAddress, httpx.RemoteProtocolError)):
                    await users.get("http://start.example/start")
    assert (backend.dialed, canary.accepted) == ([PUBLIC], 0)


@pytest.mark.parametrize("row", rows("allowed"))
async def test_a_public_look_alike_is_allowed(row: dict[str, Any], visitor: Visitor) -> None:
    backend = Diverted(names_of(row), {})
    async with visitor(backend) as users:
        with pytest.raises(httpx.ConnectError) as unreachable:
            await users.get(row["url"])
    assert not isinstance(unreachable.value, BlockedAddress)
    assert backend.dialed == [row["dials"]]


async def test_the_canary_sings_when_a_connection_is_made(visitor: Visitor, canary: HTTP1Server) -> None:
    backend = Diverted(Names({"example.com": [[PUBLIC]]}), {"*": canary})
    async with visitor(backend) as users:
        answer = await users.get("http://example.com/")
    assert (answer.text, backend.dialed, canary.accepted) == ("tweet", [PUBLIC], 1)
    call = call_of(answer)
    assert call is not None
    assert call.api == "untrusted"

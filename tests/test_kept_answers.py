"""The cache as an operator's: over a restart, with a damaged file, a server that stalls, and nothing secret kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.cached_world import how
from tests.strays import no_strays
from tests.valkey import own_valkey
from tux_http import HTTPClient
from tux_http.caching.opening import path_of
from tux_http.policy import CacheSettings, HTTPSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tux_http import API

TOKEN: Final = "ghp_planted0123456789abcdefghijklmnop"
PASSWORD: Final = "planted-password"
COOKIE: Final = "planted-cookie-value"
IN_URL: Final = "planted-query-value"


class Upstream:
    """Answers everything, and gives a cookie with it."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        fields = {
            "cache-control": "max-age=60",
            "set-cookie": f"session={COOKIE}",
            "vary": "Authorization, Cookie",
        }
        return httpx.Response(200, headers=fields, json={"asked": self.asked})

    def service(self, **settings: Any) -> HTTPClient:
        cache = CacheSettings(**settings)
        return HTTPClient(HTTPSettings(cache=cache), transport=httpx.MockTransport(self))


def api(service: HTTPClient, **options: Any) -> API:
    return service.api("things", base_url="https://things.test", **options)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "answers.sqlite"


async def test_what_was_asked_before_a_restart_costs_the_upstream_nothing_after_it(
    upstream: Upstream, path: Path
) -> None:
    for cached in ("miss", "hit"):
        async with no_strays(), upstream.service(store="sqlite", path=str(path)) as service:
            response = await api(service).get("/a")
            assert (response.json(), how(response)[1]) == ({"asked": 1}, cached)


async def test_a_bot_keeps_its_answers_in_the_users_cache_directory(
    upstream: Upstream, tmp_path: Path
) -> None:
    settings = CacheSettings(store="sqlite")
    async with upstream.service(store="sqlite") as service:
        await api(service).get("/a")
    assert path_of(settings).exists()
    assert "tux_http" in path_of(settings).parts


async def test_a_damaged_file_is_put_aside_and_fails_no_call(upstream: Upstream, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, " * 500)
    for cached in ("miss", "hit"):
        async with upstream.service(store="sqlite", path=str(path)) as service:
            assert how(await api(service).get("/a"))[1] == cached
    assert [each.name for each in path.parent.iterdir() if ".corrupt-" in each.name]


@pytest.mark.parametrize("secret", [TOKEN, PASSWORD, COOKIE, IN_URL])
async def test_nothing_secret_is_written(upstream: Upstream, path: Path, secret: str) -> None:
    async with upstream.service(store="sqlite", path=str(path)) as service:
        named = api(service, headers={"Authorization": f"Bearer {TOKEN}", "X-Api-Key": PASSWORD})
        for _ in range(2):  # the second with the cookie
            await named.get("/a", params={"access_token": IN_URL})
        assert how(await named.get("/a", params={"access_token": IN_URL}))[1] == "hit"
    written = b"".join(each.read_bytes() for each in path.parent.rglob("*") if each.is_file())
    assert b'"asked"' in written
    assert secret.encode() not in written


async def test_the_file_holds_nothing_for_other_credentials(upstream: Upstream, path: Path) -> None:
    for number, token in enumerate(("one", "two"), start=1):
        async with upstream.service(store="sqlite", path=str(path)) as service:
            named = api(service, headers={"Authorization": f"Bearer {token}"})
            assert (await named.get("/a")).json() == {"asked": number}


async def test_a_server_that_stalls_slows_a_call_by_a_tenth_of_a_second_once(upstream: Upstream) -> None:
    with own_valkey() as valkey:
        async with upstream.service(store="redis", url=valkey.url) as service:
            named = api(service)
            for _ in range(2):  # connects, and has the cookie from the second on
                await named.get("/a")
            valkey.stall()
            first, second = [await timed(named, path) for path in ("/b", "/c")]
            assert how(await named.get("/a", headers={}))[1] == "hit"
            valkey.resume()
    assert first < 0.1 + BUSY
    assert second < BUSY


BUSY: Final = 0.3
"""Seconds that a call may take that takes some milliseconds on a machine with nothing else to do."""


async def timed(named: API, path: str) -> float:
    response = await named.get(path)
    assert how(response)[1] == "miss"
    return response.elapsed.total_seconds()


async def test_what_a_change_has_outdated_is_forgotten_though_another_process_stored_it(path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={"cache-control": "max-age=60"}, json=len(asked))

    settings = HTTPSettings(cache=CacheSettings(store="sqlite", path=str(path)))
    transport = httpx.MockTransport(answer)
    async with (
        HTTPClient(settings, transport=transport) as service,
        HTTPClient(settings, transport=transport) as other,
    ):
        await api(service).get("/first")  # with which it looks into the file
        await service.shelf.store.stats()  # whose turn is after what is to be written
        await api(other).get("/a")
        await other.shelf.store.stats()
        await api(service).post("/a")
        await service.shelf.store.stats()  # with which it notices that another one writes, too
        assert (await api(service).get("/a")).json() == len(asked) == 4


async def test_what_a_change_has_outdated_is_not_found_while_many_others_are_being_stored(path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={"cache-control": "max-age=60"}, json=len(asked))

    settings = HTTPSettings(cache=CacheSettings(store="sqlite", path=str(path)))
    async with HTTPClient(settings, transport=httpx.MockTransport(answer)) as service:
        await api(service).get("/a")
        await service.shelf.store.stats()  # whose turn is after what is to be written
        await asyncio.gather(*(api(service).get(f"/others/{n}") for n in range(60)))
        await api(service).post("/a")
        assert (await api(service).get("/a")).json() == len(asked) == 63

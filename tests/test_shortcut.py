"""A fresh answer by the short way: no request is built, and nothing but the time differs from the long way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import pytest

from tests.cached_world import how, record
from tux_http import HTTPClient
from tux_http.policy import Caching, Policy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tux_http import API


class Thing(msgspec.Struct):
    name: str


class Things:
    """An upstream of things, each with a name; `asked` are the requests it got."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.fields: dict[str, str] = {"cache-control": "max-age=60"}
        self.status = 200
        self.service = HTTPClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(self.status, headers=self.fields, json={"name": request.url.raw_path.decode()})

    def api(self, name: str = "things", **options: Any) -> API:
        return self.service.api(name, base_url="https://things.test", **options)


@pytest.fixture
async def things() -> AsyncGenerator[Things]:
    things = Things()
    async with things.service:
        yield things


PLAIN: Final[dict[str, Any]] = {"path": {"name": "a"}, "params": {"page": 2}}


async def test_a_second_equal_call_is_answered_without_a_request(things: Things) -> None:
    api = things.api()
    first = await api.get("/things/{name}", **PLAIN)
    client = await api.get_client()
    await client.aclose()  # whoever asks it now fails
    second = await api.get("/things/{name}", **PLAIN)
    assert (first.json(), how(first)[1]) == ({"name": "/things/a?page=2"}, "miss")
    assert (second.json(), how(second)[1]) == (first.json(), "hit")
    assert len(things.asked) == 1


async def test_the_answer_is_as_complete_as_by_the_long_way(things: Things) -> None:
    api = things.api(headers={"x-mine": "1"})
    first = await api.get("/a")
    short, long = await api.get("/a"), await api.get("/a", headers={})
    for response in (short, long):
        assert response.request.url == first.request.url
        assert response.request.method == "GET"
        assert response.request.headers == first.request.headers
        assert response.is_success
        assert response.is_closed
        assert response.elapsed.total_seconds() < 1
        assert response.history == []
        assert response.headers["age"] == "0"
    assert short.headers == long.headers
    assert record(short).status == record(long).status == 200
    assert record(short).path == "/a"
    assert record(short).reference != record(long).reference


async def test_each_caller_gets_a_response_of_their_own(things: Things) -> None:
    api = things.api()
    await api.get("/a")
    for _ in range(3):
        response = await api.get("/a")
        assert "x-mine" not in response.headers
        assert "x-mine" not in response.request.headers
        response.headers["x-mine"] = response.request.headers["x-mine"] = "1"
        response.history.append(response)
    assert (await api.get("/a")).history == []


async def test_it_is_decoded_for_whoever_asks_for_a_type(things: Things) -> None:
    api = things.api()
    assert [await api.get("/a", as_=Thing) for _ in range(2)] == [Thing("/a")] * 2
    assert len(things.asked) == 1


async def test_an_error_that_was_kept_is_raised(things: Things) -> None:
    things.status = 404
    api = things.api()
    for _ in range(2):
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await api.get("/a")
        assert caught.value.response.status_code == 404
    assert (await api.get("/a", raise_for_status=False)).status_code == 404
    assert len(things.asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"path": {"name": "b"}, "params": {"page": 2}},
        {"path": {"name": "a"}, "params": {"page": 3}},
        {"path": {"name": "a"}},
        {**PLAIN, "cache": "no-cache"},
        {**PLAIN, "cache": "no-store"},
        {**PLAIN, "headers": {"authorization": "token mine"}},
        {**PLAIN, "auth": ("user", "password")},
        {**PLAIN, "params": {"page": [2, 3]}},
    ],
    ids=str,
)
async def test_a_call_that_differs_goes_the_long_way(things: Things, other: dict[str, Any]) -> None:
    api = things.api()
    for _ in range(2):
        await api.get("/things/{name}", **PLAIN)
    await api.get("/things/{name}", **other)
    assert len(things.asked) == 2


async def test_whoever_watches_each_request_goes_on_seeing_them(things: Things) -> None:
    seen: list[httpx.Request] = []

    async def watch(request: httpx.Request) -> None:
        seen.append(request)

    api = things.api(event_hooks={"request": [watch]})
    for _ in range(3):
        await api.get("/a")
    assert (len(seen), len(things.asked)) == (3, 1)


async def test_who_has_cookies_meanwhile_is_somebody_else(things: Things) -> None:
    api = things.api()
    await api.get("/a")
    things.fields = {"cache-control": "max-age=60", "set-cookie": "who=me"}
    await api.get("/login")
    await api.get("/a")
    assert [request.headers.get("cookie") for request in things.asked] == [None, None, "who=me"]


async def test_a_redirect_is_followed_each_time_to_where_it_leads_then(things: Things) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/old":
            return httpx.Response(307, headers={"location": "/new"})
        return httpx.Response(200, headers=things.fields, json={"name": "new"})

    async with HTTPClient(transport=httpx.MockTransport(answer)) as service:
        api = service.api("things", base_url="https://things.test")
        for _ in range(2):
            response = await api.get("/old")
            assert (response.json(), len(response.history)) == ({"name": "new"}, 1)


async def test_what_is_no_longer_fresh_is_not_given_by_the_short_way(things: Things) -> None:
    now = 1_800_000_000.0
    things.service.shelf.clock = lambda: now
    api = things.api()
    await api.get("/a")
    now += 61
    assert how(await api.get("/a", headers={}))[1:] == ("stale", "refreshing")


async def test_an_answer_from_the_future_is_not_given_by_the_short_way(things: Things) -> None:
    now = 1_800_000_000.0
    things.service.shelf.clock = lambda: now
    api = things.api()
    await api.get("/a")
    now -= 3600
    assert how(await api.get("/a"))[1] == "miss"


async def test_an_api_that_asks_for_validated_answers_gets_no_other(things: Things) -> None:
    api = things.api(headers={"cache-control": "no-cache"})
    for _ in range(3):
        assert how(await api.get("/a"))[1] == "miss"


async def test_without_a_cache_there_is_no_short_way(things: Things) -> None:
    api = things.api(policy=Policy(caching=Caching(enabled=False)))
    for _ in range(2):
        assert record(await api.get("/a")).cache is None
    assert len(things.asked) == 2


async def test_what_an_api_kept_is_there_when_the_service_is_opened_again(things: Things) -> None:
    api = things.api()
    await api.get("/a")
    await things.service.close()
    assert how(await api.get("/a"))[1] == "hit"


async def test_two_apis_do_not_share_what_they_keep(things: Things) -> None:
    for name in ("one", "two"):
        await things.api(name).get("/a")
    assert len(things.asked) == 2

"""What must not be answered by the short way though it looks alike: what has moved, and what is only equal."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.cached_world import START
from tux_http import HTTPClient

FRESH = {"cache-control": "max-age=60"}


async def test_what_has_moved_since_is_followed_to_where_it_is() -> None:
    now, moved = START, False

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/old" and moved:
            return httpx.Response(301, headers={**FRESH, "location": "/new"})
        return httpx.Response(200, headers=FRESH, text=request.url.path)

    async with HTTPClient(transport=httpx.MockTransport(answer)) as service:
        service.shelf.clock = lambda: now
        api = service.api("things", base_url="https://things.test")
        before = await api.get("/old")
        now, moved = now + 600, True
        after = [await api.get("/old") for _ in range(3)]
    assert before.text == "/old"
    assert [response.text for response in after] == ["/new"] * 3


@pytest.mark.parametrize("values", [(1, True), (0, False), (1, 1.0), (0.0, -0.0), ((1,), (True,))], ids=repr)
async def test_values_that_are_equal_but_are_sent_otherwise_are_different_calls(
    values: tuple[object, object],
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=FRESH, text=request.url.query.decode())

    async with HTTPClient(transport=httpx.MockTransport(answer)) as service:
        api = service.api("things", base_url="https://things.test")
        first, second = [(await api.get("/", params={"page": value})).text for value in values]
    assert first != second


async def test_empty_parameters_take_the_query_off_and_none_leave_it() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=FRESH, text=request.url.query.decode())

    async with HTTPClient(transport=httpx.MockTransport(answer)) as service:
        api = service.api("things", base_url="https://things.test")
        with_query = [(await api.get("/?page=2")).text for _ in range(2)]
        without = [(await api.get("/?page=2", params={})).text for _ in range(2)]
    assert with_query == ["page=2", "page=2"]
    assert without == ["", ""]


def found(_: bytes) -> str:
    return "latin-1"


@pytest.mark.parametrize("encoding", ["latin-1", found])
async def test_an_answer_by_the_short_way_is_read_in_the_apis_own_encoding(encoding: Any) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=FRESH, content="Düne".encode("latin-1"))

    async with HTTPClient(transport=httpx.MockTransport(answer)) as service:
        api = service.api("things", base_url="https://things.test", default_encoding=encoding)
        texts = [(await api.get("/")).text for _ in range(3)]
    assert texts == ["Düne"] * 3

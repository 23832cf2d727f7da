"""The cache layer: what it answers from, what it keeps, and what one call may say."""

from __future__ import annotations

import asyncio
import contextlib
from email.utils import formatdate
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.cached_world import World, how, record
from tests.strays import no_strays
from tux_http.caching.no_store import NoStore
from tux_http.policy import Caching
from tux_http.transports.cache import MOST_WRITES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tux_http.caching.stored import Stored


@pytest.fixture
def caching() -> Caching:
    return Caching(stale_while_revalidate=0)


@pytest.fixture
async def world(caching: Caching) -> AsyncGenerator[World]:
    async with no_strays():
        world = World(caching)
        yield world
        await world.close()


# Fresh answers


async def test_what_was_asked_a_minute_ago_costs_the_upstream_nothing(world: World) -> None:
    assert how(await world.get()) == ("first", "miss", None)
    world.now += 59
    response = await world.get()
    assert how(response) == ("first", "hit", None)
    assert record(response).cached_age == pytest.approx(59)
    assert response.headers["age"] == "59"
    assert len(world.asked) == 1


async def test_a_caller_may_change_an_answer_without_harming_the_next(world: World) -> None:
    await world.get()
    for _ in range(2):
        response = await world.get()
        assert response.headers["etag"] == '"first"'
        response.headers["etag"] = "mine"
        response.extensions.clear()
        response.request.headers["x-mine"] = "1"
        response._content = b"mine"
    assert (await world.get()).text == "first"


async def test_what_must_not_be_kept_is_not(world: World) -> None:
    # RFC 9111, section 5.2.2.5.
    world.says(cache_control="no-store, max-age=60")
    await world.get()
    await world.get()
    assert len(world.asked) == 2


async def test_an_answer_to_one_person_is_kept_for_them(world: World) -> None:
    # RFC 9111, sections 5.2.2.7 and 5.2.2.10, for a private cache.
    world.says(cache_control="private, max-age=60, s-maxage=0")
    await world.get()
    assert how(await world.get())[1] == "hit"


async def test_an_answer_is_never_given_to_other_credentials(world: World) -> None:
    world.answer = lambda request: world.fresh(request.headers.get("authorization", "nobody"))
    for who in ("token a", "token b"):
        for _ in range(2):
            assert (await world.get(headers={"authorization": who})).text == who
    assert (await world.get()).text == "nobody"
    assert len(world.asked) == 3


async def test_an_answer_is_given_to_requests_that_it_varies_with(world: World) -> None:
    world.answer = lambda request: world.fresh(request.headers["accept"], vary="Accept")
    for accept in ("text/a", "text/b", "text/a", "text/b"):
        assert (await world.get(headers={"accept": accept})).text == accept
    assert len(world.asked) == 2


async def test_what_varies_with_anything_is_not_kept(world: World) -> None:
    # RFC 9111, section 4.1.
    world.says(vary="*")
    await world.get()
    await world.get()
    assert len(world.asked) == 2


async def test_cookies_and_what_belongs_to_one_connection_are_not_kept(world: World) -> None:
    # RFC 9111, section 3.1, and RFC 9110, section 7.6.1: fields that `Connection` names.
    world.says(set_cookie="a=b", connection="x-hop, close", x_hop="1", keep_alive="timeout=5", x_kept="1")
    for _ in range(2):  # the second asks with the cookie, and so as somebody else
        assert "set-cookie" in (await world.get()).headers
    kept = (await world.get()).headers
    assert kept["x-kept"] == "1"
    assert not {"set-cookie", "connection", "x-hop", "keep-alive"} & set(kept)


async def test_a_body_larger_than_the_cap_is_not_kept() -> None:
    world = World(Caching(max_entry=10))
    world.says("eleven chars"[:11])
    await world.get()
    await world.get()
    assert len(world.asked) == 2
    world.says("ten")
    await world.get()
    await world.get()
    assert len(world.asked) == 3
    await world.close()


async def test_without_freshness_of_its_own_an_answer_is_good_for_the_default_ttl() -> None:
    world = World(Caching(default_ttl=30))
    world.says(cache_control="", etag="")
    await world.get()
    world.now += 29
    assert how(await world.get())[1] == "hit"
    world.now += 120
    assert how(await world.get())[1] == "miss"
    await world.close()


@pytest.mark.parametrize("field", ["range", "if-none-match", "if-modified-since"])
async def test_whoever_keeps_a_cache_of_their_own_is_left_alone(world: World, field: str) -> None:
    for _ in range(2):
        assert record(await world.get(headers={field: "bytes=0-1"})).cache is None
    assert [request.headers[field] for request in world.asked] == ["bytes=0-1"] * 2


# Validation


async def test_an_old_answer_is_validated_and_a_304_makes_it_good_again(world: World) -> None:
    # RFC 9111, sections 4.3.1 and 3.2: the stored fields are updated, but not those of the body.
    await world.get()
    world.now += 61
    world.answer = lambda _: world.fresh("", status=304, etag='"first"', x_new="1", content_type="text/evil")
    response = await world.get()
    assert how(response) == ("first", "revalidated", None)
    assert response.status_code == 200
    assert response.headers["x-new"] == "1"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert world.asked[-1].headers["if-none-match"] == '"first"'
    world.now += 59
    assert how(await world.get()) == ("first", "hit", None)
    assert len(world.asked) == 2


async def test_a_304_that_says_nothing_of_its_age_is_of_now(world: World) -> None:
    world.says(date=formatdate(world.now - 40, usegmt=True), age="50")
    await world.get()
    world.now += 61
    world.says("", status=304, etag='"first"', date="")
    assert record(await world.get()).cached_age == pytest.approx(0)
    assert how(await world.get())[1] == "hit"


async def test_a_304_may_change_what_an_answer_varies_with(world: World) -> None:
    world.says(vary="Accept")
    await world.get(headers={"accept": "text/a"})
    world.now += 61
    world.says("", status=304, etag='"first"', vary="Accept-Language")
    await world.get(headers={"accept": "text/a"})
    assert how(await world.get(headers={"accept": "text/a"}))[1] == "hit"
    assert len(world.asked) == 2


async def test_a_changed_answer_takes_the_old_ones_place(world: World) -> None:
    await world.get()
    world.now += 61
    world.says("second")
    assert how(await world.get()) == ("second", "miss", None)
    assert how(await world.get()) == ("second", "hit", None)


async def test_a_304_about_something_else_is_asked_again_without_conditions(world: World) -> None:
    # RFC 9111, section 4.3.4.
    await world.get()
    world.now += 61
    world.answer = lambda request: (
        world.fresh("", status=304, etag='"other"')
        if "if-none-match" in request.headers
        else world.fresh("second")
    )
    assert how(await world.get()) == ("second", "miss", None)
    assert "if-none-match" not in world.asked[-1].headers


async def test_the_callers_request_is_not_changed_by_validation(world: World) -> None:
    await world.get()
    world.now += 61
    assert "if-none-match" not in (await world.get()).request.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_changes_something_has_it_asked_for_anew(world: World, method: str) -> None:
    # RFC 9111, section 4.4.
    await world.get()
    await world.client.request(method, "/x")
    assert how(await world.get())[1] == "miss"


async def test_an_answer_from_before_a_change_is_not_kept(world: World) -> None:
    world.held = asyncio.Event()
    before = asyncio.create_task(world.get())
    await world.arrived.wait()
    held, world.held = world.held, None
    await world.client.put("/x")
    held.set()
    assert how(await before) == ("first", "miss", None)
    assert how(await world.get())[1] == "miss"


async def test_what_fails_to_change_something_leaves_the_answer_good(world: World) -> None:
    await world.get()
    world.fails(400)
    await world.client.request("POST", "/x")
    assert how(await world.get())[1] == "hit"


async def test_where_a_change_says_what_it_made_that_is_asked_for_anew(world: World) -> None:
    await world.get("/made")
    await world.get("/elsewhere")
    world.says(location="/made", content_location="https://other.test/elsewhere")
    await world.client.post("/x")
    assert how(await world.get("/made"))[1] == "miss"
    assert how(await world.get("/elsewhere"))[1] == "hit"


# One call's own word


async def test_no_cache_has_a_good_answer_validated(world: World) -> None:
    await world.get()
    assert how(await world.get(cache="no-cache"))[1] == "miss"
    assert world.asked[-1].headers["if-none-match"] == '"first"'


async def test_no_cache_takes_no_old_answer_for_a_failure(world: World) -> None:
    await world.get()
    world.fails(503)
    assert (await world.get(cache="no-cache")).status_code == 503


async def test_no_store_neither_uses_nor_keeps(world: World) -> None:
    await world.get(cache="no-store")
    await world.get()
    assert record(await world.get(cache="no-store")).cache is None
    assert len(world.asked) == 3


async def test_only_if_cached_asks_no_upstream(world: World) -> None:
    assert (await world.get(cache="only-if-cached")).status_code == 504
    await world.get()
    assert how(await world.get(cache="only-if-cached")) == ("first", "hit", None)
    assert len(world.asked) == 1


@pytest.mark.parametrize("mode", ["no-cache", "no-store", "only-if-cached"])
async def test_the_requests_own_field_says_the_same(world: World, mode: str) -> None:
    await world.get("/other")
    with contextlib.suppress(httpx.HTTPStatusError):
        await world.get(headers={"cache-control": mode})
    assert len(world.asked) == (1 if mode == "only-if-cached" else 2)
    await world.get()
    assert how(await world.get(headers={"cache-control": mode}))[1] == {
        "only-if-cached": "hit",
        "no-cache": "miss",
    }.get(mode)


# Beside other processes


class Claims(NoStore):
    """Counts who asks to fetch alone."""

    keeps = shared = True

    def __init__(self) -> None:
        self.asked = 0

    async def claim(self, key: str, *, seconds: float) -> bool:
        self.asked += 1
        return await super().claim(key, seconds=seconds)


@pytest.mark.parametrize(("control", "asked"), [("no-store", 1), ("max-age=60", 3)])
async def test_processes_do_not_wait_for_each_others_answer_that_may_not_be_kept(
    world: World, control: str, asked: int
) -> None:
    world.shelf._store = claims = Claims()
    world.says(cache_control=control)
    for _ in range(3):
        await world.get()
        world.now += 100_000
    assert claims.asked == asked


class Stuck(NoStore):
    """Takes nothing until it is let."""

    keeps = True

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.saved = 0

    async def save(self, key: str, stored: Stored, *, ttl: float) -> None:
        await self.let.wait()
        await super().save(key, stored, ttl=ttl)
        self.saved += 1


async def test_a_store_that_is_slow_is_waited_for_by_nobody_and_holds_up_so_many_answers(
    world: World,
) -> None:
    world.shelf._store = store = Stuck()
    for number in range(3000):
        await world.get(f"/{number}")
    assert store.saved == 0
    store.let.set()
    await world.client.aclose()
    world.client = world.opened()
    assert 400 < store.saved <= 1 + MOST_WRITES  # one is under way
    assert how(await world.get("/2999"))[1] == "hit"

"""The quota layer and GitHub: its primary and secondary limits, and what it does not count."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from tests.quotas import SECONDARY, START, World, hold
from tux_http import HTTPClient, call_of
from tux_http.call import EXTENSION as CALL
from tux_http.call import Call
from tux_http.errors import RateLimited
from tux_http.problems import problem_of


@pytest.mark.parametrize("status", [403, 429])
async def test_githubs_primary_limit_is_handed_up_once_and_then_obeyed_until_its_reset(status: int) -> None:
    world = World()
    world.replies(status, world.github(0), json={"message": "API rate limit exceeded for 203.0.113.7."})
    response = await world.get()
    assert (response.status_code, response.json()["message"][:8]) == (status, "API rate")
    refused = await world.is_refused()
    assert (refused.retry_at, refused.scope, refused.limit) == (world.after(1800), "core", 60)
    assert refused.api == "test"
    world.now = world.after(1800)
    world.replies(200, world.github(59))
    assert (await world.get()).status_code == 200


async def test_githubs_search_has_a_quota_of_its_own() -> None:
    world = World()
    world.replies(200, world.github(50))
    await world.get("/repos/o/r")
    world.replies(200, world.github(0, resource="search", limit=10, reset=60))
    await world.get("/search/repositories")
    refused = await world.is_refused("/search/users")
    assert (refused.scope, refused.limit, refused.retry_at) == ("search", 10, world.after(60))
    assert (await world.get("/repos/o/other")).status_code == 200


async def test_places_are_told_apart_below_the_base_path() -> None:
    world = World(base="https://github.test/api/v3/")
    world.replies(200, world.github(50))
    await world.get("repos/o/r")
    world.replies(200, world.github(0, resource="search"))
    await world.get("search/repositories")
    await world.is_refused("search/repositories")
    assert (await world.get("repos/o/r")).status_code == 200


async def test_an_authorised_304_is_free() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get(headers={"authorization": "Bearer token"})
    world.replies(304)
    for _ in range(10):
        await world.get(headers={"authorization": "Bearer token"})
    await hold(world, 3, {"authorization": "Bearer token"})


async def test_an_authorised_answer_that_tells_nothing_counts() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get(headers={"authorization": "Bearer token"})
    world.replies(200)
    await world.get(headers={"authorization": "Bearer token"})
    await hold(world, 2, {"authorization": "Bearer token"})


async def test_a_304_without_a_credential_counts() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get()
    world.replies(304)
    await world.get()
    await hold(world, 2, {})


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"retry-after": "90"}, {"message": "Slow down"}, 90),
        ({"retry-after": format_datetime(START + timedelta(seconds=45), usegmt=True)}, SECONDARY, 45),
        ({}, SECONDARY, 60),
        ({"x-ratelimit-remaining": "4000"}, SECONDARY, 60),
        ({"retry-after": "-5"}, SECONDARY, 60),
        ({"retry-after": "soon"}, SECONDARY, 60),
    ],
)
async def test_githubs_secondary_limit_holds_everything_for_as_long_as_it_asks(
    status: int, headers: dict[str, str], body: dict[str, str], wait: float
) -> None:
    world = World()
    world.replies(status, {"x-github-request-id": "A:B", **headers}, json=body)
    assert (await world.get()).status_code == status
    refused = await world.is_refused("/users/x")
    assert (refused.scope, refused.retry_at) == ("secondary", world.after(wait))
    assert problem_of(refused, now=world.now).code == "slow-down"
    world.now = world.after(wait)
    world.replies(200)
    assert (await world.get()).status_code == 200


async def test_a_secondary_limit_with_a_spent_counter_waits_for_the_reset() -> None:
    world = World()
    world.replies(403, world.github(0, reset=600), json=SECONDARY)
    await world.get()
    assert (await world.is_refused("/users/x")).retry_at == world.after(600)


async def test_each_further_secondary_limit_doubles_the_wait_until_a_call_is_served() -> None:
    world = World()
    for wait in (60, 120, 240):
        world.replies(403, json=SECONDARY)
        await world.get()
        assert (await world.is_refused()).retry_at == world.after(wait)
        world.now = world.after(wait)
    world.replies(200)
    await world.get()
    world.replies(403, json=SECONDARY)
    await world.get()
    assert (await world.is_refused()).retry_at == world.after(60)


async def test_the_record_says_until_when_a_limit_holds() -> None:
    world = World()
    call = Call(method="GET", url=world.base, path="/")
    for wait in (60, 120, 240):
        world.replies(403, json=SECONDARY)
        await world.get(extensions={CALL: call})
        assert call.limited_until == world.after(wait)
        world.now = world.after(wait)
    world.replies(403, {"retry-after": "60", **world.github(0, reset=1800)})
    await world.get(extensions={CALL: call})
    assert call.limited_until == world.after(1800), "the later of the two"
    world.now = world.after(1800)
    world.replies(200)
    await world.get(extensions={CALL: call})
    assert call.limited_until is None


async def test_what_a_person_is_told_of_a_further_secondary_limit_is_what_holds() -> None:
    upstream = httpx.MockTransport(lambda _: httpx.Response(403, json=SECONDARY))
    waits: list[float] = []
    async with HTTPClient(transport=upstream) as client:
        api = client.api("github", base_url="https://api.github.test")
        for _ in range(3):
            with pytest.raises(httpx.HTTPStatusError) as met:
                await api.get("/", quota=False)
            with pytest.raises(RateLimited) as refused:
                await api.get("/")
            told, call = problem_of(met.value), call_of(met.value)
            assert call is not None
            assert told.retry_at is not None
            assert (told.code, told.retry_at) == ("slow-down", refused.value.retry_at)
            waits.append((told.retry_at - call.started_at).total_seconds())
    assert waits == pytest.approx([60, 120, 240], abs=5)


async def test_a_missing_permission_is_no_limit() -> None:
    world = World()
    world.replies(403, world.github(50), json={"message": "Must have admin rights to Repository."})
    for _ in range(3):
        assert (await world.get()).status_code == 403

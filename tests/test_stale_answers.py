"""When an old answer is given: in place of a failure, and while a new one is fetched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from tests.cached_world import START, World, how, record
from tests.strays import no_strays
from tux_http.errors import DeadlineExceeded
from tux_http.policy import Caching

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.fixture
def caching() -> Caching:
    return Caching(stale_while_revalidate=0)


@pytest.fixture
async def world(caching: Caching) -> AsyncGenerator[World]:
    async with no_strays():
        world = World(caching)
        yield world
        await world.close()


# Standing in


LIMITED: Final = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(START) + 3600)}


@pytest.mark.parametrize(
    ("failure", "because"),
    [
        (httpx.ConnectError("down"), "ConnectError"),
        (httpx.ReadTimeout("late"), "ReadTimeout"),
        (httpx.RemoteProtocolError("broken off"), "RemoteProtocolError"),
        *[(status, str(status)) for status in (429, 500, 502, 503, 504)],
    ],
)
async def test_an_old_answer_stands_in_for_an_upstream_that_fails(
    world: World, failure: Exception | int, because: str
) -> None:
    # RFC 5861, section 4.
    await world.get()
    world.now += 12 * 60
    world.fails(failure)
    response = await world.get()
    assert how(response) == ("first", "stale", because)
    assert response.status_code == 200
    assert record(response).cached_age == pytest.approx(720)
    assert response.headers["age"] == "720"
    assert len(record(response).attempts) == 1


async def test_an_old_answer_stands_in_while_a_limit_is_spent(world: World) -> None:
    await world.get()
    world.now += 120
    world.says(status=403, **LIMITED)
    assert how(await world.get()) == ("first", "stale", "403")


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
async def test_what_the_upstream_denies_is_denied_and_forgotten(world: World, status: int) -> None:
    await world.get()
    world.now += 61
    world.fails(status)
    assert (await world.get()).status_code == status
    world.fails(httpx.ConnectError("down"))
    with pytest.raises(httpx.ConnectError):
        await world.get()


@pytest.mark.parametrize("directive", ["must-revalidate", "no-cache"])
async def test_an_answer_that_must_be_validated_never_stands_in(world: World, directive: str) -> None:
    # RFC 9111, section 4.2.4.
    world.says(cache_control=f"max-age=60, {directive}")
    await world.get()
    world.now += 61
    world.fails(httpx.ConnectError("down"))
    with pytest.raises(httpx.ConnectError):
        await world.get()


async def test_an_answer_of_the_day_before_yesterday_stands_in_for_nothing(world: World) -> None:
    await world.get()
    world.now += 86_401
    world.fails(503)
    assert (await world.get()).status_code == 503


async def test_a_failure_is_not_kept_in_place_of_an_answer(world: World) -> None:
    await world.get()
    world.now += 61
    world.says("sorry", status=500)
    await world.get()
    world.now += 1
    assert how(await world.get()) == ("first", "stale", "500")


async def test_an_old_answer_stands_in_for_an_upstream_that_hangs_and_its_answer_is_kept() -> None:
    world = World(Caching(stale_while_revalidate=0, patience=0.01))
    await world.get()
    world.now += 61
    world.held = asyncio.Event()
    world.says("second")
    assert how(await world.get()) == ("first", "stale", "slow")
    world.held.set()
    await world.settled()
    assert how(await world.get()) == ("second", "hit", None)
    assert len(world.asked) == 2
    await world.close()


async def test_an_old_answer_stands_in_before_the_callers_own_deadline(world: World) -> None:
    await world.get()
    world.now += 61
    world.held = asyncio.Event()
    assert how(await world.get(deadline=0.2)) == ("first", "stale", "slow")


async def test_without_an_answer_a_hanging_upstream_ends_at_the_deadline(world: World) -> None:
    world.held = asyncio.Event()
    with pytest.raises(DeadlineExceeded):
        await world.get(deadline=0.05)


# Refreshing behind


async def test_an_answer_just_past_its_time_is_given_at_once_and_refreshed_behind() -> None:
    # RFC 5861, section 3.
    async with no_strays():
        world = World(Caching())
        await world.get()
        world.now += 61
        world.says("second")
        world.held = asyncio.Event()
        for _ in range(3):
            assert how(await world.get()) == ("first", "stale", "refreshing")
        world.held.set()
        await world.settled()
        assert how(await world.get()) == ("second", "hit", None)
        assert len(world.asked) == 2
        await world.close()


async def test_a_refresh_behind_ends_with_the_service() -> None:
    async with no_strays():
        world = World(Caching())
        await world.get()
        world.now += 61
        world.held = asyncio.Event()
        await world.get()
        await world.close()


async def test_a_refresh_behind_that_fails_disturbs_nobody() -> None:
    async with no_strays():
        world = World(Caching())
        await world.get()
        world.now += 61
        world.fails(httpx.ConnectError("down"))
        assert how(await world.get())[1] == "stale"
        await world.settled()
        assert how(await world.get())[1] == "stale"
        await world.close()


async def test_those_who_share_a_refresh_may_each_change_their_answer(world: World) -> None:
    await world.get()
    world.now += 61
    world.says("second")
    world.held = asyncio.Event()
    # Asked for in two ways, so that they are no one flight; the old answer that they have refreshed is the same.
    asking = [asyncio.create_task(world.get(headers={"x-asked-by": name})) for name in ("one", "other")]
    await world.arrived.wait()
    await asyncio.sleep(0)
    world.held.set()
    one, other = await asyncio.gather(*asking)
    assert len(world.asked) == 2
    assert [one.text, other.text] == ["second", "second"]
    assert [one.request.headers["x-asked-by"], other.request.headers["x-asked-by"]] == ["one", "other"]
    one.headers["etag"] = "changed"
    assert other.headers["etag"] == '"second"'
    assert record(one) is not record(other)

"""The quota layer: what upstreams announce, as GitHub and others really say it, is obeyed unasked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tux_http.errors import LaneFull, RateLimited
from tux_http.options import EXTENSION as OPTIONS
from tux_http.options import CallOptions
from tux_http.problems import problem_of
from tux_http.transports.allowance import Book
from tux_http.transports.quota import Quota

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
BACKGROUND = {OPTIONS: CallOptions(priority="background")}


class World:
    """An upstream that answers as it is told, the layer over it, a clock, and a list of what was sent."""

    def __init__(self, *, base: str = "https://api.test", reserve: float = 0.1) -> None:
        self.base = base
        self.now = START
        self.sent: list[str] = []
        self.reply: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200)
        self.book = Book(reserve=reserve, secondary_wait=60)
        self.client = httpx.AsyncClient(transport=self.layer(), base_url=base)

    def layer(self, inner: httpx.AsyncBaseTransport | None = None) -> Quota:
        return Quota(
            inner or httpx.MockTransport(self._answer),
            self.book,
            api="test",
            base_path=httpx.URL(self.base).path,
            wall=lambda: self.now,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.url.path)
        return self.reply(request)

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def replies(self, status: int, headers: dict[str, str] | None = None, **options: Any) -> None:
        self.reply = lambda _: httpx.Response(status, headers=headers, **options)

    async def get(self, path: str = "/repos/o/r", **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def is_refused(self, path: str = "/repos/o/r", **options: Any) -> RateLimited:
        before = len(self.sent)
        with pytest.raises(RateLimited) as caught:
            await self.get(path, **options)
        assert len(self.sent) == before, "the network was touched"
        return caught.value

    def github(
        self, remaining: int, *, resource: str = "core", limit: int = 60, reset: float = 1800
    ) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-reset": str(int(self.after(reset).timestamp())),
            "x-ratelimit-resource": resource,
        }


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


async def test_the_last_call_of_a_quota_is_answered_and_the_next_is_not_sent() -> None:
    world = World()
    world.replies(200, world.github(0))
    assert (await world.get()).status_code == 200
    await world.is_refused()


async def test_a_refusal_is_a_429_to_whoever_catches_httpx_errors() -> None:
    world = World()
    world.replies(200, world.github(0, reset=99))
    await world.get()
    world.now = world.after(0.5)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await world.get("/repos/o/r?secret=1")
    response = caught.value.response
    assert (response.status_code, response.headers["retry-after"], response.content) == (429, "99", b"")
    assert response.request is caught.value.request
    assert caught.value.request.url == "https://api.test/repos/o/r?secret=1"
    assert "secret" not in str(caught.value)
    told = problem_of(caught.value, now=world.now)
    assert (told.code, told.retry_at) == ("rate-limited", world.after(98.5))


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


async def test_a_hundred_calls_at_once_with_five_left_send_five() -> None:
    world = World()
    world.replies(200, world.github(5))
    await world.get()
    gate = asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        world.sent.append(request.url.path)
        await gate.wait()
        return httpx.Response(200, headers=world.github(0))

    layer = world.layer(httpx.MockTransport(answer))
    async with httpx.AsyncClient(transport=layer, base_url=world.base) as client:
        calls = [asyncio.ensure_future(client.get("/repos/o/r")) for _ in range(100)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
        gate.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(outcome, httpx.Response) for outcome in outcomes) == 5
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 95
    assert len(world.sent) == 1 + 5


async def test_an_authorised_304_is_free() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get(headers={"authorization": "Bearer token"})
    world.replies(304)
    for _ in range(10):
        await world.get(headers={"authorization": "Bearer token"})
    await _hold(world, 3, {"authorization": "Bearer token"})


async def test_an_authorised_answer_that_tells_nothing_counts() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get(headers={"authorization": "Bearer token"})
    world.replies(200)
    await world.get(headers={"authorization": "Bearer token"})
    await _hold(world, 2, {"authorization": "Bearer token"})


async def test_a_304_without_a_credential_counts() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get()
    world.replies(304)
    await world.get()
    await _hold(world, 2, {})


async def _hold(world: World, left: int, headers: dict[str, str]) -> None:
    """Sends calls that are not answered until no more may be sent; there must be `left` of them."""
    layer = world.layer(httpx.MockTransport(_never))
    calls: list[asyncio.Task[httpx.Response]] = []
    for _ in range(left + 1):
        request = httpx.Request("GET", f"{world.base}/repos/o/r", headers=headers)
        calls.append(asyncio.ensure_future(layer.handle_async_request(request)))
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    done = [call.done() for call in calls]
    for call in calls:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert done == [False] * left + [True]
    assert isinstance(outcomes[-1], RateLimited)


async def _never(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def test_work_that_nobody_waits_for_is_refused_first() -> None:
    world = World()
    world.replies(200, world.github(6, reset=300))
    await world.get()
    refused = await world.is_refused(extensions=BACKGROUND)
    assert (refused.retry_at, refused.scope, refused.limit) == (world.after(300), "core", 60)
    world.replies(200, world.github(7, reset=300))
    assert (await world.get()).status_code == 200
    assert (await world.get(extensions=BACKGROUND)).status_code == 200


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


async def test_a_missing_permission_is_no_limit() -> None:
    world = World()
    world.replies(403, world.github(50), json={"message": "Must have admin rights to Repository."})
    for _ in range(3):
        assert (await world.get()).status_code == 403


@pytest.mark.parametrize("status", [200, 404, 500, 503])
async def test_an_overloaded_upstream_is_no_quota(status: int) -> None:
    world = World()
    world.replies(status, {"retry-after": "120"})
    for _ in range(3):
        assert (await world.get()).status_code == status


async def test_the_ietf_fields_are_obeyed() -> None:
    world = World()
    policy = {"ratelimit-policy": '"default";q=100;w=60'}
    world.replies(200, {"ratelimit": '"default";r=0;t=30', **policy})
    await world.get()
    refused = await world.is_refused("/elsewhere")
    assert (refused.retry_at, refused.scope, refused.limit) == (world.after(30), "default", 100)
    world.now = world.after(30)
    world.replies(200, {"ratelimit": '"default";r=10;t=30', **policy})
    await world.get()
    assert (await world.get()).status_code == 200
    assert (await world.is_refused(extensions=BACKGROUND)).scope == "default"


async def test_the_older_ietf_fields_are_obeyed() -> None:
    world = World()
    world.replies(429, {"ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "7"})
    await world.get()
    refused = await world.is_refused()
    assert (refused.retry_at, refused.scope, refused.limit) == (world.after(7), None, 10)


async def test_another_upstreams_retry_after_is_obeyed() -> None:
    world = World()
    world.replies(429, {"retry-after": "5"})
    await world.get()
    refused = await world.is_refused("/elsewhere")
    assert (refused.retry_at, refused.scope) == (world.after(5), None)
    assert problem_of(refused, now=world.now).code == "rate-limited"


async def test_each_credential_has_its_own_quota_and_cookies_are_none() -> None:
    world = World()
    world.replies(200, world.github(0))
    await world.get(headers={"authorization": "Bearer one", "cookie": "a=1"})
    await world.is_refused(headers={"authorization": "Bearer one", "cookie": "b=2"})
    world.replies(200)
    assert (await world.get(headers={"authorization": "Bearer two"})).status_code == 200
    assert (await world.get()).status_code == 200


async def test_no_credential_is_kept() -> None:
    world = World()
    await world.get(headers={"authorization": "Bearer ghp_planted"})
    (credential,) = world.book._accounts
    assert "ghp_planted" not in repr(credential)
    assert b"ghp_planted".hex() not in repr(credential)


async def test_a_redirects_target_elsewhere_has_its_own_quota() -> None:
    world = World()
    world.replies(429, {"retry-after": "60"})
    response = await world.get("https://files.test/archive")
    assert response.status_code == 429
    await world.is_refused("https://files.test/other")
    world.replies(200)
    assert (await world.get()).status_code == 200


async def test_a_reopened_api_still_knows_what_was_announced() -> None:
    world = World()
    world.replies(200, world.github(0))
    await world.get()
    await world.client.aclose()
    world.client = httpx.AsyncClient(transport=world.layer(), base_url=world.base)
    await world.is_refused()


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.PoolTimeout("full"), False),
        (LaneFull(limit=3), False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.RemoteProtocolError("garbage"), True),
        (ValueError("a bug below"), True),
    ],
)
async def test_a_call_that_fails_counts_unless_it_never_left(error: Exception, counts: bool) -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get()

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    world.reply = fail
    with pytest.raises(type(error)):
        await world.get()
    await _hold(world, 2 if counts else 3, {})


async def test_a_cancelled_call_is_no_longer_under_way() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get()
    for left in (3, 2):  # each round ends with calls cancelled that may have been counted
        await _hold(world, left, {})
        world.replies(200, world.github(left - 1))
        await world.get()


async def test_a_download_counts_only_until_its_head_has_come() -> None:
    world = World()
    world.replies(200, world.github(2))
    await world.get()
    async with world.client.stream("GET", "/repos/o/r"), world.client.stream("GET", "/repos/o/r"):
        assert (await world.get()).status_code == 200


HOSTILE = st.sampled_from(
    [
        "",
        "0",
        "1",
        "5",
        "-1",
        "NaN",
        "inf",
        "1e9",
        "1" + "0" * 30,
        "9" * 18,
        "0x10",
        "5, 5",
        "٣",
        "\x00",
        '"',
    ],
)
SOME_TIME = st.integers(-(10**9), 10**10).map(lambda seconds: str(int(START.timestamp()) + seconds))
VALUES = HOSTILE | SOME_TIME | st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
FIELDS = st.sampled_from(
    [
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        *(f"{x}ratelimit-{name}" for x in ("", "x-") for name in ("limit", "remaining", "reset")),
        "x-ratelimit-resource",
        "x-github-request-id",
    ]
)
STRUCTURED = st.builds('"{}";r={};t={}'.format, st.sampled_from(["a", "", "<@1>"]), VALUES, VALUES)


@given(
    status=st.sampled_from([200, 304, 403, 429, 503]),
    headers=st.dictionaries(FIELDS, VALUES | STRUCTURED, max_size=8),
    body=st.sampled_from(
        [b"", b'{"message": "secondary rate limit"}', b'{"message": "rate limit exceeded"}', b"["]
    ),
)
def test_whatever_an_upstream_says_it_is_answered_and_holds_nobody_for_longer_than_a_day(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    raw = [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]

    async def story() -> None:
        world = World()
        world.reply = lambda _: httpx.Response(status, headers=raw, content=body)
        assert (await world.get()).status_code == status
        (again,) = await asyncio.gather(world.get(), return_exceptions=True)
        if isinstance(again, RateLimited):
            assert again.retry_at is not None
            assert world.now < again.retry_at <= world.after(86400)
            assert 1 <= int(again.response.headers["retry-after"]) <= 86400
        else:
            assert isinstance(again, httpx.Response), again
        world.now = world.after(86400)
        assert (await world.get()).status_code == status
        await world.client.aclose()

    asyncio.run(story())

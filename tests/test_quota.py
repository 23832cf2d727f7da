"""The quota layer: what upstreams announce is obeyed unasked."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quotas import BACKGROUND, REGARDLESS, START, World, hold
from tux_http.errors import LaneFull, RateLimited
from tux_http.problems import problem_of


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


async def test_work_that_nobody_waits_for_is_refused_first() -> None:
    world = World()
    world.replies(200, world.github(6, reset=300))
    await world.get()
    refused = await world.is_refused(extensions=BACKGROUND)
    assert (refused.retry_at, refused.scope, refused.limit) == (world.after(300), "core", 60)
    world.replies(200, world.github(7, reset=300))
    assert (await world.get()).status_code == 200
    assert (await world.get(extensions=BACKGROUND)).status_code == 200


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


async def test_a_call_that_asks_for_no_quota_is_sent_though_it_is_spent() -> None:
    world = World()
    world.replies(200, world.github(0))
    await world.get()
    assert (await world.get(extensions=REGARDLESS)).status_code == 200
    await world.is_refused()
    world.replies(200, world.github(50))
    await world.get(extensions=REGARDLESS)
    assert (await world.get()).status_code == 200, "what its answer announced was not learned"


async def test_a_limit_that_a_call_without_quota_meets_holds_the_others() -> None:
    world = World()
    world.replies(429, {"retry-after": "5"})
    await world.get(extensions=REGARDLESS)
    assert (await world.is_refused()).retry_at == world.after(5)


async def test_a_call_that_asks_for_no_quota_counts_while_it_is_under_way() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(1))
    await world.get()
    gate = asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        await gate.wait()
        return httpx.Response(200)

    request = httpx.Request("GET", f"{world.base}/repos/o/r", extensions=REGARDLESS)
    check = asyncio.ensure_future(world.layer(httpx.MockTransport(answer)).handle_async_request(request))
    await asyncio.sleep(0)
    await world.is_refused()
    gate.set()
    assert (await check).status_code == 200


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
    await hold(world, 2 if counts else 3, {})


async def test_a_cancelled_call_is_no_longer_under_way() -> None:
    world = World(reserve=0)
    world.replies(200, world.github(3))
    await world.get()
    for left in (3, 2):  # each round ends with calls cancelled that may have been counted
        await hold(world, left, {})
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

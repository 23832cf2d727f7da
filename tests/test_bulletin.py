"""What processes tell each other of an upstream's limits, on a real Valkey server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.allowances import REPOS, SEARCH, Story
from tests.stores import messages
from tests.strays import no_strays
from tests.valkey import Valkey, client, empty_database, own_valkey
from tux_http.caching.redis_store import RedisStore
from tux_http.errors import RateLimited
from tux_http.transports.allowance import Book
from tux_http.transports.bulletin import Bulletin
from tux_http.transports.news import News, Paused, Told
from tux_http.transports.quota import Quota

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

BASE = "https://api.test"
CHANNEL = "tux_http:board:0:quota:v1:api:"

PATIENCE = 20.0
"""Seconds until something has failed to come about; machines that run tests may be busy."""

SLACK = 0.3
"""Seconds that a busy machine may add to the tenth of a second that is promised."""


class Node:
    """What one process has of an API: a store, a book and the layer over an upstream that is told what to say."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self.sent = 0
        self.replies(200)
        self.store = RedisStore(url, patience=patience)
        self.book = Book(reserve=0.1, secondary_wait=60)
        bulletin = Bulletin(self.store, self.book, api="api")
        layer = Quota(httpx.MockTransport(self._answer), self.book, api="api", bulletin=bulletin)
        self.client = httpx.AsyncClient(transport=layer, base_url=BASE)

    def _answer(self, _: httpx.Request) -> httpx.Response:
        self.sent += 1
        return httpx.Response(self._status, headers=self._headers)

    def replies(self, status: int, **headers: str) -> None:
        self._status = status
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def meets_limit(self, path: str = "/repos/o/r", **options: Any) -> None:
        self.replies(429, retry_after="600")
        await self.client.get(path, **options)
        self.replies(200)

    async def is_held(self, path: str = "/repos/o/r", **options: Any) -> bool:
        try:
            await self.client.get(path, **options)
        except RateLimited:
            return True
        return False

    async def until_held(self, **options: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await self.is_held(**options):  # noqa: ASYNC110  # what others say sets no event
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self.client.aclose()
        await self.store.aclose()


@contextlib.asynccontextmanager
async def node(url: str, **options: float) -> AsyncGenerator[Node]:
    made = Node(url, **options)
    try:
        yield made
    finally:
        await made.close()


@contextlib.asynccontextmanager
async def two(url: str, **options: float) -> AsyncGenerator[tuple[Node, Node]]:
    async with no_strays(), node(url, **options) as one, node(url, **options) as other:
        yield one, other


@pytest.fixture(scope="module")
def _database() -> Generator[str]:
    with empty_database() as url:
        yield url


@pytest.fixture
def url(_database: str) -> Generator[str]:
    yield _database
    with client(_database) as connection:
        connection.flushdb()


@pytest.fixture
def server() -> Generator[Valkey]:
    with own_valkey() as server:
        yield server


async def until_heard(url: str, by: int) -> None:
    """Waits until so many listen."""
    with client(url) as connection:
        async with asyncio.timeout(PATIENCE):
            while connection.pubsub_numsub(CHANNEL)[0][1] != by:  # noqa: ASYNC110  # the server sets no event
                await asyncio.sleep(0.005)


async def until_told(url: str) -> None:
    with client(url) as connection:
        async with asyncio.timeout(PATIENCE):
            while not connection.keys("tux_http:board:*"):  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.005)


# Between processes.


async def test_what_one_meets_holds_all(url: str) -> None:
    async with two(url) as (one, other):
        assert not await other.is_held()
        await one.meets_limit()
        await other.until_held()


async def test_who_comes_later_knows_before_the_first_call(url: str) -> None:
    async with node(url) as one:
        await one.meets_limit()
    async with node(url) as other:
        assert await other.is_held()
        assert other.sent == 0


async def test_what_is_learned_last_is_told_when_the_process_ends(url: str) -> None:
    async with no_strays(), node(url) as one:
        for left in (30, 20, 10):  # the first is told at once, and the others with the next telling
            one.replies(200, ratelimit=f'"a";r={left};t=600')
            await one.client.get("/")
    async with node(url) as other:
        await other.is_held()
        with client(url) as connection:
            (key,) = connection.keys("tux_http:board:*")
            told = msgspec.msgpack.decode(connection.hget(key, "quota:a"), type=Told)
    assert told.remaining == 10


async def test_the_news_of_one_credential_say_nothing_to_another(url: str) -> None:
    async with two(url) as (one, other):
        for name in ("Authorization", "Private-Token"):
            mine, others = {name: "mine"}, {name: "others"}
            assert not await other.is_held(headers=mine)
            await one.meets_limit(headers=mine)
            await other.until_held(headers=mine)
            assert not await other.is_held(headers=others)


async def test_cookies_make_nobody_else_of_a_caller(url: str) -> None:
    async with node(url) as one:
        await one.meets_limit(headers={"Cookie": "a=1"})
        assert await one.is_held(headers={"Cookie": "a=2"})


async def test_the_server_is_told_no_secret_and_forgets_by_itself(url: str) -> None:
    async with node(url) as one:
        one.replies(200, x_ratelimit_remaining="3", x_ratelimit_reset="600", x_ratelimit_resource="core")
        await one.client.get("/bot12345:hunter2/getMe", headers={"Authorization": "Bearer hunter2"})
        await until_told(url)
        with client(url) as connection:
            (key,) = connection.keys()
            dumped = key + b"".join(part for item in connection.hgetall(key).items() for part in item)
            life = connection.ttl(key)
    assert b"core" in dumped
    assert b"hunter2" not in dumped
    assert 0 < life <= 600


async def test_nonsense_on_the_server_is_not_listened_to(url: str) -> None:
    naive = msgspec.msgpack.encode({"type": "paused", "until": datetime(2030, 1, 1)})  # noqa: DTZ001  # nonsense
    nonsense = (b"", b"\xc1", b"\x80", naive, msgspec.msgpack.encode({"type": "else"}))
    async with two(url) as (one, other):
        assert not await other.is_held()
        await one.meets_limit(path="/")
        await until_told(url)
        await until_heard(url, 2)
        with client(url) as connection:
            (key,) = connection.keys()
            for number, each in enumerate(nonsense):
                connection.hset(key, f"nonsense:{number}", each)
                connection.publish(CHANNEL, each)
        await other.until_held()
        async with node(url) as third:
            assert await third.is_held()


# When the server is slow or gone.


async def timed(node: Node) -> float:
    began = time.monotonic()
    assert not await node.is_held()
    return time.monotonic() - began


async def test_a_server_that_stalls_costs_the_first_call_a_tenth_of_a_second(server: Valkey) -> None:
    async with two(server.url, patience=0.1) as (one, other):
        server.stall()
        try:
            assert await timed(other) < 0.1 + SLACK
            assert await timed(other) < SLACK / 2
            began = time.monotonic()
            await one.meets_limit()
            assert time.monotonic() - began < 0.1 + SLACK
            assert await one.is_held()
        finally:
            server.resume()
        await other.until_held()


async def test_closing_while_the_server_stalls_is_quick_and_leaves_nothing(server: Valkey) -> None:
    async with no_strays(), node(server.url, patience=0.1) as one:
        await one.is_held()
        await until_heard(server.url, 1)
        server.stall()
        try:
            await one.meets_limit()
            began = time.monotonic()
            await one.client.aclose()
            assert time.monotonic() - began < 1 + SLACK
        finally:
            server.resume()


async def test_what_was_learned_while_the_server_was_gone_is_told_when_it_returns(server: Valkey) -> None:
    async with two(server.url) as (one, other):
        assert not await one.is_held()
        assert not await other.is_held()
        await until_heard(server.url, 2)
        server.kill()
        await one.meets_limit()
        assert not await other.is_held()
        server.start_again()
        await other.until_held()


async def test_what_was_known_before_the_server_lost_it_is_told_to_the_new_one(server: Valkey) -> None:
    async with no_strays(), node(server.url) as one:
        await one.meets_limit()
        await until_heard(server.url, 1)
        await until_told(server.url)
        server.kill()
        server.start_again()
        await until_told(server.url)
        async with node(server.url) as other:
            assert await other.is_held()


def confined(server: Valkey, *channels: str) -> str:
    """The server's address for a user who may do anything with our keys, and with these channels."""
    with client(server.url) as connection:
        connection.acl_setuser(
            "bot",
            enabled=True,
            passwords="+secret",
            keys=["tux_http:*"],
            channels=channels,
            commands=["+@all"],
            reset_channels=True,
        )
    return server.url.replace("redis://", "redis://bot:secret@")


async def test_who_may_use_our_keys_and_channels_only_needs_no_more(server: Valkey) -> None:
    async with two(confined(server, "tux_http:*")) as (one, other):
        assert not await other.is_held()
        await one.meets_limit()
        await other.until_held()
        assert one.store.available


async def test_who_may_not_listen_on_a_server_keeps_answers_there_all_the_same(server: Valkey) -> None:
    url = confined(server)
    with messages() as lines:
        async with no_strays(), node(url) as one:
            await one.meets_limit()
            async with asyncio.timeout(PATIENCE):
                while not lines:  # noqa: ASYNC110  # the log sets no event
                    await asyncio.sleep(0.005)
            assert one.store.available
            assert await one.is_held()
        async with node(url) as other:
            assert await other.is_held()  # what was put there can be read
    assert {line.partition(":")[0] for line in lines} == {"api"}
    assert all("can't be shared" in line and "secret" not in line for line in lines)


# The book.


def told(story: Story, remaining: int, *, name: str = "core", reset: float = 3600) -> Told:
    return Told.of(story.told(remaining, name=name, reset=reset))


@pytest.mark.parametrize(
    ("heard", "left"),
    [((5, 3600), 5), ((5, 3601.5), 5), ((40, 3600), 10), ((40, 7200), 40), ((5, 1800), 10), ((0, 3600), 0)],
)
def test_the_stricter_word_holds_on_one_window_and_the_later_window_over_an_earlier(
    heard: tuple[int, float], left: int
) -> None:
    story = Story(reserve=0)
    story.learn(story.told(10))
    story.book.heard("me", [told(story, heard[0], reset=heard[1])], story.now)
    tickets = 0
    while not isinstance(story.try_(), tuple):
        tickets += 1
    assert tickets == left


def test_calls_under_way_are_not_in_what_others_tell() -> None:
    story = Story(reserve=0)
    story.learn(story.told(10))
    for _ in range(4):
        story.start()
    story.book.heard("me", [told(story, 5)], story.now)
    assert story.passes()
    story.start()
    assert not story.passes()


def test_an_answer_to_a_call_sent_before_the_news_does_not_widen_what_they_said() -> None:
    story = Story(reserve=0)
    story.learn(story.told(10))
    ticket = story.start()
    story.book.heard("me", [told(story, 0)], story.now)
    story.answer(ticket, story.told(9))
    assert not story.passes()


def test_a_longer_pause_holds_over_a_shorter_one() -> None:
    story = Story()
    for seconds in (60, 30, 90, 10):
        story.book.heard("me", [Paused(until=story.after(seconds), scope="secondary")], story.now)
    assert story.try_() == (90, "secondary", None)


def test_secondary_limits_that_others_met_count_for_the_next_pause() -> None:
    story = Story()
    story.book.heard("me", [Paused(until=story.after(60), strikes=2)], story.now)
    story.pass_time(61)
    assert story.book.secondary_wait(story.start()) == timedelta(seconds=240)


def test_nonsense_of_others_holds_nobody_for_longer_than_a_day() -> None:
    story = Story()
    distant = datetime.max.replace(tzinfo=UTC)
    nonsense = [Told(name="core", remaining=-5, reset=distant), Paused(until=distant)]
    story.book.heard("me", nonsense, story.now)
    assert story.passes()
    story.learn(story.told(10))
    story.book.heard("me", nonsense, story.now)
    assert story.passes()


def test_where_requests_count_is_told_along() -> None:
    one, other = Story(reserve=0), Story(reserve=0)
    one.learn(one.told(7))
    ticket = one.start(SEARCH)
    assert not other.book.known("me", other.now)
    other.book.heard("me", one.book.known("me", one.now), one.now)
    one.answer(ticket, one.told(0, name="search"))
    other.book.heard("me", one.book.known("me", one.now), one.now)
    assert other.passes(REPOS)
    assert not other.passes(SEARCH)


announcements = st.lists(
    st.tuples(st.sampled_from(["core", "search"]), st.integers(0, 9), st.sampled_from([1800.0, 3600.0])),
    max_size=8,
)


@given(mine=announcements, theirs=announcements)
def test_two_that_have_heard_each_other_are_of_one_mind_and_neither_is_laxer_than_before(
    mine: list[tuple[str, int, float]], theirs: list[tuple[str, int, float]]
) -> None:
    one, other = Story(reserve=0), Story(reserve=0)
    for story, all_ in ((one, mine), (other, theirs)):
        for name, remaining, reset in all_:
            story.book.heard("me", [told(story, remaining, name=name, reset=reset)], story.now)
    before = view(one)
    one.book.heard("me", other.book.known("me", other.now), one.now)
    other.book.heard("me", one.book.known("me", one.now), other.now)
    assert view(one) == view(other)
    for name, (reset, remaining) in before.items():
        later, left = view(one)[name]
        assert later > reset or (later == reset and left <= remaining)


def view(story: Story) -> dict[str, tuple[datetime, int]]:
    known: tuple[News, ...] = story.book.known("me", story.now)
    return {each.name: (each.reset, each.remaining) for each in known if isinstance(each, Told)}

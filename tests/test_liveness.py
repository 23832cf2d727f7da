"""A connection whose server is gone takes no more requests; one whose server is slow takes them all."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.fault_server import fault_server
from tests.servers import settle
from tests.strays import no_strays, pool_of
from tux_http import HTTPClient, call_of
from tux_http.errors import DeadlineExceeded
from tux_http.transports.engine.liveness import ANSWER_WITHIN, SILENCE, Liveness

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.conftest import TLS
    from tests.fault_server import FaultServer
    from tux_http.api import API

pytestmark = pytest.mark.slow

SHORT: Final = 0.4
"""Seconds; the deadline of calls that are to meet it. Longer than the silence after which a server is asked."""

LONG: Final = 8.0
"""The deadline of calls that are to be answered, long before it."""

MARGIN: Final = 3.0
"""Seconds that a busy machine may be late. A call that was lost takes until its deadline, longer than this."""


@pytest.fixture
async def server(tls: TLS) -> AsyncGenerator[FaultServer]:
    async with no_strays(), fault_server("HTTP/2", tls) as server:
        yield server


@pytest.fixture
async def client(tls: TLS, server: FaultServer) -> AsyncGenerator[HTTPClient]:
    async with HTTPClient(verify=tls.client, trust_env=False) as client:
        yield client
        assert (await pool_of(client)).requests == 0


@pytest.fixture
async def api(client: HTTPClient, server: FaultServer) -> API:
    return await connected(client, server)


async def connected(client: HTTPClient, server: FaultServer) -> API:
    """An API whose connection is open: no deadline is spent on that."""
    api = client.api("faulty", base_url=server.url)
    await api.post("/")
    return api


async def assert_answered(api: API) -> None:
    """One request, sent once (a POST is not repeated, nor answered by a cache), and not to a server that is gone."""
    started = time.monotonic()
    answer = await api.post("/", deadline=LONG)
    assert answer.text == "ok"
    assert time.monotonic() - started < ANSWER_WITHIN + MARGIN
    call = call_of(answer)
    assert call is not None
    assert len(call.attempts) == 1


async def lose(api: API, path: str, deadline: float = SHORT) -> None:
    with pytest.raises(DeadlineExceeded):
        await api.post(path, deadline=deadline)


async def leave(api: API, path: str) -> None:
    call = asyncio.ensure_future(api.post(path))
    await asyncio.wait({call}, timeout=SHORT)
    await cancelled(call)


async def cancelled(call: asyncio.Future[httpx.Response]) -> None:
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def time_out(api: API, path: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await api.post(path, timeout=httpx.Timeout(5, read=0.1))


Ending: TypeAlias = "Callable[[API, str], Awaitable[None]]"
GIVING_UP: Final = pytest.mark.parametrize("give_up", [lose, leave, time_out])


# A server that is gone.


@GIVING_UP
@pytest.mark.parametrize("path", ["/vanish", "/hang-in-headers", "/drip-headers?every=0.2"])
async def test_after_a_call_that_ended_in_silence_the_next_is_served_on_another_connection(
    api: API, server: FaultServer, give_up: Ending, path: str
) -> None:
    await give_up(api, path)
    await assert_answered(api)
    assert server.log.accepted == 2


@GIVING_UP
async def test_a_pool_of_one_replaces_its_connection_then(
    tls: TLS, server: FaultServer, give_up: Ending
) -> None:
    limits = httpx.Limits(max_connections=1)
    async with HTTPClient(verify=tls.client, trust_env=False, limits=limits) as client:
        api = await connected(client, server)
        await give_up(api, "/vanish")
        await asyncio.gather(*(assert_answered(api) for _ in range(10)))
        assert server.log.accepted == 2
        assert len((await pool_of(client)).connections) == 1


async def test_who_calls_while_others_still_wait_in_silence_is_served_on_another_connection(
    api: API, server: FaultServer
) -> None:
    waiting = asyncio.ensure_future(api.post("/vanish"))
    await settle(lambda: server.log.count("/vanish") == 1)
    await lose(api, "/")  # nobody knew yet
    await assert_answered(api)
    assert server.log.accepted == 2
    assert not waiting.done()
    await cancelled(waiting)


async def test_calls_that_give_up_too_soon_to_tell_find_out_together(api: API, server: FaultServer) -> None:
    await lose(api, "/vanish", deadline=SILENCE * 0.8)
    await lose(api, "/", deadline=SILENCE * 0.8)
    await assert_answered(api)
    assert server.log.accepted == 2


async def test_who_leaves_while_the_server_is_asked_takes_nothing_along(
    client: HTTPClient, api: API, server: FaultServer
) -> None:
    await lose(api, "/vanish", deadline=SILENCE * 1.2)
    await lose(api, "/", deadline=0.01)
    await assert_answered(api)
    assert server.log.accepted == 2
    assert all(connection.is_idle() for connection in (await pool_of(client)).connections)


# A server that is slow.


@GIVING_UP
@pytest.mark.parametrize("path", ["/hang", "/hang-in-body"])
async def test_slow_answers_do_not_cost_the_connection(
    api: API, server: FaultServer, give_up: Ending, path: str
) -> None:
    for _ in range(4):  # together longer than the answer to a ping may take
        await give_up(api, path)
    await assert_answered(api)
    assert server.log.accepted == 1


async def test_a_call_that_waits_for_long_leaves_the_connection_to_others(
    api: API, server: FaultServer
) -> None:
    waiting = asyncio.ensure_future(api.post("/hang"))
    for _ in range(4):
        await lose(api, "/hang")
        await assert_answered(api)
    assert server.log.accepted == 1
    await cancelled(waiting)


async def test_a_late_answer_to_the_ping_is_waited_for(api: API, server: FaultServer) -> None:
    await lose(api, f"/stall?seconds={SILENCE * 1.4}", deadline=SILENCE * 1.2)
    await assert_answered(api)
    assert server.log.accepted == 1


async def test_a_connection_that_speaks_again_serves_those_who_waited_for_a_place(
    tls: TLS, server: FaultServer
) -> None:
    limits = httpx.Limits(max_connections=1)
    async with HTTPClient(verify=tls.client, trust_env=False, limits=limits) as client:
        api = await connected(client, server)
        stalled = asyncio.ensure_future(api.post("/stall?seconds=1.5"))
        await settle(lambda: server.log.count("/stall") == 1)
        await lose(api, "/", deadline=SILENCE + ANSWER_WITHIN + 0.25)  # by then it is lost, and still in use
        await assert_answered(api)
        assert server.log.accepted == 1
        assert not stalled.done()
        await cancelled(stalled)


# What is known, and when. `x`: a request is sent; `h`: something is heard; `?`: asking, `!`: and a ping is sent.


def ms(milliseconds: float) -> float:
    return 10 + milliseconds / 1000


@pytest.mark.parametrize(
    ("course", "lost_from"),
    [
        ([], None),
        ([(0, "x"), (250, "!"), (300, "h")], None),
        ([(0, "x"), (249, "?"), (250, "!")], 750),
        ([(0, "x"), (250, "!"), (400, "?"), (600, "?")], 750),
        ([(0, "x"), (250, "!"), (740, "h"), (989, "?"), (990, "!")], 1490),
        ([(0, "x"), (250, "!"), (2000, "h")], None),
        ([(0, "x"), (100, "h"), (349, "?"), (351, "!")], 851),
        ([(0, "x"), (100, "x"), (200, "x"), (251, "!")], 751),
        ([(5000, "x"), (5010, "?")], None),
    ],
)
def test_a_server_is_lost_when_it_left_a_ping_unanswered(
    course: list[tuple[int, str]], lost_from: int | None
) -> None:
    liveness = Liveness(ms(-1))
    for at, what in course:
        if what == "x":
            liveness.expect(ms(at))
        elif what == "h":
            liveness.hear(ms(at))
        else:
            assert liveness.ask(ms(at)) is (what == "!")
    assert liveness.is_lost(ms(60_000)) is (lost_from is not None)
    if lost_from is not None:
        assert not liveness.is_lost(ms(lost_from - 1))
        assert liveness.is_lost(ms(lost_from + 1))


def test_it_is_asked_sooner_where_less_silence_is_waited_for() -> None:
    liveness = Liveness(0)
    liveness.expect(1)
    assert not liveness.ask(1.0625, quiet=0.125)
    assert liveness.ask(1.125, quiet=0.125)
    assert liveness.patience(1.125) == ANSWER_WITHIN


def test_only_an_answer_to_a_ping_is_told_as_one() -> None:
    liveness = Liveness(0)
    assert not liveness.hear(1)
    assert liveness.ask(1 + SILENCE)
    assert liveness.hear(2)
    assert not liveness.hear(2)


class AnyCourse(RuleBasedStateMachine):
    """Whatever happens when, against the whole of what happened. Time goes in parts that are exact."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1.0
        self.liveness = Liveness(self.now)
        self.sent: list[float] = []
        self.heard = [self.now]
        self.pinged: list[float] = []

    @property
    def unanswered(self) -> list[float]:
        return [at for at in self.pinged if at > self.heard[-1]]

    @rule(parts=st.integers(1, 64))
    def wait(self, parts: int) -> None:
        self.now += parts / 64

    @rule()
    def send(self) -> None:
        self.liveness.expect(self.now)
        self.sent.append(self.now)

    @rule(parts=st.integers(1, 8))
    def hear(self, parts: int) -> None:
        self.now += parts / 64
        assert self.liveness.hear(self.now) is bool(self.unanswered)
        self.heard.append(self.now)

    @rule(parts=st.integers(1, 16))
    def ask(self, parts: int) -> None:
        self.now += 1 / 64
        first = next((at for at in self.sent if at > self.heard[-1]), self.heard[-1])
        expected = not self.unanswered and self.now - first >= parts / 64
        assert self.liveness.ask(self.now, parts / 64) is expected
        if expected:
            self.pinged.append(self.now)

    @invariant()
    def it_is_lost_if_a_ping_waits_for_long(self) -> None:
        assert len(self.unanswered) <= 1
        lost = any(self.now - at >= ANSWER_WITHIN for at in self.unanswered)
        assert self.liveness.is_lost(self.now) is lost
        left = [max(0, at + ANSWER_WITHIN - self.now) for at in self.unanswered]
        assert self.liveness.patience(self.now) == (left[0] if left else None)


TestAnyCourse = AnyCourse.TestCase

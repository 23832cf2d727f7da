"""An outage is one line in the log when it begins and one when it is over, however many calls it met."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from loguru import logger

from tux_http.call import EXTENSION, Call
from tux_http.errors import CircuitOpen
from tux_http.http_client import HTTPClient
from tux_http.policy import Breaker, Caching, Policy, Retry
from tux_http.transports import LayerState
from tux_http.transports.breaker import CircuitBreaker, duration
from tux_http.transports.circuit import Circuits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loguru import Record

POLICY = Policy(breaker=Breaker(minimum_calls=2, open_for=5.0), retry=Retry(attempts=1))
URL = "https://api.github.com/zen"


@pytest.fixture
def log() -> Iterator[list[Record]]:
    records: list[Record] = []
    sink = logger.add(lambda message: records.append(message.record), level=0)
    yield records
    logger.remove(sink)


def told(log: list[Record]) -> list[str]:
    return [record["message"] for record in log if record["name"] == "tux_http.transports.breaker"]


class World:
    """The breaker of an API over an upstream, on a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.up: dict[str, bool] = {}
        self.state = LayerState(POLICY, api="github", base_url=httpx.URL("https://api.github.com"))
        self.state.circuits = Circuits(POLICY.breaker, draw=lambda: 0.0)
        self.layer = CircuitBreaker(
            httpx.MockTransport(self.answer),
            self.state.circuits,
            api="github",
            title="GitHub",
            clock=lambda: self.now,
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if self.up.get(request.url.host, False) else 503)

    async def call(self, url: str = URL, *, stale: bool = False) -> None:
        """Asks, as the client does; with `stale`, the cache has an old answer to give."""
        request = httpx.Request("GET", url)
        request.extensions[EXTENSION] = call = Call.of(request, api="github")
        try:
            await self.layer.handle_async_request(request)
        except CircuitOpen:
            if stale:
                call.cache, call.cached_age, call.stale_because = "stale", 60.0, "CircuitOpen"
            else:
                call.error = "CircuitOpen"
        self.state.ended(call)


async def test_an_outage_is_summed_up_in_one_line_when_it_is_over(log: list[Record]) -> None:
    world = World()
    for _ in range(2):
        await world.call()
    assert told(log) == ["GitHub: failing, and left alone from now on (https://api.github.com)"]
    for number in range(20):
        await world.call(stale=number % 4 == 0)
    world.now += 100  # a probe fails
    await world.call()
    world.now += 1
    await world.call()
    world.up["api.github.com"] = True
    world.now += 91
    await world.call()
    assert told(log)[1:] == [
        "GitHub: back after 3 min 12 s, 16 calls refused, 5 answered stale (https://api.github.com)"
    ]
    extra = log[-1]["extra"]
    assert (extra["api"], extra["origin"]) == ("github", "https://api.github.com")
    assert (extra["seconds"], extra["refused"], extra["stale"]) == (192.0, 16, 5)


async def test_the_next_outage_counts_from_nothing(log: list[Record]) -> None:
    world = World()
    for _ in range(2):
        world.up["api.github.com"] = False
        for _ in range(3):
            await world.call()
        world.up["api.github.com"] = True
        world.now += 6
        await world.call()
    back = "GitHub: back after 6 s, 1 call refused, 0 answered stale (https://api.github.com)"
    assert told(log)[1::2] == [back, back]


async def test_each_origin_has_its_own(log: list[Record]) -> None:
    world = World()
    world.up["api.github.com"] = True
    for _ in range(3):
        await world.call("https://uploads.github.com/a")
        await world.call()
    assert told(log) == ["GitHub: failing, and left alone from now on (https://uploads.github.com)"]
    assert list(world.state.circuits.down()) == ["https://uploads.github.com"]


async def test_a_service_counts_what_people_met_and_logs_no_line_for_each(log: list[Record]) -> None:
    up = False

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if up else 503)

    policy = Policy(
        breaker=Breaker(minimum_calls=2, open_for=0.02, max_open_for=0.02),
        retry=Retry(attempts=1),
        caching=Caching(enabled=False),
    )
    met = dict[str, int]()
    async with HTTPClient(transport=httpx.MockTransport(answer)) as http:
        api = http.api("github", base_url="https://api.github.com", policy=policy)

        async def meets() -> str:
            try:
                await api.get("/zen")
            except httpx.HTTPError as exc:
                met[name] = met.get(name := type(exc).__name__, 0) + 1
                return name
            return "answer"

        for _ in range(2):
            assert await meets() == "HTTPStatusError"
        while await meets() != "CircuitOpen":
            pass
        up = True
        while await meets() != "answer":
            pass
    (line,) = [record for record in log if ": back after" in record["message"]]
    assert line["extra"]["refused"] == met["CircuitOpen"]
    of_refused = [record for record in log if "-> CircuitOpen" in record["message"]]
    assert {record["level"].name for record in of_refused} == {"DEBUG"}
    assert len(of_refused) == met["CircuitOpen"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (192, "3 min 12 s"),
        (3600, "1 h"),
        (90061, "25 h 1 min 1 s"),
        (-1, "0 s"),
    ],
)
def test_a_duration_is_told_in_the_units_it_has(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_what_ends_while_all_is_well_is_not_counted() -> None:
    state = World().state
    call = Call(method="GET", url=URL, path="/zen", api="github", error="CircuitOpen", refused_by="breaker")
    state.ended(call)
    assert not state.circuits.down()
    assert len(state.circuits) == 0

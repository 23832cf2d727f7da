"""An hour of a busy server, in simulated time: what is answered, how, and what of GitHub's quota it costs.

People look up repositories, some of them often (Zipf's law), of a GitHub as tests/simulated_github.py has it:
with this cache and all layers under it, with hishel alone as a private cache, and with none. Our layers are told
the simulated time. hishel goes by `time.time()`, which is replaced for it, and keeps its answers in a dictionary:
the threads of its own storages know no other time. The same seed gives the same figures.

Goals: with a token at least 99 % are answered and fewer than 5 % cost quota; without one, no lookup of
something seen before is refused. What is asked for the first time costs quota in any case, and so does what
has changed: with an exponent of 1 the former alone are 4.9 % of 10,000 lookups of 500 repositories, with 1.2
4.6 %. So it is told as well what quota was spent without any news.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import types
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from unittest import mock
from uuid import uuid4

import hishel
import httpx
from hishel.httpx import AsyncCacheTransport
from loguru import logger

from tests.simulated_github import URL, GitHub
from tests.virtual_time import simulated
from tux_http import HTTPClient, call_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
    from uuid import UUID

    from tux_http.transports import Pipeline

    Get = Callable[[str], Awaitable[httpx.Response]]

SHORT: Final = ("--lookups", "300", "--repositories", "40")

ANSWERED: Final = 0.99
"""Of the lookups with a token, at least."""

COST: Final = 0.05
"""Of the lookups with a token, fewer."""

START: Final = 1_800_000_000.0
TOKEN: Final = {"Authorization": "Bearer sample"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What happens in an hour.

    `exponent` is Zipf's: the repository of rank n is looked up as often as 1 / n ** exponent. The most popular
    one changes `changes` times, on average, and the others as much less often as they are less popular: what
    people look at is where people star, push and discuss.
    """

    lookups: int = 10_000
    repositories: int = 500
    seconds: float = 3600.0
    exponent: float = 1.2
    changes: float = 6.0
    seed: int = 1

    def weights(self) -> list[float]:
        return [rank**-self.exponent for rank in range(1, self.repositories + 1)]

    def draw(self) -> list[tuple[float, str]]:
        """When which repository is looked up, in order."""
        chance = random.Random(f"{self.seed} lookups")
        times = sorted(START + chance.random() * self.seconds for _ in range(self.lookups))
        drawn = chance.choices(range(self.repositories), self.weights(), k=self.lookups)
        return [(at, path_of(number)) for at, number in zip(times, drawn, strict=True)]

    def drawn_changes(self) -> dict[str, list[float]]:
        chance = random.Random(f"{self.seed} changes")
        return {
            path_of(number): list(_moments(chance, self.changes * weight / self.seconds, self.seconds))
            for number, weight in enumerate(self.weights())
            if self.changes
        }


def add_arguments(parser: ArgumentParser) -> None:
    plan = Plan()
    parser.add_argument("--lookups", type=int, default=plan.lookups, help="how many (10,000)")
    parser.add_argument("--repositories", type=int, default=plan.repositories, help="of how many (500)")
    parser.add_argument("--exponent", type=float, default=plan.exponent, help="of Zipf's law (1.2)")
    parser.add_argument(
        "--changes", type=float, default=plan.changes, help="of the most popular repository, in the hour (6)"
    )
    parser.add_argument("--seed", type=int, default=plan.seed, help="of all that is drawn (1)")


def run(arguments: Namespace) -> Iterator[str]:
    logger.remove()
    plan = Plan(
        lookups=arguments.lookups,
        repositories=arguments.repositories,
        exponent=arguments.exponent,
        changes=arguments.changes,
        seed=arguments.seed,
    )
    yield f"{plan.lookups:,} lookups of {plan.repositories:,} repositories in an hour, seed {plan.seed}"
    for token in (True, False):
        tallies = {contender: play(contender, plan, token=token) for contender in CONTENDERS}
        yield from ("", "with a token" if token else "without a token")
        yield from _table(tallies)
        yield from _verdicts(tallies["tux_http"], token=token)


def path_of(number: int) -> str:
    return f"/repos/owner-{number}/repository"


def _moments(chance: random.Random, rate: float, seconds: float) -> Iterator[float]:
    at = chance.expovariate(rate)
    while at < seconds:
        yield START + at
        at += chance.expovariate(rate)


@dataclass
class Tally:
    """What came of an hour.

    `answers` counts lookups by how they were answered, `seen_but_refused` those that were refused what had been
    answered before. `oldest` is for how many seconds an answer was out of date, at most; `wrong` counts those to
    another question.
    """

    plan: Plan
    github: GitHub
    answers: Counter[str] = field(default_factory=Counter[str])
    seen_but_refused: int = 0
    oldest: float = 0.0
    wrong: int = 0

    @property
    def answered(self) -> float:
        return 1 - self.answers["refused"] / self.plan.lookups

    @property
    def cost(self) -> float:
        """Of the lookups, how many cost quota."""
        return self.github.spent / self.plan.lookups

    @property
    def first(self) -> int:
        """How many repositories were asked for."""
        return len(self.github.told)

    @property
    def changed(self) -> int:
        """How many changes came to light."""
        return sum(map(len, self.github.told.values())) - self.first

    @property
    def wasted(self) -> int:
        """How much quota was spent, and nothing new was learned."""
        return self.github.spent - self.first - self.changed


def play(contender: str, plan: Plan, *, token: bool) -> Tally:
    """Plays an hour with one contender."""
    return simulated(_played(contender, plan, token=token))


async def _played(contender: str, plan: Plan, *, token: bool) -> Tally:
    loop, seen = asyncio.get_running_loop(), set[str]()
    chance = random.Random(f"{plan.seed} latencies")
    github = GitHub(clock=lambda: START + loop.time(), draw=chance.random, changes=plan.drawn_changes())
    tally = Tally(plan, github)

    async def look_up(get: Get, path: str) -> None:
        asked_at = github.clock()
        try:
            response = await get(path)
            response.raise_for_status()
        except httpx.HTTPError:
            tally.answers["refused"] += 1
            tally.seen_but_refused += path in seen
            return
        seen.add(path)
        tally.answers[_how(response)] += 1
        told: dict[str, Any] = json.loads(response.content)
        tally.wrong += told["path"] != path
        replaced = github.changes.get(path, ())[told["version"] : told["version"] + 1]
        tally.oldest = max([tally.oldest, *(asked_at - at for at in replaced)])

    async with CONTENDERS[contender](github, TOKEN if token else {}) as get, asyncio.TaskGroup() as people:
        for at, path in plan.draw():
            await asyncio.sleep(at - github.clock())
            people.create_task(look_up(get, path))
    return tally


@contextlib.asynccontextmanager
async def _tux_http(github: GitHub, headers: dict[str, str]) -> AsyncGenerator[Get]:
    async with HTTPClient(transport=httpx.MockTransport(github.handle)) as service:
        service.shelf.clock = github.clock
        api = service.api("github", base_url=URL, headers=headers)
        client = await api.get_client()
        _put_on_clock(client._transport, github.clock)  # pyright: ignore[reportArgumentType]  # a Pipeline
        yield api.get


def _put_on_clock(pipeline: Pipeline, clock: Callable[[], float]) -> None:
    """Gives all layers the simulated time: of day, and for stop-watches."""
    layer: Any = pipeline._outermost
    ticks = asyncio.get_running_loop().time

    def wall() -> datetime:
        return datetime.fromtimestamp(clock(), UTC)

    while layer is not pipeline.engine:
        clocks = {"clock": ticks, "_clock": ticks, "wall": wall, "_wall": wall}
        for name in [name for name in clocks if hasattr(layer, name)]:
            setattr(layer, name, clocks[name])
        layer = layer._inner


@contextlib.asynccontextmanager
async def _hishel(github: GitHub, headers: dict[str, str]) -> AsyncGenerator[Get]:
    transport = AsyncCacheTransport(
        httpx.MockTransport(github.handle), storage=_Dictionary(), rfc=hishel.CacheOptions(shared=False)
    )
    clock = mock.patch("hishel._core._spec.time", types.SimpleNamespace(time=github.clock))
    async with httpx.AsyncClient(transport=transport, base_url=URL, headers=headers) as client:
        with clock:
            yield client.get


@contextlib.asynccontextmanager
async def _no_cache(github: GitHub, headers: dict[str, str]) -> AsyncGenerator[Get]:
    transport = httpx.MockTransport(github.handle)
    async with httpx.AsyncClient(transport=transport, base_url=URL, headers=headers) as client:
        yield client.get


CONTENDERS: Final[dict[str, Callable[[GitHub, dict[str, str]], Any]]] = {
    "tux_http": _tux_http,
    "hishel alone": _hishel,
    "no cache": _no_cache,
}


class _Dictionary(hishel.AsyncBaseStorage):
    """What hishel's own storages do, without a thread, and without ever being full."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[UUID, tuple[str, hishel.Entry, bytes]] = {}

    async def create_entry(
        self,
        request: hishel.Request,
        response: hishel.Response,
        key: str,
        *,
        ttl: float | None = None,
        tti: float | None = None,
    ) -> hishel.Entry:
        del ttl, tti
        assert isinstance(response.stream, AsyncIterator)
        entry = hishel.Entry(uuid4(), request, response)
        body = b"".join([chunk async for chunk in response.stream])
        self._kept[entry.id] = key, entry, body
        return self._opened(entry.id)

    async def get_entries(self, key: str) -> list[hishel.Entry]:
        return [self._opened(number) for number, (its, _, _) in self._kept.items() if its == key]

    async def update_headers(self, id: UUID, headers: hishel.Headers) -> None:  # noqa: A002  # hishel's name
        self._kept[id][1].response.headers = headers

    async def remove_entry(self, id: UUID) -> None:  # noqa: A002  # hishel's name
        self._kept.pop(id, None)

    def _opened(self, number: UUID) -> hishel.Entry:
        _, entry, body = self._kept[number]
        response = hishel.Response(entry.response.status_code, entry.response.headers, _chunks(body))
        return hishel.Entry(entry.id, entry.request, response)


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _how(response: httpx.Response) -> str:
    if (call := call_of(response)) is not None:
        if call.stale_because == "refreshing":
            return call.stale_because
        return {"hit": "fresh", "miss": "fetched"}.get(str(call.cache), str(call.cache))
    status = response.extensions.get("caching", {"from_cache": False})
    if not status["from_cache"]:
        return "fetched"
    return "revalidated" if status["revalidated"] else "fresh"


COLUMNS: Final[dict[str, Callable[[Tally], str]]] = {
    "fresh": lambda tally: f"{tally.answers['fresh']:,}",
    "revalidated": lambda tally: f"{tally.answers['revalidated']:,}",
    "stale, refreshed behind": lambda tally: f"{tally.answers['refreshing']:,}",
    "stale": lambda tally: f"{tally.answers['stale']:,}",
    "fetched": lambda tally: f"{tally.answers['fetched']:,}",
    "refused": lambda tally: f"{tally.answers['refused']:,}",
    "though seen": lambda tally: f"{tally.seen_but_refused:,}",
    "requests": lambda tally: f"{tally.github.requests:,}",
    "quota": lambda tally: f"{tally.github.spent:,}",
    "out of date by": lambda tally: f"{tally.oldest:,.0f} s",
}


def _table(tallies: dict[str, Tally]) -> Iterator[str]:
    rows = [["", *COLUMNS]]
    rows += [[name, *(cell(tally) for cell in COLUMNS.values())] for name, tally in tallies.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])


def _verdicts(tally: Tally, *, token: bool) -> Iterator[str]:
    if not token:
        yield f"goal: nothing seen before is refused: {_met(not tally.seen_but_refused)}"
        return
    is_answered, is_cheap = tally.answered >= ANSWERED, tally.cost < COST
    yield f"goal: at least {ANSWERED:.0%} are answered: {_met(is_answered)} ({tally.answered:.2%})"
    yield f"goal: fewer than {COST:.0%} cost quota: {_met(is_cheap)} ({tally.cost:.2%})"
    yield f"spent on: first answers {tally.first}, changes {tally.changed}, nothing new {tally.wasted}"


def _met(goal: bool) -> str:
    return "met" if goal else "missed"

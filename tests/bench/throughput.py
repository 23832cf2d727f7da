"""Requests a second over TLS, each of 6 kB of JSON that is decoded, beside other clients on the same server.

All contenders of a table are in one process and take turns, in rounds. Each asks, at 1, 50 and 500 at once, for a different
path with every request, so that no answer comes from a cache, though this project's APIs keep each one that they
get. CPU is that of this process, the server has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from tests.bench._contenders import NEW_CLIENT, OURS, contenders, versions
from tests.bench._rounds import Result, quiet, rotated, spend
from tests.bench._serving import FRESH
from tests.bench._site import site
from tests.bench._tables import at_least, table

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from tests.bench._contenders import Ask
    from tests.bench._serving import HTTP, Endpoint

    Results = dict[str, Result]

SHORT: Final = ("--rounds", "1", "--requests", "40", "--at-once", "1", "20")

COSTLY: Final = 40
"""How many times fewer requests a contender gets that takes tens of milliseconds for one."""

WARM_UP: Final = 50


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="how often each has its turn (5)")
    parser.add_argument("--requests", type=int, default=1000, help="in a turn (1,000); alone, a fifth of it")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 50, 500], help="how many (1 50 500)")
    parser.add_argument(
        "--http", nargs="+", choices=["1.1", "2"], default=["1.1", "2"], help="versions (both)"
    )
    parser.add_argument("--only", nargs="+", choices=list(contenders()), help="some of the contenders")


def run(arguments: Namespace) -> Iterator[str]:
    chosen = arguments.only or list(contenders())
    with site() as served:
        yield f"server: {served.server}; {versions()}"
        for http in arguments.http:
            endpoint = served.endpoints[http]
            found: dict[int, Results] = {}
            for at_once in arguments.at_once:
                requests = max(arguments.requests, 2 * at_once) if at_once > 1 else arguments.requests // 5
                rounds = arguments.rounds
                yield f"HTTP/{http}, {at_once} at once, {rounds} rounds of {requests:,} requests each"
                found[at_once] = _in_fresh_process(endpoint, chosen, at_once, rounds, requests)
                yield from _report(found[at_once])
            yield from _verdicts(http, found)


def _in_fresh_process(*plan: Any) -> Results:
    """In a process and a loop of its own, in which nothing is left of the run before."""
    with ProcessPoolExecutor(1, mp_context=FRESH) as process:
        return process.submit(_run_measured, *plan).result()


def _run_measured(*plan: Any) -> Results:
    quiet()
    return asyncio.run(_measured(*plan))


async def _measured(
    endpoint: Endpoint, chosen: list[str], at_once: int, rounds: int, requests: int
) -> Results:
    numbers = itertools.count()
    results = {name: Result(name, _share(name, requests)) for name in chosen}
    async with contextlib.AsyncExitStack() as stack:
        asks: dict[str, Ask] = {}
        for name in chosen:
            asks[name] = await stack.enter_async_context(contenders()[name](endpoint, at_once))
            await spend(_paths(numbers, _share(name, max(WARM_UP, 2 * at_once))), asks[name], at_once)
        for number in range(rounds):
            for name in rotated(chosen, number):
                paths = _paths(numbers, results[name].work)
                with results[name].turn() as turn:
                    turn.failures += await spend(paths, asks[name], at_once)
    return results


def _share(name: str, requests: int) -> int:
    return max(1, requests // COSTLY) if name == NEW_CLIENT else requests


def _paths(numbers: Iterator[int], count: int) -> list[str]:
    return [f"/repos/octocat/{number}" for number in itertools.islice(numbers, count)]


def _report(results: Results) -> Iterator[str]:
    ours = next(iter(results.values()))
    rows = [
        [
            name,
            f"{1 / result.seconds:,.0f}",
            f"{1 / result.best:,.0f}",
            f"{result.cpu * 1e6:,.0f}",
            f"{1 / result.times_as_long(ours):.2f}",
            str(result.failures.total()),
        ]
        for name, result in results.items()
    ]
    yield from table(("", "req/s", "best", "CPU us/request", f"times {ours.name}'s req/s", "failed"), rows)
    for name, result in results.items():
        if result.failures:
            yield f"{name}: {dict(result.failures)}"


def _verdicts(http: HTTP, found: dict[int, Results]) -> Iterator[str]:
    for at_once, results in found.items():
        if at_once == 50 and {OURS, "httpx"} <= results.keys():  # that of the goal
            times = results["httpx"].times_as_long(results[OURS])
            yield at_least(f"HTTP/{http}, {at_once} at once: times httpx's req/s", times, 2)
    if {50, 500} <= found.keys() and OURS in found[50]:
        kept = found[50][OURS].seconds / found[500][OURS].seconds
        yield at_least(f"HTTP/{http}: req/s at 500 at once in those at 50", kept, 0.8)
    yield ""

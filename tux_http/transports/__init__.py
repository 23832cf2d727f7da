"""The pipeline a request walks down and its response walks up; `build` is the only place with its order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import httpx

from tux_http import fields
from tux_http.caching.shelf import Shelf
from tux_http.policy import CacheSettings, Caps
from tux_http.transports.allowance import Book
from tux_http.transports.breaker import CircuitBreaker, origin_of
from tux_http.transports.budget import Budget
from tux_http.transports.bulletin import bulletin_for
from tux_http.transports.cache import Cache
from tux_http.transports.circuit import Circuits
from tux_http.transports.coalesce import Coalesce
from tux_http.transports.credential import Signer
from tux_http.transports.guard import Guard
from tux_http.transports.lane import Lane
from tux_http.transports.quota import Quota
from tux_http.transports.recorder import Recorder
from tux_http.transports.retry import Retrier
from tux_http.transports.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from tux_http.call import Call
    from tux_http.chaos import Faults
    from tux_http.policy import Policy
    from tux_http.transports.credential import Credential

__all__ = ["LayerState", "Pipeline", "build"]

STEADY: Final = time.monotonic
"""The clock of the event loop; taken now, for who simulates time may put another one there."""


class LayerState:
    """What the layers of one named API remember; it outlives the API's connections. The shelf is its service's.

    `title` is what operators read for the API in the log; its name until somebody knows a better one.
    `clock` is the one of the event loop, in seconds, that the deadlines of calls are told by.
    `credential` is what its requests carry in place of a stand-in. `faults` are to happen to its calls; they are the service's, and a pipeline is built with them or without.
    """

    def __init__(self, policy: Policy, *, api: str, base_url: httpx.URL, shelf: Shelf | None = None) -> None:
        self.policy = policy
        self.api = self.title = api
        self.shelf = shelf or Shelf(CacheSettings())
        self.clock: Callable[[], float] = STEADY
        self.faults: Faults | None = None
        self.credential: Credential | None = None
        self.base_url = base_url
        self.base_path = base_url.path
        self.budget = Budget(policy.retry)
        self.circuits = Circuits(policy.breaker)
        self.book = Book(reserve=policy.quota.reserve, secondary_wait=policy.quota.secondary_wait)
        self.turns = Turns(policy.lane.concurrency, policy.lane.queue)

    def ended(self, call: Call) -> None:
        """Counts a call that an open circuit had refused, or that an old answer was given to meanwhile."""
        refused = call.error is not None and call.refused_by == "breaker"
        stale = call.error is None and call.cache == "stale" and call.stale_because != "refreshing"
        if (refused or stale) and (downtime := self.circuits.downtime(origin_of(httpx.URL(call.url)))):
            downtime.refused += refused
            downtime.stale += stale


class Pipeline(httpx.AsyncBaseTransport):
    """Layers over an engine. `engine` stays reachable, so that an API can put its own layers over it."""

    def __init__(self, engine: httpx.AsyncBaseTransport, outermost: httpx.AsyncBaseTransport) -> None:
        self.engine = engine
        self._outermost = outermost

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._outermost.handle_async_request(request)
        fields.forget(response)
        return response

    async def aclose(self) -> None:
        await self._outermost.aclose()


def build(engine: httpx.AsyncBaseTransport, state: LayerState | None = None) -> Pipeline:
    """Stacks the layers over an engine, innermost first.

    Args:
        engine: What talks to the network, or stands in for it in tests.
        state: Of a named API; None for the unnamed client, which has the guard only.
    """
    if state is None:
        return Pipeline(engine, Guard(Recorder(engine), Caps()))
    policy, api, clock = state.policy, state.api, state.clock
    layer = Recorder(engine if state.faults is None else _upset(engine, state.faults, api))
    layer = Guard(layer, policy.caps, api=api)
    if state.credential is not None:
        layer = Signer(layer, state.credential, home=state.base_url)
    layer = Lane(layer, state.turns, api=api, clock=clock)
    if policy.quota.enabled:
        bulletin = bulletin_for(state.shelf, state.book, api=api)
        layer = Quota(layer, state.book, api=api, base_path=state.base_path, bulletin=bulletin)
    if policy.breaker.enabled:
        layer = CircuitBreaker(layer, state.circuits, api=api, title=state.title, clock=clock)
    layer = Retrier(layer, policy.retry, state.budget, clock=clock)
    if policy.caching.enabled:
        layer = Coalesce(Cache(layer, state.shelf, policy.caching, api=api))
    return Pipeline(engine, layer)


def _upset(engine: httpx.AsyncBaseTransport, faults: Faults, api: str) -> httpx.AsyncBaseTransport:
    from tux_http.transports.chaos import Chaos  # noqa: PLC0415  # few want it

    return Chaos(engine, faults, api=api)

"""`Gauges`: how the breakers, quotas, lanes and the memory of the cache do, read when Prometheus asks."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from loguru import logger
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tux_http.transports.news import Paused, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tux_http.http_client import HTTPClient
    from tux_http.transports import LayerState

__all__ = ["Gauges"]

Sample: TypeAlias = tuple[str, tuple[str, ...], float]
"""A gauge's name, what its labels say, and its value."""

PATIENCE: Final = 2.0
"""Seconds that a busy event loop may take to tell; then there are no gauges this time."""

STATES: Final = ("open", "half-open")

GAUGES: Final = {
    "tux_http_breaker_origins": (
        "Origins that are left alone (open) or tried (half-open).",
        ("api", "state"),
    ),
    "tux_http_quota_remaining": ("Calls left of the quota that is nearest to its end.", ("api",)),
    "tux_http_quota_limit": ("How many calls that quota has.", ("api",)),
    "tux_http_quota_reset_seconds": ("Seconds until that quota is whole again.", ("api",)),
    "tux_http_quota_pause_seconds": ("Seconds of a pause that the upstream asked for.", ("api",)),
    "tux_http_lane_under_way": ("Calls under way.", ("api",)),
    "tux_http_lane_slots": ("Calls that may be under way.", ("api",)),
    "tux_http_lane_waiting": ("Calls that wait for their turn.", ("api",)),
    "tux_http_lane_queue": ("Calls that may wait for their turn.", ("api",)),
    "tux_http_cache_entries": ("Answers in memory.", ("api",)),
    "tux_http_cache_bytes": ("Bytes of answers in memory.", ("api",)),
}
"""What each says, and its labels."""


class Gauges(Collector):
    """Read in the service's event loop, whichever thread asks: nothing there is made for two threads.

    Args:
        http: The service.
        label: An API's name as a label.
    """

    def __init__(self, http: HTTPClient, label: Callable[[str], str]) -> None:
        self._http = http
        self._label = label

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Names and meanings alone, for a registry that looks for two of the same name."""
        return _families().values()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges as they are now; without values while no event loop uses the service, or it is stuck."""
        families = _families()
        merged: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
        for name, labels, value in self._read():  # several APIs may share a label
            merged[name, labels] += value
        for (name, labels), value in merged.items():
            families[name].add_metric(labels, value)
        return families.values()

    def _read(self) -> list[Sample]:
        loop = self._http.loop
        if loop is None or not loop.is_running():
            return []
        if loop is _current_loop():
            return self._samples()
        read: concurrent.futures.Future[list[Sample]] = concurrent.futures.Future()
        try:
            loop.call_soon_threadsafe(_settle, read, self._samples)
            return read.result(PATIENCE)
        except (RuntimeError, TimeoutError) as exc:  # closed meanwhile, or stuck
            logger.debug("no gauges this time: {}", type(exc).__name__)
            return []

    def _samples(self) -> list[Sample]:
        now = datetime.now(UTC)
        samples = [
            (name, (self._label(api.name), *labels), value)
            for api in tuple(self._http.apis.values())
            for name, labels, value in _of_layers(api.layers, now)
        ]
        for kept in self._http.shelf.memory.stats():
            api = (self._label(kept.api),)
            samples += [
                ("tux_http_cache_entries", api, kept.entries),
                ("tux_http_cache_bytes", api, kept.size),
            ]
        return samples


def _settle(read: concurrent.futures.Future[list[Sample]], samples: Callable[[], list[Sample]]) -> None:
    try:
        read.set_result(samples())
    except Exception as exc:  # noqa: BLE001  # it is the asking thread's, whatever it is
        read.set_exception(exc)


def _current_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _families() -> dict[str, GaugeMetricFamily]:
    return {name: GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in GAUGES.items()}


def _of_layers(layers: LayerState, now: datetime) -> Iterator[Sample]:
    yield from _breaker(layers)
    yield from _quota(layers, now)
    turns = layers.turns
    yield "tux_http_lane_under_way", (), turns.under_way
    yield "tux_http_lane_slots", (), turns.slots
    yield "tux_http_lane_waiting", (), turns.waiting
    yield "tux_http_lane_queue", (), turns.queue


def _breaker(layers: LayerState) -> Iterator[Sample]:
    if layers.policy.breaker.enabled:
        clock = time.monotonic()
        states = Counter(circuit.state(clock) for circuit in layers.circuits.down().values())
        for state in STATES:
            yield "tux_http_breaker_origins", (state,), states[state]


def _quota(layers: LayerState, now: datetime) -> Iterator[Sample]:
    """Of all credentials and quotas, the one that is nearest to its end; its name is the upstream's word."""
    if not layers.policy.quota.enabled:
        return
    news = [each for credential in layers.book.credentials() for each in layers.book.known(credential, now)]
    pauses = [each.until for each in news if isinstance(each, Paused)]
    yield "tux_http_quota_pause_seconds", (), _until(max(pauses, default=now), now)
    least = min((each for each in news if isinstance(each, Told)), key=_share, default=None)
    if least is not None:
        yield "tux_http_quota_remaining", (), least.remaining
        yield "tux_http_quota_reset_seconds", (), _until(least.reset, now)
        if least.limit is not None:
            yield "tux_http_quota_limit", (), least.limit


def _share(told: Told) -> tuple[float, int]:
    return told.remaining / told.limit if told.limit else 1.0, told.remaining


def _until(moment: datetime, now: datetime) -> float:
    return max((moment - now).total_seconds(), 0.0)

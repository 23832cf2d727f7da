"""`Metrics`: calls and failures counted for Prometheus, with references as exemplars, and how the APIs do.

Needs the extra `metrics`. Labels hold names of APIs and words of ours: never a path, a person or a word of an
upstream. An exemplar is in the OpenMetrics format only, which Prometheus asks for.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx
from loguru import logger
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, start_http_server

from tux_http import errors
from tux_http.config import ConfigError
from tux_http.gauges import Gauges
from tux_http.records import recent
from tux_http.version import __version__

if TYPE_CHECKING:
    from collections.abc import Generator

    from tux_http.call import Attempt, Call
    from tux_http.config import MetricsSettings
    from tux_http.http_client import HTTPClient
    from tux_http.records import Failure

__all__ = ["Metrics", "served"]

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
"""Seconds: from answers out of memory to the longest deadlines."""

MOST_APIS: Final = 100
"""APIs that are told apart; the calls of those that come later are counted together, under `OTHER`."""

UNNAMED: Final = "-"
"""What the log writes, too, where a call is of no named API."""

OTHER: Final = "other"

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CLASSES: Final = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
TIMEOUTS: Final = frozenset(
    cls.__name__
    for module in (httpx, errors)
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, httpx.TimeoutException)
)
"""Errors whose outcome is "timeout"; a record has their names only."""


class Metrics:
    """What is counted from `listen` until `close`, for all calls and failures of this process.

    Args:
        http: The service whose breakers, quotas, lanes and memory are told.
        registry: Where it all is; of a bot that has metrics already, theirs: `prometheus_client.REGISTRY`.
    """

    def __init__(self, http: HTTPClient, *, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._apis: set[str] = set()
        self._known: dict[tuple[str, ...], tuple[Counter, Histogram]] = {}
        self._calls = Counter(
            "tux_http_calls",
            "Calls that ended, by how.",
            ("api", "method", "outcome", "cache"),
            registry=None,
        )
        self._seconds = Histogram(
            "tux_http_call_seconds",
            "Seconds until the answer, waits included.",
            ("api", "cache"),
            buckets=BUCKETS,
            registry=None,
        )
        self._attempts = Counter(
            "tux_http_attempts", "Requests that went to the network.", ("api", "outcome"), registry=None
        )
        self._waits = Counter(
            "tux_http_wait_seconds",
            "Seconds that calls waited: for their turn, to be repeated (backoff), or as asked by the upstream.",
            ("api", "reason"),
            registry=None,
        )
        self._refusals = Counter(
            "tux_http_refusals",
            "Calls that a layer refused, also if an old answer stood in.",
            ("api", "layer"),
            registry=None,
        )
        self._broken = Counter(
            "tux_http_broken_bodies", "Streams that broke after their head.", ("api",), registry=None
        )
        self._problems = Counter(
            "tux_http_problems",
            "Failures that a person was told of, by code.",
            ("api", "problem"),
            registry=None,
        )
        version = Info("tux_http_build", "The version that runs.", registry=None)
        version.info({"version": __version__})
        self._collectors = (
            self._calls,
            self._seconds,
            self._attempts,
            self._waits,
            self._refusals,
            self._broken,
            self._problems,
            version,
            Gauges(http, self._label),
        )

    def listen(self) -> None:
        """Begins to count, and adds it all to the registry.

        Raises:
            ValueError: The registry has it already.
        """
        for collector in self._collectors:
            self._registry.register(collector)
        recent.listen(self)

    def close(self) -> None:
        """Ends what `listen` began."""
        recent.leave(self)
        for collector in self._collectors:
            self._registry.unregister(collector)

    def ended(self, call: Call) -> None:
        """Counts a call; part of `Listener`."""
        api = self._label(call.api)
        if call.answered is not None and call.error is not None:  # its head was counted
            self._broken.labels(api).inc(exemplar=_exemplar(call.reference))
            return
        # An answer from memory takes less time than an exemplar; nobody looks for its reference.
        exemplar = _exemplar(call.reference) if call.attempts or call.error is not None else None
        calls, seconds = self._children(api, call)
        calls.inc(exemplar=exemplar)
        seconds.observe(call.elapsed or 0.0, exemplar=exemplar)
        if call.refused_by is not None:
            self._refusals.labels(api, call.refused_by).inc(exemplar=_exemplar(call.reference))
        if not call.coalesced:  # its attempts and waits are another call's, which counts them
            self._count_attempts(api, call)

    def failed(self, failure: Failure) -> None:
        """Counts a failure; part of `Listener`."""
        api = self._label(failure.call and failure.call.api)
        self._problems.labels(api, failure.problem).inc(exemplar=_exemplar(failure.reference))

    def _children(self, api: str, call: Call) -> tuple[Counter, Histogram]:
        """The counter and the histogram with a call's labels: looking them up anew would cost more than counting."""
        method = call.method if call.method in METHODS else OTHER
        key = api, method, _outcome(call), call.cache or "none"
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._calls.labels(*key), self._seconds.labels(api, key[-1])
        return found

    def _count_attempts(self, api: str, call: Call) -> None:
        in_line = call.waited
        for attempt in call.attempts:
            self._attempts.labels(api, _met(attempt)).inc()
            if attempt.wait is not None and attempt.wait_because is not None:
                self._waits.labels(api, attempt.wait_because).inc(attempt.wait)
                in_line -= attempt.wait
        if in_line > 0:
            self._waits.labels(api, "turn").inc(in_line)

    def _label(self, api: str | None) -> str:
        if api is None:
            return UNNAMED
        if api not in self._apis:
            if len(self._apis) >= MOST_APIS:
                return OTHER
            self._apis.add(api)
        return api


def _exemplar(reference: str) -> dict[str, str]:
    return {"reference": reference}


def _outcome(call: Call) -> str:
    if call.error is None:
        return _class_of(call.status)
    return "refused" if call.refused_by is not None else _error_class(call.error)


def _met(attempt: Attempt) -> str:
    return _class_of(attempt.status) if attempt.error is None else _error_class(attempt.error)


def _class_of(status: int | None) -> str:
    return "none" if status is None else CLASSES.get(status // 100, OTHER)


def _error_class(error: str) -> str:
    if error in TIMEOUTS:
        return "timeout"
    return "cancelled" if error == "CancelledError" else "error"


@contextmanager
def served(settings: MetricsSettings, http: HTTPClient) -> Generator[int]:
    """Counts, and serves what is counted at `/metrics`, in a thread; gives the port.

    Raises:
        ConfigError: The address can't be served at.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(settings.port, settings.host, registry)
    except (OSError, UnicodeError) as exc:  # the latter for a name that is none
        reason = getattr(exc, "strerror", None) or "not a host's name"
        raise ConfigError(
            [
                f"metrics can't be served at {settings.host}, port {settings.port}: {reason}; set metrics.port or metrics.host"
            ]
        ) from exc
    metrics = Metrics(http, registry=registry)
    metrics.listen()
    port = server.server_port
    logger.info("metrics are served at http://{}:{}/metrics", settings.host, port)
    try:
        yield port
    finally:
        metrics.close()
        server.shutdown()
        server.server_close()
        thread.join()

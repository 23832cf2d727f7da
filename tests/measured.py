"""A service whose calls are counted, and what Prometheus would read of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpx
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import exposition, parser

from tux_http.http_client import HTTPClient
from tux_http.metrics import Metrics
from tux_http.policy import CacheSettings, HTTPSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from prometheus_client.samples import Sample


def exposed(registry: CollectorRegistry) -> str:
    """What a registry tells whoever asks for OpenMetrics."""
    untyped: Any = exposition
    return untyped.generate_latest(registry).decode()


class Measured:
    """The service, with an API named "github", and its metrics."""

    def __init__(self, http: HTTPClient) -> None:
        self.http = http
        self.registry = CollectorRegistry()
        self.metrics = Metrics(http, registry=self.registry)

    def text(self) -> str:
        """All that is told, as Prometheus gets it."""
        return exposed(self.registry)

    def samples(self) -> list[Sample]:
        untyped: Any = parser
        families = untyped.text_string_to_metric_families(self.text())
        return [sample for family in families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"tux_http_{name}", labels)

    def counted(self, name: str) -> dict[tuple[str, ...], float]:
        """Of a counter, each value by what its labels say, in their order by name."""
        return {
            tuple(text for _, text in sorted(sample.labels.items())): sample.value
            for sample in self.samples()
            if sample.name == f"tux_http_{name}_total"
        }

    def references(self, name: str) -> set[str]:
        """Those that are exemplars of a metric's samples."""
        return {
            sample.exemplar.labels["reference"]
            for sample in self.samples()
            if sample.name.startswith(f"tux_http_{name}") and sample.exemplar is not None
        }


@contextlib.asynccontextmanager
async def measured(
    upstream: Callable[[httpx.Request], Any] | httpx.AsyncBaseTransport, **policy: Any
) -> AsyncGenerator[Measured]:
    transport = upstream if isinstance(upstream, httpx.AsyncBaseTransport) else httpx.MockTransport(upstream)
    async with HTTPClient(HTTPSettings(cache=CacheSettings()), transport=transport) as http:
        http.api("github", base_url="https://api.example", **policy)
        service = Measured(http)
        service.metrics.listen()
        try:
            yield service
        finally:
            service.metrics.close()

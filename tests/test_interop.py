"""Tools that hook httpx see the service's requests: none of them knows of us."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import respx
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.servers import http1_server, read_request, response
from tux_http import call_of, http_client

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Generator

    from pytest_httpx import HTTPXMock


@pytest.fixture(autouse=True)
async def _closed_afterwards() -> AsyncGenerator[None]:
    yield
    await http_client.close()


async def test_pytest_httpx_sees_a_request_of_the_shared_client(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url="https://api.test/repos", json={"seen": True})
    answer = await http_client.get("https://api.test/repos")
    assert answer.json() == {"seen": True}
    assert call_of(answer) is not None
    assert len(httpx_mock.get_requests()) == 1


async def test_pytest_httpx_sees_a_request_of_a_named_api(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url="https://interop.test/v1/x", status_code=404)
    api = http_client.api("interop", base_url="https://interop.test/v1")
    with pytest.raises(httpx.HTTPStatusError):
        await api.get("/x")


async def test_respx_sees_a_request_of_the_shared_client() -> None:
    with respx.mock(using="httpx") as router:
        route = router.get("https://api.test/repos").respond(json={"seen": True})
        answer = await http_client.get("https://api.test/repos")
    assert answer.json() == {"seen": True}
    assert route.called


@pytest.fixture
def spans() -> Generator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    yield exporter
    HTTPXClientInstrumentor().uninstrument()
    provider.shutdown()


async def test_opentelemetry_sees_a_request_of_the_shared_client(spans: InMemorySpanExporter) -> None:
    traceparents: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        traceparents.extend(
            line for line in (await read_request(reader)).split(b"\r\n") if line.startswith(b"traceparent")
        )
        writer.write(response())
        await writer.drain()

    async with http1_server(answer) as server:
        await http_client.get(server.url)
    (span,) = spans.get_finished_spans()
    assert span.attributes is not None
    assert 200 in span.attributes.values()
    assert len(traceparents) == 1

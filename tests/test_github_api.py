from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tux_http.cogs.github.api import Repository, fetch_repository
from tux_http.cogs.github.reference import Reference
from tux_http.errors import InvalidResponse
from tux_http.http_client import HTTPClient
from tux_http.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tux_http.api import API

EXAMPLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "github" / "repository.json").read_text(encoding="utf-8")
)
HELLO = Reference("octocat", "Hello-World")
"""The repository of the official example."""


class Upstream:
    """Answers with a status and a body, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = EXAMPLE
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return httpx.Response(self.status, content=content)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def github(upstream: Upstream) -> AsyncIterator[API]:
    async with HTTPClient(transport=httpx.MockTransport(upstream)) as client:
        yield client.api("github", base_url="https://ghe.example/api/v3")


async def fetched(github: API, *, allow_private: bool = False) -> Repository:
    found = await fetch_repository(github, HELLO, allow_private=allow_private)
    return found.repository


async def test_a_repository_is_asked_for_by_its_name(github: API, upstream: Upstream) -> None:
    await fetched(github)
    assert [str(request.url) for request in upstream.requests] == [
        "https://ghe.example/api/v3/repos/octocat/Hello-World"
    ]


async def test_the_official_example_is_understood(github: API) -> None:
    repository = await fetched(github)
    assert repository.full_name == "octocat/Hello-World"
    assert repository.subscribers_count == 42
    assert repository.created_at == datetime(2011, 1, 26, 19, 1, 12, tzinfo=UTC)
    assert repository.topics == ("octocat", "atom", "electron", "api")
    assert repository.parent is not None
    assert not repository.is_private


async def test_fields_that_are_new_are_ignored(github: API, upstream: Upstream) -> None:
    upstream.body = EXAMPLE | {"sponsored_by": {"penguins": [1, 2, 3]}}
    assert await fetched(github)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Unicorn!</html>",
        b'{"full_name": "octocat/Hel',
        b"null",
        b"[]",
        b"{}",
        b'{"full_name": null}',
        b'{"full_name": "a/b", "stargazers_count": "many"}',
        b'{"full_name": "a/b", "pushed_at": "2011-01-26T19:06:43"}',
        b'{"full_name": "a/b", "topics": {}}',
        b'{"full_name": "\xff"}',
    ],
)
async def test_a_body_that_is_no_repository_is_an_invalid_response(
    github: API, upstream: Upstream, body: bytes
) -> None:
    upstream.body = body
    with pytest.raises(InvalidResponse):
        await fetched(github)


PRIVATE: list[dict[str, Any]] = [
    {"private": True},
    {"private": True, "visibility": "private"},
    {"private": False, "visibility": "private"},
    {"private": True, "visibility": "internal"},
]


@pytest.mark.parametrize("changes", PRIVATE)
async def test_a_private_repository_is_told_from_a_missing_one_by_nothing(
    github: API, upstream: Upstream, changes: dict[str, Any]
) -> None:
    upstream.body = EXAMPLE | changes
    with pytest.raises(httpx.HTTPStatusError) as private:
        await fetched(github)
    upstream.status, upstream.body = 404, {"message": "Not Found", "status": "404"}
    with pytest.raises(httpx.HTTPStatusError) as missing:
        await fetched(github)
    assert str(private.value) == str(missing.value)
    assert private.value.response.status_code == 404
    assert private.value.response.content == b""
    assert problem_of(private.value) == problem_of(missing.value)


@pytest.mark.parametrize("changes", PRIVATE)
async def test_a_private_repository_is_shown_where_that_is_allowed(
    github: API, upstream: Upstream, changes: dict[str, Any]
) -> None:
    upstream.body = EXAMPLE | changes
    repository = await fetched(github, allow_private=True)
    assert repository.is_private


@pytest.mark.parametrize("origin", ["parent", "template_repository"])
async def test_the_private_origin_of_a_public_repository_stays_unnamed(
    github: API, upstream: Upstream, origin: str
) -> None:
    upstream.body = EXAMPLE | {origin: EXAMPLE[origin] | {"private": True}}
    assert getattr(await fetched(github), origin) is None
    assert getattr(await fetched(github, allow_private=True), origin) is not None


@pytest.mark.parametrize("status", [401, 403, 404, 410, 422, 429, 451, 500, 502, 503])
async def test_a_refusal_is_raised(github: API, upstream: Upstream, status: int) -> None:
    upstream.status = status
    with pytest.raises(httpx.HTTPStatusError) as raised:
        await fetched(github)
    assert raised.value.response.status_code == status

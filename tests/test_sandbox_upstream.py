"""The sample GitHub answers over a real socket as api.github.com does."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tux_http.sandbox.issues import NUMBERED
from tux_http.sandbox.samples import ERRORS, REPOSITORIES, Sample, avatar_urls, example
from tux_http.sandbox.upstream import ROUTES, SampleGitHub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# The fields that GitHub's schema `full-repository` requires and a card needs.
REQUIRED = {
    "id",
    "name",
    "full_name",
    "owner",
    "private",
    "html_url",
    "description",
    "fork",
    "stargazers_count",
}


@pytest.fixture
async def github() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        SampleGitHub(slow=0.05) as upstream,
        httpx.AsyncClient(base_url=upstream.url, trust_env=False) as client,
    ):
        yield client


async def _body(github: httpx.AsyncClient, name: str) -> dict[str, Any]:
    response = await github.get(f"/repos/{name}", follow_redirects=True)
    assert response.status_code == 200
    return response.json()


@pytest.mark.parametrize("sample", REPOSITORIES, ids=lambda sample: sample.name)
async def test_each_repository_of_the_list_shows_a_card(github: httpx.AsyncClient, sample: Sample) -> None:
    body = await _body(github, sample.name)
    assert body.keys() >= REQUIRED
    assert sample.fault == "renamed" or body["full_name"] == sample.name
    assert body["owner"]["login"] == sample.owner


async def test_the_official_example_is_served_unchanged(github: httpx.AsyncClient) -> None:
    assert await _body(github, "octocat/Hello-World") == json.loads(example("repository"))


async def test_names_are_case_insensitive(github: httpx.AsyncClient) -> None:
    assert (await _body(github, "OCTOCAT/hello-world"))["full_name"] == "octocat/Hello-World"


async def test_no_name_of_the_example_is_left_in_another_repository(github: httpx.AsyncClient) -> None:
    text = json.dumps(await _body(github, "allthingslinux/tux"))
    assert "octocat" not in text
    assert "Hello-World" not in text


async def test_dates_are_near_today(github: httpx.AsyncClient) -> None:
    pushed = datetime.fromisoformat((await _body(github, "allthingslinux/tux"))["pushed_at"])
    assert timedelta(0) < datetime.now(UTC) - pushed < timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("demo/fork", "fork"),
        ("demo/template", "is_template"),
        ("demo/archived", "archived"),
        ("demo/mirror", "mirror_url"),
        ("demo/private", "private"),
    ],
)
async def test_a_special_repository_is_marked_and_an_ordinary_one_is_not(
    github: httpx.AsyncClient, name: str, field: str
) -> None:
    assert (await _body(github, name))[field]
    assert not (await _body(github, "allthingslinux/tux"))[field]


async def test_a_fork_names_its_parent(github: httpx.AsyncClient) -> None:
    body = await _body(github, "demo/fork")
    assert body["parent"]["full_name"] == body["source"]["full_name"] == "allthingslinux/tux"


async def test_a_minimal_repository_has_nulls_where_github_allows_them(github: httpx.AsyncClient) -> None:
    body = await _body(github, "demo/minimal")
    nullable = ("description", "homepage", "language", "license", "mirror_url", "organization", "pushed_at")
    assert {name: body[name] for name in nullable} == dict.fromkeys(nullable)


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("demo/missing", 404, "Not Found"),
        ("nobody/knows-this", 404, "Not Found"),
        ("demo/rate-limited", 403, "API rate limit exceeded"),
        ("demo/secondary-limit", 403, "You have exceeded a secondary rate limit"),
        ("demo/unauthorized", 401, "Bad credentials"),
        ("demo/dmca", 451, "Repository access blocked"),
    ],
)
async def test_an_error_has_githubs_status_and_body(
    github: httpx.AsyncClient, name: str, status: int, message: str
) -> None:
    response = await github.get(f"/repos/{name}")
    assert response.status_code == status
    assert response.json()["message"].startswith(message)


async def test_the_hourly_limit_says_when_it_is_whole_again(github: httpx.AsyncClient) -> None:
    headers = (await github.get("/repos/demo/rate-limited")).headers
    assert headers["x-ratelimit-remaining"] == "0"
    assert 30 < int(headers["x-ratelimit-reset"]) - time.time() <= 41
    again = (await github.get("/repos/demo/rate-limited")).headers
    assert again["x-ratelimit-reset"] == headers["x-ratelimit-reset"]
    others = (await github.get("/repos/allthingslinux/tux")).headers
    assert 30 * 60 < int(others["x-ratelimit-reset"]) - time.time() <= 40 * 60


async def test_the_secondary_limit_says_how_long_to_wait(github: httpx.AsyncClient) -> None:
    assert (await github.get("/repos/demo/secondary-limit")).headers["retry-after"] == "60"


async def test_an_outage_is_a_page_and_no_json(github: httpx.AsyncClient) -> None:
    response = await github.get("/repos/demo/down")
    assert response.status_code == 503
    assert response.headers["content-type"].startswith("text/html")


async def test_broken_json_is_complete_http(github: httpx.AsyncClient) -> None:
    response = await github.get("/repos/demo/broken-json")
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


async def test_a_renamed_repository_is_found_by_its_number(github: httpx.AsyncClient) -> None:
    moved = await github.get("/repos/demo/renamed")
    assert moved.status_code == 301
    assert httpx.URL(moved.headers["location"]).path.startswith("/repositories/")
    assert (await _body(github, "demo/renamed"))["full_name"] == "demo/new-home"


async def test_a_broken_connection_breaks(github: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await github.get("/repos/demo/cut-off")


async def test_closing_ends_an_answer_that_never_comes() -> None:
    async with (
        SampleGitHub() as upstream,
        httpx.AsyncClient(base_url=upstream.url, trust_env=False) as client,
    ):
        hanging = asyncio.create_task(client.get("/repos/demo/hang", timeout=30))
        async with asyncio.timeout(10):
            asked = used = 0
            while used <= asked:  # until the hanging request is counted too
                used = int((await client.get("/rate_limit")).headers["x-ratelimit-used"])
                asked += 1
            await upstream.close()
            with pytest.raises(httpx.RemoteProtocolError):
                await hanging


async def test_each_answer_counts_against_the_limit(github: httpx.AsyncClient) -> None:
    first, second = [(await github.get("/repos/demo/missing")).headers for _ in range(2)]
    assert int(first["x-ratelimit-remaining"]) - int(second["x-ratelimit-remaining"]) == 1
    assert first["x-github-request-id"] != second["x-github-request-id"]


async def test_a_matching_etag_is_answered_without_a_body(github: httpx.AsyncClient) -> None:
    first = await github.get("/repos/allthingslinux/tux")
    assert first.headers["cache-control"] == "public, max-age=60, s-maxage=60"
    again = await github.get("/repos/allthingslinux/tux", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert not again.content


@pytest.mark.parametrize("route", ROUTES)
async def test_each_other_route_answers_with_its_official_example(
    github: httpx.AsyncClient, route: str
) -> None:
    path = route.replace("{path:.+}", "{path}").format(
        owner="octocat",
        repo="hello-world",
        number=1,
        path="README",
        ref="main",
        username="octocat",
        org="github",
    )
    assert (await github.get(path)).json() == json.loads(example(ROUTES[route]))


async def test_the_official_examples_of_an_issue_and_a_pull_request_are_served_unchanged(
    github: httpx.AsyncClient,
) -> None:
    hello = "/repos/octocat/hello-world"
    assert (await github.get(f"{hello}/issues/1347")).json() == json.loads(example("issue"))["value"]
    assert (await github.get(f"{hello}/pulls/1347")).json() == json.loads(example("pull_request"))


@pytest.mark.parametrize("number", NUMBERED)
async def test_each_number_is_an_issue_and_some_are_pull_requests(
    github: httpx.AsyncClient, number: int
) -> None:
    issue = (await github.get(f"/repos/allthingslinux/tux/issues/{number}")).json()
    assert issue["number"] == number
    assert issue["repository_url"] == "https://api.github.com/repos/allthingslinux/tux"
    assert ("pull_request" in issue) == NUMBERED[number].is_pull
    pull = await github.get(f"/repos/allthingslinux/tux/pulls/{number}")
    assert pull.status_code == (200 if NUMBERED[number].is_pull else 404)
    if NUMBERED[number].is_pull:
        assert pull.json()["number"] == number
        assert pull.json()["base"]["repo"]["full_name"] == "allthingslinux/tux"


async def test_an_issue_may_be_missing_or_gone_or_elsewhere(github: httpx.AsyncClient) -> None:
    tux = "/repos/allthingslinux/tux/issues"
    assert (await github.get(f"{tux}/7")).status_code == 404
    assert (await github.get(f"{tux}/13")).status_code == 410
    assert (await github.get(f"{tux}/12")).status_code == 301
    moved = (await github.get(f"{tux}/12", follow_redirects=True)).json()
    assert moved["repository_url"] == "https://api.github.com/repos/demo/new-home"
    assert (await github.get("/repos/demo/down/issues/1")).status_code == 503
    assert (await github.get("/repos/demo/slow/issues/1")).status_code == 200


async def test_an_unknown_route_is_not_found(github: httpx.AsyncClient) -> None:
    assert (await github.get("/zen/of/nothing")).status_code == 404
    assert (await github.post("/repos/octocat/hello-world")).status_code == 404


async def test_a_repository_that_fails_fails_on_its_other_routes_too(github: httpx.AsyncClient) -> None:
    assert (await github.get("/repos/demo/missing/releases")).status_code == 404
    assert (await github.get("/repos/demo/rate-limited/issues")).status_code == 403


def test_each_example_file_is_named_with_its_source() -> None:
    data = resources.files("tux_http.sandbox") / "data"
    readme = (data / "README.md").read_text(encoding="utf-8")
    files = {entry.name for entry in data.iterdir() if entry.name.endswith(".json")}
    assert {name for name in files if f"`{name}`" not in readme} == set()
    assert "@octokit/openapi" in readme
    assert "MIT" in readme


def test_no_name_is_listed_twice() -> None:
    names = [sample.name.lower() for sample in (*REPOSITORIES, *ERRORS)]
    assert len(names) == len(set(names))
    assert len({sample.id for sample in (*REPOSITORIES, *ERRORS)}) == len(names)


def test_each_owner_has_an_avatar() -> None:
    assert {sample.owner for sample in REPOSITORIES} <= set(avatar_urls().values())

"""The sandbox has something to show for `/release`, `/commit`, `/ghuser` and `/ghsearch`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.test_sandbox import _sandbox
from tux_http.sandbox.directory import OFFICIAL
from tux_http.sandbox.history import COMMITS, EMPTY, RELEASES, UNFINISHED
from tux_http.sandbox.samples import example
from tux_http.sandbox.upstream import SampleGitHub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HELLO = "/repos/octocat/hello-world"


@pytest.fixture
async def github() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        SampleGitHub(slow=0.05) as upstream,
        httpx.AsyncClient(base_url=upstream.url, trust_env=False) as client,
    ):
        yield client


async def body(github: httpx.AsyncClient, path: str, **params: Any) -> Any:
    response = await github.get(path, params=params)
    assert response.status_code == 200, path
    return response.json()


@pytest.mark.parametrize(
    ("path", "file"),
    [
        (f"{HELLO}/releases", "releases"),
        (f"{HELLO}/commits/main", "commit"),
        (f"{HELLO}/commits/6dcb09b", "commit"),
        (f"{HELLO}/commits/6dcb09b/check-runs", "check_runs"),
        *((f"/users/{login}", file) for login, file in OFFICIAL.items()),
        ("/orgs/github", "organization"),
    ],
)
async def test_the_official_examples_are_served_unchanged(
    github: httpx.AsyncClient, path: str, file: str
) -> None:
    assert await body(github, path) == json.loads(example(file))


@pytest.mark.parametrize("path", ["releases/latest", "releases/tags/v1.0.0"])
async def test_the_official_release_is_that_of_the_list(github: httpx.AsyncClient, path: str) -> None:
    assert await body(github, f"{HELLO}/{path}") == json.loads(example("releases"))[0]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/repos/{EMPTY}/releases/latest", 404),
        (f"/repos/{EMPTY}/commits/HEAD", 409),
        (f"/repos/{UNFINISHED}/releases/latest", 404),
        ("/repos/allthingslinux/tux/releases/tags/none", 404),
        ("/repos/allthingslinux/tux/commits/none", 404),
        ("/repos/demo/none/commits/HEAD", 404),
        ("/repos/demo/down/releases/latest", 503),
        ("/users/none", 404),
        ("/orgs/octocat", 404),
    ],
)
async def test_what_is_not_there_is_answered_as_github_does(
    github: httpx.AsyncClient, path: str, status: int
) -> None:
    assert (await github.get(path)).status_code == status


@pytest.mark.parametrize(("kind", "count"), [("repositories", 6), ("issues", 24)])
async def test_pages_of_a_search_have_each_result_once(
    github: httpx.AsyncClient, kind: str, count: int
) -> None:
    query = "is:public " + ("python" if kind == "repositories" else "reminders")
    pages = [
        await body(github, f"/search/{kind}", q=query, per_page=5, page=page)
        for page in range(1, count // 5 + 2)
    ]
    assert {page["total_count"] for page in pages} == {count}
    found = [item["html_url"] for page in pages for item in page["items"]]
    assert len(found) == len(set(found)) == count


# Each of them as a card.


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        *((f"/release allthingslinux/tux {tag}", f"`{tag}`") for tag in RELEASES),
        *((f"/commit allthingslinux/tux {sha[:7]}", f"`{sha[:7]}`") for sha in COMMITS),
        ("/release allthingslinux/tux", "Latest release"),
        (f"/release {UNFINISHED}", "Pre-release"),
        (f"/release {EMPTY}", "has no releases"),
        ("/release octocat/Hello-World", "Description of the release"),
        ("/commit allthingslinux/tux", "Verified"),
        (f"/commit {EMPTY}", "is empty"),
        ("/commit demo/renamed", "Renamed from demo/renamed"),
        ("/ghuser octocat", "There once was"),
        ("/ghuser github", "A great organization"),
        ("/ghuser allthingslinux", "Penguins"),
        ("/ghuser demo", "Person"),
        ("/ghuser nobody", "nothing by that name"),
        ("/ghsearch repositories python", "allthingslinux/tux"),
        ("/ghsearch issues reminders", "an hour late"),
        ("/ghsearch prs polls", "Work in progress"),
        ("/ghsearch repositories no such thing", "Nothing was found"),
        ("/ghsearch repositories python public:False bot", "allthingslinux/tux"),
        ("/release demo/private", "keeps it private"),
    ],
)
async def test_there_is_something_to_see(command: str, shown: str) -> None:
    async with _sandbox() as world:
        answer = await world.member.send(world.channel, command)
    assert shown in str(answer.embeds[0].description)


async def test_the_pages_of_a_search_can_be_turned() -> None:
    async with _sandbox() as world:
        card = await world.member.send(world.channel, "/ghsearch issues reminders")
        await world.member.click(card, label="Next")
        (after,) = [message for message in world.channel.history() if message.id == card.id]
    assert "Page 2 of 5" in str(after.embeds[0].footer.text)


async def test_the_introduction_names_them() -> None:
    async with _sandbox() as world:
        await world.introduce()
        shown = str(world.channel.history()[-1].embeds[0].to_dict())
    for command in ("/release ", "/commit ", "/ghuser ", "/ghsearch "):
        assert command in shown

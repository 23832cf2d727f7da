"""What `/release`, `/commit`, `/ghuser` and `/ghsearch` ask for, and a GitHub on loopback that knows it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.github_stage import EXAMPLE

if TYPE_CHECKING:
    import discord

    from tests.github_stage import Stage, Upstream

DATA: Final = Path(__file__).parent / "data" / "github"


def example(file: str) -> Any:
    return json.loads((DATA / f"{file}.json").read_text(encoding="utf-8"))


RELEASE: Final[dict[str, Any]] = example("release_latest")
RELEASES: Final[list[dict[str, Any]]] = example("releases")
COMMIT: Final[dict[str, Any]] = example("commit")
CHECK_RUNS: Final[dict[str, Any]] = example("check_runs")
USER: Final[dict[str, Any]] = example("user")
ORGANIZATION: Final[dict[str, Any]] = example("organization")
REPOSITORIES: Final[dict[str, Any]] = example("search_repositories")
HITS: Final[dict[str, Any]] = example("search_issues")

PUBLIC: Final = {"private": False, "visibility": "public"}
"""The official example of a repository that was found says that it is private."""

FOUND: Final[dict[str, Any]] = REPOSITORIES | {"items": [REPOSITORIES["items"][0] | PUBLIC]}

HELLO: Final = "/repos/octocat/Hello-World"
LATEST: Final = f"{HELLO}/releases/latest"
SHA: Final = str(COMMIT["sha"])
A_COMMIT: Final = f"{HELLO}/commits/{SHA}"
CHECKS: Final = f"{A_COMMIT}/check-runs"

FRESH: Final[dict[str, Any]] = {"Cache-Control": "private, max-age=60", "ETag": '"1"'}
CHANGED: Final[dict[str, Any]] = {"Cache-Control": "private, max-age=60", "ETag": '"2"'}


def furnish(upstream: Upstream, **headers: Any) -> None:
    """A release and a commit of octocat/Hello-World, octocat, the organization github, and what is searched for."""
    upstream.has(HELLO, EXAMPLE, **headers)
    upstream.has(LATEST, RELEASE, **headers)
    upstream.has(A_COMMIT, COMMIT, **headers)
    upstream.has(CHECKS, CHECK_RUNS, **headers)
    upstream.has("/users/octocat", USER, **headers)
    upstream.has("/users/github", ORGANIZATION, **headers)
    upstream.has("/orgs/github", ORGANIZATION, **headers)
    upstream.has("/search/repositories", FOUND, **headers)
    upstream.has("/search/issues", HITS, **headers)


@dataclass(frozen=True)
class Given:
    """A command as it is given, the title of its card, and the paths that GitHub is asked for, in order."""

    command: str
    options: dict[str, str] = field(hash=False)
    title: str
    paths: tuple[str, ...]

    @property
    def typed(self) -> str:
        return " ".join([f"!{self.command}", *self.options.values()])

    def __str__(self) -> str:
        return self.typed


COMMANDS: Final = (
    Given("release", {"repository": "octocat/Hello-World"}, "v1.0.0", (HELLO, LATEST)),
    Given(
        "commit",
        {"repository": "octocat/Hello-World", "commit": SHA},
        "Fix all the bugs",
        (HELLO, A_COMMIT, CHECKS),
    ),
    Given("ghuser", {"name": "octocat"}, "monalisa octocat (octocat)", ("/users/octocat",)),
    Given("ghuser", {"name": "github"}, "github", ("/users/github", "/orgs/github")),
    Given("ghsearch repositories", {"query": "tetris"}, "🔎 tetris", ("/search/repositories",)),
    Given("ghsearch issues", {"query": "numbers"}, "🔎 numbers", ("/search/issues",)),
    Given("ghsearch prs", {"query": "numbers"}, "🔎 numbers", ("/search/issues",)),
)

OPTIONAL: Final = frozenset({CHECKS, "/orgs/github"})
"""What a card is shown without."""

NEEDED: Final = [(given, path) for given in COMMANDS for path in given.paths if path not in OPTIONAL]
"""Each command with each of the calls that it can't do without."""


async def give(stage: Stage, command: str, **options: str) -> discord.Message:
    await stage.member.slash(stage.channel, command, **options)
    return stage.seen()


async def given(stage: Stage, command: Given) -> discord.Message:
    return await give(stage, command.command, **command.options)


def paths(upstream: Upstream) -> list[str]:
    """What GitHub was asked for, in order."""
    return [request.path for request in upstream.requests]


def queries(upstream: Upstream) -> list[dict[str, str]]:
    """What it was asked to search for, in order."""
    return [dict(request.query) for request in upstream.requests if "/search/" in request.path]

"""The repositories that the sample GitHub knows: its official example response under other names.

Numbers are of a plausible size, not anybody's current ones.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Fault = Literal[
    "missing",
    "rate-limited",
    "secondary-limit",
    "slow",
    "hang",
    "cut-off",
    "down",
    "flaky",
    "broken-json",
    "renamed",
    "dmca",
    "unauthorized",
]

EXAMPLE: Final = "octocat/Hello-World"
"""The name in the official example; it is served unchanged."""

NEW_HOME: Final = "demo/new-home"
"""What demo/renamed is called now."""

FLAKY: Final = "demo/flaky"
"""To be asked for twice."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A name and what asking for it shows.

    `fields` replace the example's; `created` and `pushed` are days before the server's start.
    """

    name: str
    shows: str
    fault: Fault | None = None
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    organization: bool = False
    fork_of: str | None = None
    created: float = 400.0
    pushed: float = 3.0

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    @property
    def id(self) -> int:
        """The repository's number, stable between starts."""
        return zlib.crc32(self.name.lower().encode())


@cache
def example(file: str) -> str:
    """One of the official example responses, as JSON text."""
    return (resources.files("tux_http.sandbox") / "data" / f"{file}.json").read_text(encoding="utf-8")


def repository(sample: Sample, *, now: datetime) -> dict[str, Any]:
    """The body of `GET /repos/{owner}/{repo}` for one sample."""
    if sample.name == EXAMPLE:
        return json.loads(example("repository"))
    body = _renamed(sample)
    body |= {
        "id": sample.id,
        "created_at": timestamp(now - timedelta(days=sample.created)),
        "updated_at": timestamp(now - timedelta(days=sample.pushed)),
        "pushed_at": timestamp(now - timedelta(days=sample.pushed)),
        **sample.fields,
    }
    if sample.organization:
        body["owner"]["type"] = "Organization"
        body["organization"] = body["owner"]
    if sample.fork_of is not None:
        parent = repository(BY_NAME[sample.fork_of.lower()], now=now)
        body |= {"fork": True, "parent": parent, "source": parent}
    return body


def avatar_urls() -> dict[str, str]:
    """The avatar of every owner, by URL, with the owner's name."""
    bodies = (repository(sample, now=datetime.now(UTC)) for sample in BY_NAME.values())
    return {body["owner"]["avatar_url"]: body["owner"]["login"] for body in bodies}


def _renamed(sample: Sample) -> dict[str, Any]:
    name = sample.name.partition("/")[2]
    text = example("repository").replace(EXAMPLE, sample.name).replace("octocat", sample.owner)
    body: dict[str, Any] = json.loads(text)
    for key in ("parent", "source", "template_repository", "organization", "temp_clone_token"):
        del body[key]
    body |= {"name": name, "mirror_url": None, "homepage": None, "default_branch": "main"}
    number = zlib.crc32(sample.owner.lower().encode()) % 100_000_000
    body["owner"] |= {"id": number, "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4"}
    return body


def timestamp(moment: datetime) -> str:
    """As GitHub writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _counts(stars: int, *, forks: int = 0, issues: int = 0, watching: int = 0) -> dict[str, int]:
    # GitHub's `watchers` are its stars under an old name; `subscribers_count` are those who watch.
    names = {
        "stargazers_count": stars,
        "watchers_count": stars,
        "watchers": stars,
        "subscribers_count": watching,
    }
    return {
        **names,
        "forks_count": forks,
        "forks": forks,
        "network_count": forks,
        "open_issues_count": issues,
        "open_issues": issues,
    }


def _license(key: str, name: str, spdx_id: str) -> dict[str, Any]:
    url = None if spdx_id == "NOASSERTION" else f"https://api.github.com/licenses/{key}"
    return {
        "license": {"key": key, "name": name, "spdx_id": spdx_id, "url": url, "node_id": "MDc6TGljZW5zZQ=="}
    }


def _about(
    description: str, language: str | None = None, *topics: str, homepage: str | None = None
) -> dict[str, Any]:
    return {"description": description, "language": language, "topics": list(topics), "homepage": homepage}


_MIT: Final = _license("mit", "MIT License", "MIT")
_GPL3: Final = _license("gpl-3.0", "GNU General Public License v3.0", "GPL-3.0")
_BSD3: Final = _license("bsd-3-clause", 'BSD 3-Clause "New" or "Revised" License', "BSD-3-Clause")
_OTHER: Final = _license("other", "Other", "NOASSERTION")

HOSTILE: Final = (
    "@everyone @here <@1> <#1> **bold** [click](https://example.com) `code` ||spoiler|| # heading "
    "\u202eright to left\u202c " + "and a description that goes on and on, " * 60
)

REPOSITORIES: Final[tuple[Sample, ...]] = (
    Sample(
        name="allthingslinux/tux",
        shows="a Discord bot in Python",
        organization=True,
        created=1080,
        pushed=0.2,
        fields={
            **_about(
                "Tux is an all in one bot for the All Things Linux Discord server.",
                "Python",
                "bot",
                "discord",
                "discord-bot",
                "discord-py",
                "linux",
                "moderation",
                "python",
                homepage="https://allthingslinux.org",
            ),
            **_counts(318, forks=46, issues=57, watching=9),
            **_GPL3,
            "has_discussions": True,
        },
    ),
    Sample(name=EXAMPLE, shows="GitHub's official example, as it is"),
    Sample(
        name="python/cpython",
        shows="large numbers",
        organization=True,
        created=3550,
        pushed=0.01,
        fields={
            **_about("The Python programming language", "Python", homepage="https://www.python.org"),
            **_counts(69_800, forks=33_100, issues=9_240, watching=1_510),
            **_OTHER,
        },
    ),
    Sample(
        name="rust-lang/rust",
        shows="another language",
        organization=True,
        created=5960,
        pushed=0.02,
        fields={
            **_about(
                "Empowering everyone to build reliable and efficient software.",
                "Rust",
                "compiler",
                "language",
                "rust",
                homepage="https://www.rust-lang.org",
            ),
            **_counts(107_400, forks=13_900, issues=11_800, watching=1_480),
            **_license("apache-2.0", "Apache License 2.0", "Apache-2.0"),
        },
    ),
    Sample(
        name="Rapptz/discord.py",
        shows="a name with a dot",
        created=4110,
        pushed=12,
        fields={
            **_about(
                "An API wrapper for Discord written in Python.",
                "Python",
                "discord",
                "discord-api",
                "python-3",
                homepage="http://discordpy.rtfd.org/en/latest",
            ),
            **_counts(15_700, forks=3_900, issues=64, watching=262),
            **_MIT,
        },
    ),
    Sample(
        name="encode/httpx",
        shows="a library",
        organization=True,
        created=2780,
        pushed=40,
        fields={
            **_about(
                "A next generation HTTP client for Python. 🦋",
                "Python",
                "asyncio",
                "http",
                "python",
                "trio",
                homepage="https://www.python-httpx.org/",
            ),
            **_counts(14_600, forks=970, issues=82, watching=109),
            **_BSD3,
        },
    ),
    Sample(
        name="demo/fork",
        shows="a fork",
        fork_of="allthingslinux/tux",
        pushed=90,
        fields={**_about("My own copy, to try things out", "Python"), **_counts(1, watching=1), **_GPL3},
    ),
    Sample(
        name="demo/template",
        shows="a template",
        fields={
            **_about("Start a bot from here", "Python", "template"),
            **_counts(84, forks=12, issues=3, watching=4),
            **_MIT,
            "is_template": True,
        },
    ),
    Sample(
        name="demo/mirror",
        shows="a mirror",
        fields={
            **_about("Read-only mirror", "C"),
            **_counts(540, forks=77, watching=38),
            **_OTHER,
            "mirror_url": "https://git.example.org/demo/mirror.git",
            "has_issues": False,
        },
    ),
    Sample(
        name="demo/archived",
        shows="an archived one",
        created=3000,
        pushed=1500,
        fields={
            **_about("No longer maintained", "JavaScript"),
            **_counts(230, forks=31, issues=14, watching=11),
            **_MIT,
            "archived": True,
        },
    ),
    Sample(
        name="demo/minimal",
        shows="every field empty that may be",
        fields={
            **_about("", None),
            **_counts(0),
            "description": None,
            "license": None,
            "topics": [],
            "pushed_at": None,
            "organization": None,
            "template_repository": None,
            "temp_clone_token": None,
        },
    ),
    Sample(
        name="demo/hostile",
        shows="mentions and Markdown in its text",
        fields={
            **_about(HOSTILE, "Brainf*ck", *(f"topic-{n}" for n in range(40))),
            **_counts(2**31),
            **_MIT,
        },
    ),
    Sample(
        name=NEW_HOME, shows="where demo/renamed went", fields={**_about("Under a new name", "Go"), **_MIT}
    ),
    Sample(name="demo/renamed", shows="a repository that was renamed", fault="renamed"),
    Sample(
        name="demo/slow",
        shows="an answer after 4 s",
        fault="slow",
        fields={**_about("Worth waiting for", "Haskell"), **_counts(7), **_BSD3},
    ),
    Sample(
        name=FLAKY,
        shows="an answer the first time; then GitHub is down, and the next card says how old it is",
        fault="flaky",
        fields={**_about("Here today, gone tomorrow", "Erlang"), **_counts(99, forks=9), **_MIT},
    ),
)
"""Those that show a card."""

ERRORS: Final[tuple[Sample, ...]] = (
    Sample(name="demo/missing", shows="no such repository (404)", fault="missing"),
    Sample(
        name="demo/private",
        shows="a private repository",
        fields={**_about("Our secret", "Python"), "private": True, "visibility": "private"},
    ),
    Sample(
        name="demo/rate-limited",
        shows="GitHub's hourly limit is spent (403), less than a minute before its end",
        fault="rate-limited",
    ),
    Sample(name="demo/secondary-limit", shows="too many requests at once (403)", fault="secondary-limit"),
    Sample(name="demo/unauthorized", shows="a wrong token (401)", fault="unauthorized"),
    Sample(name="demo/dmca", shows="blocked for legal reasons (451)", fault="dmca"),
    Sample(name="demo/down", shows="GitHub is down (503)", fault="down"),
    Sample(name="demo/hang", shows="no answer at all, until the deadline", fault="hang"),
    Sample(name="demo/cut-off", shows="a connection that breaks", fault="cut-off"),
    Sample(name="demo/broken-json", shows="an answer that is cut short", fault="broken-json"),
)
"""Those that show an error."""

BY_NAME: Final = {sample.name.lower(): sample for sample in (*REPOSITORIES, *ERRORS)}
"""By name in lower case: GitHub's names are case-insensitive."""

BY_ID: Final = {sample.id: sample for sample in BY_NAME.values()}

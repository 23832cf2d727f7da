"""The official example of an issue and of a pull request, and a GitHub on loopback that knows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.github_stage import EXAMPLE

if TYPE_CHECKING:
    import discord

    from tests.github_stage import Stage, Upstream

COMMANDS: Final = ["issue", "pr"]

DATA: Final = Path(__file__).parent / "data" / "github"
BOTH: Final[dict[str, Any]] = json.loads((DATA / "issue.json").read_text(encoding="utf-8"))["value"]
"""As in the official example, where the issue is a pull request."""

ISSUE: Final = {name: value for name, value in BOTH.items() if name != "pull_request"} | {
    "state_reason": None
}
PULL: Final[dict[str, Any]] = json.loads((DATA / "pull_request.json").read_text(encoding="utf-8"))

SITE: Final = "https://github.com/octocat/Hello-World"
HELLO: Final = "/repos/octocat/Hello-World"
AN_ISSUE: Final = f"{HELLO}/issues/1"
A_PULL: Final = f"{HELLO}/pulls/2"

FRESH: Final[dict[str, Any]] = {"Cache-Control": "private, max-age=60", "ETag": '"1"'}
CHANGED: Final[dict[str, Any]] = {"Cache-Control": "private, max-age=60", "ETag": '"2"'}


def furnish(upstream: Upstream, **headers: Any) -> None:
    """Issue 1 and pull request 2 of octocat/Hello-World."""
    upstream.has(HELLO, EXAMPLE, **headers)
    upstream.has(AN_ISSUE, ISSUE | {"number": 1, "html_url": f"{SITE}/issues/1"}, **headers)
    upstream.has(f"{HELLO}/issues/2", BOTH | {"number": 2, "html_url": f"{SITE}/pull/2"}, **headers)
    upstream.has(A_PULL, PULL | {"number": 2, "html_url": f"{SITE}/pull/2"}, **headers)


async def give(stage: Stage, command: str, repository: str, number: str | None = None) -> discord.Message:
    options = {"repository": repository} | ({} if number is None else {"number": number})
    await stage.member.slash(stage.channel, command, **options)
    return stage.seen()


def paths(upstream: Upstream) -> list[str]:
    """What GitHub was asked for, in order; not what is asked of a token at the start."""
    return [request.path for request in upstream.requests if request.path != "/rate_limit"]

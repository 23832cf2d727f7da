"""What a member is told when GitHub can't or won't answer one of the calls of `/issue` and `/pr`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.github_stage import Upstream, github, problem, settings_for, staged
from tests.issues_stage import A_PULL, AN_ISSUE, HELLO, furnish, give
from tests.test_github_failures import FAILURES
from tux_http.cogs.github.issues_api import fetch_issue
from tux_http.cogs.github.links import NumberLink
from tux_http.cogs.github.reference import Reference
from tux_http.errors import DeadlineExceeded
from tux_http.http_client import HTTPClient
from tux_http.policy import HTTPSettings, Policy
from tux_http.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

CALLS = [
    ("issue", 1, HELLO),
    ("issue", 1, AN_ISSUE),
    ("issue", 2, A_PULL),
    ("pr", 2, HELLO),
    ("pr", 2, A_PULL),
    ("pr", 1, AN_ISSUE),
]


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served)
        yield served


@pytest.mark.parametrize(("command", "number", "path"), CALLS)
@pytest.mark.parametrize(("status", "body", "headers", "title"), FAILURES)
async def test_a_failure_of_any_call_is_answered(
    upstream: Upstream,
    command: str,
    number: int,
    path: str,
    status: int,
    body: bytes,
    headers: dict[str, str],
    title: str,
) -> None:
    upstream.has(path, body, status=status, **headers)  # pyright: ignore[reportArgumentType]  # no header is "status"
    async with staged(settings_for(upstream, token="ghp_planted"), failing=True) as stage:
        by_slash = await give(stage, command, f"octocat/Hello-World#{number}")
        by_prefix = await stage.say(f"!{command} octocat/Hello-World#{number}")
    assert title in problem(by_slash)[0]
    timeless = [re.sub(r"<t:\d+:R>", "", "\n".join(problem(each))) for each in (by_slash, by_prefix)]
    assert timeless[0] == timeless[1]
    assert by_slash.flags.ephemeral
    for message in (by_slash, by_prefix):
        shown = str(message.embeds[0].to_dict())
        for secret in ("ghp_planted", "127.0.0.1", "Unicorn", "Hello-World"):
            assert secret not in shown


@pytest.mark.parametrize(("command", "number", "path"), CALLS)
async def test_an_upstream_that_hangs_up_is_answered(
    upstream: Upstream, command: str, number: int, path: str
) -> None:
    upstream.hangs_up.add(path)
    async with staged(settings_for(upstream), failing=True) as stage:
        message = await give(stage, command, f"octocat/Hello-World#{number}")
    assert message.flags.ephemeral
    assert "GitHub" in " ".join(problem(message))


@pytest.mark.parametrize(("command", "number", "path"), CALLS)
async def test_an_upstream_that_is_too_slow_is_told_as_such(
    upstream: Upstream, command: str, number: int, path: str
) -> None:
    # Without a Discord: simcord moves its clock only once all have done what they can.
    upstream.hangs.add(path)
    asked = NumberLink(Reference("octocat", "Hello-World"), number, "pull" if command == "pr" else "issue")
    async with HTTPClient(HTTPSettings(trust_env=False)) as client:
        api = client.api("github", base_url=upstream.url, policy=Policy(deadline=0.3))
        with pytest.raises(DeadlineExceeded) as raised:
            await fetch_issue(api, asked, allow_private=False)
    assert problem_of(raised.value, names={"github": "GitHub"}).title == "GitHub is taking too long"


@pytest.mark.parametrize("command", ["issue", "pr"])
async def test_an_upstream_that_is_not_there_is_answered(upstream: Upstream, command: str) -> None:
    settings = settings_for(upstream)
    nowhere = msgspec.structs.replace(settings.apis["github"], base_url="http://127.0.0.1:1")
    async with staged(msgspec.structs.replace(settings, apis={"github": nowhere}), failing=True) as stage:
        message = await give(stage, command, "octocat/Hello-World#1")
    assert problem(message)[0].endswith("GitHub can't be reached")


@pytest.mark.parametrize(("command", "number", "path"), CALLS)
async def test_retry_gives_the_command_again(
    upstream: Upstream, command: str, number: int, path: str
) -> None:
    upstream.has(path, b"<html>", status=500)
    answer = upstream.answers[path]
    async with staged(settings_for(upstream), failing=True) as stage:
        failed = await give(stage, command, f"octocat/Hello-World#{number}")
        assert "has a problem" in problem(failed)[0]
        furnish(upstream)
        assert upstream.answers[path] is not answer
        await stage.member.click(failed, label="Retry")
        card = stage.seen()
    assert str(card.embeds[0].title).startswith(f"#{number} ")
    assert not card.flags.ephemeral

"""What a member is told when GitHub can't or won't answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.github_stage import Upstream, github, problem, settings_for, staged

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        yield served


FAILURES: list[tuple[int, bytes, dict[str, str], str]] = [
    (404, b'{"message": "Not Found"}', {}, "Nothing found"),
    (
        403,
        b'{"message": "API rate limit exceeded for 127.0.0.1"}',
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "60", "X-RateLimit-Reset": "4102444800"},
        "asks us to wait",
    ),
    (
        403,
        b'{"message": "You have exceeded a secondary rate limit."}',
        {"Retry-After": "60"},
        "asks us to slow down",
    ),
    (401, b'{"message": "Bad credentials"}', {}, "doesn't know this bot"),
    (451, b'{"message": "Repository access blocked"}', {}, "legal reasons"),
    (500, b"<html>Unicorn!</html>", {}, "has a problem"),
    (200, b'{"full_name": "demo/fai', {}, "answer"),
    (200, b"[]", {}, "answer"),
]


@pytest.mark.parametrize(("status", "body", "headers", "title"), FAILURES)
async def test_a_failure_of_the_upstream_is_answered(
    upstream: Upstream, status: int, body: bytes, headers: dict[str, str], title: str
) -> None:
    upstream.has("/repos/demo/failing", body, status=status, **headers)
    async with staged(settings_for(upstream, token="ghp_planted"), failing=True) as stage:
        by_slash = await stage.slash("demo/failing")
        by_prefix = await stage.say("!repo demo/failing")
    assert problem(by_slash)[0].endswith(title) or title in problem(by_slash)[0]
    # A limit is obeyed by the second call unasked, and its time is the quota's, not simcord's.
    timeless = [re.sub(r"<t:\d+:R>", "", "\n".join(problem(each))) for each in (by_slash, by_prefix)]
    assert timeless[0] == timeless[1]
    assert by_slash.flags.ephemeral
    for message in (by_slash, by_prefix):
        shown = str(message.embeds[0].to_dict())
        assert "ghp_planted" not in shown
        assert "127.0.0.1" not in shown
        assert "Unicorn" not in shown


async def test_an_upstream_that_hangs_up_is_answered(upstream: Upstream) -> None:
    upstream.hangs_up.add("/repos/demo/cut-off")
    async with staged(settings_for(upstream), failing=True) as stage:
        by_slash = await stage.slash("demo/cut-off")
        by_prefix = await stage.say("!repo demo/cut-off")
    assert problem(by_slash) == problem(by_prefix)
    assert "GitHub" in " ".join(problem(by_slash))


async def test_an_upstream_that_is_not_there_is_answered(upstream: Upstream) -> None:
    settings = settings_for(upstream)
    nowhere = msgspec.structs.replace(settings.apis["github"], base_url="http://127.0.0.1:1")
    async with staged(msgspec.structs.replace(settings, apis={"github": nowhere}), failing=True) as stage:
        message = await stage.slash("octocat/Hello-World")
    assert problem(message)[0].endswith("GitHub can't be reached")

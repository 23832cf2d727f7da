"""What a member sees of the cache: the last answer while GitHub fails, and how old it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from tests.github_stage import (
    EXAMPLE,
    NOT_FOUND,
    Stage,
    Upstream,
    github,
    of_the_channel,
    problem,
    settings_for,
    staged,
    values,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import discord

HELLO = "/repos/octocat/Hello-World"
FRESH: Final[dict[str, Any]] = {"Cache-Control": "private, max-age=60", "ETag": '"1"'}
TWELVE_MINUTES_OLD: Final[dict[str, Any]] = {
    "Cache-Control": "private, max-age=60, stale-while-revalidate=0",
    "Age": "725",
}
A_MINUTE_OLD: Final[dict[str, Any]] = {"Cache-Control": "private, max-age=60", "Age": "61"}


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        yield served


async def asked(stage: Stage) -> discord.Message:
    return await stage.slash("octocat/Hello-World")


def footer(message: discord.Message) -> str | None:
    return message.embeds[0].footer.text


async def test_what_was_asked_a_moment_ago_is_answered_without_asking_github(upstream: Upstream) -> None:
    upstream.has(HELLO, EXAMPLE, **FRESH)
    async with staged(settings_for(upstream)) as stage:
        first, second = await asked(stage), await asked(stage)
    assert first.embeds == second.embeds
    assert footer(second) is None
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (503, {}, "GitHub is not answering"),
        (500, {}, "GitHub is not answering"),
        (429, {"Retry-After": "60"}, "GitHub limits us"),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}, "GitHub limits us"),
        (403, {"Retry-After": "60"}, "GitHub limits us"),
    ],
)
async def test_while_github_fails_the_last_answer_is_shown_with_its_age(
    upstream: Upstream, status: int, headers: dict[str, Any], reason: str
) -> None:
    upstream.has(HELLO, EXAMPLE, **TWELVE_MINUTES_OLD)
    async with staged(settings_for(upstream)) as stage:
        before = await asked(stage)
        upstream.has(HELLO, b"", status=status, **headers)
        by_slash = await asked(stage)
        by_prefix = await stage.say("!repo octocat/Hello-World")
    assert footer(before) is None
    assert footer(by_slash) == f"12 min old — {reason}"
    assert values(by_slash) == values(before)
    assert by_slash.embeds == by_prefix.embeds
    assert not by_slash.flags.ephemeral


async def test_the_last_answer_is_shown_too_while_connections_break(upstream: Upstream) -> None:
    upstream.has(HELLO, EXAMPLE, **TWELVE_MINUTES_OLD)
    async with staged(settings_for(upstream)) as stage:
        await asked(stage)
        upstream.hangs_up.add(HELLO)
        message = await asked(stage)
    assert footer(message) == "12 min old — GitHub is not answering"


async def test_the_service_goes_by_the_name_that_the_operator_gave_it(upstream: Upstream) -> None:
    upstream.has(HELLO, EXAMPLE, **TWELVE_MINUTES_OLD)
    settings = settings_for(upstream)
    api = msgspec.structs.replace(settings.apis["github"], display_name="Our forge")
    async with staged(msgspec.structs.replace(settings, apis={"github": api})) as stage:
        await asked(stage)
        upstream.has(HELLO, b"", status=503)
        message = await asked(stage)
    assert footer(message) == "12 min old — Our forge is not answering"


async def test_an_answer_just_past_its_time_is_shown_without_a_word(upstream: Upstream) -> None:
    upstream.has(HELLO, EXAMPLE, **A_MINUTE_OLD)
    async with staged(settings_for(upstream)) as stage:
        await asked(stage)
        upstream.has(HELLO, EXAMPLE | {"stargazers_count": 81}, **FRESH)
        second, third = await asked(stage), await asked(stage)
    assert footer(second) is None
    assert [values(message)["⭐ Stars"] for message in (second, third)] == ["80", "81"]


async def test_what_github_denies_is_denied_though_it_was_shown_before(upstream: Upstream) -> None:
    upstream.has(HELLO, EXAMPLE, **TWELVE_MINUTES_OLD)
    async with staged(settings_for(upstream), failing=True) as stage:
        await asked(stage)
        upstream.has(HELLO, NOT_FOUND, status=404)
        message = await asked(stage)
    assert "Nothing found" in problem(message)[0]


# Private repositories: nothing may tell them from missing ones.


async def both(stage: Stage) -> tuple[tuple[str, str], tuple[str, str]]:
    """What is said of a private repository, and of one that does not exist."""
    private = await stage.slash("demo/private")
    return problem(private), problem(await stage.slash("demo/missing"))


@pytest.mark.parametrize("headers", [FRESH, A_MINUTE_OLD, TWELVE_MINUTES_OLD])
async def test_a_private_repository_in_the_cache_is_told_from_a_missing_one_by_nothing(
    upstream: Upstream, headers: dict[str, Any]
) -> None:
    upstream.has("/repos/demo/private", EXAMPLE | {"private": True}, **headers)
    async with staged(settings_for(upstream, token="ghp_planted"), failing=True) as stage:
        for _ in range(2):
            private, missing = await both(stage)
            assert private == missing
            assert "Nothing found" in private[0]
        for name in ("private", "missing"):
            upstream.has(f"/repos/demo/{name}", b"", status=503)
        private, missing = await both(stage)
    assert private == missing
    assert "GitHub is unavailable" in private[0]


async def test_a_private_repository_in_the_cache_that_was_published_is_shown(upstream: Upstream) -> None:
    upstream.has("/repos/demo/private", EXAMPLE | {"private": True}, **FRESH)
    async with staged(settings_for(upstream), failing=True) as stage:
        await stage.slash("demo/private")
        upstream.has("/repos/demo/private", EXAMPLE)
        message = await stage.slash("demo/private")
    assert message.embeds[0].title == "octocat/Hello-World"


async def test_a_private_repository_that_may_be_shown_is_shown_from_the_cache(upstream: Upstream) -> None:
    upstream.has("/repos/demo/private", EXAMPLE | {"private": True}, **FRESH)
    async with staged(settings_for(upstream), access=of_the_channel) as stage:
        first, second = await stage.slash("demo/private"), await stage.slash("demo/private")
    assert first.embeds == second.embeds
    assert len(upstream.requests) == 1

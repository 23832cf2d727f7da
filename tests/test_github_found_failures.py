"""What a member is told when GitHub can't or won't answer `/release`, `/commit`, `/ghuser` or `/ghsearch`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.found_stage import COMMANDS, FRESH, NEEDED, OPTIONAL, Given, furnish, given, paths
from tests.github_stage import Upstream, github, problem, settings_for, staged, title
from tests.test_github_failures import FAILURES
from tests.test_github_refresh import now, whispered
from tux_http.cogs.github.accounts_api import fetch_account
from tux_http.cogs.github.commits_api import fetch_commit
from tux_http.cogs.github.links import AccountLink, CommitLink, ReleaseLink
from tux_http.cogs.github.reference import Reference
from tux_http.cogs.github.releases_api import fetch_release
from tux_http.cogs.github.search_api import Search, fetch_page
from tux_http.errors import DeadlineExceeded
from tux_http.http_client import HTTPClient
from tux_http.policy import HTTPSettings, Policy
from tux_http.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tux_http.api import API


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish(served)
        yield served


FAILING = [
    (command, path, *failure)
    for command, path in NEEDED
    for failure in FAILURES
    # With a 404 below a repository that is there, GitHub says that there is no such thing: see its own tests.
    if failure[0] != 404 or path == command.paths[0]
]


@pytest.mark.parametrize(("command", "path", "status", "body", "headers", "expected"), FAILING, ids=str)
async def test_a_failure_of_a_call_is_answered(
    upstream: Upstream,
    command: Given,
    path: str,
    status: int,
    body: bytes,
    headers: dict[str, str],
    expected: str,
) -> None:
    upstream.has(path, body, status=status, **headers)  # pyright: ignore[reportArgumentType]  # no header is "status"
    async with staged(settings_for(upstream, token="ghp_planted"), failing=True) as stage:
        by_slash = await given(stage, command)
        by_prefix = await stage.say(command.typed)
    assert expected in problem(by_slash)[0]
    timeless = [re.sub(r"<t:\d+:R>", "", "\n".join(problem(each))) for each in (by_slash, by_prefix)]
    assert timeless[0] == timeless[1]
    assert by_slash.flags.ephemeral
    for message in (by_slash, by_prefix):
        shown = str(message.embeds[0].to_dict())
        for secret in ("ghp_planted", "127.0.0.1", "Unicorn", "Hello-World"):
            assert secret not in shown


@pytest.mark.parametrize(("command", "path"), NEEDED, ids=str)
async def test_an_upstream_that_hangs_up_is_answered(upstream: Upstream, command: Given, path: str) -> None:
    upstream.hangs_up.add(path)
    async with staged(settings_for(upstream), failing=True) as stage:
        message = await given(stage, command)
    assert message.flags.ephemeral
    assert "GitHub" in " ".join(problem(message))


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_an_upstream_that_is_not_there_is_answered(upstream: Upstream, command: Given) -> None:
    settings = settings_for(upstream)
    nowhere = msgspec.structs.replace(settings.apis["github"], base_url="http://127.0.0.1:1")
    async with staged(msgspec.structs.replace(settings, apis={"github": nowhere}), failing=True) as stage:
        message = await given(stage, command)
    assert problem(message)[0].endswith("GitHub can't be reached")


HELLO = Reference("octocat", "Hello-World")


async def fetch(api: API, command: Given) -> None:
    match command.command:
        case "release":
            await fetch_release(api, ReleaseLink(HELLO), allow_private=False)
        case "commit":
            await fetch_commit(api, CommitLink(HELLO, command.options["commit"]), allow_private=False)
        case "ghuser":
            await fetch_account(api, AccountLink(command.options["name"]))
        case other:
            kind = "repositories" if other.endswith("repositories") else "issues"
            await fetch_page(api, Search(kind, "x"), allow_private=False)


@pytest.mark.parametrize(("command", "path"), NEEDED, ids=str)
async def test_an_upstream_that_is_too_slow_is_told_as_such(
    upstream: Upstream, command: Given, path: str
) -> None:
    # Without a Discord: simcord moves its clock only once all have done what they can.
    upstream.hangs.add(path)
    async with HTTPClient(HTTPSettings(trust_env=False)) as client:
        api = client.api("github", base_url=upstream.url, policy=Policy(deadline=0.3))
        with pytest.raises(DeadlineExceeded) as raised:
            await fetch(api, command)
    assert problem_of(raised.value, names={"github": "GitHub"}).title == "GitHub is taking too long"


@pytest.mark.parametrize(("command", "path"), NEEDED, ids=str)
async def test_retry_gives_the_command_again(upstream: Upstream, command: Given, path: str) -> None:
    upstream.has(path, b"<html>", status=500)
    async with staged(settings_for(upstream), failing=True) as stage:
        failed = await given(stage, command)
        assert "has a problem" in problem(failed)[0]
        furnish(upstream)
        await stage.member.click(failed, label="Retry")
        card = stage.seen()
    assert title(card) == command.title
    assert not card.flags.ephemeral


@pytest.mark.parametrize(("command", "path"), NEEDED, ids=str)
async def test_a_refresh_that_fails_is_answered_and_leaves_the_card(
    upstream: Upstream, command: Given, path: str
) -> None:
    async with staged(settings_for(upstream)) as stage:
        card = await given(stage, command)
        upstream.has(path, b"", status=451)
        result = await stage.member.click(card, label="Refresh")
        assert now(stage, card).embeds == card.embeds
    assert "Blocked for legal reasons" in whispered(result)[0]


# What a card is shown without.

WITHOUT = [(command, path) for command in COMMANDS for path in command.paths if path in OPTIONAL]


@pytest.mark.parametrize(("command", "path"), WITHOUT, ids=str)
@pytest.mark.parametrize(("status", "body", "headers", "_"), FAILURES)
async def test_a_card_is_shown_though_a_part_of_it_can_not_be_had(
    upstream: Upstream,
    command: Given,
    path: str,
    status: int,
    body: bytes,
    headers: dict[str, str],
    _: str,
) -> None:
    upstream.has(path, body, status=status, **headers)  # pyright: ignore[reportArgumentType]  # see above
    async with staged(settings_for(upstream)) as stage:
        first, second = await given(stage, command), await given(stage, command)
    assert title(first) == title(second) == command.title


@pytest.mark.parametrize(("command", "path"), WITHOUT, ids=str)
async def test_a_part_that_hangs_up_keeps_no_card_back(upstream: Upstream, command: Given, path: str) -> None:
    upstream.hangs_up.add(path)
    async with staged(settings_for(upstream)) as stage:
        assert title(await given(stage, command)) == command.title


# Calls.


@pytest.mark.parametrize("command", COMMANDS, ids=str)
async def test_a_card_takes_three_requests_at_most_and_none_again(upstream: Upstream, command: Given) -> None:
    furnish(upstream, **FRESH)
    async with staged(settings_for(upstream)) as stage:
        first = await given(stage, command)
        by_prefix = await stage.say(command.typed)
        again = await given(stage, command)
    assert title(first) == command.title
    assert first.embeds == again.embeds == by_prefix.embeds
    assert tuple(paths(upstream)) == command.paths
    assert len(command.paths) <= 3

"""What GitHub can't or won't say of a link is not spoken of, and asked for again when that may help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from loguru import logger

from tests.github_stage import NOT_FOUND, Upstream, github, settings_for
from tests.issues_stage import AN_ISSUE, FRESH, HELLO, paths
from tests.test_github_failures import FAILURES
from tests.unfurl_stage import ANSWERS, GIST_ID, LINKS, SHA, SITE, furnish_all, said, titles, unfurling
from tux_http.cogs.github.link_parsing import parse_link
from tux_http.cogs.github.unfurl_cards import Unfurler
from tux_http.cogs.github.unfurls import FAILURES as FAILURES_OF_LINKS
from tux_http.http_client import HTTPClient
from tux_http.policy import Breaker, Caching, HTTPSettings, Policy, Quota, Retry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

CALLS = [
    *[(link, asked[-1]) for link, asked in LINKS.items() if not asked[-1].endswith("/check-runs")],
    (f"{SITE}/issues/1#issuecomment-5", HELLO),
    (f"{SITE}/blob/main/src/a.py#L3-L5", HELLO),
    (f"{SITE}/commit/{SHA}", f"{HELLO}/commits/{SHA}"),
]


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish_all(served)
        yield served


@pytest.mark.parametrize(("status", "body", "headers", "title"), FAILURES)
async def test_a_failure_of_any_call_is_silence(
    upstream: Upstream, status: int, body: bytes, headers: dict[str, Any], title: str
) -> None:
    logged: list[str] = []
    settings = settings_for(upstream, token="ghp_planted")
    # Each call is to meet the failure, whatever the one before it has taught.
    github = msgspec.structs.replace(
        settings.apis["github"],
        breaker=Breaker(enabled=False),
        quota=Quota(enabled=False),
        retry=Retry(attempts=1),
        caching=Caching(enabled=False),
    )
    async with unfurling(msgspec.structs.replace(settings, apis={"github": github})) as stage:
        sink = logger.add(lambda line: logged.append(str(line)), level="DEBUG")
        for link, path in CALLS:
            furnish_all(upstream)
            upstream.has(path, body, status=status, **headers)
            upstream.requests.clear()
            await stage.member.send(stage.channel, link)
            assert said(stage) == [], (link, title)
            assert path in paths(upstream)
            await stage.env.advance_time(30 * 60)
        logger.remove(sink)
    assert any("a link has no card" in line for line in logged)
    assert not any("ghp_planted" in line or "Unicorn" in line for line in logged)


async def test_an_upstream_that_hangs_up_is_silence(upstream: Upstream) -> None:
    upstream.hangs_up.add(HELLO)
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, SITE)
        assert said(stage) == []


async def test_an_upstream_that_is_not_there_is_silence(upstream: Upstream) -> None:
    settings = settings_for(upstream)
    nowhere = msgspec.structs.replace(settings.apis["github"], base_url="http://127.0.0.1:1")
    async with unfurling(msgspec.structs.replace(settings, apis={"github": nowhere})) as stage:
        await stage.member.send(stage.channel, f"{SITE} https://gist.github.com/octocat/{GIST_ID}")
        assert said(stage) == []


@pytest.mark.parametrize("link", LINKS)
async def test_an_upstream_that_is_too_slow_fails_in_a_way_that_is_silence(
    upstream: Upstream, link: str
) -> None:
    # Without a Discord: simcord moves its clock only once all have done what they can.
    upstream.hangs.add(LINKS[link][0])
    async with HTTPClient(HTTPSettings(trust_env=False)) as client:
        api = client.api("github", base_url=upstream.url, policy=Policy(deadline=0.3))
        unfurler = Unfurler(api, service="GitHub")
        with pytest.raises(FAILURES_OF_LINKS):
            await unfurler.card(parse_link(link), allow_private=False, room=1000)


async def test_what_can_be_shown_is_shown_without_the_rest(upstream: Upstream) -> None:
    upstream.has(AN_ISSUE, b"<html>Unicorn!</html>", status=500)
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, f"{SITE}/issues/1 {SITE}/pull/2 nobody/nothing#3")
        (message,) = said(stage)
    assert titles(message) == ["#2 Amazing new feature"]


async def test_what_failed_is_asked_for_again_when_it_is_posted_again(upstream: Upstream) -> None:
    good = upstream.answers[AN_ISSUE]
    upstream.has(AN_ISSUE, b"", status=500)
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, f"{SITE}/issues/1")
        assert said(stage) == []
        upstream.answers[AN_ISSUE] = good
        await stage.member.send(stage.channel, f"{SITE}/issues/1")
        assert len(said(stage)) == 1


@pytest.mark.parametrize("status", [404, 410, 451])
async def test_what_is_not_there_is_not_asked_for_again_for_half_an_hour(
    upstream: Upstream, status: int
) -> None:
    upstream.has(HELLO, NOT_FOUND, status=status)
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, f"{SITE}/issues/1")
        asked = len(upstream.requests)
        await stage.member.send(stage.channel, f"{SITE}/issues/1")
        assert len(upstream.requests) == asked == 1
        await stage.env.advance_time(30 * 60)
        await stage.member.send(stage.channel, f"{SITE}/issues/1")
        assert len(upstream.requests) == 2


async def test_an_old_card_is_better_than_none_and_says_so(upstream: Upstream) -> None:
    furnish_all(upstream, **(FRESH | {"Cache-Control": "private, max-age=0"}))
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, SITE)
        upstream.has(HELLO, b"", status=500)
        await stage.env.advance_time(30 * 60)
        await stage.member.send(stage.channel, SITE)
        assert len(said(stage)) == 2
        footer = said(stage)[1].embeds[0].footer.text
    assert footer is not None
    assert "GitHub is not answering" in footer


def test_every_kind_of_call_has_its_failures() -> None:
    assert {path for _, path in CALLS} >= ANSWERS.keys() - {LINKS[f"{SITE}/commit/{SHA}"][-1]}

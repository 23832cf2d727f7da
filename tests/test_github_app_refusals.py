"""A GitHub App whose tokens are not to be had, not accepted, or not to be waited for any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.app_stage import APP, INSTALLATION, AppUpstream, app_upstream, bearer, heard, private_key, world
from tux_http import call_of
from tux_http.errors import InvalidResponse
from tux_http.github_app import NAME, AppCredential
from tux_http.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

OLD: dict[str, Any] = {"Cache-Control": "private, max-age=60", "Age": "61"}


@pytest.fixture
async def upstream() -> AsyncGenerator[AppUpstream]:
    async with app_upstream() as served:
        for name in "abcdefghij":
            served.has(f"/repos/{name}", {"name": name})
        yield served


async def test_a_token_that_was_revoked_is_replaced_once(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        upstream.tokens[0] = "revoked"
        stage.wait(120)
        answer = await stage.api.get("/repos/b")
    assert answer.status_code == 200
    assert stage.sent() == [bearer(0), bearer(0), bearer(1)]


async def test_a_new_token_that_is_not_accepted_is_handed_up_as_refused(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        upstream.tokens[0] = "revoked"
        for _ in range(3):
            with pytest.raises(httpx.HTTPStatusError) as refused:
                await stage.api.get("/repos/b")
            assert refused.value.response.status_code == 401
    assert upstream.tokens_asked == 1


async def test_what_was_streamed_to_github_is_not_sent_twice(upstream: AppUpstream) -> None:
    async def body() -> AsyncGenerator[bytes]:
        yield b"once"

    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        upstream.tokens[0] = "revoked"
        stage.wait(120)
        refused = await stage.api.post("/repos/b", content=body(), raise_for_status=False)
        assert refused.status_code == 401
        assert (await stage.api.post("/repos/b", content=b"again")).status_code == 200
    assert [path for path in upstream.asked if path == "POST /repos/b"] == ["POST /repos/b"] * 2


async def test_an_error_on_the_way_holds_no_token(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        upstream.hangs_up = True
        with pytest.raises(httpx.TransportError) as lost:
            await stage.api.post("/repos/b")
    assert lost.value.request.headers["Authorization"] == stage.credential.stand_in


async def test_an_answer_that_is_no_token_is_not_taken_for_one(upstream: AppUpstream) -> None:
    upstream.garbled = True
    with heard() as log:
        async with world(upstream) as stage:
            with pytest.raises(InvalidResponse) as caught:
                await stage.api.get("/repos/a")
    assert problem_of(caught.value).code == "unexpected-answer"
    (line,) = [record for record in log if record["level"].name == "ERROR"]
    assert line["message"].endswith("no token for GitHub: InvalidResponse")


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "private key"), (403, "suspended"), (404, "github.installation_id"), (422, "422")],
)
async def test_whoever_may_not_have_a_token_is_told_that_the_bot_is_not_known(
    upstream: AppUpstream, status: int, said: str
) -> None:
    upstream.refuses = status
    with heard() as log:
        async with world(upstream) as stage:
            with pytest.raises(httpx.HTTPStatusError) as refused:
                await stage.api.get("/repos/a")
            problem = problem_of(refused.value, names={"github": "GitHub"})
    assert (problem.code, problem.title) == ("not-signed-in", "GitHub doesn't know this bot")
    (line,) = [record for record in log if record["level"].name == "ERROR"]
    assert said in line["message"]
    assert APP in line["message"]


@pytest.mark.parametrize(
    ("installations", "said"),
    [
        ([], "installed nowhere"),
        (
            [{"id": 1, "account": {"login": "a"}}, {"id": 2}],
            "set github.installation_id to one of 1 (a), 2 (?)",
        ),
    ],
)
async def test_an_installation_that_can_not_be_told_is_named_to_the_operator(
    upstream: AppUpstream, installations: list[dict[str, Any]], said: str
) -> None:
    upstream.installations = installations
    with heard() as log:
        async with world(upstream, installation=0) as stage:
            with pytest.raises(httpx.HTTPStatusError) as refused:
                await stage.api.get("/repos/a")
    assert problem_of(refused.value).code == "not-signed-in"
    (line,) = [record for record in log if record["level"].name == "ERROR"]
    assert said in line["message"]


async def test_after_a_failure_nobody_is_asked_for_a_while(upstream: AppUpstream) -> None:
    upstream.refuses = 401
    with heard() as log:
        async with world(upstream) as stage:
            for _ in range(3):
                with pytest.raises(httpx.HTTPStatusError):
                    await stage.api.get("/repos/a")
            assert upstream.tokens_asked == 1
            stage.wait(5.1)
            with pytest.raises(httpx.HTTPStatusError):
                await stage.api.get("/repos/a")
            assert upstream.tokens_asked == 2
            upstream.refuses = None
            stage.wait(10.1)
            assert (await stage.api.get("/repos/a")).status_code == 200
    said = [(record["level"].name, record["message"]) for record in log if "GitHub App" in record["message"]]
    assert [level for level, _ in said] == ["ERROR", "DEBUG", "INFO"]
    assert "contents=read" in said[-1][1]


async def test_while_no_token_is_to_be_had_the_last_answer_stands_in(upstream: AppUpstream) -> None:
    upstream.has("/repos/a", {"name": "a"}, **OLD)
    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        stage.wait(3700)
        upstream.refuses = 503
        answer = await stage.api.get("/repos/a")
        call = call_of(answer)
    assert call is not None
    assert (call.cache, call.stale_because) == ("stale", "503")


async def test_a_token_that_lives_still_serves_while_no_other_one_is_to_be_had(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        await stage.api.get("/repos/a")
        upstream.refuses = 404
        stage.wait(3570)
        assert (await stage.api.get("/repos/a")).status_code == 200
        stage.wait(31)
        with pytest.raises(httpx.HTTPStatusError):
            await stage.api.get("/repos/a")


async def test_whoever_leaves_does_not_end_the_renewal_for_the_others(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        first = asyncio.create_task(stage.api.get("/repos/a"))
        second = asyncio.create_task(stage.api.get("/repos/b"))
        await upstream.arrived.wait()
        first.cancel()
        await asyncio.wait({first})
        assert (await second).status_code == 200
    assert upstream.tokens_asked == 1


async def test_closing_leaves_no_renewal_behind(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        call = asyncio.create_task(stage.api.get("/repos/a"))
        await upstream.arrived.wait()
        renewing = stage.credential._renewing
        assert renewing is not None
    await asyncio.wait({call})
    assert renewing.done()
    assert call.exception() is not None


async def test_a_redirect_to_elsewhere_carries_neither_token_nor_stand_in(upstream: AppUpstream) -> None:
    async with app_upstream() as elsewhere, world(upstream) as stage:
        upstream.has("/repos/a", {}, status=302, Location=f"{elsewhere.url}/repos/a")
        with pytest.raises(httpx.HTTPStatusError):
            await stage.api.get("/repos/a")
        (request,) = elsewhere.requests
    assert "Authorization" not in request.headers


async def test_equal_credentials_are_one_and_others_are_not(upstream: AppUpstream) -> None:
    async with world(upstream) as stage:
        tokens = stage.client.apis[NAME]
        given: dict[str, Any] = {"app_id": APP, "installation_id": INSTALLATION, "key": private_key()}
        same = AppCredential(tokens, **given)
        assert (
            stage.client.api("github", base_url=upstream.url, policy=stage.api.policy, credential=same)
            is stage.api
        )
        given["installation_id"] = 35
        other = AppCredential(tokens, **given)
        with pytest.raises(ValueError, match="with other arguments"):
            stage.client.api("github", base_url=upstream.url, policy=stage.api.policy, credential=other)
        assert hash(same) == hash(stage.credential)


async def test_another_origin_gets_no_token_though_the_apis_client_is_sent_there(
    upstream: AppUpstream,
) -> None:
    async with app_upstream() as elsewhere, world(upstream) as stage:
        client = await stage.api.get_client()
        await client.get(f"{elsewhere.url}/repos/a")
        (request,) = elsewhere.requests
        assert upstream.tokens_asked == 0
    assert "ghs_" not in request.headers.get("Authorization", "")

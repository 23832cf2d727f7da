"""What a token lacks, by what GitHub says of it, and where operators read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from tux_http import HTTPClient, call_of
from tux_http.cogs.http.why import why_card
from tux_http.problem_embed import problem_embed
from tux_http.problems import problem_of
from tux_http.scopes import lacking, scopes

if TYPE_CHECKING:
    from loguru import Record


def classic(has: str, needed: str) -> dict[str, str]:
    return {"x-oauth-scopes": has, "x-accepted-oauth-scopes": needed}


@pytest.mark.parametrize(
    ("has", "needed", "lacks"),
    [
        ("", "repo", ("repo",)),
        ("gist, read:org", "public_repo, repo", ("public_repo", "repo")),
        ("repo", "repo", ()),
        ("repo", "public_repo", ()),
        ("repo", "repo:status", ()),
        ("public_repo", "repo", ("repo",)),
        ("admin:org", "read:org", ()),
        ("write:org", "read:org", ()),
        ("read:org", "admin:org", ("admin:org",)),
        ("admin:org", "read:packages", ("read:packages",)),
        ("user", "user:email", ()),
        ("user", "users:email", ("users:email",)),
        ("gist", "", ()),
    ],
)
def test_the_scopes_of_a_classic_token(has: str, needed: str, lacks: tuple[str, ...]) -> None:
    assert lacking(403, classic(has, needed)) == lacks
    assert lacking(404, classic(has, needed)) == lacks


@pytest.mark.parametrize(
    ("needed", "lacks"),
    [
        ("issues=write", ("issues=write",)),
        (
            "pull_requests=read,contents=read; issues=read",
            ("pull_requests=read,contents=read", "issues=read"),
        ),
        ("", ()),
        ("@everyone; <b>", ()),
    ],
)
def test_the_permissions_of_an_app_or_a_fine_grained_token(needed: str, lacks: tuple[str, ...]) -> None:
    told = {"x-accepted-github-permissions": needed}
    assert lacking(403, told) == lacks
    assert lacking(404, told) == ()


@pytest.mark.parametrize("status", [200, 304, 401, 410, 429, 451, 500])
def test_other_answers_say_nothing_of_it(status: int) -> None:
    assert lacking(status, classic("", "repo") | {"x-accepted-github-permissions": "issues=write"}) == ()


@pytest.mark.parametrize("told", [{"retry-after": "60"}, {"x-ratelimit-remaining": "0"}])
def test_a_limit_is_no_lack(told: dict[str, str]) -> None:
    assert lacking(403, classic("", "repo") | told) == ()


def test_a_token_without_scopes_is_told_from_one_of_a_kind_that_has_none() -> None:
    assert scopes({"x-oauth-scopes": ""}) == ()
    assert scopes({}) is None


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_whatever_an_upstream_says_only_names_come_of_it(has: str, needed: str, permissions: str) -> None:
    for told in (classic(has, needed), {"x-accepted-github-permissions": permissions}):
        for each in lacking(403, told):
            assert all(
                character.isascii() and (character.isalpha() or character in "_:-=, ") for character in each
            )


async def refused(status: int, headers: dict[str, str]) -> tuple[httpx.HTTPStatusError, list[Record]]:
    records: list[Record] = []
    sink = logger.add(lambda message: records.append(message.record), filter="tux_http.call")
    upstream = httpx.MockTransport(lambda _: httpx.Response(status, headers=headers))
    async with HTTPClient(transport=upstream) as client:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await client.api("github", base_url="https://api.github.test").get("/orgs/x/members")
    logger.remove(sink)
    return caught.value, records


@pytest.mark.parametrize(
    ("headers", "lacks"),
    [
        (classic("gist", "read:org, repo"), "read:org or repo"),
        ({"x-accepted-github-permissions": "members=read"}, "members=read"),
    ],
)
async def test_operators_are_told_what_is_lacking_and_members_that_it_is_not_allowed(
    headers: dict[str, str], lacks: str
) -> None:
    error, (line,) = await refused(403, headers)
    assert f"-> 403 (the token lacks {lacks}) in " in line["message"]
    call: Any = call_of(error)
    card = why_card(call.reference, failure=None, call=call, names={})
    told = {field.name: field.value for field in card.fields}
    assert str(told["The token lacks one of"]).replace("\\", "") == lacks.replace(" or ", ", ")
    problem = problem_of(error, names={"github": "GitHub"})
    assert problem.code == "forbidden"
    shown = str(problem_embed(problem, reference=call.reference).to_dict())
    assert not [word for word in ("read:org", "repo", "members", "scope") if word in shown]


async def test_what_is_not_found_is_no_lack_in_the_log() -> None:
    error, (line,) = await refused(404, classic("", "repo"))
    assert "lacks" not in line["message"]
    call: Any = call_of(error)
    assert call.lacks == ("repo",)

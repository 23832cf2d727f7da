"""Whatever people read goes through the catalogues: in a pseudo-language, nothing readable is left beside it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_args

import discord
import httpx
import pytest
from discord.ext import commands

from tests.failures import NOW
from tests.pseudo_language import PSEUDO, labels, texts_of, unworded
from tux_http import problems
from tux_http.call import Attempt, Call, Refuser, Wait
from tux_http.cogs.github.api import License, Owner, Related, Repository
from tux_http.cogs.github.embeds import repository_card, repository_links
from tux_http.cogs.github.reference import Reference, parse_reference
from tux_http.cogs.github.refresh import RefreshRepository
from tux_http.cogs.http.status import status_card
from tux_http.cogs.http.terms import ANSWERS, REFUSERS, STATES
from tux_http.cogs.http.why import unknown_card, why_card
from tux_http.errors import DeadlineExceeded, ResponseTooLarge
from tux_http.http_client import HTTPClient
from tux_http.permission_names import PERMISSIONS
from tux_http.policy import Breaker, CacheSettings, Caching, HTTPSettings, Policy, Quota, Retry
from tux_http.problem_embed import ICONS, problem_embed
from tux_http.problem_table import THINGS
from tux_http.problem_texts import TEXTS
from tux_http.problems import InvalidInput, Problem, problem_of
from tux_http.records import Failure
from tux_http.refresh import _marked
from tux_http.retries import Offer
from tux_http.staleness import ASKED_BY_MANY, SLOW, note_on
from tux_http.transports.circuit import State

if TYPE_CHECKING:
    from collections.abc import Iterator

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_pseudo_language_tells_words_of_ours_from_others() -> None:
    assert unworded(PSEUDO.gettext("{n} of {limit}", n=1, limit="data")) == []
    assert unworded(PSEUDO.gettext("{n} of {limit}", n=1, limit="many")) == ["['many'] in '⟦⟧1⟦ of ⟧many⟦⟧'"]
    assert unworded("12 s") == ["['s'] in '12 s'"]
    assert unworded(PSEUDO.ngettext("{n} byte", "{n} bytes", 2), "⭐ 12,345 <t:1:R>") == []


# Problems.


def shown(problem: Problem) -> list[str]:
    assert ICONS[problem.level]
    texts = texts_of(problem_embed(problem, reference="data", language=PSEUDO))
    assert all("⟦" in text for text in texts)
    return unworded(*(text.removeprefix(ICONS[problem.level]) for text in texts))


def told(exc: BaseException) -> Problem:
    return problem_of(exc, names={"github": "data"}, now=NOW, language=PSEUDO)


@pytest.mark.parametrize("service", ["data", None])
@pytest.mark.parametrize("code", TEXTS)
def test_a_problem(code: str, service: str | None) -> None:
    assert shown(problems._worded(code, service=service, retry_at=MOMENT, language=PSEUDO)) == []


def test_a_problem_that_nobody_foresaw() -> None:
    assert shown(problems.internal_problem(PSEUDO)) == []


async def _callback(ctx: Any, number: int) -> None: ...


_parameter = commands.Command(_callback).clean_params["number"]
_flag: Any = SimpleNamespace(name="data")

WITH_FACTS: dict[type[BaseException], list[BaseException]] = {
    DeadlineExceeded: [DeadlineExceeded(limit=limit) for limit in (1.0, 2.5)],
    ResponseTooLarge: [ResponseTooLarge(limit=limit) for limit in (1, 900, 2900, 10**7, 10**10)],
    commands.MissingPermissions: [commands.MissingPermissions(list(PERMISSIONS))],
    commands.BotMissingPermissions: [commands.BotMissingPermissions(["ban_members"])],
    discord.app_commands.MissingPermissions: [
        discord.app_commands.MissingPermissions(["ban_members", "speak"])
    ],
    discord.app_commands.BotMissingPermissions: [discord.app_commands.BotMissingPermissions(["ban_members"])],
    commands.RangeError: [
        commands.RangeError(5, *bounds) for bounds in ((1, 3), (None, 3), (7, None), (0.5, 1.5))
    ],
    commands.MissingRequiredArgument: [commands.MissingRequiredArgument(_parameter)],
    commands.MissingRequiredAttachment: [commands.MissingRequiredAttachment(_parameter)],
    commands.MissingRequiredFlag: [commands.MissingRequiredFlag(_flag)],
    commands.MissingFlagArgument: [commands.MissingFlagArgument(_flag)],
}


def test_every_error_that_has_facts_is_looked_at() -> None:
    assert set(WITH_FACTS) == set(problems._FACTS)


@pytest.mark.parametrize(
    "exc", [exc for each in WITH_FACTS.values() for exc in each], ids=lambda exc: type(exc).__name__
)
def test_a_problem_with_the_facts_of_its_error(exc: BaseException) -> None:
    problem = told(exc)
    assert "…" not in problem.detail
    shown_of_parameter = problem.detail.replace("number", "data")
    assert unworded(problem.title, shown_of_parameter, problem.hint) == []


@pytest.mark.parametrize("thing", THINGS, ids=lambda cls: cls.__name__)
def test_what_was_not_found(thing: type[BaseException]) -> None:
    assert unworded(told(thing.__new__(thing)).detail) == []


def test_a_permission_that_discord_adds_is_told_by_its_name() -> None:
    assert "Hold Hands" in problem_of(commands.MissingPermissions(["hold_hands"])).detail
    assert set(PERMISSIONS) >= set(discord.Permissions.VALID_FLAGS)


@pytest.mark.parametrize(
    "typed", ["https://example.org/a/b", "https://github.com/topics/python", "no repository"]
)
def test_what_is_no_repository(typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_reference(typed)
    caught.value.example = "data/data"
    assert shown(told(caught.value)) == []


def test_input_of_another_cog_is_refused_in_its_own_words() -> None:
    assert problem_of(InvalidInput("No {such} thing: 100 %.")).detail == "No {such} thing: 100 %."
    assert problem_of(InvalidInput("No {such} thing.", such="good")).detail == "No good thing."


# The card of a repository.

RELATED = Related(full_name="data/data", html_url="https://github.com/data/data")
FULL = Repository(
    full_name="data/data",
    html_url="https://github.com/data/data",
    owner=Owner(login="data", avatar_url="https://data.example/", html_url="https://github.com/data"),
    description="data",
    homepage="https://data.data/",
    language="data",
    license=License(name="data", spdx_id="data"),
    topics=("data",) * 500,
    stargazers_count=1,
    forks_count=2,
    subscribers_count=3456,
    open_issues_count=78,
    created_at=MOMENT,
    pushed_at=MOMENT,
    archived=True,
    disabled=True,
    fork=True,
    parent=RELATED,
    is_template=True,
    template_repository=RELATED,
    mirror_url="https://data/",
    has_issues=True,
    has_discussions=True,
    has_pull_requests=True,
    private=True,
)
UNNAMED = Repository(
    full_name="data/data",
    fork=True,
    visibility="internal",
    template_repository=Related(),
    open_issues_count=0,
)


@pytest.mark.parametrize("repository", [FULL, UNNAMED], ids=["full", "unnamed"])
def test_the_card_of_a_repository(repository: Repository) -> None:
    asked = Reference("data", "2")
    card = repository_card(repository, asked=asked, language=PSEUDO)
    assert unworded(*texts_of(card)) == []
    assert all("⟦" in str(field.name) for field in card.fields)


def test_every_field_of_a_repository_is_filled_in_one_of_them() -> None:
    empty = [
        name
        for name in Repository.__struct_fields__
        if not getattr(FULL, name) and not getattr(UNNAMED, name)
    ]
    assert empty == []


def test_the_buttons() -> None:
    retry = Offer("key", b"", None, None, PSEUDO)
    refresh = discord.ui.View(timeout=None).add_item(RefreshRepository(Reference("a", "b"), language=PSEUDO))
    found = [*labels(repository_links(FULL, PSEUDO)), *labels(retry.view()), *labels(refresh)]
    assert len(found) == 7
    assert unworded(*found) == []


async def test_a_refreshed_card() -> None:
    assert unworded(*texts_of(_marked(discord.Embed(title="data"), PSEUDO))) == []


# Notes on old answers.


@pytest.mark.parametrize("because", [*SLOW, *ASKED_BY_MANY, "RateLimited", "429", "503", "ConnectError"])
@pytest.mark.parametrize("age", [None, 5.0, 65.0, 7500.0, 90_000.0])
def test_a_note_on_an_old_answer(because: str, age: float | None) -> None:
    call = Call("GET", "https://api.test/x", "/x", api="github")
    call.cache, call.cached_age, call.stale_because = "stale", age, because
    assert unworded(note_on(call, service="data", language=PSEUDO)) == []


# The operators' answers.


def test_every_word_of_a_record_has_one_for_people() -> None:
    assert set(STATES) == set(get_args(State))
    assert set(REFUSERS) == set(get_args(Refuser))


def attempts() -> Iterator[Attempt]:
    waits: list[Wait | None] = [None, *get_args(Wait)]
    for wait in waits:
        for status, error in ((302, None), (503, None), (None, "data"), (None, None)):
            for elapsed in (None, 1.5):
                yield Attempt(1.0, elapsed, status, error, "1.1", None if wait is None else 2.0, wait)


RECORDS = list(itertools.zip_longest(ANSWERS, REFUSERS, STATES))


@pytest.mark.parametrize(("answer", "refuser", "state"), [*RECORDS, (None, None, None)])
def test_the_story_of_a_call(answer: Any, refuser: Any, state: str | None) -> None:
    tried = list(attempts())
    calls = [Call("data", "https://data/", "/data", api="github") for _ in range(4)]
    for index, call in enumerate(calls):
        call.cache, call.refused_by, call.breaker = answer, refuser, state
        call.attempts = tried[index * 8 :][: 8 if index else 24]
        call.elapsed, call.waited = (None, 2.5)[index % 2], (0.0, 1.5)[index // 2]
        call.cached_age, call.stale_because, call.coalesced = 12.0, "data", bool(index)
        call.limited_until = MOMENT
    failure = Failure(reference="data", at=MOMENT, name="data", problem="data", error="data", call=None)
    for call in (*calls, None):
        card = why_card("12", failure=failure, call=call, names={"github": "data"}, language=PSEUDO)
        assert unworded(*(text.replace("HTTP/1.1", "") for text in texts_of(card))) == []
    assert unworded(*texts_of(unknown_card("data", PSEUDO))) == []


async def statuses() -> list[discord.Embed]:
    """Of services that are well, left alone, limited, and without any of the layers."""
    reset = str(int((datetime.now(UTC) + timedelta(minutes=30)).timestamp()))
    quota = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4990", "X-RateLimit-Reset": reset}
    answers = {
        "/well": httpx.Response(200, headers=quota | {"X-RateLimit-Resource": "data"}),
        "/unlimited": httpx.Response(200, headers={**quota}),
        "/down": httpx.Response(500),
        "/limited": httpx.Response(429, headers={"Retry-After": "900"}),
    }

    def upstream(request: httpx.Request) -> httpx.Response:
        answer = answers[request.url.path]
        return httpx.Response(answer.status_code, headers=answer.headers, request=request)

    settings = HTTPSettings(cache=CacheSettings())
    bare = Policy(breaker=Breaker(enabled=False), quota=Quota(enabled=False), caching=Caching(enabled=False))
    full = Policy(breaker=Breaker(minimum_calls=1), retry=Retry(attempts=1))
    cards: list[discord.Embed] = []
    async with HTTPClient(settings, transport=httpx.MockTransport(upstream)) as client:
        names: dict[str, str] = {}
        cards.append(status_card(client, stored=[], names=names, language=PSEUDO))
        for number, (path, policy) in enumerate([*((path, full) for path in answers), ("/well", bare)]):
            name = f"api{number}"
            names[name] = "data"
            api = client.api(name, base_url=f"https://{number}.example", policy=policy)
            await api.get(path, raise_for_status=False)
            stored: Any = [SimpleNamespace(api=name, entries=1)]
            cards.append(status_card(client, stored=stored, names=names, language=PSEUDO))
    return cards


async def test_how_the_services_do() -> None:
    cards = await statuses()
    texts = [text for card in cards for text in texts_of(card)]
    assert unworded(*texts) == []
    said = "\n".join(texts)
    for part in (
        "⟦open⟧",
        "⟦Paused",
        "⟦Quota: none",
        "⟦Quota: off⟧",
        "⟦Breaker: off⟧",
        "⟦Cache: off⟧",
        " stored⟧",
        "⟦No service",
    ):
        assert part in said, part

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import discord
import httpx
import pytest
from discord import app_commands
from discord.ext import commands
from hypothesis import given
from hypothesis import strategies as st

from tests.failures import NOW, discord_error, exceptions_of, problem, raised, request, status_error
from tux_http.call import Call, call_of
from tux_http.errors import (
    BlockedAddress,
    CircuitOpen,
    DeadlineExceeded,
    InvalidResponse,
    RateLimited,
    attach_call,
)
from tux_http.problem_embed import problem_embed
from tux_http.problems import InvalidInput, root_of

# Words.


def test_an_upstream_goes_by_its_display_name() -> None:
    exc = httpx.ReadTimeout("")
    attach_call(exc, Call.of(request("github"), api="github"))
    assert problem(exc).title == "GitHub is taking too long"


def test_an_upstream_without_a_display_name_goes_by_its_api_name() -> None:
    assert problem(DeadlineExceeded(limit=15, api="weather")).detail == (
        "weather gave no complete answer within 15 seconds."
    )


def test_an_unknown_upstream_is_the_service() -> None:
    told = problem(httpx.ReadError("https://internal.example:8443 reset"))
    assert told.detail == "The connection to the service broke off before the answer was complete."
    assert problem(httpx.ConnectError("")).title == "The service can't be reached"


def test_a_persons_input_is_answered_with_the_cogs_own_words_and_an_example() -> None:
    told = problem(InvalidInput("That is not a repository.", example="owner/name"))
    assert (told.code, told.level) == ("invalid-input", "info")
    assert told.detail == "That is not a repository."
    assert told.example == "owner/name"


# Statuses.


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, "moved"),
        (400, "refused"),
        (401, "not-signed-in"),
        (403, "forbidden"),
        (404, "not-found"),
        (405, "refused"),
        (408, "timeout"),
        (410, "gone"),
        (422, "not-accepted"),
        (429, "rate-limited"),
        (451, "legal"),
        (500, "service-error"),
        (502, "bad-gateway"),
        (503, "unavailable"),
        (504, "timeout"),
        (507, "service-error"),
        (599, "service-error"),
    ],
)
def test_a_status_is_its_problem(status: int, code: str) -> None:
    exc = httpx.HTTPStatusError("", request=request(), response=httpx.Response(status))
    assert problem(exc).code == code


def test_a_spent_primary_limit_tells_when_it_is_lifted() -> None:
    reset = int((NOW + timedelta(minutes=20)).timestamp())
    told = problem(status_error(403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}))
    assert (told.code, told.title) == ("rate-limited", "GitHub asks us to wait")
    assert told.retry_at == NOW + timedelta(minutes=20)


def test_a_secondary_limit_is_not_taken_for_a_missing_permission() -> None:
    told = problem(status_error(403, json={"message": "You have exceeded a secondary rate limit."}))
    assert (told.code, told.retry_at) == ("slow-down", NOW + timedelta(seconds=60))


def test_a_limit_is_told_with_the_wait_that_the_service_knows_of() -> None:
    exc = status_error(403, json={"message": "You have exceeded a secondary rate limit."})
    call = call_of(exc)
    assert call is not None
    call.limited_until = NOW + timedelta(minutes=4)
    assert (problem(exc).code, problem(exc).retry_at) == ("slow-down", NOW + timedelta(minutes=4))


def test_what_is_no_limit_is_told_without_one() -> None:
    exc = status_error(403, json={"message": "Must have admin rights."})
    call = call_of(exc)
    assert call is not None
    call.limited_until = NOW + timedelta(minutes=4)
    assert (problem(exc).code, problem(exc).retry_at) == ("forbidden", None)


def test_the_services_own_rate_limited_carries_its_time() -> None:
    at = NOW + timedelta(minutes=5)
    exc = RateLimited(request=request(), response=httpx.Response(403), retry_at=at, api="github")
    assert (problem(exc).code, problem(exc).retry_at) == ("rate-limited", at)
    exc = RateLimited(request=request(), response=httpx.Response(403), scope="secondary")
    assert problem(exc).code == "slow-down"


def test_an_unavailable_service_tells_when_to_come_back() -> None:
    told = problem(status_error(503, headers={"retry-after": "120"}))
    assert (told.code, told.retry_at) == ("unavailable", NOW + timedelta(seconds=120))


def test_a_time_that_is_past_is_not_shown() -> None:
    assert problem(CircuitOpen(origin="https://x.test", retry_at=NOW - timedelta(seconds=1))).retry_at is None
    at = NOW + timedelta(seconds=30)
    assert problem(CircuitOpen(origin="https://x.test", retry_at=at)).retry_at == at


# Unwrapping.


def test_wrappers_of_every_kind_are_opened() -> None:
    root = status_error(404)
    inner = app_commands.CommandInvokeError(SimpleNamespace(name="repo"), root)  # pyright: ignore[reportArgumentType]
    wrapped = commands.CommandInvokeError(commands.HybridCommandError(inner))  # pyright: ignore[reportArgumentType]
    assert root_of(wrapped) is root
    assert problem(wrapped).title == "Nothing found"


def test_a_wrapper_round_itself_ends() -> None:
    wrapper = commands.CommandInvokeError(ValueError())
    wrapper.original = wrapper
    assert problem(wrapper).code == "internal"


def test_a_group_is_its_most_telling_leaf() -> None:
    deep = ExceptionGroup("b", [OSError(), ExceptionGroup("c", [httpx.ConnectTimeout("")])])
    assert problem(ExceptionGroup("a", [KeyError("x"), deep])).code == "unreachable"
    assert problem(ExceptionGroup("a", [KeyError("x")])).code == "internal"


def test_a_very_deep_group_is_opened_without_recursion() -> None:
    group: Any = httpx.ReadTimeout("")
    for _ in range(5000):
        group = ExceptionGroup("deeper", [group])
    assert problem(group).code == "timeout"


def caused(exc: BaseException, cause: BaseException) -> BaseException:
    exc.__cause__ = cause
    return exc


def transformer_error(cause: BaseException) -> BaseException:
    transformer: Any = SimpleNamespace(_error_display_name="x")
    return caused(app_commands.TransformerError("x", discord.AppCommandOptionType.string, transformer), cause)


def conversion_error(cause: Exception) -> BaseException:
    converter: Any = None
    return caused(commands.ConversionError(converter, cause), cause)


def argument_error(cause: BaseException) -> BaseException:
    return caused(commands.BadArgument("Converting failed"), cause)


@pytest.mark.parametrize("wrap", [transformer_error, conversion_error, argument_error])
def test_a_failed_conversion_is_its_cause_unless_that_is_about_the_input(wrap: Any) -> None:
    assert problem(wrap(httpx.ReadTimeout(""))).code == "timeout"
    assert problem(wrap(InvalidInput("Not a repository."))).detail == "Not a repository."
    assert problem(wrap(ValueError("invalid literal"))).code == "invalid-input"
    assert problem(wrap(raised(json.loads, "{"))).code == "invalid-input"


def test_a_bug_in_a_converter_is_not_put_down_to_the_person() -> None:
    assert problem(conversion_error(AttributeError("x"))).code == "internal"
    assert problem(transformer_error(AttributeError("x"))).code == "internal"


def test_a_fact_that_the_error_lacks_is_left_open() -> None:
    class Odd(commands.BadArgument): ...

    assert problem(Odd()).code == "invalid-input"


# Nothing of what comes from outside is told.

CANARY = st.from_regex(r"[A-Z0-9]{16}", fullmatch=True)
SHAPES = st.sampled_from(
    [
        "ghp_{}",
        "<@{}>",
        "@everyone {}",
        "**{}**",
        "[{}](https://evil.test/{})",
        "Bearer {}",
        "`{}`",
        "\u202e{}",
    ]
)


def hostile_errors(text: str) -> list[BaseException]:
    """One of every kind that carries text of others."""
    token = "".join(char for char in text if char.isascii() and char.isalnum())
    url = f"https://user:{token}@api.test/{token}?access_token={token}#{token}"
    sent = httpx.Request("GET", url, headers={"authorization": token})
    headers = {
        "retry-after": token,
        "x-ratelimit-reset": token,
        "x-ratelimit-resource": token,
        "www-authenticate": token,
    }
    return [
        *(
            httpx.HTTPStatusError(
                text,
                request=sent,
                response=httpx.Response(status, headers=headers, json={"message": text}, request=sent),
            )
            for status in (301, 400, 401, 403, 404, 422, 429, 451, 500, 503)
        ),
        *(
            cls(text, request=sent)
            for cls in exceptions_of(httpx)
            if issubclass(cls, httpx.RequestError) and cls is not httpx.RequestError
        ),
        httpx.InvalidURL(text),
        httpx.CookieConflict(text),
        httpx.StreamError(text),
        InvalidResponse(expected=text, path=text, request=sent),
        CircuitOpen(origin=url, request=sent),
        BlockedAddress(reason=text, request=sent),
        RateLimited(request=sent, response=httpx.Response(403, json={"message": text}), scope=token),
        raised(json.loads, text + "{"),
        UnicodeEncodeError("ascii", text, 0, 1, text),
        OSError(2, text, text),
        KeyError(text),
        RuntimeError(text),
        ExceptionGroup(text, [RuntimeError(text), httpx.ConnectError(text)]),
        commands.BadArgument(text),
        commands.MemberNotFound(text),
        commands.CheckFailure(text),
        commands.MissingRole(text),
        commands.CommandInvokeError(RuntimeError(text)),
        discord_error(discord.HTTPException, 400, text),
        discord_error(discord.Forbidden, 403, text),
    ]  # fmt: skip


@given(canary=CANARY, shape=SHAPES)
def test_nothing_of_an_error_reaches_discord(canary: str, shape: str) -> None:
    for exc in hostile_errors(shape.format(canary, canary)):
        told = problem(exc)
        shown = json.dumps(problem_embed(told, reference="a1b2c3d4").to_dict())
        for text in (repr(told), shown):
            assert canary not in text
            assert "evil.test" not in text
            assert "api.test" not in text


def test_a_limit_may_be_tried_again_once_it_is_known_when_it_is_over() -> None:
    ends = (None, NOW - timedelta(seconds=1), NOW + timedelta(seconds=1))
    limits = [RateLimited(request=request(), response=httpx.Response(403), retry_at=end) for end in ends]
    assert [problem(each).again for each in limits] == [False, True, True]


def test_an_interaction_that_is_over_is_told_from_what_is_gone() -> None:
    exc = discord_error(discord.NotFound, 404)
    assert problem(exc).code == "discord-not-found"
    exc.code = 10062  # Unknown interaction
    assert problem(exc).code == "too-late"

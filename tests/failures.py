"""Failures as the tests make them: what the service and the libraries raise, and the problem each is."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tux_http.call import Call
from tux_http.client import raise_for_error
from tux_http.problems import Problem, problem_of

if TYPE_CHECKING:
    import discord

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAMES = {"github": "GitHub"}


def request(api: str | None = "github", url: str = "https://api.github.com/repos/a/b") -> httpx.Request:
    sent = httpx.Request("GET", url)
    sent.extensions = {"tux_http": Call.of(sent, api=api)}
    return sent


def status_error(status: int, **response: Any) -> httpx.HTTPStatusError:
    """What the service itself raises for a status, with its record."""
    sent = request()
    received = httpx.Response(status, request=sent, **response)
    received.extensions = dict(sent.extensions)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        raise_for_error(received)
    return caught.value


def problem(exc: BaseException) -> Problem:
    return problem_of(exc, names=NAMES, now=NOW)


def exceptions_of(module: Any) -> list[type[BaseException]]:
    exported = [getattr(module, name) for name in module.__all__]
    return [cls for cls in exported if inspect.isclass(cls) and issubclass(cls, BaseException)]


def discord_error(
    cls: type[discord.HTTPException], status: int, message: str = "no"
) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="reason")
    return cls(response, {"code": 0, "message": message})


def raised(work: Any, *args: Any) -> BaseException:
    """What a library really raises."""
    try:
        work(*args)
    except BaseException as exc:  # noqa: BLE001  # whatever it is, it is what the test is about
        return exc
    raise AssertionError("nothing was raised")

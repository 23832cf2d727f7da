"""An exception -> a `Problem`: what a person reads about it, and nothing of what it carries.

The words are data in `problem_texts.py`; which exception gets which is data in `problem_table.py`.
A problem is plain text made of our words, display names, times and numbers: never an exception's message,
a URL, a header or a body. `embeds.py` shows it.
"""

from __future__ import annotations

import math
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import discord
import httpx
from discord import app_commands
from discord.ext import commands

from tux_http import errors
from tux_http.call import call_of
from tux_http.languages import ENGLISH, N_, size
from tux_http.late import is_too_late
from tux_http.limits import limit_of, retry_after
from tux_http.messages import message_for
from tux_http.permission_names import PERMISSIONS
from tux_http.problem_table import CODES, LIMITS, SILENT, THINGS, TIMED, TRANSIENT, status_code
from tux_http.problem_texts import TEXTS, Level
from tux_http.retry_errors import TooSoon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tux_http.languages import Language
    from tux_http.messages import Message

__all__ = ["InvalidInput", "Problem", "Row", "internal_problem", "problem_of", "root_of", "table"]

UNNAMED: Final = (N_("the service"), N_("The service"))
"""An upstream whose name is not known, inside and at the start of a sentence."""

DEEPEST: Final = 32
"""Wrappers round wrappers that are opened before one is taken as it is."""

_NO_MESSAGES: Final[Mapping[str, Message]] = MappingProxyType({})
_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


class InvalidInput(commands.BadArgument, app_commands.AppCommandError):
    """What a cog raises when a person's input can't be used; for slash and prefix commands alike.

    Args:
        message: One sentence to that person, as plain text: "That is not a repository." One that our
            catalogues have is shown in their language; other cogs word theirs as they like.
        example: Input that would have worked, shown as such: "owner/name".
        facts: What stands for the `{names}` in the message. Without facts, braces mean nothing in it.
    """

    def __init__(self, message: str, *, example: str | None = None, **facts: str | float) -> None:
        super().__init__(message)
        self.message = message
        self.example = example
        self.facts = facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What went wrong, for a person: `detail` is what happened, `hint` what to do, both plain text.

    `code` is stable, for logs and tests. `silent` problems are not answered; the others are logged at
    `level`, with a traceback if `traceback`. `example` is input that would have worked. With `again`, the
    same may go well the next time, or from `retry_at` on. `link` leads to help that the operator gives.
    """

    code: str
    title: str
    detail: str
    hint: str
    level: Level = "warning"
    traceback: bool = False
    silent: bool = False
    retry_at: datetime | None = None
    again: bool = False
    example: str | None = None
    link: str | None = None


class Row(NamedTuple):
    """One line of the table of everything that people may be told."""

    code: str
    title: str
    hint: str


def table() -> list[Row]:
    """All problems that are answered, worded for an upstream without a name."""
    rows = (_worded(code) for code in TEXTS if code not in SILENT)
    return [Row(problem.code, problem.title, problem.hint) for problem in rows]


def problem_of(
    exc: BaseException,
    *,
    names: Mapping[str, str] = _NO_NAMES,
    now: datetime | None = None,
    language: Language = ENGLISH,
    messages: Mapping[str, Message] = _NO_MESSAGES,
) -> Problem:
    """The problem that an exception is for the person whose command met it.

    Args:
        exc: Any; what it wraps is looked at.
        names: Display names of APIs: `{"github": "GitHub"}`. Others go by their API name.
        now: Aware; the current time if not given.
        language: Of the words.
        messages: The operator's own ones by code, which win.
    """
    root = root_of(exc)
    now = now or datetime.now(UTC)
    code, retry_at = _diagnosis(root, now)
    return _worded(
        code,
        root,
        service=_service(root, names),
        retry_at=retry_at if retry_at is not None and retry_at > now else None,
        again=code in TRANSIENT or (code in LIMITS and retry_at is not None),
        language=language,
        messages=messages,
    )


def internal_problem(language: Language = ENGLISH, messages: Mapping[str, Message] = _NO_MESSAGES) -> Problem:
    """The problem of an error that nobody foresaw."""
    return _worded("internal", language=language, messages=messages)


def _worded(
    code: str,
    root: BaseException | None = None,
    *,
    service: str | None = None,
    retry_at: datetime | None = None,
    again: bool = False,
    language: Language = ENGLISH,
    messages: Mapping[str, Message] = _NO_MESSAGES,
) -> Problem:
    text, own = TEXTS[code], message_for(code, messages)
    inside, at_the_start = (service or language.gettext(unnamed) for unnamed in UNNAMED)
    names = {"service": inside, "Service": at_the_start}
    detail = _detail(own.text or text.detail, root, names, language)
    hint = "" if retry_at and code in TIMED else language.gettext(text.hint, **names)
    if own.text:  # for both; but what a cog says of somebody's input says more
        hint = language.gettext(own.text, **names) if isinstance(root, InvalidInput) else ""
    return Problem(
        code=code,
        title=language.gettext(own.title or text.title, **names),
        detail=detail,
        hint=hint,
        level=text.level,
        traceback=text.traceback,
        silent=code in SILENT,
        retry_at=retry_at,
        again=again,
        example=root.example if isinstance(root, InvalidInput) else None,
        link=own.link or None,
    )


def _detail(text: str, root: BaseException | None, names: Mapping[str, str], language: Language) -> str:
    if isinstance(root, InvalidInput):
        return language.gettext(root.message, **root.facts)
    facts = {} if root is None else _facts_of(root, language)
    return language.gettext(text, **{**names, **facts})


def _service(root: BaseException, names: Mapping[str, str]) -> str | None:
    call = call_of(root)
    api = call.api if call is not None else getattr(root, "api", None)
    return names.get(api, api) if isinstance(api, str) else None


# Unwrapping.

_WRAPPERS: Final = (
    commands.CommandInvokeError,
    commands.HybridCommandError,
    commands.ExtensionFailed,
    app_commands.CommandInvokeError,
)
_CONVERSIONS: Final = (commands.ConversionError, app_commands.TransformerError)


def root_of(exc: BaseException) -> BaseException:
    """The exception that says what happened, out of discord.py's wrappers and exception groups."""
    for _ in range(DEEPEST):
        inner = _inner(exc)
        if inner is None:
            break
        exc = inner
    return exc


def _inner(exc: BaseException) -> BaseException | None:
    if isinstance(exc, BaseExceptionGroup):
        return _most_telling(cast("BaseExceptionGroup[BaseException]", exc))
    if isinstance(exc, _WRAPPERS):
        return exc.original
    if isinstance(exc, _CONVERSIONS):
        return None if isinstance(exc.__cause__, ValueError) else exc.__cause__
    if type(exc) is commands.BadArgument:  # discord.py's own, round whatever a converter function raised
        return None if exc.__cause__ is None or _is_input_error(exc.__cause__) else exc.__cause__
    return None


def _is_input_error(cause: BaseException) -> bool:
    """Whether a converter function's error is about what it was given: `int("x")`, a key that isn't there."""
    return isinstance(cause, ValueError) or _code_of(cause) == "internal"


def _most_telling(group: BaseExceptionGroup[BaseException]) -> BaseException:
    leaves = list(_leaves(group))
    return next((leaf for leaf in leaves if _code_of(leaf) != "internal"), leaves[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    pending: list[BaseException] = [group]
    while pending:
        exc = pending.pop()
        if isinstance(exc, BaseExceptionGroup):
            inner = cast("BaseExceptionGroup[BaseException]", exc)
            pending.extend(reversed(inner.exceptions))
        else:
            yield exc


# Diagnosis: the code, and when to try again.


def _diagnosis(root: BaseException, now: datetime) -> tuple[str, datetime | None]:
    match root:
        case errors.RateLimited():
            return _limited(root, now)
        case httpx.HTTPStatusError():
            return _refused(root.response, now)
        case errors.CircuitOpen() | TooSoon():
            return _code_of(root), root.retry_at
        case commands.CommandOnCooldown() | app_commands.CommandOnCooldown() | discord.RateLimited():
            return _code_of(root), now + timedelta(seconds=root.retry_after)
        case discord.HTTPException() if is_too_late(root):
            return "too-late", None
        case _:
            return "insecure" if _is_insecure(root) else _code_of(root), None


def _is_insecure(root: BaseException) -> bool:
    """Whether it was TLS that made no connection, as with a wrong certificate: the engine raises from what it met."""
    cause: BaseException | None = root if isinstance(root, httpx.ConnectError) else None
    for _ in range(DEEPEST):
        if cause is None or isinstance(cause, ssl.SSLError):
            break
        cause = cause.__cause__
    return isinstance(cause, ssl.SSLError)


def _limited(root: errors.RateLimited, now: datetime) -> tuple[str, datetime | None]:
    limit = limit_of(root.response, now)
    secondary = root.scope == "secondary" or (limit is not None and limit.kind == "secondary")
    retry_at = root.retry_at or (limit.retry_at if limit is not None else None)
    return "slow-down" if secondary else "rate-limited", retry_at


def _refused(response: httpx.Response, now: datetime) -> tuple[str, datetime | None]:
    limit = limit_of(response, now)
    if limit is not None:
        call = call_of(response)
        known = call.limited_until if call is not None else None  # of the API, with earlier limits in mind
        return "slow-down" if limit.kind == "secondary" else "rate-limited", known or limit.retry_at
    return status_code(response.status_code), retry_after(response.headers, now)


def _code_of(exc: BaseException) -> str:
    return next(CODES[cls] for cls in type(exc).__mro__ if cls in CODES)


# Facts: what a text may say of an error beside its code.


def _facts_of(root: BaseException, language: Language) -> dict[str, str]:
    for cls in type(root).__mro__:
        if cls in THINGS:
            return {"thing": language.gettext(THINGS[cls])}
        if cls in _FACTS:
            return _FACTS[cls](root, language)
    return {}


def _permissions(exc: Any, language: Language) -> dict[str, str]:
    names = [
        language.gettext(PERMISSIONS.get(name) or name.replace("_", " ").title())
        for name in exc.missing_permissions
    ]
    return {"permissions": language.listed(names)}


def _parameter(exc: Any, _: Language) -> dict[str, str]:
    return {"parameter": exc.param.displayed_name or exc.param.name}


def _flag(exc: Any, _: Language) -> dict[str, str]:
    return {"parameter": exc.flag.name}


def _range(exc: Any, language: Language) -> dict[str, str]:
    low, high = exc.minimum, exc.maximum
    if low is None:
        return {"range": language.gettext("at most {high}", high=high)}
    if high is None:
        return {"range": language.gettext("at least {low}", low=low)}
    return {"range": language.gettext("between {low} and {high}", low=low, high=high)}


def _seconds(exc: Any, language: Language) -> dict[str, str]:
    """The number is written as it is, and words go by it as by the next whole one."""
    words = language.ngettext(
        "{seconds} second", "{seconds} seconds", math.ceil(exc.limit), seconds=exc.limit
    )
    return {"limit": words}


def _size(exc: Any, language: Language) -> dict[str, str]:
    return {"limit": size(exc.limit, language)}


_FACTS: Final[Mapping[type[BaseException], Callable[[Any, Language], dict[str, str]]]] = {
    errors.DeadlineExceeded: _seconds,
    errors.ResponseTooLarge: _size,
    commands.MissingPermissions: _permissions,
    commands.BotMissingPermissions: _permissions,
    app_commands.MissingPermissions: _permissions,
    app_commands.BotMissingPermissions: _permissions,
    commands.MissingRequiredArgument: _parameter,
    commands.MissingRequiredAttachment: _parameter,
    commands.MissingRequiredFlag: _flag,
    commands.MissingFlagArgument: _flag,
    commands.RangeError: _range,
}

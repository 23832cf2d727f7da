"""What a log record must not carry: tokens, credentials, userinfo and query strings.

`redact` works on text. `redact_record` is loguru's patcher, which every record passes before any sink sees
it: its text and extras are redacted, and its exception becomes a stand-in with the same type name, redacted
text, and a traceback whose frames hold no variables, so that a sink with `diagnose=True` has none to show.
"""

from __future__ import annotations

import dataclasses
import json
import linecache
import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache, singledispatch
from types import FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote, quote_plus

from tux_http.call import Call, call_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loguru import Record

__all__ = ["MARK", "Redactor", "contains_token", "is_sensitive", "redact", "redact_record", "redacted"]

MARK: Final = "[…]"
"""What stands where something was redacted."""

DEEPEST: Final = 8
"""Levels of nested extras that are looked into; below them stands their text."""

LONGEST_CHAIN: Final = 32
"""Exceptions in a row (causes, contexts, groups in groups) that are shown."""

SHORTEST_SECRET: Final = 8
"""Characters that a known secret has at least; shorter ones would blank out ordinary words."""

_SENSITIVE: Final = r"(?i:token|secret|passw(?:or)?d|api[-_]?key|private[-_]?key|credential)"
_HEADER: Final = r"(?i:(?:proxy-)?authorization|(?:set-)?cookie)"
_NAME: Final = re.compile(rf"{_SENSITIVE}|{_HEADER}")

_DISCORD: Final = r"[MNO][\w-]{22,30}\.[\w-]{5,}\.[\w-]{20,}"  # base64 of the bot's id, a time, a signature
_TOKENS: Final = (
    _DISCORD,
    r"mfa\.[\w-]{20,}",  # Discord's older user tokens
    r"gh[pousr]_[\w.-]{16,}",  # https://docs.github.com/authentication "About authentication to GitHub"
    r"github_pat_\w{16,}",
    r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",  # JSON Web Token, RFC 7519
)
_TOKEN: Final = re.compile("|".join(_TOKENS), re.ASCII)
_LIKE_DISCORD: Final = re.compile(_DISCORD, re.ASCII)

_IN_URL: Final = r"""(?:[^\s"'<>\x1b]|'(?![\s,)\]}:;.]|$))"""  # a quote ends it, unless more of it follows


def _quoted_value(name: str, mark: str) -> str:
    """`'name': 'value'`, also escaped, as bytes, and as a pair `(b'name', b'value')`."""
    return rf"""({name}s?\\*['"]\s*[:,]\s*b?\\*{mark})(?:[^{mark}\\\r\n]|\\.)+"""


# Each alternative has at most one group: what stays in front of the mark.
_PATTERN: Final = re.compile(
    "|".join(
        [
            rf"""((?<=[^\s?])\?)(?![\s)\]}},.;:!?]){_IN_URL}+""",  # anything that could be a query
            r"(://)[^\s/?#]+(?=@)",
            *_TOKENS,
            r"(/(?:webhooks|interactions)/\d+/)[\w-]{16,}",  # Discord's credentials that lie in paths
            *(_quoted_value(_HEADER, mark) for mark in "'\""),
            rf"({_HEADER}\s*[:=]\s*)[^\r\n\x1b]+",
            r"((?i:\bbearer|\btoken)\s+)[\w.~+/=-]{20,}",
            r"((?i:\bbasic)\s+)[A-Za-z0-9+/]{16,}=*",
            *(_quoted_value(_SENSITIVE, mark) for mark in "'\""),
            rf"({_SENSITIVE}s?=['\"]?)[^\s&;,'\"\x1b]+",
        ]
    ),
    re.ASCII,
)

# Every text that the pattern changes has one of these, Discord's tokens aside; looking costs a tenth of it.
_HINTS: Final = (
    *("?", "@", "mfa.", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "eyj"),
    *("/webhooks/", "/interactions/", "authorization", "cookie", "bearer", "basic", "token", "secret"),
    *("passw", "apikey", "api-key", "api_key", "privatekey", "private-key", "private_key", "credential"),
)


class Redactor:
    """Puts `MARK` in place of what must not be shown: the secrets it knows, then what looks like one.

    That is tokens of Discord and GitHub, JSON Web Tokens, values of credential headers and of keys named
    like a secret, and userinfo and query of URLs.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: tuple[str, ...] = ()
        self.know(secrets)

    def know(self, secrets: Iterable[str]) -> None:
        """Replaces the known secrets; those shorter than `SHORTEST_SECRET` are no secrets."""
        long = [secret for secret in secrets if len(secret.strip()) >= SHORTEST_SECRET]
        spelt = {text for secret in long for text in _spellings(secret)}
        self._secrets = tuple(sorted(spelt, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MARK)
        return _PATTERN.sub(_marked, text) if _is_suspicious(text) else text


def _spellings(secret: str) -> set[str]:
    """A secret as it is, in URLs, in JSON and in reprs."""
    in_urls = {quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
    return {secret, *in_urls, json.dumps(secret)[1:-1], repr(secret)[1:-1]}


def _is_suspicious(text: str) -> bool:
    lowered = text.lower()
    return any(hint in lowered for hint in _HINTS) or _LIKE_DISCORD.search(text) is not None


def _marked(match: re.Match[str]) -> str:
    return MARK if match.lastindex is None else match[match.lastindex] + MARK


redact: Final = Redactor()
"""`redact(text)` is the text without secrets. Knows those that `tux_http.log.configure` was given."""


def contains_token(text: str) -> bool:
    """Whether something in the text has the shape of a Discord or GitHub token or a JSON Web Token."""
    return _TOKEN.search(text) is not None


def is_sensitive(name: str) -> bool:
    """Whether a value under this key or header name is likely a secret."""
    return _NAME.search(name) is not None


def redact_record(record: Record) -> None:
    """Takes the secrets out of a loguru record, in place; `logger.configure(patcher=redact_record)`."""
    record["message"] = redact(record["message"])
    if record["extra"]:
        record["extra"] = _mapping(record["extra"], 0)
    exception = record["exception"]
    if exception is not None and exception.value is not None:
        shown = _stand_in(exception.value, {})
        record["exception"] = exception._replace(value=shown, traceback=_bare(exception.traceback))


def redacted(value: Any) -> Any:
    """A copy of a value without secrets, as extras of a record are shown."""
    return _value(value, 0)


@singledispatch
def _value(value: object, depth: int) -> object:
    """A value without secrets: what can't be looked into is replaced by its redacted text."""
    del depth
    return redact(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # whatever a foreign __str__ raises, logging must go on
        return f"<unprintable {type(value).__name__}>"


_PLAIN: Final = (type(None), bool, int, float, date, timedelta)  # a datetime is a date

for _type in _PLAIN:

    @_value.register(_type)
    def _plain(value: object, depth: int) -> object:
        del depth
        return value


def _mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    if depth >= DEEPEST:
        return {"": redact(_text(value))}
    return {
        redact(_text(key)): MARK if _hides(key, item) else _value(item, depth + 1)
        for key, item in tuple(value.items())
    }


_value.register(Mapping)(_mapping)


@_value.register(list)
def _list(value: list[Any], depth: int) -> object:
    return redact(_text(value)) if depth >= DEEPEST else [_value(item, depth + 1) for item in value]


@_value.register(tuple)
def _tuple(value: tuple[Any, ...], depth: int) -> object:
    match value:
        case (name, item) if _hides(name, item):  # a header as httpx and h11 hold them
            return _value(name, depth), MARK
        case _:
            return (
                tuple(cast("list[Any]", _list([*value], depth))) if depth < DEEPEST else redact(_text(value))
            )


@_value.register(Call)
def _call(value: Call, depth: int = 0) -> Call:
    del depth
    attempts = [dataclasses.replace(one, error=one.error and redact(one.error)) for one in value.attempts]
    return dataclasses.replace(value, url=redact(value.url), path=redact(value.path), attempts=attempts)


@_value.register(BaseException)
def _exception(value: BaseException, depth: int) -> BaseException:
    del depth
    return _stand_in(value, {})


def _hides(key: object, value: object) -> bool:
    """Whether a key says that its value is a secret; flags and numbers are none."""
    name = key.decode("latin-1") if isinstance(key, bytes) else key
    return isinstance(name, str) and not isinstance(value, _PLAIN) and is_sensitive(name)


def _stand_in(exc: BaseException, seen: dict[int, BaseException], depth: int = 0) -> BaseException:
    """An exception that is shown as this one is, chain and notes included, and holds nothing else of it."""
    if id(exc) in seen:
        return seen[id(exc)]
    seen[id(exc)] = copy = _stand_in_class(type(exc))(redact(_text(exc)))  # for chains that lead back to it
    if depth < LONGEST_CHAIN:
        if members := _members(exc):
            shown = [_stand_in(member, seen, depth + 1) for member in members]
            seen[id(exc)] = copy = _stand_in_class(type(exc), group=True)(str(copy), shown)
        copy.__cause__ = None if exc.__cause__ is None else _stand_in(exc.__cause__, seen, depth + 1)
        copy.__context__ = None if exc.__context__ is None else _stand_in(exc.__context__, seen, depth + 1)
    copy.__suppress_context__ = exc.__suppress_context__
    for note in getattr(exc, "__notes__", ()):
        copy.add_note(redact(_text(note)))
    if (call := call_of(exc)) is not None:
        copy.call = _call(call)  # pyright: ignore[reportAttributeAccessIssue]  # as errors.attach_call does
    return copy.with_traceback(_bare(exc.__traceback__))


def _members(exc: BaseException) -> tuple[BaseException, ...]:
    return cast("Any", exc).exceptions if isinstance(exc, BaseExceptionGroup) else ()


@lru_cache(maxsize=256)
def _stand_in_class(original: type[BaseException], *, group: bool = False) -> Any:
    original = vars(original).get("stands_for", original)  # where a record passes the patcher twice
    names = {"__module__": original.__module__, "__qualname__": original.__qualname__}
    methods = {"__str__": _first_argument, "__reduce__": _reduced, "stands_for": original}
    return type(original.__name__, (ExceptionGroup if group else Exception,), {**names, **methods})


def _first_argument(exc: BaseException) -> str:
    return str(exc.args[0])


def _reduced(exc: Any) -> tuple[Any, ...]:
    # Pickled by sinks with enqueue=True; the class can't be imported, so it is made again from the original.
    return _unpickled, (exc.stands_for, str(exc))


def _unpickled(original: type[BaseException], text: str) -> BaseException:
    return _stand_in_class(original)(text)


def _bare(tb: TracebackType | None) -> TracebackType | None:
    """A traceback of the same places whose frames have neither variables nor callers."""
    entries: list[TracebackType] = []
    while tb is not None:
        entries.append(tb)
        tb = tb.tb_next
    bare = None
    for entry in reversed(entries):
        bare = _bare_entry(entry, bare)
    return bare


def _bare_entry(tb: TracebackType, following: TracebackType | None) -> TracebackType:
    code = tb.tb_frame.f_code
    file = code.co_filename
    line = linecache.getline(file, tb.tb_lineno)
    if redact(line) != line:  # in a file of that name nobody can look the line up
        file += " (source withheld)"
    place = _unrun.__code__.replace(co_filename=file, co_name=code.co_name, co_qualname=code.co_qualname)
    # Only a generator has a frame before it runs, and a frame that never ran has no caller (f_back), to
    # which loguru's `backtrace=True` would climb.
    frame = FunctionType(place, {"__name__": tb.tb_frame.f_globals.get("__name__")})().gi_frame
    return TracebackType(following, frame, -1, tb.tb_lineno)


def _unrun() -> Iterator[None]:
    yield

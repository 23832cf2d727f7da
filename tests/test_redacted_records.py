"""What never reaches a sink: secrets in messages, extras and exceptions, whatever the sink looks at."""

from __future__ import annotations

import contextlib
import io
import logging
import pickle
import string
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from loguru import logger

from tux_http.call import Attempt, Call
from tux_http.config import LogSettings
from tux_http.log import configure
from tux_http.redaction import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from loguru import Message

DISCORD = "MTE4NzYxNDI5Mzg0NTY3MjM0NQ.GhX1Yz.n3v7Qk0bJ5wR2sT8uV4xY6zA1cD9eF0gH2iJ3k"
GITHUB = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
GITHUB_FINE = "github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghijklmnopqrstuvwxyz"


class Watcher:
    """Sinks of every kind, the nosiest settings, and all that they could see."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.messages: list[Message] = []

    def look(self, message: Message) -> None:
        self.messages.append(message)
        self.seen += [message, repr(message.record), pickle.dumps(message.record).decode("latin-1")]
        exception = message.record["exception"]
        if exception is not None and exception.value is not None:
            self._look_into(exception.value)

    def _look_into(self, exc: BaseException) -> None:
        shown = traceback.TracebackException.from_exception(exc, capture_locals=True)
        self.seen += [*shown.format(), repr(vars(exc)), repr(exc), repr(exc.args)]
        for frame, _ in traceback.walk_tb(exc.__traceback__):
            self.seen += [repr(frame.f_locals), repr(frame.f_globals)]
            assert frame.f_back is None

    def text(self) -> str:
        return "\n".join(self.seen)


class Handler(logging.Handler):
    def __init__(self, watcher: Watcher) -> None:
        super().__init__()
        self.watcher = watcher

    def emit(self, record: logging.LogRecord) -> None:
        self.watcher.seen += [repr(vars(record)), logging.Formatter().format(record)]


@contextlib.contextmanager
def watched(secret: str) -> Generator[Watcher]:
    """Logging with sinks added after `configure`, by somebody who knows nothing of it."""
    watcher = Watcher()
    nosy: dict[str, Any] = {"level": 0, "backtrace": True, "diagnose": True, "catch": False}
    with configure(LogSettings(level="DEBUG"), secrets=[secret]):
        logger.add(watcher.look, format="{message} {extra} {exception}", **nosy)
        logger.add(watcher.seen.append, serialize=True, colorize=True, **nosy)
        logger.add(Handler(watcher), format="{message} {extra}", **nosy)
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            yield watcher
        watcher.seen.append(stderr.getvalue())
        logger.remove()


class Client:
    """An object of somebody's, with a secret in it."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __repr__(self) -> str:
        return f"<Client {self.key}>"


class NamedToken(NamedTuple):
    name: str
    value: str


def a_call(secret: str) -> Call:
    call = Call(method="GET", url=f"https://host/{secret}", path=f"/{secret}", api="github")
    call.attempts.append(Attempt(started=0.0, status=200, error=secret))
    return call


def in_message(secret: str) -> None:
    logger.info("it is {}", secret)


def in_a_message_with_colours(secret: str) -> None:
    logger.opt(colors=True).info("<red>it is</red> {}", secret)


def in_a_raw_message(secret: str) -> None:
    logger.opt(raw=True).info("it is {}\n", secret)


def in_extras(secret: str) -> None:
    kept: dict[str, Any] = {"text": secret, secret: 1, "bytes": secret.encode(), "object": Client(secret)}
    nested: dict[str, Any] = {
        "kept": kept,
        "list": [{"a": (secret, {secret})}],
        "named": NamedToken("x", secret),
    }
    logger.bind(**kept, nested=nested, call=a_call(secret)).info("bound")
    with logger.contextualize(
        secret=Client(secret), request=httpx.Request("GET", "https://h/", params={"q": secret})
    ):
        logger.info("in a context, {what}", what=secret)


def in_deep_extras(secret: str) -> None:
    deep: Any = secret
    for _ in range(50):
        deep = [{"deeper": (deep,)}]
    itself: list[Any] = [secret]
    itself.append(itself)
    logger.bind(deep=deep, itself=itself).info("deep")


def in_exceptions(secret: str) -> None:
    try:
        raise_with(secret)
    except ExceptionGroup:
        logger.exception("it failed")
        logger.opt(exception=True).info("it failed, {}", "or so")


def raise_with(secret: str) -> None:
    local = {"kept": secret}
    try:
        try:
            raise OSError(2, secret, f"/srv/{secret}")  # noqa: TRY301  # a chain needs its links
        except OSError as exc:
            exc.add_note(f"a note on {secret}")
            exc.call = a_call(secret)  # pyright: ignore[reportAttributeAccessIssue]  # as our errors carry one
            raise ValueError(f"not {local['kept']}") from exc
    except ValueError as exc:
        loop = KeyError(Client(secret))
        loop.__context__ = exc
        exc.__context__ = loop
        raise ExceptionGroup(f"{secret} twice", [exc, ExceptionGroup("inner", [loop])]) from None


def in_a_long_chain(secret: str) -> None:
    failed: Exception = ValueError(secret)
    for _ in range(2000):
        last, failed = failed, ValueError(secret)
        failed.__context__ = last
    logger.opt(exception=failed).error("it failed often")


def in_what_the_standard_library_logs(secret: str) -> None:
    source = logging.getLogger("somebody.else")
    source.info("it is %s", secret)
    source.info("too few: %s %s", secret)  # arguments that do not fit
    source.info("%s", secret, stack_info=True)
    try:
        raise_with(secret)
    except ExceptionGroup:
        source.exception("it failed")


def in_warnings(secret: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(secret, stacklevel=1)


WAYS = [
    in_message,
    in_a_message_with_colours,
    in_a_raw_message,
    in_extras,
    in_deep_extras,
    in_exceptions,
    in_a_long_chain,
    in_what_the_standard_library_logs,
    in_warnings,
]

alphabet = st.sampled_from(string.ascii_letters + string.digits + "-_./+=%&?#'\"\\[]{}<>é😀")
SHOWN = f"{Path(__file__).read_text(encoding='utf-8')} {__file__}"
"""Hypothesis tries words that it finds in our code; names of functions and files are shown in tracebacks."""

secrets = st.text(alphabet, min_size=12, max_size=60).filter(
    lambda text: len(set(text)) > 5 and text not in SHOWN
)


@pytest.mark.parametrize("way", WAYS)
@given(secret=secrets)
@example(secret="AUTHORIZATION")  # as the name in a pair of header and value
@settings(max_examples=15, deadline=None)
def test_no_sink_gets_a_known_secret(way: Callable[[str], None], secret: str) -> None:
    with watched(secret) as watcher:
        way(secret)
    assert watcher.messages
    assert MARK in watcher.text()
    for spelt in (secret, repr(secret)[1:-1], quote(secret, safe="")):
        assert spelt not in watcher.text()


@pytest.mark.parametrize("way", WAYS)
@given(token=st.sampled_from([DISCORD, GITHUB, GITHUB_FINE]))
@settings(max_examples=3, deadline=None)
def test_no_sink_gets_a_token_that_nobody_told_us(way: Callable[[str], None], token: str) -> None:
    with watched("another, known secret") as watcher:
        way(token)
    assert watcher.messages
    assert token not in watcher.text()


@pytest.mark.parametrize(
    "extra",
    [
        {"headers": {"Authorization": "hunter2"}},
        {"headers": httpx.Headers({"cookie": "hunter2"})},
        {"headers": [(b"x-api-key", b"hunter2"), ("Set-Cookie", "hunter2")]},
        {"settings": {"db": {"password": "hunter2"}}},
        {"token": "hunter2"},
    ],
)
def test_values_of_sensitive_keys_are_hidden_whatever_they_look_like(extra: dict[str, Any]) -> None:
    with watched("another, known secret") as watcher:
        logger.bind(**extra).info("bound")
    assert "hunter2" not in watcher.text()


def test_extras_that_hold_no_secret_stay_what_they_are() -> None:
    extra = {"n": 1, "f": 1.5, "none": None, "flag": True, "text": "a", "list": [1, "b"], "pair": ("a", 2)}
    with watched("a known secret") as watcher:
        logger.bind(**extra, token_count=3).info("bound")
    assert watcher.messages[0].record["extra"] == {**extra, "token_count": 3}


def test_the_caller_keeps_what_it_logged() -> None:
    given_, error = {"token": GITHUB}, ValueError(GITHUB)
    with watched("a known secret"):
        logger.bind(given=given_).opt(exception=error).info("bound")
    assert given_ == {"token": GITHUB}
    assert error.args == (GITHUB,)


def test_an_exception_is_shown_as_it_is_but_for_its_secrets() -> None:
    with watched("a known secret") as watcher:
        in_exceptions(GITHUB)
    shown = str(watcher.messages[0])
    for part in ("ExceptionGroup: […] twice (2 sub-exceptions)", "ValueError: not […]", "a note on […]"):
        assert part in shown
    for place in ("in raise_with", "in in_exceptions", 'raise ValueError(f"not {local', __file__):
        assert place in shown
    assert "FileNotFoundError: [Errno 2] […]: '/srv/[…]'" in shown


def test_the_type_of_an_exception_stays_for_filters() -> None:
    with watched("a known secret") as watcher:
        logger.opt(exception=httpx.ConnectError("no")).info("it failed")
    exception = watcher.messages[0].record["exception"]
    assert exception is not None
    assert exception.type is httpx.ConnectError
    assert "httpx.ConnectError: no" in str(watcher.messages[0])


def test_a_source_line_with_a_secret_is_withheld() -> None:
    with watched("hunter2 is known") as watcher:
        try:
            raise ValueError("hunter2 is known")  # noqa: TRY301  # the line is what is tested
        except ValueError:
            logger.exception("it failed")
    assert "hunter2 is known" not in watcher.text()
    assert "(source withheld)" in str(watcher.messages[0])


def test_an_exception_survives_the_way_to_another_process() -> None:
    with watched("a known secret") as watcher:
        in_exceptions(GITHUB)
    exception = pickle.loads(pickle.dumps(watcher.messages[0].record["exception"]))  # noqa: S301  # our own
    assert exception.type is ExceptionGroup
    assert str(exception.value).startswith("[…] twice")


class Broken(Exception):  # noqa: N818  # no error of ours
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_objects_that_cannot_be_printed_do_not_stop_the_log() -> None:
    with watched("a known secret") as watcher:
        logger.bind(value=Broken()).opt(exception=Broken()).info("still here")
    assert "still here" in watcher.text()
    assert "<unprintable Broken>" in watcher.text()

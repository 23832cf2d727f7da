"""What stderr gets, and that nothing of it stays behind."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from loguru import logger

from tux_http import log
from tux_http.call import Attempt, Call, report
from tux_http.config import LogSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loguru import Message, Record


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    yield
    log.reset()
    logger.remove()


def lines_of(act: Callable[[], object], **settings: Any) -> list[str]:
    """The lines on stderr while something is done."""
    with contextlib.redirect_stderr(io.StringIO()) as stderr, log.configure(LogSettings(**settings)):
        act()
    return stderr.getvalue().splitlines()


def records_of(act: Callable[[], object], level: Any = "INFO") -> list[Record]:
    records: list[Record] = []

    def keep(message: Message) -> None:
        records.append(message.record)

    with log.configure(LogSettings(level=level)):
        logger.add(keep, level=0)
        with contextlib.redirect_stderr(io.StringIO()):
            act()
        logger.remove()
    return records


def a_call() -> Call:
    call = Call(method="GET", url="https://api.example/repos/a/b", path="/repos/a/b", api="github")
    call.attempts += [Attempt(started=0.0, error="ReadTimeout"), Attempt(started=1.0, status=200)]
    call.elapsed = 1.2344
    return call


def test_a_line_for_people_has_time_level_source_and_message() -> None:
    (line,) = lines_of(lambda: logger.info("{} is up", "tux"))
    assert line.endswith(f" INFO     {__name__}: tux is up")
    assert datetime.fromisoformat(line[:23])
    assert "\x1b" not in line


def test_a_pipe_gets_lines_for_people_and_not_json() -> None:
    (auto,) = lines_of(lambda: logger.info("up"), format="auto")
    (human,) = lines_of(lambda: logger.info("up"), format="human")
    assert auto[23:] == human[23:]


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_its_user_wants_none(
    no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    master, slave = os.openpty()
    with open(slave, "w", encoding="utf-8") as terminal, contextlib.redirect_stderr(terminal):  # noqa: PTH123
        with log.configure(LogSettings()):
            logger.info("up")
        shown = os.read(master, 1000)
    os.close(master)
    assert b"up" in shown
    assert (b"\x1b[" in shown) is coloured


def test_a_json_line_says_what_a_call_met() -> None:
    (line,) = lines_of(lambda: report(a_call()), format="json")
    record = json.loads(line)
    when = datetime.fromisoformat(record.pop("time"))
    assert when.tzinfo is not None
    assert abs(datetime.now(UTC) - when) < timedelta(minutes=1)
    assert len(record.pop("reference")) == 8
    assert record.pop("message").startswith("github GET /repos/a/b -> 200 in 1234 ms, 2 attempt(s), ref ")
    assert record == {
        "level": "INFO",
        "logger": "tux_http.call",
        "api": "github",
        "method": "GET",
        "path": "/repos/a/b",
        "status": 200,
        "ms": 1234.4,
        "attempts": 2,
    }


def test_a_json_line_has_the_traceback_and_the_call_of_an_exception() -> None:
    def fail() -> None:
        call = a_call()
        try:
            raise httpx.ReadTimeout("too\nlate")  # noqa: TRY301  # it needs a traceback
        except httpx.ReadTimeout as exc:
            exc.call = call  # pyright: ignore[reportAttributeAccessIssue]  # as the service does
            logger.bind(guild=5).exception("it failed")

    (line,) = lines_of(fail, format="json")
    record = json.loads(line)
    assert record["exception"]["type"] == "httpx.ReadTimeout"
    assert record["exception"]["traceback"].startswith("Traceback (most recent call last):\n")
    assert record["exception"]["traceback"].endswith("httpx.ReadTimeout: too\nlate\n")
    assert record["extra"] == {"guild": 5}
    assert record["path"] == "/repos/a/b"


def test_a_json_line_is_one_line_whatever_is_logged() -> None:
    nasty = "a\nb\r\x85\u2028\x1b[31m\ud800é"
    (line,) = lines_of(lambda: logger.bind(x=object).info(nasty), format="json")
    assert json.loads(line)["message"] == nasty


def test_even_what_a_later_patch_adds_is_redacted_on_stderr() -> None:
    def patched() -> None:
        late = logger.patch(lambda record: record.update(message=f"{record['message']} https://h/?q=secret"))
        late.info("see")

    for format_ in ("human", "json"):
        assert "q=secret" not in "".join(lines_of(patched, format=format_))


def test_the_level_holds_for_both_loggers() -> None:
    def speak() -> None:
        for source in (logger, logging.getLogger("somebody")):
            source.info("quiet")
            source.warning("loud")

    assert [line.split(": ")[1] for line in lines_of(speak, level="WARNING")] == ["loud", "loud"]


def test_the_standard_library_s_records_keep_their_source() -> None:
    def speak() -> None:
        logging.getLogger("discord.gateway").info("shard %s {of} <red>%d", 1, 2)

    (record,) = records_of(speak)
    assert record["message"] == "shard 1 {of} <red>2"
    assert record["name"] == "discord.gateway"
    assert (record["function"], record["file"].path) == ("speak", __file__)
    assert record["line"] == speak.__code__.co_firstlineno + 1
    assert record["level"].name == "INFO"


def test_the_standard_library_s_exceptions_and_odd_levels_arrive() -> None:
    def speak() -> None:
        source = logging.getLogger("somebody")
        source.log(35, "between", exc_info=ValueError("no"))
        source.error("none", exc_info=True)

    between, none = records_of(speak)
    assert between["level"].no == 35
    assert between["exception"] is not None
    assert between["exception"].type is ValueError
    assert none["exception"] is None


def test_a_malformed_record_is_shown_instead_of_logging_s_own_report() -> None:
    arguments = (1,)
    (line,) = lines_of(lambda: logging.getLogger("somebody").info("%d of %d", *arguments))
    assert line.endswith("somebody: %d of %d (1,)")


def test_warnings_are_logged_where_they_are_caused() -> None:
    def warn() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old thing", DeprecationWarning, stacklevel=1)

    (record,) = records_of(warn)
    assert "DeprecationWarning: old thing" in record["message"]
    assert (record["name"], record["function"], record["level"].name) == ("py.warnings", "warn", "WARNING")


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        (
            "DEBUG",
            {
                "discord.http": 10,
                "httpx": 10,
                "httpcore2.http2": 10,
                "h2": 20,
                "hpack.hpack": 20,
                "other": 10,
            },
        ),
        (
            "INFO",
            {
                "discord.http": 20,
                "httpx": 30,
                "httpcore2.http2": 30,
                "h2": 30,
                "hpack.hpack": 30,
                "other": 20,
            },
        ),
        (
            "ERROR",
            {
                "discord.http": 40,
                "httpx": 40,
                "httpcore2.http2": 40,
                "h2": 40,
                "hpack.hpack": 40,
                "other": 40,
            },
        ),
    ],
)
def test_other_libraries_are_heard_from_a_level_on(level: Any, heard: dict[str, int]) -> None:
    def speak() -> None:
        for name in heard:
            for number in (10, 20, 30, 40):
                logging.getLogger(name).log(number, "x")

    least = dict.fromkeys(heard, 50)
    for record in records_of(speak, level):
        least[str(record["name"])] = min(least[str(record["name"])], record["level"].no)
    assert least == heard


def state() -> list[object]:
    names = ["", "discord", "httpx", "httpcore", "httpcore2", "h2", "hpack", "py.warnings"]
    loggers = [logging.getLogger(name) for name in names]
    return [warnings.showwarning, *((each.level, each.handlers[:]) for each in loggers)]


def test_nothing_is_left_behind() -> None:
    logging.getLogger("py.warnings").handlers.clear()
    before = state()
    with log.configure(LogSettings(), secrets=["hunter2hunter2"]):
        assert state() != before
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("always")
            warnings.warn("old thing", stacklevel=1)
    assert state() == before
    assert log.redact("hunter2hunter2") == "hunter2hunter2"


def test_configuring_twice_is_undone_once() -> None:
    before = state()
    first = log.configure(LogSettings(level="DEBUG"))
    log.configure(LogSettings(level="ERROR"))
    log.reset()
    first.close()
    assert state() == before


def test_the_sink_is_back_afterwards_and_says_everything_again(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(LogSettings()).close()
    logger.debug("still {}", "here")
    assert "still here" in capsys.readouterr().err


def test_each_record_is_written_once(capsys: pytest.CaptureFixture[str]) -> None:
    logger.add(print)
    with log.configure(LogSettings()):
        logger.info("once")
    assert "".join(capsys.readouterr()).count("once") == 1

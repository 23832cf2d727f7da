"""Where log records go. Everything is logged through loguru, and redacted by `tux_http.redaction`.

The standard library's records and warnings are passed on to loguru. No log file is written: whoever runs
the process redirects stderr.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import os
import sys
import traceback
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from tux_http.call import Call, call_of
from tux_http.redaction import redact, redact_record
from tux_http.sentry import hear_loguru_again

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from loguru import Message, Record

    from tux_http.config import LogSettings

__all__ = ["configure", "redact", "reset"]

HUMAN: Final = (
    "<green>{time:YYYY-MM-DD HH:mm:ss.SSS}</green> <level>{level: <8}</level> "
    "<cyan>{name}</cyan>: <level>{message}</level>"
)

FLOORS: Final = {"discord": "INFO", "httpx": "WARNING", "httpcore": "WARNING", "httpcore2": "WARNING"}
"""The least level of other libraries' loggers, unless ours is DEBUG. httpx's INFO is a second line per call."""

FRAME_FLOORS: Final = {"h2": "WARNING", "hpack": "WARNING"}
"""Likewise, but INFO at DEBUG: their DEBUG is several lines per frame and header, with values."""

LOGGING_FRAMES: Final = {__name__, "logging", "warnings", "_py_warnings"}
"""Modules between whoever logs or warns and the handler below."""


class _HumanLines:
    """Lines for people on whatever `sys.stderr` is when they are written."""

    def write(self, message: Message) -> None:
        _write(redact(message))  # once more: somebody's logger.patch() runs after redact_record


class _JSONLines:
    """One JSON object a line."""

    def write(self, message: Message) -> None:
        _write(json.dumps(_as_json(message.record), default=str) + "\n")


def _write(text: str) -> None:
    if (stream := _stderr()) is not None:
        stream.write(text)
        stream.flush()


def _stderr() -> Any:
    return sys.stderr  # None where a process has none (pythonw.exe), whatever its annotation says


def _as_json(record: Record) -> dict[str, Any]:
    extra, exception = {**record["extra"]}, record["exception"]
    call = extra.pop("call", None)
    if call is None and exception is not None and exception.value is not None:
        call = call_of(exception.value)
    return {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record["level"].name,
        "logger": record["name"],
        "message": redact(record["message"]),
        **(_call_as_json(call) if isinstance(call, Call) else {}),
        **({"extra": extra} if extra else {}),
        **({} if exception is None else {"exception": _exception_as_json(*exception)}),
    }


def _call_as_json(call: Call) -> dict[str, Any]:
    return {
        "reference": call.reference,
        "api": call.api,
        "method": call.method,
        "path": call.path,
        "status": call.status,
        "ms": round((call.elapsed or 0.0) * 1000, 1),
        "attempts": len(call.attempts),
    }


def _exception_as_json(kind: Any, value: Any, tb: Any) -> dict[str, str]:
    text = "".join(traceback.format_exception(kind, value, tb))
    return {
        "type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "traceback": redact(text),
    }


class _Intercept(logging.Handler):
    """Passes the standard library's records on to loguru, as if they had been logged there."""

    def emit(self, record: logging.LogRecord) -> None:
        exception = record.exc_info[1] if record.exc_info else None
        source = logger.opt(depth=_depth_of_caller(), exception=exception).patch(_named(record.name))
        source.log(_level_of(record), _message_of(record))


def _depth_of_caller() -> int:
    """Frames between `_Intercept.emit` and whoever logged or warned."""
    frame, depth = inspect.currentframe(), -1
    while frame and frame.f_globals.get("__name__") in LOGGING_FRAMES:
        frame, depth = frame.f_back, depth + 1
    return depth


def _named(name: str) -> Callable[[Record], None]:
    return lambda record: record.update(name=name)


def _level_of(record: logging.LogRecord) -> str | int:
    try:
        return logger.level(record.levelname).name
    except ValueError:  # a level that only the standard library knows
        return record.levelno


def _message_of(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001  # arguments that don't fit; logging's own report would print them bare
        message = f"{record.msg} {record.args!r}"
    return f"{message}\n{record.stack_info}" if record.stack_info else message.rstrip()


@contextlib.contextmanager
def _root_replaced(handler: logging.Handler) -> Generator[None]:
    root = logging.getLogger()
    replaced = [*root.handlers]
    for each in replaced:
        root.removeHandler(each)
    root.addHandler(handler)
    yield
    root.removeHandler(handler)
    for each in replaced:
        root.addHandler(each)  # does nothing for one that somebody has put back


@contextlib.contextmanager
def _levels_set(levels: dict[str, str]) -> Generator[None]:
    former = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    yield
    for name, number in former.items():
        logging.getLogger(name).setLevel(number)


@contextlib.contextmanager
def _warnings_captured() -> Generator[None]:
    warned = logging.getLogger("py.warnings")
    handlers = [*warned.handlers]
    logging.captureWarnings(True)
    yield
    logging.captureWarnings(False)
    warned.handlers[:] = handlers  # the first warning adds a NullHandler


def _stdlib_levels(level: str) -> dict[str, str]:
    if level == "DEBUG":
        return {"": level, **dict.fromkeys(FLOORS, "DEBUG"), **dict.fromkeys(FRAME_FLOORS, "INFO")}
    floors = {**FLOORS, **FRAME_FLOORS}
    return {"": level, **{name: _higher(level, floor) for name, floor in floors.items()}}


def _higher(one: str, other: str) -> str:
    return max(one, other, key=logging.getLevelNamesMapping().__getitem__)


_undo: Final = contextlib.ExitStack()


def configure(settings: LogSettings, *, secrets: Iterable[str] = ()) -> contextlib.ExitStack:
    """Replaces all sinks by one on stderr, redacts every record, takes over `logging` and `warnings`.

    Args:
        settings: Level and format. "auto" is lines for people, coloured on a terminal, never JSON.
        secrets: Texts that no record may carry, whatever they look like.

    Returns:
        A context manager whose end undoes it, as do its `close()` and `reset()`.
    """
    reset()
    redact.know(secrets)
    _undo.callback(redact.know, ())
    logger.remove()
    logger.configure(patcher=redact_record)
    _undo.callback(_back_to_default, _add_sink(settings))
    hear_loguru_again()
    _undo.enter_context(_root_replaced(_Intercept()))
    _undo.enter_context(_levels_set(_stdlib_levels(settings.level)))
    _undo.enter_context(_warnings_captured())
    return _undo


def reset() -> None:
    """Undoes `configure`: loguru, `logging` and `warnings` are as they were when imported."""
    _undo.close()


def _add_sink(settings: LogSettings) -> int:
    if settings.format == "json":
        return logger.add(_JSONLines(), level=settings.level, format="", diagnose=False, colorize=False)
    return logger.add(
        _HumanLines(), level=settings.level, format=HUMAN, diagnose=False, colorize=_wants_colour()
    )


def _wants_colour() -> bool:
    """Whether stderr is a terminal whose user has not asked for no colours (https://no-color.org)."""
    stream = _stderr()
    return stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")


def _back_to_default(sink: int) -> None:
    with contextlib.suppress(ValueError):  # somebody has removed it
        logger.remove(sink)
    logger.configure(patcher=_unpatched)  # loguru has no way to take a patcher off
    logger.add(_HumanLines(), level="DEBUG", diagnose=False)


def _unpatched(record: Record) -> None:
    del record

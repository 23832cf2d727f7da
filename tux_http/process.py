"""The process of `python -m tux_http`: runs a bot until a signal or a fatal error, and says how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp
import discord
from loguru import logger

from tux_http.bot import TuxBot
from tux_http.chaos import EVERY, VARIABLE
from tux_http.config import ConfigError
from tux_http.http_client import http_client
from tux_http.stop_signals import stop_signals

if TYPE_CHECKING:
    from collections.abc import Generator

    from discord.ext import commands

    from tux_http.chaos import Faults
    from tux_http.config import MetricsSettings, Settings

OK: Final = 0
BAD_TOKEN: Final = 3
MISSING_INTENT: Final = 4
UNREACHABLE: Final = 5

# After a signal the process is to end within five seconds. These are the parts.

CANCELLING_TIME: Final = 0.4
"""Seconds that a start may take to give up."""

CLOSING_TIME: Final = 3.7
"""Seconds that the bot may take to close."""

ENDING_TIME: Final = 0.7
"""Seconds that the rest may take, such as threads that look up a name while no name server answers."""

AUTHENTICATION_FAILED: Final = 4004
"""https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes"""

NO_WAY: Final = (
    aiohttp.ClientError,
    ConnectionError,
    TimeoutError,
    discord.HTTPException,
    discord.GatewayNotFound,
    discord.ConnectionClosed,
    discord.RateLimited,
)
"""What discord.py raises where Discord can't be reached. Other OSErrors are about files, not about Discord."""


def run(settings: Settings, *, force_sync: bool = False, faults: Faults | None = None) -> int:
    """Runs the bot until a signal or a fatal error; gives the process's exit status.

    0 after a signal or when the bot closed itself; 3 wrong token; 4 missing privileged intent; 5 no way to
    Discord. Each of the last three is logged in one line. `faults` happen to the calls of its APIs.

    Raises:
        ConfigError: Metrics are asked for, and can't be served.
    """
    _spare_the_collector()
    if faults is not None and faults.rules:
        _warn_of(faults, settings)
        http_client.faults = faults
    # No voice is spoken here; an extension that wants to is told by discord.py what it lacks.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    with _metrics(settings.metrics):
        return run_bot(TuxBot(settings, force_sync=force_sync), settings.tokens["discord"])


def _metrics(settings: MetricsSettings) -> contextlib.AbstractContextManager[object]:
    """Serves the metrics where they are asked for; `metrics.served` documents what is raised."""
    if not settings.enabled:
        return contextlib.nullcontext()
    try:
        from tux_http.metrics import served  # noqa: PLC0415  # needs an extra, and time to import
    except ModuleNotFoundError as exc:
        if exc.name != "prometheus_client":
            raise
        missing = 'metrics.enabled needs a package that is not installed: pip install "tux-http[metrics]"'
        raise ConfigError([missing]) from exc
    return served(settings, http_client)


def _warn_of(faults: Faults, settings: Settings) -> None:
    rules = "; ".join(map(str, faults.rules))
    logger.warning("CHAOS: calls fail on purpose, because {} says so: {}", VARIABLE, rules)
    for api in sorted({rule.api for rule in faults.rules} - {EVERY, *settings.apis}):
        logger.warning("CHAOS: there is no [apis.{}] in the settings; an extension may bring it", api)


def _spare_the_collector() -> None:
    """Has Python's garbage collector look no more at what was imported: that holds up the event loop for 50 ms."""
    gc.collect()
    gc.freeze()


def run_bot(bot: commands.AutoShardedBot, token: str) -> int:
    """As `run`, for a bot that is made already."""
    try:
        with asyncio.Runner() as runner:
            status = runner.run(serve(bot, token))
            ending = threading.Timer(ENDING_TIME, _leave_threads_behind, (status,))
            ending.daemon = True
            ending.start()
        ending.cancel()
    except KeyboardInterrupt:  # Windows, where asyncio handles no signals; or a second Ctrl-C
        return OK
    return status


def _leave_threads_behind(status: int) -> None:
    # Neither asyncio nor the interpreter ends while a thread of the executor waits for the operating system.
    logger.warning("a thread hangs, and is left behind")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)


async def serve(bot: commands.AutoShardedBot, token: str) -> int:
    """Runs a bot until SIGINT or SIGTERM, or until it ends; `run` documents what it gives."""
    with stop_signals() as stop, _brief_connection_errors():
        running = asyncio.create_task(bot.start(token))
        waiting = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            outcome = await _ended(running, stop)
            waiting.cancel()
            await _closed(bot)
    return _status(bot, outcome)


async def _ended(running: asyncio.Task[None], stop: asyncio.Event) -> BaseException | None:
    """What a bot's `start` raised by itself; nothing if it had to be cancelled."""
    if running.done():
        return None if running.cancelled() else running.exception()
    if stop.is_set():
        logger.info("stopping")
    running.cancel()
    await asyncio.wait({running}, timeout=CANCELLING_TIME)
    if running.done() and not running.cancelled() and (exc := running.exception()) is not None:
        logger.debug("the start ended with {}", type(exc).__name__)
    return None


async def _closed(bot: commands.AutoShardedBot) -> None:
    try:
        async with asyncio.timeout(CLOSING_TIME):
            await bot.close()
    except TimeoutError:
        logger.warning("closing took over {} s and was cut short", CLOSING_TIME)


@contextlib.contextmanager
def _brief_connection_errors() -> Generator[None]:
    """Has discord.py say in one line, without a traceback, that it could not connect and will try again."""
    source = logging.getLogger("discord.shard")
    source.addFilter(_without_traceback)
    try:
        yield
    finally:
        source.removeFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    exc = record.exc_info[1] if record.exc_info else None
    if isinstance(exc, NO_WAY):
        record.msg, record.args = f"{record.getMessage()} ({_reason(exc)})", ()
        record.exc_info = record.exc_text = None
    return True


def _status(bot: commands.AutoShardedBot, outcome: BaseException | None) -> int:
    match outcome:
        case None:
            return OK
        case _ if _is_bad_token(outcome):
            logger.error(
                "Discord refused the token: check DISCORD_TOKEN, or reset it in the developer portal"
            )
            return BAD_TOKEN
        case discord.PrivilegedIntentsRequired():
            logger.error(
                "Discord refused a privileged intent ({}): enable it in the developer portal under Bot, or "
                "set bot.message_content = false and leave out the extensions that need it",
                ", ".join(_privileged(bot.intents)),
            )
            return MISSING_INTENT
        case _ if isinstance(outcome, NO_WAY):
            logger.error(
                "Discord can't be reached ({}): check the network, then https://discordstatus.com",
                _reason(outcome),
            )
            return UNREACHABLE
        case _:
            raise outcome


def _is_bad_token(exc: BaseException) -> bool:
    match exc:
        case discord.LoginFailure():
            return True
        case discord.HTTPException():
            return exc.status == HTTPStatus.UNAUTHORIZED
        case discord.ConnectionClosed():
            return exc.code == AUTHENTICATION_FAILED
        case _:
            return False


def _privileged(intents: discord.Intents) -> list[str]:
    names = {"message_content": "Message Content", "members": "Server Members", "presences": "Presence"}
    return [name for key, name in names.items() if getattr(intents, key)] or ["unnamed"]


def _reason(exc: BaseException) -> str:
    """What happened, in a line; never a body that Discord, or whoever answers in its place, sent."""
    if isinstance(exc, discord.HTTPException):
        return f"HTTP {exc.status}"
    if isinstance(exc, discord.ConnectionClosed):
        return f"it closed the connection with code {exc.code}"
    if isinstance(exc, discord.GatewayNotFound) and (cause := exc.__cause__ or exc.__context__) is not None:
        return f"no gateway: {_reason(cause)}"
    return " ".join(f"{type(exc).__name__}: {exc}".split())[:200].rstrip(": ")

"""The bot as a process of its own, with a `DiscordServer` in Discord's place.

Run as a script, it is that process: `bot_process.py URL [OPTION ...]` is `python -m tux_http [OPTION ...]`
whose Discord is at URL.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.discord_server import TOKEN
from tests.strict_python import PYTHON, alarms_in

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

COMMAND = (*PYTHON, "-m", "tests.bot_process")

ROOT = Path(__file__).parents[1]

PATIENCE = 30.0
"""Seconds until a process has failed to do what it should."""


@dataclass
class Ended:
    """A process that has ended: its exit status, what it said, and how many seconds after the signal."""

    status: int
    stderr: str
    seconds: float

    @property
    def errors(self) -> list[str]:
        return [line for line in self.stderr.splitlines() if " ERROR " in line]

    @property
    def alarms(self) -> list[str]:
        return alarms_in(self.stderr)


@dataclass
class BotProcess:
    """A running bot."""

    process: asyncio.subprocess.Process
    asked_at: float

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        self.asked_at = time.monotonic()
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> Ended:
        async with asyncio.timeout(PATIENCE):
            _, stderr = await self.process.communicate()
        assert self.process.returncode is not None
        seconds = time.monotonic() - self.asked_at
        return Ended(self.process.returncode, stderr.decode(), seconds)

    async def until_it_says(self, text: str) -> str:
        """Reads what it says up to a line with this text; that is not read again."""
        assert self.process.stderr is not None
        said: list[str] = []
        async with asyncio.timeout(PATIENCE):
            async for line in self.process.stderr:
                said.append(line.decode())
                if text in said[-1]:
                    return said[-1]
        raise AssertionError(f"it never said {text!r}, but:\n{''.join(said)}")


@contextlib.asynccontextmanager
async def running_bot(
    discord_url: str, state: Path, *options: str, **environment: str
) -> AsyncGenerator[BotProcess]:
    """Starts a bot without extensions, unless the environment names some."""
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("TUX_HTTP", "DISCORD"))},
        "DISCORD_TOKEN": TOKEN,
        "XDG_STATE_HOME": str(state),
        "TUX_HTTP__BOT__EXTENSIONS": "",
        **environment,
    }
    process = await asyncio.create_subprocess_exec(
        *COMMAND, discord_url, *options, cwd=ROOT, env=variables, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield BotProcess(process, time.monotonic())
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def main() -> int:
    # Only in the process: here Discord and the resolver are put elsewhere, before the program starts.
    import yarl  # noqa: PLC0415
    from discord.gateway import DiscordWebSocket  # noqa: PLC0415
    from discord.http import Route  # noqa: PLC0415

    from tux_http import cli  # noqa: PLC0415
    from tux_http.bot import TuxBot  # noqa: PLC0415

    discord_url, *options = sys.argv[1:]
    Route.BASE = f"{discord_url}/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"{discord_url}/gateway/")
    TuxBot.gateway_tries = 1
    if (lookup := os.environ.get("NAME_LOOKUP")) is not None:
        socket.getaddrinfo = {"fails": _fails, "hangs": _hangs}[lookup]
    return cli.main(options)


def _fails(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _hangs(*_: Any, **__: Any) -> Any:
    sys.stderr.write("looking up a name\n")
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())

"""What a start costs: the imports, the bot until its setup is done, opening the service, and memory.

Each figure is of a fresh process; `import discord` alone and a bare bot take turns with this project. The setup
is that of a bot that is not logged in, with the extensions of `config.toml`; commands are not synced, for that is
Discord's time. With `--modules` it is said which modules the imports spend their time in.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench._contenders import versions
from tests.bench._rounds import rotated
from tests.bench._tables import at_most, table

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

SHORT: Final = ("--rounds", "1")

ROOT: Final = Path(__file__).parents[2]

IMPORT: Final = 1.25
"""Times what `import discord` takes."""

OPENING: Final = 10.0
"""Milliseconds of the event loop's thread."""

_TAIL: Final = """
import resource, sys
from pathlib import Path
pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
print(f"memory {pages * resource.getpagesize() / 2**20}")
"""

_IMPORT: Final = (
    """
import time; started, used = time.perf_counter(), time.process_time()
import MODULE
print(f"import {(time.perf_counter() - started) * 1000}")
print(f"cpu {(time.process_time() - used) * 1000}")
"""
    + _TAIL
)

_BARE_BOT: Final = (
    """
import time; started, used = time.perf_counter(), time.process_time()
import asyncio, discord
from discord.ext import commands
print(f"import {(time.perf_counter() - started) * 1000}")
print(f"cpu {(time.process_time() - used) * 1000}")
async def main():
    bot = commands.AutoShardedBot(command_prefix="!", intents=discord.Intents.default())
    await bot.setup_hook()
    print(f"setup {(time.perf_counter() - started) * 1000}")
asyncio.run(main())
"""
    + _TAIL
)

_BOT: Final = (
    """
import time; started, used = time.perf_counter(), time.process_time()
import asyncio
from loguru import logger
from tux_http.bot import TuxBot
from tux_http.config import BotSettings, Settings
from tux_http.http_client import HTTPClient
from tux_http.policy import CacheSettings, HTTPSettings
print(f"import {(time.perf_counter() - started) * 1000}")
print(f"cpu {(time.process_time() - used) * 1000}")
logger.remove()
async def main():
    cache = CacheSettings(store="sqlite", path="FOLDER/cache")
    settings = Settings(bot=BotSettings(sync="never"), http=HTTPSettings(cache=cache))
    client = HTTPClient()
    bot = TuxBot(settings, http_client=client)
    await bot.setup_hook()
    print(f"setup {(time.perf_counter() - started) * 1000}")
    await client.close()
    used = time.thread_time()
    await client.get_client()
    print(f"opening {(time.thread_time() - used) * 1000}")
    await bot.close()
asyncio.run(main())
"""
    + _TAIL
)

PROGRAMS: Final = {
    "import discord": _IMPORT.replace("MODULE", "discord"),
    "import discord, httpx": _IMPORT.replace("MODULE", "discord, httpx"),
    "import discord, tux_http": _IMPORT.replace("MODULE", "discord, tux_http"),
    "import tux_http": _IMPORT.replace("MODULE", "tux_http"),
    "a bare bot": _BARE_BOT,
    "tux_http's bot": _BOT,
}

COLUMNS: Final = ("import", "cpu", "setup", "opening", "memory")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=9, help="how often each is started (9)")
    parser.add_argument(
        "--python",
        default=sys.executable,
        help="an interpreter, for what else is installed counts: httpx imports its command line with rich",
    )
    parser.add_argument("--modules", action="store_true", help="say where the imports spend their time")


def run(arguments: Namespace) -> Iterator[str]:
    yield f"Python {sys.version.split()[0]}; {versions()}"
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in PROGRAMS}
    python: str = arguments.python
    for program in PROGRAMS.values():
        _started(python, program)  # what is compiled is compiled by then
    for number in range(arguments.rounds):
        for name in rotated(PROGRAMS, number):
            for what, value in _started(python, PROGRAMS[name]).items():
                found[name][what].append(value)
    yield from _report(found)
    if arguments.modules:
        yield from _modules(python)


def _started(python: str, program: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        said = _run(python, "-c", program.replace("FOLDER", folder)).stdout
    return {what: float(value) for what, _, value in (line.partition(" ") for line in said.splitlines())}


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)  # noqa: S603  # our own


def _report(found: dict[str, dict[str, list[float]]]) -> Iterator[str]:
    def cell(values: list[float] | None) -> str:
        return f"{statistics.median(values):,.1f}" if values else ""

    rows = [[name, *(cell(measured.get(what)) for what in COLUMNS)] for name, measured in found.items()]
    headings = ("", "import ms", "of CPU", "ms to setup done", "opening, ms of the loop", "MiB after")
    yield from table(headings, rows)
    alone, both = found["import discord"], found["import discord, tux_http"]
    times = statistics.median(own / its for own, its in zip(both["import"], alone["import"], strict=True))
    yield at_most("importing discord and tux_http, in times `import discord`", times, IMPORT)
    opening = statistics.median(found["tux_http's bot"]["opening"])
    yield at_most("opening the service, of the loop's thread", opening, OPENING, " ms")


_LINE: Final = re.compile(r"import time: +(\d+) \| +(\d+) \| ( *)(\S+)")


def _modules(python: str) -> Iterator[str]:
    """The packages that `import tux_http` loads beyond discord's, by their own time."""
    said = _run(python, "-X", "importtime", "-c", "import discord; import tux_http").stderr
    lines = [match.groups() for line in said.splitlines() if (match := _LINE.match(line))]
    names = [name for *_, name in lines]
    ours = lines[names.index("discord") + 1 :]
    packages: dict[str, int] = defaultdict(int)
    for own, _, _, name in ours:
        packages[".".join(name.split(".")[: 2 if name.startswith("tux_http") else 1])] += int(own)
    rows = [
        [name, f"{own / 1000:,.1f}"] for name, own in sorted(packages.items(), key=lambda it: -it[1])[:30]
    ]
    yield from table(("beyond discord", "own ms"), rows)

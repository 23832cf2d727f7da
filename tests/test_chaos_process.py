"""`TUX_HTTP_CHAOS` and the process: refused unless it is allowed, and then said aloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from loguru import logger

from tests.bot_process import running_bot
from tests.discord_server import DiscordServer
from tux_http import log
from tux_http.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = "weather:status=503,ratio=0.2; weather:latency=4s"

CALLING = """
from discord.ext import commands
from loguru import logger
from tux_http.host import attach

class Weather(commands.Cog):
    def __init__(self, api): self.api = api
    @commands.Cog.listener()
    async def on_ready(self):
        answer = await self.api.get("/", retry=False, raise_for_status=False)
        logger.info("the weather is {}", answer.status_code)

async def setup(bot):
    await bot.add_cog(Weather(attach(bot, __name__).api("weather", base_url="http://127.0.0.1:9")))
"""


@pytest.fixture(autouse=True)
def _without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISCORD_TOKEN", "a-token-of-this-test")
    yield
    log.reset()
    logger.remove()


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()


@pytest.mark.parametrize("words", [(), ("run",), ("run", "--sync")])
def test_faults_on_purpose_are_refused_unless_they_are_allowed(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUX_HTTP_CHAOS", RULES)
    (line,) = said(capsys, *words)
    assert line.startswith("TUX_HTTP_CHAOS is set, and would have calls fail on purpose; ")
    assert "--allow-chaos" in line


@pytest.mark.parametrize("words", [("--allow-chaos",), ("run",), ("sandbox", "--no-browser")])
def test_wrong_rules_are_told_a_line_each(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUX_HTTP_CHAOS", "github:rest; github:reset; github:latency=4")
    assert said(capsys, *words) == [
        "TUX_HTTP_CHAOS: 'github:rest': there is no 'rest'; did you mean reset?",
        "TUX_HTTP_CHAOS: 'github:latency=4': latency must be a time such as 4s or 250ms, got '4'",
    ]


def test_the_sandbox_takes_no_leave(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--allow-chaos"]) == 2
    assert "unrecognized arguments: --allow-chaos" in capsys.readouterr().err


def test_the_cache_is_looked_at_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUX_HTTP_CHAOS", RULES)
    monkeypatch.setenv("TUX_HTTP__HTTP__CACHE__STORE", "memory")
    assert main(["cache", "stats"]) == 0
    assert capsys.readouterr().out.startswith("The store is the memory")


@pytest.mark.slow
async def test_what_is_allowed_is_said_aloud_and_happens(tmp_path: Path) -> None:
    (tmp_path / "calling.py").write_text(CALLING, encoding="utf-8")
    variables = {"PYTHONPATH": str(tmp_path), "TUX_HTTP__BOT__EXTENSIONS": "calling"}
    variables["TUX_HTTP_CHAOS"] = "weather:status=418; *:latency=1ms"
    async with (
        DiscordServer() as server,
        running_bot(server.url, tmp_path, "--allow-chaos", **variables) as bot,
    ):
        warning = await bot.until_it_says("CHAOS: calls fail on purpose")
        assert "WARNING" in warning
        assert "TUX_HTTP_CHAOS says so: weather:status=418; *:latency=1ms" in warning
        assert "WARNING" in await bot.until_it_says("CHAOS: there is no [apis.weather] in the settings")
        assert "GET" in await bot.until_it_says("chaos: weather:status=418; *:latency=1ms happens to")
        await bot.until_it_says("the weather is 418")
        ended = await bot.stop()
        assert (ended.status, ended.alarms) == (0, [])


@pytest.mark.slow
async def test_a_bot_without_rules_says_nothing_of_it(tmp_path: Path) -> None:
    async with DiscordServer() as server, running_bot(server.url, tmp_path, "--allow-chaos") as bot:
        ready: list[str] = []
        assert bot.process.stderr is not None
        while not any("ready as" in line for line in ready):
            ready.append((await bot.process.stderr.readline()).decode())
        assert "chaos" not in "".join(ready).lower()
        assert (await bot.stop()).status == 0

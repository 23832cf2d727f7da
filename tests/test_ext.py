"""The extension in somebody else's bot: what it adds, and that it takes all of it away again."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
import pytest
import simcord
from discord import app_commands
from discord.ext import commands
from loguru import logger

import tux_http
from tests.servers import settle
from tux_http import HTTPSettings, http_client
from tux_http.config import ConfigError
from tux_http.host import host_of
from tux_http.sandbox.upstream import SampleGitHub

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    Interaction = discord.Interaction[Any]
    Context = commands.Context[Any]

EXT = "tux_http.ext"
GITHUB = "tux_http.cogs.github"
HTTP = "tux_http.cogs.http"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TUX_HTTP") or name.endswith(("_TOKEN", "_TOKEN_FILE")):
            monkeypatch.delenv(name)


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes extensions that can be loaded by name."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    written: list[str] = []

    def write(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        written.append(name)

    yield write
    for name in written:
        sys.modules.pop(name, None)


class TheirBot(commands.Bot):
    """A bot that knows nothing of tux_http, with handlers, a command and a cog of its own."""

    def __init__(self) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__("!", intents=intents)
        self.heard: list[str] = []
        self.tree.error(self._on_app_command_error)
        self.tree.add_command(app_commands.Command(name="theirs", description="Breaks.", callback=breaks))
        self.add_command(commands.Command(breaks_too, name="theirs"))

    async def _on_app_command_error(
        self, interaction: Interaction, error: app_commands.AppCommandError
    ) -> None:
        self.heard.append(f"slash: {type(error.__cause__).__name__}")
        await interaction.response.send_message("their answer")

    async def on_command_error(self, ctx: Context, error: commands.CommandError, /) -> None:
        self.heard.append(f"prefix: {type(error.__cause__).__name__}")
        await ctx.send("their answer")

    def handlers(self) -> tuple[Any, Any]:
        return self.tree.on_error, self.on_command_error

    def state(self) -> dict[str, Any]:
        """All that an extension may add to a bot."""
        return {
            "extensions": set(self.extensions),
            "cogs": set(self.cogs),
            "commands": set(self.all_commands),
            "slash": {command.name for command in self.tree.get_commands()},
            "handlers": self.handlers(),
            "attributes": set(vars(self)),
        }


async def breaks(interaction: Interaction) -> None:
    raise ZeroDivisionError


async def breaks_too(ctx: Context) -> None:
    raise ZeroDivisionError


@dataclass
class Stage:
    bot: TheirBot
    env: simcord.Env
    channel: simcord.ChannelHandle
    member: simcord.MemberActor

    async def slash(self, name: str, **options: str) -> str:
        """What the person reads: a text, or an embed's title."""
        result = await self.member.slash(self.channel, name, **options)
        assert result.response is not None
        return result.response.content or str(result.response.embeds[0].title)

    async def say(self, text: str) -> str:
        await self.member.send(self.channel, text)
        message = self.channel.history(viewer=self.member.user)[-1]
        return message.content or str(message.embeds[0].title)


@asynccontextmanager
async def staged(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Stage]:
    bot = TheirBot()
    async with SampleGitHub() as github, simcord.run(bot, check_errors=False) as env:
        monkeypatch.setenv("TUX_HTTP__APIS__GITHUB__BASE_URL", github.url)
        monkeypatch.setenv("TUX_HTTP__HTTP__TRUST_ENV", "false")
        guild = env.create_guild()
        channel = guild.create_text_channel("general")
        yield Stage(bot, env, channel, guild.add_member(env.create_user("ada")))


def strays(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() - before if not task.done()}


async def load(stage: Stage, name: str = EXT) -> None:
    await stage.bot.load_extension(name)
    await stage.bot.tree.sync()


async def test_loading_adds_the_commands_the_service_and_the_error_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged(monkeypatch) as stage:
        await load(stage)
        assert await stage.slash("repo", repository="allthingslinux/tux") == "allthingslinux/tux"
        assert await stage.say("!repo allthingslinux/tux") == "allthingslinux/tux"
        assert http_client.is_open
        assert "found" in (await stage.slash("repo", repository="demo/missing")).lower()
        assert stage.bot.heard == []
        await stage.bot.unload_extension(EXT)


async def test_unloading_takes_everything_away_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(monkeypatch) as stage:
        before, tasks = stage.bot.state(), asyncio.all_tasks()
        await load(stage)
        await stage.slash("repo", repository="allthingslinux/tux")
        await stage.bot.unload_extension(EXT)
        assert stage.bot.state() == before
        assert not http_client.is_open
        assert not http_client.apis
        await settle(lambda: not strays(tasks))


async def test_their_handlers_keep_getting_what_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(monkeypatch) as stage:
        await load(stage)
        assert await stage.slash("theirs") == "their answer"
        assert await stage.say("!theirs") == "their answer"
        assert stage.bot.heard == ["slash: ZeroDivisionError", "prefix: ZeroDivisionError"]
        await stage.bot.unload_extension(EXT)
        assert await stage.slash("theirs") == "their answer"
        assert await stage.say("!theirs") == "their answer"
        assert len(stage.bot.heard) == 4


async def test_one_cog_alone_works(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(monkeypatch) as stage:
        before = stage.bot.state()
        await load(stage, GITHUB)
        assert await stage.slash("repo", repository="allthingslinux/tux") == "allthingslinux/tux"
        await stage.bot.unload_extension(GITHUB)
        assert stage.bot.state() == before
        assert not http_client.is_open


async def test_a_cog_that_was_there_before_stays_when_the_extension_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged(monkeypatch) as stage:
        await load(stage, GITHUB)
        await load(stage)
        await stage.bot.unload_extension(EXT)
        assert await stage.slash("repo", repository="allthingslinux/tux") == "allthingslinux/tux"
        assert http_client.is_open
        await stage.bot.unload_extension(GITHUB)
        assert not http_client.is_open


async def test_a_cog_that_they_unloaded_themselves_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, extension: Callable[[str, str], None]
) -> None:
    extension("theirs_soon", "async def setup(bot): pass\n")
    async with staged(monkeypatch) as stage:
        before = stage.bot.state()
        monkeypatch.setenv("TUX_HTTP__BOT__EXTENSIONS", f"{GITHUB}, theirs_soon")
        await load(stage)
        await stage.bot.unload_extension("theirs_soon")
        await stage.bot.unload_extension(EXT)
        assert stage.bot.state() == before


@pytest.mark.parametrize("name", [EXT, GITHUB])
async def test_reloading_keeps_the_classes_and_the_service_that_others_imported(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("tux_http", "tux_http.http_client", "tux_http.errors", "tux_http.host", "tux_http.problems")
    async with staged(monkeypatch) as stage:
        await load(stage)
        modules = [sys.modules[each] for each in names]
        for _ in range(2):
            await stage.bot.reload_extension(name)
            await stage.bot.tree.sync()
            assert await stage.slash("repo", repository="allthingslinux/tux") == "allthingslinux/tux"
        assert [sys.modules[each] for each in names] == modules
        assert tux_http.http_client is http_client
        host = host_of(stage.bot)
        assert host is not None
        assert host.http is http_client
        await stage.bot.unload_extension(EXT)
        assert not http_client.is_open


async def test_reloading_takes_over_settings_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(monkeypatch) as stage:
        await load(stage)
        monkeypatch.setenv("GITHUB_TOKEN", "another")
        monkeypatch.setenv("TUX_HTTP__HTTP__MAX_CONNECTIONS", "7")
        await stage.bot.reload_extension(EXT)
        assert http_client.apis["github"].headers["authorization"] == "Bearer another"
        assert http_client.settings.max_connections == 7
        await stage.bot.unload_extension(EXT)


async def test_a_failing_cog_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, extension: Callable[[str, str], None]
) -> None:
    extension("breaking", "async def setup(bot): raise RuntimeError('no key')")
    async with staged(monkeypatch) as stage:
        before, tasks = stage.bot.state(), asyncio.all_tasks()
        monkeypatch.setenv("TUX_HTTP__BOT__EXTENSIONS", f"{GITHUB}, breaking")
        with pytest.raises(commands.ExtensionFailed, match="no key"):
            await load(stage)
        assert stage.bot.state() == before
        assert not http_client.is_open
        assert not http_client.apis
        await settle(lambda: not strays(tasks))


async def test_what_was_there_before_survives_a_failing_load(
    monkeypatch: pytest.MonkeyPatch, extension: Callable[[str, str], None]
) -> None:
    extension("breaking", "async def setup(bot): raise RuntimeError('no key')")
    async with staged(monkeypatch) as stage:
        monkeypatch.setenv("TUX_HTTP__BOT__EXTENSIONS", "breaking")
        await load(stage, GITHUB)
        for _ in range(2):
            with pytest.raises(commands.ExtensionFailed, match="no key"):
                await load(stage)
        await stage.bot.tree.sync()
        assert await stage.slash("repo", repository="allthingslinux/tux") == "allthingslinux/tux"
        assert "found" in (await stage.slash("repo", repository="demo/missing")).lower()
        assert stage.bot.heard == []
        await stage.bot.unload_extension(GITHUB)
        assert not http_client.is_open


async def test_a_load_that_is_cancelled_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, extension: Callable[[str, str], None]
) -> None:
    code = """
import asyncio
async def setup(bot):
    bot.reached.set()
    await asyncio.Event().wait()
"""
    extension("hanging", code)
    monkeypatch.setenv("TUX_HTTP__BOT__EXTENSIONS", f"{GITHUB}, hanging")
    bot = TheirBot()
    vars(bot)["reached"] = reached = asyncio.Event()
    before = bot.state()
    loading = asyncio.create_task(bot.load_extension(EXT))
    await reached.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert bot.state() == before


async def test_wrong_settings_are_said_and_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    bot = TheirBot()
    before = bot.state()
    monkeypatch.setenv("TUX_HTTP__HTTP__MAX_CONNECTIONS", "many")
    with pytest.raises(commands.ExtensionFailed, match="MAX_CONNECTIONS"):
        await bot.load_extension(EXT)
    assert bot.state() == before


async def test_wrong_settings_at_a_reload_leave_nothing_half_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(monkeypatch) as stage:
        await load(stage)
        monkeypatch.setenv("TUX_HTTP__HTTP__MAX_CONNECTIONS", "many")
        with pytest.raises(ConfigError):
            await stage.bot.reload_extension(EXT)
        assert host_of(stage.bot) is None
        assert stage.bot.tree.get_command("repo") is None
        assert not http_client.is_open


async def test_two_bots_in_one_process_do_not_take_each_others_cogs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with SampleGitHub() as github:
        monkeypatch.setenv("TUX_HTTP__APIS__GITHUB__BASE_URL", github.url)
        one, other = TheirBot(), TheirBot()
        before = one.state()["slash"]
        await one.load_extension(EXT)
        await other.load_extension(EXT)
        await http_client.apis["github"].get("/repos/allthingslinux/tux")
        await one.unload_extension(EXT)
        assert one.state()["slash"] == before
        assert set(other.extensions) == {EXT, GITHUB, HTTP}
        assert other.tree.get_command("repo") is not None
        assert http_client.is_open
        assert "github" in http_client.apis
        await other.unload_extension(EXT)
        assert other.state()["slash"] == before
        assert not http_client.is_open
        assert not http_client.apis


async def test_a_service_that_is_open_with_other_settings_stays_as_it_is() -> None:
    lines: list[str] = []
    logger.add(lambda line: lines.append(str(line)), format="{level} {message}")
    http_client.configure(HTTPSettings(max_connections=3))
    await http_client.get_client()
    bot = TheirBot()
    await bot.load_extension(EXT)
    assert http_client.settings.max_connections == 3
    assert [line for line in lines if line.startswith("WARNING the HTTP service is open already")]
    await bot.unload_extension(EXT)
    http_client.configure(HTTPSettings())


async def test_closing_their_bot_closes_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(monkeypatch) as stage:
        tasks = asyncio.all_tasks()
        await load(stage)
        await stage.slash("repo", repository="allthingslinux/tux")
        await stage.bot.close()
        assert not http_client.is_open
        await settle(lambda: not strays(tasks))

"""Syncing the commands: when it happens, and when it is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import platformdirs
import pytest
import simcord
from discord import app_commands
from discord.ext import commands
from loguru import logger

from tux_http.command_sync import sync_commands

if TYPE_CHECKING:
    from collections.abc import Callable

    Interaction = discord.Interaction[Any]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where digests are kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Path(platformdirs.user_state_path("tux-http"))


@pytest.fixture
def log() -> list[str]:
    lines: list[str] = []
    logger.add(lambda line: lines.append(str(line)), format="{level} {message}")
    return lines


async def nothing(interaction: Interaction) -> None:
    pass


def command(name: str, description: str = "Does nothing.") -> app_commands.Command[Any, ..., Any]:
    return app_commands.Command(name=name, description=description, callback=nothing)


def bot_with(*made: app_commands.Command[Any, ..., Any]) -> commands.Bot:
    bot = commands.Bot(commands.when_mentioned, intents=discord.Intents.default())
    for each in made:
        bot.tree.add_command(each)
    return bot


async def syncs(bot: commands.Bot, **options: Any) -> list[list[str]]:
    """What a start of this bot sends to Discord: the names of the commands, for each sync."""
    async with simcord.run(bot) as env:
        done = await sync_commands(bot, mode=options.get("mode", "auto"))
        puts = [entry for entry in env.http_requests if entry.method == "PUT"]
        assert done is bool(puts)
        return [sorted(sent["name"] for sent in entry.json or ()) for entry in puts]


def names_in(state: Path) -> list[str]:
    return [file.name for file in state.iterdir()]


def spoil(state: Path, content: bytes) -> None:
    (file,) = state.iterdir()
    file.write_bytes(content)


def put_in_the_way_of(state: Path) -> None:
    state.parent.mkdir(exist_ok=True)
    state.write_text("a file where the folder should be", encoding="utf-8")


async def test_the_first_start_syncs_and_the_next_one_does_not() -> None:
    assert await syncs(bot_with(command("hello"))) == [["hello"]]
    assert await syncs(bot_with(command("hello"))) == []


@pytest.mark.parametrize(
    "changed",
    [
        lambda: bot_with(command("hello"), command("bye")),
        lambda: bot_with(command("hello", "Says hello.")),
        bot_with,
        lambda: bot_with(command("goodbye")),
    ],
)
async def test_a_change_of_the_commands_syncs(changed: Callable[[], commands.Bot]) -> None:
    await syncs(bot_with(command("hello")))
    assert len(await syncs(changed())) == 1


async def test_another_order_of_the_same_commands_is_no_change() -> None:
    await syncs(bot_with(command("hello"), command("bye")))
    assert await syncs(bot_with(command("bye"), command("hello"))) == []


async def test_always_syncs_always_and_never_never() -> None:
    assert len(await syncs(bot_with(command("hello")), mode="always")) == 1
    assert len(await syncs(bot_with(command("hello")), mode="always")) == 1
    assert await syncs(bot_with(command("bye")), mode="never") == []


class Shouting(app_commands.Translator):
    """Translates into French by shouting."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, *_: Any, **__: Any
    ) -> str | None:
        return string.message + self.mark if locale is discord.Locale.french else None


async def test_a_change_of_the_translations_syncs() -> None:
    for mark, expected in (("x", 1), ("x", 0), ("xx", 1)):
        bot = bot_with(app_commands.Command(name="hello", description="Hello", callback=nothing))
        await bot.tree.set_translator(Shouting(mark))
        assert len(await syncs(bot)) == expected


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0" * 64])
async def test_a_damaged_digest_syncs_again(content: bytes, state: Path) -> None:
    await syncs(bot_with(command("hello")))
    spoil(state, content)
    assert len(await syncs(bot_with(command("hello")))) == 1
    assert await syncs(bot_with(command("hello"))) == []


async def test_a_digest_that_can_not_be_written_is_a_warning(state: Path, log: list[str]) -> None:
    put_in_the_way_of(state)
    assert len(await syncs(bot_with(command("hello")))) == 1
    (line,) = [line for line in log if line.startswith("WARNING")]
    assert "the next start will sync the commands again" in line


class Untranslatable(app_commands.Translator):
    async def translate(self, *_: Any, **__: Any) -> str | None:
        raise RuntimeError("no dictionary")


async def test_a_failure_is_logged_and_the_next_start_tries_again(log: list[str]) -> None:
    bot = bot_with(command("hello"))
    await bot.tree.set_translator(Untranslatable())
    assert await syncs(bot) == []
    (line,) = [line for line in log if line.startswith("ERROR")]
    assert line.startswith("ERROR the commands could not be synced: TranslationError")
    assert len(await syncs(bot_with(command("hello")))) == 1


Mixed = app_commands.Command[Any, ..., Any] | app_commands.Group | app_commands.ContextMenu


async def test_groups_and_context_menus_count_too() -> None:
    async def on_user(interaction: Interaction, user: discord.User) -> None:
        pass

    def made(*, deep: bool) -> list[Mixed]:
        group = app_commands.Group(name="tools", description="Tools.")
        group.add_command(command("saw"))
        if deep:
            group.add_command(command("axe"))
        return [group, app_commands.ContextMenu(name="Look", callback=on_user)]

    async def start(*, deep: bool) -> int:
        bot = bot_with()
        for each in made(deep=deep):
            bot.tree.add_command(each)
        return len(await syncs(bot))

    assert [await start(deep=False), await start(deep=False), await start(deep=True)] == [1, 0, 1]


async def test_the_digest_is_of_one_application(state: Path) -> None:
    bot = bot_with(command("hello"))
    await syncs(bot)
    assert names_in(state) == [f"commands-{bot.application_id}.sha256"]

"""Names and descriptions of our commands, as Discord is told them in each language."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import platformdirs
import pytest
import simcord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands
from loguru import logger

from tests.catalogues import names_of, template
from tux_http.bot import TuxBot
from tux_http.command_sync import sync_commands
from tux_http.config import BotSettings, Settings
from tux_http.http_client import HTTPClient
from tux_http.languages import COMPLETE
from tux_http.languages.commands import CommandTranslator, give_translator, localised, take_translator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

EXT = "tux_http.ext"
NAME = re.compile(r"[-'\w]{1,32}")
"""https://discord.com/developers/docs/interactions/application-commands#application-command-object-application-command-naming"""

LOCALES = {"de": ["de"], "fr": ["fr"], "es": ["es-ES", "es-419"], "pt_BR": ["pt-BR"], "ja": ["ja"]}


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Path(platformdirs.user_state_path("tux-http")).is_relative_to(tmp_path)


def plain_bot() -> commands.Bot:
    return commands.Bot(commands.when_mentioned, intents=discord.Intents.default())


@contextlib.asynccontextmanager
async def guest() -> AsyncGenerator[commands.Bot]:
    """Somebody else's bot, with the extension."""
    bot = plain_bot()
    async with simcord.run(bot):
        await bot.load_extension(EXT)
        yield bot
        await bot.unload_extension(EXT)


async def payloads(bot: commands.Bot) -> list[dict[str, Any]]:
    """What a sync sends of the commands."""
    translator = bot.tree.translator
    assert translator is not None
    return [await command.get_translated_payload(bot.tree, translator) for command in bot.tree.get_commands()]


def parts(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A command and its options, and theirs."""
    yield payload
    for option in payload.get("options") or ():
        yield from parts(option)


async def test_every_name_and_description_is_in_the_catalogues() -> None:
    texts = names_of(template())
    async with guest() as bot:
        sent = [part for payload in await payloads(bot) for part in parts(payload)]
    assert len(sent) >= 6
    assert [part for part in sent if not {part["name"], part["description"]} <= texts] == []


async def test_discord_takes_every_name_and_description_in_every_language() -> None:
    async with guest() as bot:
        sent = [part for payload in await payloads(bot) for part in parts(payload)]
    for part in sent:
        for name in (part["name"], *part.get("name_localizations", {}).values()):
            assert NAME.fullmatch(name), name
            assert name == name.lower()
        for description in (part["description"], *part.get("description_localizations", {}).values()):
            assert 1 <= len(description) <= 100, description


async def test_no_two_parts_of_a_command_have_one_name_in_a_language() -> None:
    async with guest() as bot:
        groups: list[list[dict[str, Any]]] = [payload.get("options") or [] for payload in await payloads(bot)]
    for options in groups:
        for locale in [locale for code in COMPLETE for locale in LOCALES.get(code, ())]:
            names: list[str] = [
                option.get("name_localizations", {}).get(locale, option["name"]) for option in options
            ]
            assert len(names) == len(set(names))


async def test_each_language_that_is_complete_is_sent_and_the_english_names_stay() -> None:
    async with guest() as bot:
        sent = {payload["name"]: payload for payload in await payloads(bot)}
    wanted = {locale for code in COMPLETE for locale in LOCALES.get(code, ())}
    assert set(sent) >= {"repo", "issue", "pr", "http"}
    for name in ("repo", "issue", "pr"):
        assert set(sent[name]["description_localizations"]) == wanted
    assert sent["repo"]["description"] == "Shows a repository on GitHub."
    assert sent["repo"]["description_localizations"]["de"] == "Zeigt ein Repository auf GitHub."
    why = next(option for option in sent["http"]["options"] if option["name"] == "why")
    assert why["name_localizations"]["de"] == "warum"
    assert why["options"][0]["name"] == "reference"


async def test_a_command_with_names_in_other_languages_works_as_before() -> None:
    bot = plain_bot()
    async with simcord.run(bot, check_errors=False) as env:
        await bot.load_extension(EXT)
        await bot.tree.sync()
        channel = env.create_guild().create_text_channel("general")
        member = env.guild.add_member(env.create_user("ada"))
        result = await member.slash(channel, "repo", repository="no repository")
        assert result.response is not None
        assert "That doesn't fit" in (result.response.embeds[0].title or "")
        await bot.unload_extension(EXT)


async def test_our_bot_translates_its_commands() -> None:
    bot = TuxBot(Settings(bot=BotSettings(extensions=("tux_http.cogs.github",))), http=HTTPClient())
    async with simcord.run(bot, shard_count=1) as env:
        (sync,) = [entry for entry in env.http_requests if entry.method == "PUT"]
        assert sync.json is not None
        assert sync.json[0]["description_localizations"]["de"] == "Zeigt ein Repository auf GitHub."
        await bot.close()


async def test_words_of_other_cogs_are_left_to_them() -> None:
    translator: Any = CommandTranslator()
    said = [
        await translator.translate(string, discord.Locale.german, None)
        for string in (locale_str("member"), localised("member"), localised("of no catalogue"))
    ]
    assert said == [None, "Mitglied", None]


class Theirs(app_commands.Translator):
    """Translates nothing."""


async def test_a_guests_own_translator_stays() -> None:
    lines: list[str] = []
    logger.add(lambda line: lines.append(str(line)), format="{level} {message}")
    bot, theirs = plain_bot(), Theirs()
    async with simcord.run(bot):
        await bot.tree.set_translator(theirs)
        await bot.load_extension(EXT)
        assert bot.tree.translator is theirs
        assert "DEBUG the bot has a translator of its own; our commands go by it\n" in lines
        await bot.unload_extension(EXT)
        assert bot.tree.translator is theirs


async def test_ours_goes_with_the_extension_and_one_that_came_later_stays() -> None:
    bot, theirs = plain_bot(), Theirs()
    async with simcord.run(bot):
        await bot.load_extension(EXT)
        assert isinstance(bot.tree.translator, CommandTranslator)
        await bot.unload_extension(EXT)
        assert bot.tree.translator is None
        await bot.load_extension(EXT)
        await bot.tree.set_translator(theirs)
        await bot.unload_extension(EXT)
        assert bot.tree.translator is theirs


async def test_the_extension_in_our_own_bot_leaves_its_translator_on() -> None:
    bot = TuxBot(Settings(bot=BotSettings(extensions=(EXT,))), http=HTTPClient())
    async with simcord.run(bot, shard_count=1):
        translator = bot.tree.translator
        assert isinstance(translator, CommandTranslator)
        await bot.unload_extension(EXT)
        assert bot.tree.translator is translator
        await bot.close()


async def test_taking_off_what_was_not_given_takes_nothing() -> None:
    bot = plain_bot()
    async with simcord.run(bot):
        given = await give_translator(bot)
        assert await give_translator(bot) is None
        await take_translator(bot, None)
        assert bot.tree.translator is given
        await take_translator(bot, given)
        assert bot.tree.translator is None


class Spoken(app_commands.Translator):
    """Gives one answer in German."""

    def __init__(self, word: str) -> None:
        self.word = word

    async def translate(
        self,
        string: locale_str,  # noqa: ARG002  # as it is overridden
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,  # noqa: ARG002  # same
    ) -> str | None:
        return self.word if locale is discord.Locale.german else None


async def is_synced_with(word: str) -> bool:
    async def hello(_: discord.Interaction[Any]) -> None: ...

    bot = plain_bot()
    bot.tree.add_command(
        app_commands.Command(name=locale_str("hello"), description="Does nothing.", callback=hello)
    )
    async with simcord.run(bot):
        await bot.tree.set_translator(Spoken(word))
        return await sync_commands(bot, mode="auto")


async def test_a_new_translation_is_synced() -> None:
    assert await is_synced_with("hallo")
    assert not await is_synced_with("hallo")
    assert await is_synced_with("servus")

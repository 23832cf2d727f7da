"""People are answered in their language, and servers in theirs."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord.ext import commands

from tests.discord_world import plain_bot, world
from tests.github_stage import EXAMPLE, Stage, Upstream, buttons, github, settings_for, staged, values
from tests.locales import speaking
from tux_http.config import Settings
from tux_http.error_handler import ErrorHandler
from tux_http.errors import CircuitOpen
from tux_http.host import attach, detach
from tux_http.http_client import HTTPClient
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from simcord.results import InteractionResult

GERMAN, AMERICAN, UNKNOWN = "de", "en-US", "fi"
HELLO = "octocat/Hello-World"


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        served.has(f"/repos/{HELLO}", EXAMPLE | {"stargazers_count": 12345})
        yield served


@contextlib.asynccontextmanager
async def in_a_server(upstream: Upstream, locale: str, **given: Any) -> AsyncGenerator[Stage]:
    """The stage, in a server of a language."""
    async with staged(settings_for(upstream), **given) as stage:
        guild = stage.env.create_guild(preferred_locale=locale)
        channel = guild.create_text_channel("general")
        yield Stage(stage.bot, stage.env, channel, guild.add_member(stage.env.create_user("eva")))


def whispered(result: InteractionResult) -> Any:
    (answer,) = [each for each in (result.response, *result.followups) if each is not None]
    assert answer.ephemeral
    return answer


async def failed(stage: Stage) -> discord.Embed:
    result = await stage.member.slash(stage.channel, "repo", repository="no repository")
    return whispered(result).embeds[0]


async def test_a_person_is_told_what_failed_in_their_own_language(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_a_server(upstream, AMERICAN, failing=True) as stage:
        speaking(GERMAN, monkeypatch)
        embed = await failed(stage)
        assert embed.title == "ℹ️ Das passt nicht"  # noqa: RUF001  # an emoji, not an i
        assert embed.description == (
            "Das ist kein Repository: Es braucht Besitzer, Schrägstrich und Name.\n"
            "Ändere sie und versuch es noch einmal. Zum Beispiel: `allthingslinux/tux`"
        )
        assert (embed.footer.text or "").startswith("Referenz ")


@pytest.mark.parametrize("locale", [AMERICAN, UNKNOWN])
async def test_in_a_german_server_others_are_told_in_english(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    async with in_a_server(upstream, GERMAN, failing=True) as stage:
        speaking(locale, monkeypatch)
        assert ((await failed(stage)).title or "").endswith("That doesn't fit")


async def test_what_everybody_sees_is_in_the_servers_language(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_a_server(upstream, GERMAN) as stage:
        speaking(AMERICAN, monkeypatch)
        card = await stage.slash(HELLO)
        assert values(card)["⭐ Sterne"] == "12.345"
        assert list(buttons(card)) == ["Repository", "Issues", "Pull Requests", "Releases", "Website"]


async def test_an_american_server_has_its_cards_in_english_whoever_asks(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_a_server(upstream, AMERICAN) as stage:
        speaking(GERMAN, monkeypatch)
        assert values(await stage.slash(HELLO))["⭐ Stars"] == "12,345"


async def test_a_refreshed_card_stays_in_the_servers_language(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_a_server(upstream, GERMAN) as stage:
        speaking(AMERICAN, monkeypatch)
        await stage.member.click(await stage.slash(HELLO), label="Aktualisieren")
        card = stage.seen()
        assert values(card)["⭐ Sterne"] == "12.345"
        assert card.embeds[0].footer.text == "Aktualisiert"
        await stage.member.click(card, label="Aktualisieren")


async def test_a_typed_command_is_answered_in_the_servers_language(upstream: Upstream) -> None:
    async with in_a_server(upstream, GERMAN, failing=True) as stage:
        assert "⭐ Sterne" in values(await stage.say(f"!repo {HELLO}"))
        assert "Das passt nicht" in ((await stage.say("!repo nothing")).embeds[0].title or "")


# The Retry button.


def failing_bot(error: Callable[[], Exception]) -> commands.Bot:
    bot = plain_bot()
    ErrorHandler(bot, names={"github": "GitHub"}, everything=True).install()

    @bot.tree.command(description="fails")
    async def look(_: discord.Interaction[Any]) -> None:
        raise error()

    assert look.name
    return bot


def label_of(message: Any) -> str:
    ((part,),) = [row["components"] for row in message.components]
    return part["label"]


async def test_retry_stays_in_its_persons_language(monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> CircuitOpen:
        later = discord.utils.utcnow() + timedelta(seconds=60)
        return CircuitOpen(origin="https://api.github.com", api="github", retry_at=later)

    async with world(failing_bot(down)) as discord_:
        speaking(GERMAN, monkeypatch)
        shown = whispered(await discord_.slash("look"))
        assert "GitHub hat Probleme" in shown.embeds[0].title
        assert "Versuch es <t:" in shown.embeds[0].description
        assert label_of(shown) == "Noch einmal"
        speaking(AMERICAN, monkeypatch)
        await discord_.advance(70)
        again = discord_.env.backend.get_message(shown.channel_id, shown.id)
        assert [row["components"][0]["label"] for row in again.components] == ["Noch einmal"]
        assert not again.components[0]["components"][0].get("disabled")


async def test_words_of_another_cog_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(failing_bot(lambda: InvalidInput("Kein Ort: {so}.", example="Oslo"))) as discord_:
        speaking(GERMAN, monkeypatch)
        description = whispered(await discord_.slash("look")).embeds[0].description
        assert description.splitlines()[0] == "Kein Ort: {so}."


async def test_who_writes_to_the_bot_by_direct_message_is_answered_in_english(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True).install()

    @bot.command()
    async def look(_: commands.Context[Any]) -> None:
        raise commands.NotOwner

    assert look.name
    async with world(bot) as discord_:
        speaking(GERMAN, monkeypatch)
        person = discord_.env.create_user("solo")
        await person.send_dm("!look")
        (answer,) = person.dm_channel.history()[1:]
        assert "You can't use this" in (answer.embeds[0].title or "")


# What operators ask.


async def test_an_operator_is_answered_in_their_own_language(monkeypatch: pytest.MonkeyPatch) -> None:
    bot = plain_bot()
    async with HTTPClient() as client, world(bot) as discord_:
        attach(bot, "test", http=client, settings=Settings(), everything=True)
        await bot.load_extension("tux_http.cogs.http")
        await bot.tree.sync()
        guild = discord_.env.guild
        staff = guild.create_role("staff", permissions=discord.Permissions(manage_guild=True))
        owner = guild.add_member(discord_.env.create_user("eve"), roles=[staff])
        bot.owner_id = owner.id
        speaking(GERMAN, monkeypatch)
        status = whispered(await owner.slash(discord_.channel, "http status")).embeds[0]
        assert status.title == "Wie es den Diensten geht"
        why = whispered(await owner.slash(discord_.channel, "http why", reference="00000000")).embeds[0]
        assert why.title == "Zu dieser Referenz ist nichts bekannt"
        assert "der letzten 1.000 Aufrufe" in (why.description or "")
        await bot.unload_extension("tux_http.cogs.http")
        await detach(bot, "test")

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import discord
import httpx
import pytest
from discord.ext import commands
from discord.http import Route

from tests.discord_world import failure_log, plain_bot, raising, world
from tux_http.call import call_of
from tux_http.error_handler import ErrorHandler, Modal, View
from tux_http.http_client import HTTPClient
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loguru import Record

    from tests.discord_world import Fails

SECRET = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def log() -> Iterator[list[Record]]:
    with failure_log() as records:
        yield records


def bot_where(fails: Fails, *, everything: bool = True) -> commands.Bot:
    """A bot whose /slashed, /hybrid and !hybrid do what `fails` does."""
    bot = plain_bot()
    handler = ErrorHandler(bot, names={"github": "GitHub"}, everything=everything)
    assert handler.install() is handler

    @bot.hybrid_command()
    async def hybrid(ctx: commands.Context[Any]) -> None:
        await fails()

    @bot.tree.command(description="slash only")
    async def slashed(interaction: discord.Interaction[Any]) -> None:
        await fails()

    return bot


def reference_in(embed: discord.Embed) -> str:
    return (embed.footer.text or "").removeprefix("Reference ")


# What people see.


@pytest.mark.parametrize("command", ["slashed", "hybrid"])
async def test_a_failed_slash_command_is_answered_to_its_person_alone(command: str) -> None:
    async with world(bot_where(raising(InvalidInput("No such place.", example="Oslo")))) as discord_:
        result = await discord_.slash(command)
        assert result.response is not None
        assert result.response.ephemeral
        (embed,) = result.response.embeds
        assert embed.description == "No such place.\nChange it and try again. For example: `Oslo`"
        assert not discord_.channel.history()


async def test_a_failed_prefix_command_is_answered_by_a_reply_without_a_ping() -> None:
    async with world(bot_where(raising(httpx.ConnectError("")))) as discord_:
        (shown,) = await discord_.say("!hybrid")
        assert shown.embeds[0].title == "⚠️ The service can't be reached"
        assert shown.reference is not None
        (body,) = discord_.posted()
        assert body["allowed_mentions"] == {"parse": [], "replied_user": False}


async def test_a_failure_after_the_answer_is_a_follow_up() -> None:
    bot = bot_where(raising(AssertionError()))

    @bot.tree.command(description="answers, then fails")
    async def late(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("here it is")
        raise httpx.ReadTimeout("")

    assert late.name
    async with world(bot) as discord_:
        result = await discord_.slash("late")
        assert [message.content for message in discord_.channel.history()] == ["here it is"]
        assert [message.ephemeral for message in result.followups] == [True]


@pytest.mark.parametrize("ephemeral", [True, False])
async def test_a_failure_after_a_deferral_leaves_no_placeholder(ephemeral: bool) -> None:
    bot = bot_where(raising(AssertionError()))

    @bot.tree.command(description="thinks, then fails")
    async def thinks(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer(ephemeral=ephemeral)
        raise httpx.ReadTimeout("")

    assert thinks.name
    async with world(bot) as discord_:
        result = await discord_.slash("thinks")
        shown = [message for message in (result.response, *result.followups) if message is not None]
        assert [(message.ephemeral, message.flags.loading, len(message.embeds)) for message in shown] == [
            (True, False, 1)
        ]
        assert not discord_.channel.history()


async def test_what_was_sent_after_a_public_deferral_stays() -> None:
    bot = bot_where(raising(AssertionError()))

    @bot.tree.command(description="thinks, answers, then fails")
    async def thinks(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer()
        await interaction.original_response()  # discord.py keeps this state of it
        await interaction.followup.send("here it is")
        raise httpx.ReadTimeout("")

    assert thinks.name
    async with world(bot) as discord_:
        result = await discord_.slash("thinks")
        assert [message.content for message in discord_.channel.history()] == ["here it is"]
        assert [message.ephemeral for message in result.followups] == [True]


async def test_an_unknown_prefix_command_is_met_with_silence(log: list[Record]) -> None:
    async with world(bot_where(raising(AssertionError()))) as discord_:
        assert not await discord_.say("!important: read the rules")
        assert not log


async def test_an_upstream_goes_by_its_name_and_the_reference_leads_to_its_call(log: list[Record]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, json={"message": f"<@1> {SECRET}"})

    seen: list[BaseException] = []
    async with HTTPClient(transport=httpx.MockTransport(answer)) as http:
        api = http.api("github", base_url="https://api.test", headers={"Authorization": f"Bearer {SECRET}"})

        async def fails() -> None:
            try:
                await api.get("/repos", params={"access_token": SECRET})
            except httpx.HTTPStatusError as exc:
                seen.append(exc)
                raise

        async with world(bot_where(fails)) as discord_:
            result = await discord_.slash("hybrid")
            assert result.response is not None
            (embed,) = result.response.embeds
    call = call_of(seen[0])
    assert call is not None
    assert embed.description == (
        "GitHub has nothing by that name, or keeps it private.\nCheck the spelling and try again."
    )
    assert reference_in(embed) == call.reference
    assert [record["extra"]["reference"] for record in log] == [call.reference]
    assert SECRET not in log[0]["message"] + str(embed.to_dict())


async def test_an_error_raised_from_a_calls_error_keeps_its_reference() -> None:
    async def fails() -> None:
        async with HTTPClient(transport=httpx.MockTransport(lambda _: httpx.Response(404))) as http:
            try:
                await http.get("https://api.test/")
            except httpx.HTTPStatusError as exc:
                call = call_of(exc)
                assert call is not None
                references.append(call.reference)
                raise InvalidInput("There is no such repository.") from exc

    references: list[str] = []
    async with world(bot_where(fails)) as discord_:
        result = await discord_.slash("slashed")
        assert result.response is not None
        assert [reference_in(result.response.embeds[0])] == references


# The log.


@pytest.mark.parametrize(
    ("exc", "level", "line"),
    [
        (InvalidInput(SECRET), "INFO", "hybrid failed: invalid-input (InvalidInput), ref "),
        (httpx.ReadError(SECRET), "WARNING", "hybrid failed: connection-lost (ReadError), ref "),
        (httpx.ProxyError(SECRET), "ERROR", "hybrid failed: proxy (ProxyError), ref "),
    ],
)
@pytest.mark.parametrize("prefix", ["/", "!"])
async def test_a_failure_is_one_line_without_its_own_text(
    log: list[Record], prefix: str, exc: Exception, level: str, line: str
) -> None:
    async with world(bot_where(raising(exc))) as discord_:
        shown = (
            await discord_.say("!hybrid") if prefix == "!" else [(await discord_.slash("hybrid")).response]
        )
    (record,) = log
    (message,) = shown
    assert message is not None
    assert record["level"].name == level
    assert record["message"] == line + reference_in(message.embeds[0])
    assert record["exception"] is None


async def test_a_fault_of_ours_is_logged_with_its_traceback(log: list[Record]) -> None:
    async with world(bot_where(raising(KeyError(SECRET)))) as discord_:
        result = await discord_.slash("slashed")
    (record,) = log
    assert record["level"].name == "ERROR"
    assert record["exception"] is not None
    assert record["exception"].type is KeyError
    assert SECRET not in str(record["exception"].value)
    assert result.response is not None
    assert SECRET not in str(result.response.embeds[0].to_dict())


# Views and modals.


class Form(Modal, title="Form"):
    place: discord.ui.TextInput[Any] = discord.ui.TextInput(label="place", custom_id="place")

    async def on_submit(self, _: discord.Interaction[Any]) -> None:
        raise InvalidInput("No such place.")


class Card(View):
    @discord.ui.button(label="fail")
    async def fail(self, interaction: discord.Interaction[Any], _: discord.ui.Button[Any]) -> None:
        await interaction.response.defer()
        raise httpx.ReadTimeout("")

    @discord.ui.button(label="form")
    async def form(self, interaction: discord.Interaction[Any], _: discord.ui.Button[Any]) -> None:
        await interaction.response.send_modal(Form())


def bot_with_a_card(*, handled: bool) -> commands.Bot:
    bot = plain_bot()
    if handled:
        ErrorHandler(bot, names={}, everything=False).install()

    @bot.tree.command(description="shows a card")
    async def card(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("card", view=Card())

    assert card.name
    return bot


async def test_a_failed_button_is_answered_and_its_message_stays(log: list[Record]) -> None:
    async with world(bot_with_a_card(handled=True)) as discord_:
        card = (await discord_.slash("card")).response
        assert card is not None
        result = await discord_.member.click(card, label="fail")
        (shown,) = result.followups
        assert shown.ephemeral
        assert shown.embeds[0].title == "⚠️ The service is taking too long"
        assert [message.content for message in discord_.channel.history()] == ["card"]
    assert log[0]["message"].startswith("Card failed: timeout")


async def test_a_failed_modal_is_answered(log: list[Record]) -> None:
    async with world(bot_with_a_card(handled=True)) as discord_:
        card = (await discord_.slash("card")).response
        assert card is not None
        form = await discord_.member.click(card, label="form")
        result = await discord_.member.submit_modal(form, {"place": "x"})
        assert result.response is not None
        assert result.response.ephemeral
    assert log[0]["message"].startswith("Form failed: invalid-input")


async def test_without_the_layer_views_and_modals_fail_as_discord_py_has_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        async with world(bot_with_a_card(handled=False)) as discord_:
            card = (await discord_.slash("card")).response
            assert card is not None
            await discord_.member.click(card, label="fail")
            form = await discord_.member.click(card, label="form")
            await discord_.member.submit_modal(form, {"place": "x"})
    assert {"discord.ui.view", "discord.ui.modal"} <= {record.name for record in caplog.records}


# When Discord does not take the answer.


@pytest.mark.parametrize("status", [403, 404, 400])
async def test_an_answer_that_can_not_be_sent_is_logged(log: list[Record], status: int) -> None:
    async with world(bot_where(raising(InvalidInput("No.")))) as discord_:
        for path in ("/interactions/*", "/channels/*/messages"):
            discord_.env.inject_error("POST", path, status=status, times=None)
        await discord_.slash("slashed")
        await discord_.say("!hybrid")
        assert {type(exc) for exc in discord_.env.errors} == {InvalidInput}
    sent = [record["message"] for record in log if record["level"].name == "WARNING"]
    assert len(sent) == 2
    assert all(line.startswith("the answer to a failure could not be sent") for line in sent)


async def test_an_acknowledgement_whose_receipt_was_lost_is_followed_up() -> None:
    bot = bot_where(raising(AssertionError()))

    @bot.tree.command(description="answers behind discord.py's back")
    async def lost(interaction: discord.Interaction[Any]) -> None:
        path = f"/interactions/{interaction.id}/{interaction.token}/callback"
        await bot.http.request(Route("POST", path), json={"type": 4, "data": {"content": "sent"}})
        raise InvalidInput("No.")

    assert lost.name
    async with world(bot) as discord_:
        result = await discord_.slash("lost")
        assert [message.content for message in discord_.channel.history()] == ["sent"]
        assert [message.ephemeral for message in result.followups] == [True]


async def test_an_exception_that_lies_about_itself_is_answered_still(log: list[Record]) -> None:
    class Lying(commands.MissingPermissions):
        def __init__(self) -> None: ...  # without what its base class promises

    async with world(bot_where(raising(Lying()))) as discord_:
        result = await discord_.slash("slashed")
        assert result.response is not None
        assert result.response.embeds[0].title == "❌ Something went wrong on our side"
    assert "no problem is known for Lying" in [record["message"] for record in log]

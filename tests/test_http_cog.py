"""What operators ask of the bot: why a call failed, and how the services do; and that nobody else may."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import discord  # noqa: TC002  # discord.py reads the annotations
import httpx
import pytest
from discord.ext import commands
from loguru import logger

from tests.discord_world import failure_log
from tux_http.call import EXTENSION as EXTENSION_OF_CALLS
from tux_http.call import Call
from tux_http.cogs.http.why import why_card
from tux_http.config import ConfigError, load
from tux_http.policy import Breaker, Caching, Retry
from tux_http.transports.budget import Budget
from tux_http.transports.recorder import Recorder
from tux_http.transports.retry import Retrier

if TYPE_CHECKING:
    from pathlib import Path


from tests.operators_stage import SECRET, Upstream, fields, staged

# Why.


async def test_the_reference_that_a_person_was_shown_leads_to_each_attempt() -> None:
    async with staged(Upstream(httpx.Response(503), httpx.ReadError("x"), httpx.Response(404))) as stage:
        await stage.call()
        reference = await stage.failed()
        embed = await stage.why(reference)
        assert embed.title == f"Reference {reference}"
        description = (embed.description or "").splitlines()
        assert description[0].startswith("**look** failed at <t:")
        assert description[0].endswith("not-found (HTTPStatusError).")
        assert description[1] == r"Ex\*mple: GET /things/1 → 404"
        first, second, third = fields(embed)["Attempts"].splitlines()
        assert first.startswith(r"1\. at 0.0")
        assert " 503 after 0.0" in first
        assert first.endswith("s later (back-off)")
        assert " ReadError after 0.0" in second
        assert "; may pass, repeated 0.0" in second
        assert " 404 after 0.0" in third
        assert "repeated" not in third
        assert fields(embed)["Breaker"] == "closed"
        assert fields(embed)["Cache"] == "not asked"
        assert fields(embed)["Protocol"] == "HTTP/1.1"
        assert "Refused" not in fields(embed)


async def test_a_wait_that_the_service_asked_for_is_told_as_such() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    upstream = httpx.MockTransport(
        Upstream(httpx.Response(503, headers={"Retry-After": "7"}), httpx.Response(404))
    )
    request = httpx.Request("GET", "https://api.example/a")
    request.extensions[EXTENSION_OF_CALLS] = call = Call.of(request, api=None)
    policy = Retry()
    await Retrier(Recorder(upstream), policy, Budget(policy), sleep=sleep).handle_async_request(request)
    first, _ = fields(why_card("abcdef01", failure=None, call=call, names={}))["Attempts"].splitlines()
    assert first.endswith("; may pass, repeated 7.00 s later (as the service asked)")
    assert waits == [7.0]


async def test_embed_log_and_record_carry_one_reference() -> None:
    with failure_log() as log:
        async with staged(Upstream(httpx.Response(404))) as stage:
            reference = await stage.failed()
            assert [record["extra"]["reference"] for record in log] == [reference]
            assert (await stage.why(reference)).title == f"Reference {reference}"


async def test_a_call_that_the_breaker_refused_says_so() -> None:
    breaker = Breaker(minimum_calls=1, open_for=60, max_open_for=60)
    async with staged(Upstream(httpx.Response(500)), breaker=breaker) as stage:
        await stage.failed()
        embed = await stage.why(await stage.failed())
        assert (embed.description or "").splitlines()[1].endswith("→ CircuitOpen")
        shown = fields(embed)
        assert shown["Attempts"] == "none: no service was asked"
        assert (shown["Breaker"], shown["Refused"]) == ("open", "by the breaker")


async def test_a_call_that_a_limit_stopped_tells_until_when() -> None:
    spent = {"Retry-After": "600"}
    async with staged(Upstream(httpx.Response(429, headers=spent))) as stage:
        embed = await stage.why(await stage.failed())
        assert fields(embed)["Limited until"].startswith("<t:")


async def test_an_old_answer_is_told_with_its_age_and_reason() -> None:
    ok = httpx.Response(200, headers={"Cache-Control": "max-age=0"}, text="{}")
    async with staged(
        Upstream(ok, httpx.Response(500)), caching=Caching(stale_while_revalidate=0.0)
    ) as stage:
        await stage.owner.slash(stage.channel, "look")
        response = await stage.api.get("/things/1")
        embed = await stage.why(response.extensions["tux_http"].reference)
        assert fields(embed)["Cache"] == "stale, 0 s old, because: 500"
        assert (embed.description or "").startswith(r"Ex\*mple: GET /things/1 → 200")


async def test_a_failure_without_a_call_is_known_too() -> None:
    async with staged(Upstream(httpx.Response(200))) as stage:

        @stage.bot.tree.command(description="breaks")
        async def breaks(_: discord.Interaction[Any]) -> None:
            raise KeyError(SECRET)

        assert breaks.name
        await stage.bot.tree.sync()
        shown = await stage.ask("breaks", of=stage.stranger)
        embed = await stage.why((shown.footer.text or "").removeprefix("Reference "))
        first, second = (embed.description or "").splitlines()
        assert first.startswith("**breaks** failed at <t:")
        assert first.endswith("internal (KeyError).")
        assert second == "No call to a service was behind it; the log has the rest."


async def test_an_error_raised_in_place_of_a_calls_error_leads_to_the_call() -> None:
    async with staged(Upstream(httpx.Response(404))) as stage:

        @stage.bot.tree.command(description="says it in other words")
        async def other(_: discord.Interaction[Any]) -> None:
            try:
                await stage.api.get("/things/2")
            except httpx.HTTPStatusError:
                raise commands.BadArgument("no such thing") from None

        assert other.name
        await stage.bot.tree.sync()
        shown = await stage.ask("other", of=stage.stranger)
        embed = await stage.why((shown.footer.text or "").removeprefix("Reference "))
        assert (embed.description or "").splitlines()[1].endswith("GET /things/2 → 404")


@pytest.mark.parametrize("typed", ["{}", " {} ", "Reference {}", "`{}`", "ref {}", "REFERENCE {}"])
async def test_a_reference_may_be_pasted_with_what_stands_round_it(typed: str) -> None:
    async with staged(Upstream(httpx.Response(404))) as stage:
        reference = await stage.failed()
        assert (await stage.why(typed.format(reference))).title == f"Reference {reference}"
        assert (await stage.why(typed.format(reference.upper()))).title == f"Reference {reference}"


@pytest.mark.parametrize("typed", ["00000000", "@everyone `<@1>`", "nonsense", "-" * 200])
async def test_an_unknown_reference_gets_a_clear_answer(typed: str) -> None:
    async with staged(Upstream(httpx.Response(404))) as stage:
        embed = await stage.why(typed)
        assert embed.title == "Nothing is known of that reference"
        assert "none of the last 1,000 calls or failures" in (embed.description or "")
        assert (embed.description or "").count("`") == 2


# What is offered while typing.


async def test_the_last_failures_are_offered_the_newest_first() -> None:
    async with staged(Upstream(httpx.Response(404))) as stage:
        older, newer = await stage.failed(), await stage.failed()
        offered = await stage.offered()
        assert [choice["value"] for choice in offered[:2]] == [newer, older]
        assert offered[0]["name"].startswith(f"{newer} · look: not-found, ")
        assert [choice["value"] for choice in await stage.offered(older[:7].upper())] == [older]
        assert len(offered) <= 25


async def test_a_stranger_is_offered_nothing() -> None:
    async with staged(Upstream(httpx.Response(404))) as stage:
        await stage.failed()
        assert await stage.offered(to=stage.stranger) == []


# Who may.


@pytest.mark.parametrize(("name", "options"), [("http status", {}), ("http why", {"reference": "00000000"})])
async def test_a_stranger_is_told_that_it_is_not_for_them(name: str, options: dict[str, str]) -> None:
    async with staged(Upstream(httpx.Response(200))) as stage:
        embed = await stage.ask(name, of=stage.stranger, **options)
        assert embed.title == "ℹ️ You can't use this"  # noqa: RUF001  # an emoji
        assert not embed.fields


async def test_a_member_with_a_role_of_the_settings_may() -> None:
    async with staged(Upstream(httpx.Response(200))) as stage:
        assert (await stage.ask("http status", of=stage.helper)).title == "How the services do"


async def test_members_of_the_applications_team_may() -> None:
    async with staged(Upstream(httpx.Response(200))) as stage:
        stage.bot.owner_id = None
        stage.bot.owner_ids = {stage.stranger.id}
        assert (await stage.ask("http status", of=stage.stranger)).title == "How the services do"
        embed = await stage.ask("http status", of=stage.owner)
        assert embed.title == "ℹ️ You can't use this"  # noqa: RUF001  # an emoji


async def test_a_typed_command_is_answered_by_direct_message_and_not_in_the_channel() -> None:
    async with staged(Upstream(httpx.Response(404))) as stage:
        reference = await stage.failed()
        for text in (f"!http why {reference}", "!http status", "!http"):
            await stage.owner.send(stage.channel, text)
        assert {message.author.id for message in stage.channel.history()} == {stage.owner.id}
        told = [
            message.embeds[0].title for message in stage.owner.user.dm_channel.history() if message.embeds
        ]
        assert told == [f"Reference {reference}", "How the services do", "How the services do"]


async def test_a_stranger_who_types_it_is_told_nothing() -> None:
    async with staged(Upstream(httpx.Response(404))) as stage:
        await stage.stranger.send(stage.channel, "!http")
        shown = stage.channel.history()[-1]
        assert shown.embeds[0].title == "ℹ️ You can't use this"  # noqa: RUF001  # an emoji


async def test_members_who_manage_nothing_do_not_see_it_among_the_commands() -> None:
    async with staged(Upstream(httpx.Response(200))) as stage:
        member = stage.owner.guild.add_member(stage.env.create_user("dan"))
        assert member.available_commands(stage.channel) == ("look",)


async def test_the_log_calls_a_service_what_members_call_it() -> None:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), format="{message}", level="WARNING")
    async with staged(Upstream(httpx.Response(500)), breaker=Breaker(minimum_calls=1)) as stage:
        await stage.call()
    logger.remove(sink)
    assert lines == ["Ex*mple: failing, and left alone from now on (https://api.example)\n"]


# The settings.


def test_operators_are_roles_by_their_ids_in_the_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[bot]\noperators = [1187614293845672344]\n", encoding="utf-8")
    assert load(file, {}).bot.operators == (1187614293845672344,)
    assert load(None, {"TUX_HTTP__BOT__OPERATORS": "[1, 2]"}).bot.operators == (1, 2)
    assert load(None, {}).bot.operators == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [("[0]", "bot.operators must be ids of roles, got [0]"), ('["ops"]', "bot.operators must be a list")],
)
def test_operators_that_are_no_ids_are_told_at_the_start(given: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[bot]\noperators = {given}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(file, {})

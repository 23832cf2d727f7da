"""Retry buttons after a restart, a reload, or without a file that can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord  # noqa: TC002  # discord.py looks up the annotations of a command

from tests.discord_world import plain_bot, world
from tests.retry_stage import (
    LIFE,
    LIMIT,
    Upstream,
    bot_of,
    button,
    contents,
    error,
    is_enabled,
    is_gone,
    press,
    restarted,
    title,
    too_slow,
)
from tux_http.error_handler import ErrorHandler
from tux_http.retries import CLOSING
from tux_http.retry_file import RetryFile

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_a_button_works_after_a_restart(tmp_path: Path) -> None:
    upstream = Upstream(too_slow())
    async with world(bot_of(upstream, file=tmp_path / "retries")) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await restarted(stage, bot_of(upstream, file=tmp_path / "retries"))
        await press(stage, shown)
        assert contents(stage) == ["sunny in Oslo"]
        assert is_gone(stage, shown)


async def test_a_wait_goes_on_over_a_restart(tmp_path: Path) -> None:
    upstream = Upstream(LIMIT)
    async with world(bot_of(upstream, file=tmp_path / "retries")) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await restarted(stage, bot_of(upstream, file=tmp_path / "retries"))
        assert not is_enabled(shown)
        await stage.advance(LIMIT)
        assert is_enabled(shown)
        await stage.advance(LIFE - LIMIT - CLOSING)
        assert button(shown) is None


async def test_what_another_process_has_run_meanwhile_is_left_alone(tmp_path: Path) -> None:
    upstream = Upstream(LIMIT)
    file = tmp_path / "retries"
    async with world(bot_of(upstream, file=file)) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await restarted(stage, bot_of(upstream, file=file))
        (kept,) = RetryFile(file).load(stage.env.backend.application_id, 0)
        RetryFile(file).remove(kept.key)
        await stage.advance(LIFE)
        assert not is_enabled(shown)


async def test_without_a_file_a_button_of_before_a_restart_says_that_it_is_too_late() -> None:
    upstream = Upstream(too_slow())
    async with world(bot_of(upstream)) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await restarted(stage, bot_of(upstream))
        await press(stage, shown)
        assert "That took too long" in title(shown)
        assert button(shown) is None
    assert upstream.asked == ["Oslo"]


async def test_a_file_that_can_not_be_used_costs_the_restart_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "retries"
    file.mkdir()
    async with world(bot_of(Upstream(too_slow()), file=file)) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        await press(stage, shown)
        assert contents(stage) == ["sunny in Oslo"]


async def test_the_button_goes_with_the_error_layer() -> None:
    bot, upstream = plain_bot(), Upstream(LIMIT, too_slow())
    handler = ErrorHandler(bot, names={}, everything=False).install()

    @bot.tree.command(description="x")
    async def theirs(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message(await upstream.ask("Oslo"))

    assert theirs.name
    async with world(bot) as stage:
        waiting = error(await stage.slash("theirs"))
        ready = error(await stage.slash("theirs"))
        handler.uninstall()
        result = await press(stage, ready)
        await stage.advance(LIFE)
        assert (result.response, result.followups) == (None, [])
        assert not is_enabled(waiting)
    assert len(upstream.asked) == 2


async def test_in_somebody_elses_bot_it_comes_and_goes_with_the_extension(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUX_HTTP__BOT__EXTENSIONS", "[]")
    bot, upstream = plain_bot(), Upstream(*[too_slow()] * 2)

    @bot.tree.command(description="x")
    async def theirs(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message(await upstream.ask("Oslo"))

    assert theirs.name
    async with world(bot) as stage:
        await bot.load_extension("tux_http.ext")
        first, second = error(await stage.slash("theirs")), error(await stage.slash("theirs"))
        await bot.reload_extension("tux_http.ext")
        await press(stage, first)
        assert contents(stage) == ["sunny in Oslo"]
        await bot.unload_extension("tux_http.ext")
        await press(stage, second)
        assert len(upstream.asked) == 3
        await bot.load_extension("tux_http.ext")
        await press(stage, second)
        assert contents(stage) == ["sunny in Oslo"] * 2
        await bot.unload_extension("tux_http.ext")


async def test_a_press_that_comes_too_soon_is_told_when() -> None:
    """A client that has not seen an edit yet, or a clock of ours gone wrong."""
    upstream = Upstream(LIMIT)
    async with world(bot_of(upstream)) as stage:
        shown = error(await stage.slash("weather", place="Oslo"))
        kept = stage.env.backend.get_message(shown.channel_id, shown.id)
        kept.components[0]["components"][0]["disabled"] = False
        result = await press(stage, shown)
        assert result.response is not None
        assert "Not yet" in title(result.response)
        assert "<t:" in (result.response.embeds[0].description or "")
        await stage.advance(LIMIT)
        await press(stage, shown)
        assert contents(stage) == ["sunny in Oslo"]

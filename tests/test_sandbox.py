"""The sandbox without a browser: its Discord, its process, and what it says when it can't start."""

from __future__ import annotations

import os
import select
import signal
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import discord
import msgspec
import pytest
from PIL import Image

from tests.sandbox_process import running_sandbox
from tux_http.config import Settings
from tux_http.sandbox import run
from tux_http.sandbox.avatars import identicon
from tux_http.sandbox.issues import NUMBERED
from tux_http.sandbox.samples import ERRORS, REPOSITORIES, Sample
from tux_http.sandbox.screenshot import ScreenshotError, chromium
from tux_http.sandbox.upstream import SampleGitHub
from tux_http.sandbox.world import World, opened

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = pytest.mark.slow

QUICK = [sample for sample in ERRORS if sample.fault != "hang"]


@asynccontextmanager
async def _sandbox(settings: Settings | None = None) -> AsyncGenerator[World]:
    async with SampleGitHub(slow=2.2) as github, opened(settings or Settings(), upstream=github) as world:
        yield world


def _was_deferred(world: World) -> bool:
    callbacks = [entry.json for entry in world.env.http_requests if entry.path.endswith("/callback")]
    return any(
        body and body["type"] == discord.InteractionResponseType.deferred_channel_message.value
        for body in callbacks
    )


async def test_the_member_gives_a_command_by_typing_it() -> None:
    async with _sandbox() as world:
        answer = await world.member.send(world.channel, "/repo allthingslinux/tux")
        assert answer.author.id == world.bot.application_id or answer.author.bot
        assert answer.embeds[0].title == "allthingslinux/tux"
        assert "all in one bot" in (answer.embeds[0].description or "")


async def test_an_option_may_be_named_as_discord_shows_it() -> None:
    async with _sandbox() as world:
        answer = await world.member.send(world.channel, "/repo repository:octocat/hello-world")
        assert answer.embeds[0].title == "octocat/Hello-World"


@pytest.mark.parametrize("text", ["hello", "/nothing of the bot's", "/repository x", "a /repo in the middle"])
async def test_other_texts_are_messages(text: str) -> None:
    async with _sandbox() as world:
        message = await world.member.send(world.channel, text)
        assert message.content == text
        assert message.author.id == world.member.id


async def test_each_listed_repository_shows_a_card() -> None:
    async with _sandbox() as world:
        for sample in REPOSITORIES:
            answer = await world.member.send(world.channel, f"/repo {sample.name}")
            assert not answer.flags.ephemeral, sample.name
            assert answer.embeds, sample.name


async def test_each_number_shows_a_card() -> None:
    async with _sandbox() as world:
        for number, numbered in NUMBERED.items():
            command = "pr" if numbered.is_pull else "issue"
            answer = await world.member.send(world.channel, f"/{command} allthingslinux/tux#{number}")
            assert not answer.flags.ephemeral, numbered.shows
            assert str(answer.embeds[0].title).startswith(f"#{number} ")
        moved = await world.member.send(world.channel, "/issue allthingslinux/tux#12")
        assert "Moved from allthingslinux/tux#12" in str(moved.embeds[0].description)
        discussion = await world.member.send(world.channel, "/issue allthingslinux/tux#7")
        assert "It may be a discussion" in str(discussion.embeds[0].description)


@pytest.mark.parametrize("sample", QUICK, ids=lambda sample: sample.name)
async def test_each_listed_error_is_an_embed_only_the_member_sees(sample: Sample) -> None:
    async with _sandbox() as world:
        answer = await world.member.send(world.channel, f"/repo {sample.name}")
        assert answer.flags.ephemeral
        assert len(answer.embeds) == 1


async def test_no_error_keeps_the_next_sample_from_being_asked() -> None:
    async with _sandbox() as world:
        for name in ["demo/rate-limited", "demo/secondary-limit", *["demo/down"] * 6]:
            await world.member.send(world.channel, f"/repo {name}")
        answer = await world.member.send(world.channel, "/repo allthingslinux/tux")
        assert answer.embeds[0].title == "allthingslinux/tux"


async def test_an_answer_that_never_comes_ends_with_the_deadline() -> None:
    settings = Settings()
    github = msgspec.structs.replace(settings.apis["github"], deadline=2.5)
    async with _sandbox(msgspec.structs.replace(settings, apis={"github": github})) as world:
        answer = await world.member.send(world.channel, "/repo demo/hang")
        assert _was_deferred(world)
        assert answer.embeds


async def test_a_slow_answer_is_deferred() -> None:
    async with _sandbox() as world:
        answer = await world.member.send(world.channel, "/repo demo/slow")
        assert _was_deferred(world)
        assert answer.embeds[0].title == "demo/slow"


async def test_an_answer_that_stands_in_says_how_old_it_is_until_it_can_be_refreshed() -> None:
    async with _sandbox() as world:
        first = await world.member.send(world.channel, "/repo demo/flaky")
        assert first.embeds[0].footer.text is None
        card = await world.member.send(world.channel, "/repo demo/flaky")
        assert card.embeds[0].title == "demo/flaky"
        assert card.embeds[0].footer.text == "12 min old — GitHub is not answering"
        result = await world.member.click(card, label="Refresh")
        assert result.response is not None
        assert result.response.ephemeral
        assert "GitHub is unavailable" in str(result.response.embeds[0].title)


async def test_what_is_asked_in_the_sandbox_is_kept_in_memory_alone() -> None:
    async with _sandbox() as world:
        assert world.bot.settings.http.cache.store == "memory"


async def test_time_in_the_sandbox_is_now() -> None:
    async with _sandbox() as world:
        message = await world.member.send(world.channel, "hello")
        assert abs(datetime.now(UTC) - message.created_at) < timedelta(minutes=1)
        assert abs(datetime.now(UTC) - world.env.now()) < timedelta(minutes=1)


async def test_the_introduction_names_every_repository() -> None:
    async with _sandbox() as world:
        await world.introduce()
        channel = world.bot.get_channel(world.channel.id)
        assert isinstance(channel, discord.TextChannel)
        embeds = [embed async for message in channel.history() for embed in message.embeds]
        text = " ".join(field.value or "" for embed in embeds for field in embed.fields)
        assert {s.name for s in (*REPOSITORIES, *ERRORS) if f"`{s.name}`" not in text} == set()


async def test_the_sample_upstream_gets_no_token() -> None:
    settings = msgspec.structs.replace(Settings(), tokens={"github": "ghp_secret", "discord": "secret"})
    async with _sandbox(settings) as world:
        response = await world.bot.http_client.apis["github"].get("/repos/octocat/hello-world")
        assert "authorization" not in response.request.headers
        assert world.bot.settings.tokens == {}


async def test_live_calls_go_where_the_settings_say() -> None:
    async with SampleGitHub() as github:
        settings = Settings()
        api = msgspec.structs.replace(settings.apis["github"], base_url=github.url)
        settings = msgspec.structs.replace(settings, apis={"github": api}, tokens={"github": "ghp_secret"})
        async with opened(settings, upstream=None) as world:
            response = await world.bot.http_client.apis["github"].get("/repos/octocat/hello-world")
            assert response.request.headers["authorization"] == "Bearer ghp_secret"
            await world.introduce()


def test_an_identicon_is_a_png_of_its_own() -> None:
    image = Image.open(BytesIO(identicon("octocat")))
    assert (image.format, image.size) == ("PNG", (128, 128))
    assert identicon("octocat") == identicon("OctoCat")
    assert identicon("octocat") != identicon("allthingslinux")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_at_once_and_cleanly(number: signal.Signals) -> None:
    with running_sandbox() as sandbox:
        assert sandbox.stop(number) < 5
        assert sandbox.process.returncode == 0
        assert sandbox.alarms() == []


def test_the_page_is_opened_in_the_default_browser(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{pipe}"\n')
    browser.chmod(0o755)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with running_sandbox("--port", "0", environment={"BROWSER": str(browser)}) as sandbox:
            assert select.select([reader], [], [], 20)[0], "the browser was not opened"
            assert os.read(reader, 1000).decode().strip() == sandbox.url
    finally:
        os.close(reader)


def test_a_taken_port_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run(Settings(), port=port, browser=False, live=False, screenshot=None, command=None) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        f"Port {port} can't be had (Address already in use); choose another with --port."
    ]


def test_a_screenshot_shows_the_answer_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        chromium()
    except ScreenshotError as exc:
        pytest.skip(str(exc))
    file = tmp_path / "shot.png"
    assert run(Settings(), port=0, browser=False, live=False, screenshot=file, command=None) == 0
    assert capsys.readouterr().out == f"Screenshot: {file}\n"
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert picture.width == 1050
        assert picture.height > 700  # a card, and not an empty channel
    assert file.stat().st_size < 200_000


def test_a_screenshot_that_cant_be_written_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        chromium()
    except ScreenshotError as exc:
        pytest.skip(str(exc))
    file = tmp_path / "nowhere" / "shot.png"
    assert run(Settings(), port=0, browser=False, live=False, screenshot=file, command="hello") == 2
    assert capsys.readouterr().err == f"{file} can't be written: No such file or directory\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "/nothing here",
            "/nothing here: there is no such command; there are: /chaos clear, /chaos problem, ",
        ),
        ("/github visibility", "/github visibility: "),
    ],
)
def test_a_wrong_command_for_a_screenshot_is_one_clear_line(
    command: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shot.png"
    assert run(Settings(), port=0, browser=False, live=False, screenshot=file, command=command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)
    assert not file.exists()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PATH", "", "A screenshot needs Chromium"),
        ("TUX_HTTP_CHROMIUM", "/nowhere/chromium", "/nowhere/chromium takes no picture"),
    ],
)
def test_a_missing_browser_is_one_clear_line(
    variable: str,
    value: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("TUX_HTTP_CHROMIUM", raising=False)
    monkeypatch.setenv(variable, value)
    file = tmp_path / "shot.png"
    assert run(Settings(), port=0, browser=False, live=False, screenshot=file, command=None) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)
    assert not file.exists()

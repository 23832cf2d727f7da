"""`TuxBot`: what it opens, loads and asks for, and how it goes."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import TYPE_CHECKING, Any

import discord
import httpx
import msgspec
import pytest
import simcord
from discord.ext import commands
from discord.http import Route
from loguru import logger

from tests.discord_server import TOKEN, DiscordServer
from tux_http import HTTPClient, http_client
from tux_http.bot import TuxBot
from tux_http.config import BotSettings, Settings
from tux_http.host import host_of
from tux_http.policy import HTTPSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    WriteExtension = Callable[[str, str], str]


@pytest.fixture(autouse=True)
def _state_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteExtension]:
    """Writes extensions that can be loaded by name."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    written: list[str] = []

    def write(name: str, code: str) -> str:
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        importlib.invalidate_caches()
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


@pytest.fixture
def log() -> list[str]:
    lines: list[str] = []
    logger.add(lambda line: lines.append(str(line)), format="{level} {message}")
    return lines


def settings(*extensions: str, **options: Any) -> Settings:
    return Settings(bot=BotSettings(extensions=extensions, **options))


def tasks() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


async def test_it_answers_over_its_service_and_takes_all_down_again() -> None:
    before = tasks()
    seen: list[httpx.Request] = []

    def missing(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404, json={"message": "Not Found"})

    client = HTTPClient(transport=httpx.MockTransport(missing))
    bot = TuxBot(settings("tux_http.cogs.github"), http=client)
    async with simcord.run(bot, shard_count=1, check_errors=False) as env:
        assert client.is_open
        assert "github" in client.apis
        channel = env.create_guild().create_text_channel("general")
        member = env.guild.add_member(env.create_user("ada"))
        result = await member.slash(channel, "repo", repository="nobody/nothing")
        assert result.response is not None
        assert len(result.response.embeds) == 1
        assert str(seen[0].url) == "https://api.github.com/repos/nobody/nothing"
        await bot.close()
        assert bot.is_closed()
        assert not client.is_open
        assert not bot.extensions
        assert not bot.cogs
        assert not bot.tree.get_commands()
        assert host_of(bot) is None
    assert tasks() == before


async def test_it_runs_the_shared_service_if_given_no_other_configured_by_its_settings() -> None:
    wanted = HTTPSettings(max_connections=7)
    bot = TuxBot(msgspec.structs.replace(settings(), http=wanted))
    async with simcord.run(bot, shard_count=1):
        assert bot.http_client is http_client
        assert http_client.is_open
        assert http_client.settings == wanted
        await bot.close()
        assert not http_client.is_open
        assert not http_client.apis
    http_client.configure(HTTPSettings())


async def test_a_service_that_it_is_given_keeps_its_own_settings() -> None:
    own = HTTPSettings(max_connections=3)
    bot = TuxBot(settings(), http=HTTPClient(own))
    async with simcord.run(bot, shard_count=1):
        assert bot.http_client.settings == own
        await bot.close()


async def test_closing_twice_at_once_and_after_is_closing_once(
    extension: WriteExtension, log: list[str]
) -> None:
    code = """
import asyncio
async def setup(bot): pass
async def teardown(bot):
    bot.unloads.append(__name__)
    await asyncio.sleep(0)
"""
    bot = TuxBot(settings(extension("counting", code)), http=HTTPClient())
    vars(bot)["unloads"] = unloads = list[str]()
    async with simcord.run(bot, shard_count=1):
        await asyncio.gather(bot.close(), bot.close())
        await bot.close()
        assert unloads == ["counting"]
    assert not [line for line in log if line.startswith("ERROR")]


async def test_closing_before_the_start_closes_the_service_and_no_more(log: list[str]) -> None:
    client = HTTPClient()
    bot = TuxBot(settings(), http=client)
    await client.get_client()
    await bot.close()
    await bot.close()
    assert not client.is_open
    assert not [line for line in log if line.startswith("ERROR")]
    async with simcord.run(bot, shard_count=1):  # and it can be started still
        assert client.is_open
        await bot.close()


async def test_closing_while_it_starts_leaves_nothing_up(
    extension: WriteExtension, monkeypatch: pytest.MonkeyPatch, log: list[str]
) -> None:
    slow = """
import asyncio
from discord.ext import commands
class Slow(commands.Cog): pass
async def setup(bot):
    bot.loading.set()
    await bot.go_on.wait()
    await bot.add_cog(Slow())
"""
    later = "async def setup(bot): raise AssertionError\n"
    client = HTTPClient()
    bot = TuxBot(settings(extension("slow", slow), extension("later", later)), http=client)
    loading, go_on = asyncio.Event(), asyncio.Event()
    vars(bot).update(loading=loading, go_on=go_on)
    async with DiscordServer() as server:
        monkeypatch.setattr(Route, "BASE", f"{server.url}/api/v10")
        starting = asyncio.create_task(bot.start(TOKEN))
        await loading.wait()
        await bot.close()
        go_on.set()
        await starting
        assert (server.synced, server.identified.is_set()) == ([], False)
    assert not bot.extensions
    assert not bot.cogs
    assert host_of(bot) is None
    assert not client.is_open
    assert not [line for line in log if line.startswith("ERROR")]


class Unclosable(httpx.AsyncBaseTransport):
    async def aclose(self) -> None:
        raise RuntimeError("no")


async def test_a_service_that_fails_to_close_does_not_keep_it_in_discord(log: list[str]) -> None:
    bot = TuxBot(settings(), http=HTTPClient(transport=Unclosable()))
    async with simcord.run(bot, shard_count=1):
        await bot.close()
        assert bot.is_closed()
    assert [line for line in log if "closing the connections failed: RuntimeError" in line]


async def test_a_cog_that_fails_to_unload_keeps_nothing_open(
    extension: WriteExtension, log: list[str]
) -> None:
    # A frequent slip: the cancellation of the awaited task comes out of cog_unload.
    code = """
import asyncio
from discord.ext import commands
from tux_http.host import attach
class Slip(commands.Cog):
    async def cog_unload(self):
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        await task
async def setup(bot):
    attach(bot, __name__)
    await bot.add_cog(Slip())
"""
    client = HTTPClient()
    names = (extension("slip", code), extension("other", "async def setup(bot): pass\n"))
    bot = TuxBot(settings(*names), http=client)
    async with simcord.run(bot, shard_count=1):
        await bot.close()
        assert bot.is_closed()
        assert not client.is_open
        assert "other" not in bot.extensions
    assert [line for line in log if "unloading slip failed: CancelledError" in line]


async def test_cancelling_the_one_who_closes_it_is_no_failure_of_a_step(extension: WriteExtension) -> None:
    code = """
import asyncio
async def setup(bot): pass
async def teardown(bot):
    bot.unloading.set()
    await asyncio.Event().wait()
"""
    bot = TuxBot(settings(extension("hanging", code)), http=HTTPClient())
    unloading = asyncio.Event()
    vars(bot).update(unloading=unloading)
    async with simcord.run(bot, shard_count=1):
        closing = asyncio.create_task(bot.close())
        await unloading.wait()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await bot.close()
        assert bot.is_closed()


async def test_an_extension_that_another_one_loads_and_unloads_is_no_failure(
    extension: WriteExtension, log: list[str]
) -> None:
    code = """
async def setup(bot): await bot.load_extension("part")
async def teardown(bot): await bot.unload_extension("part")
"""
    names = (extension("whole", code), extension("part", "async def setup(bot): pass\n"))
    bot = TuxBot(settings(*names), http=HTTPClient())
    async with simcord.run(bot, shard_count=1):
        assert set(bot.extensions) == {"whole", "part"}
        await bot.close()
    assert not [line for line in log if line.startswith("ERROR")]


async def test_the_extension_for_other_bots_may_be_named_in_the_settings_too(log: list[str]) -> None:
    bot = TuxBot(settings("tux_http.ext", "tux_http.cogs.github"), http=HTTPClient())
    async with simcord.run(bot, shard_count=1):
        assert bot.tree.get_command("repo") is not None
        await bot.close()
        assert not bot.extensions
    assert not [line for line in log if line.startswith("ERROR")]


async def test_it_says_that_it_is_ready_once_per_ready(log: list[str]) -> None:
    bot = TuxBot(settings(), http=HTTPClient())
    async with simcord.run(bot, shard_count=1) as env:
        assert len([line for line in log if "ready as" in line]) == 1
        shard = bot.get_shard(0)
        assert shard is not None
        again = asyncio.create_task(bot.wait_for("ready", timeout=5))
        await shard.disconnect()
        await shard.connect()
        await again
        await env.settle()
        assert len([line for line in log if "ready as" in line]) == 2
        await bot.close()


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("async def setup(bot): pass\n", False),
        ("MESSAGE_CONTENT = True\nasync def setup(bot): pass\n", True),
        ("MESSAGE_CONTENT = True\nraise RuntimeError\n", False),
    ],
)
def test_message_content_is_asked_for_when_an_extension_needs_it(
    code: str, wanted: bool, extension: WriteExtension
) -> None:
    bot = TuxBot(settings(extension("reading", code)))
    expected = discord.Intents.default()
    expected.message_content = wanted
    assert bot.intents == expected


def test_message_content_is_asked_for_when_the_operator_says_so() -> None:
    assert TuxBot(settings(message_content=True)).intents.message_content


@pytest.mark.parametrize(
    ("reads", "text", "answers"),
    [
        (True, "?ping", True),
        (True, "<@{bot}> ping", True),
        (False, "?ping", False),
        (False, "<@{bot}> ping", True),
    ],
)
async def test_the_prefix_holds_where_messages_can_be_read_and_a_mention_everywhere(
    reads: bool, text: str, answers: bool, extension: WriteExtension
) -> None:
    code = """
from discord.ext import commands
@commands.command()
async def ping(ctx): await ctx.send("pong")
async def setup(bot): bot.add_command(ping)
"""
    bot = TuxBot(settings(extension("pinging", code), prefix="?", message_content=reads), http=HTTPClient())
    async with simcord.run(bot, shard_count=1) as env:
        channel = env.create_guild().create_text_channel("general")
        member = env.guild.add_member(env.create_user("ada"))
        await member.send(channel, text.format(bot=env.backend.bot_user.id))
        said = [message.content for message in channel.history(viewer=member.user)]
        assert ("pong" in said) is answers
        await bot.close()


async def test_all_failures_of_its_commands_are_answered_by_the_error_layer(
    extension: WriteExtension,
) -> None:
    code = """
from discord import app_commands
@app_commands.command(description="Breaks.")
async def broken(interaction): raise ZeroDivisionError("secret")
async def setup(bot): bot.tree.add_command(broken)
"""
    bot = TuxBot(settings(extension("breaking", code)), http=HTTPClient())
    async with simcord.run(bot, shard_count=1, check_errors=False) as env:
        channel = env.create_guild().create_text_channel("general")
        member = env.guild.add_member(env.create_user("ada"))
        result = await member.slash(channel, "broken")
        assert result.response is not None
        assert result.response.ephemeral
        assert "secret" not in str(result.response.embeds[0].to_dict())
        await bot.close()


def test_it_is_an_auto_sharded_bot_that_mentions_nobody_by_itself() -> None:
    bot = TuxBot(settings())
    assert isinstance(bot, commands.AutoShardedBot)
    assert bot.allowed_mentions is not None
    assert bot.allowed_mentions.to_dict() == discord.AllowedMentions.none().to_dict()

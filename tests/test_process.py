"""The bot as a process: how it starts, how it ends, and what its exit status says."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
from typing import TYPE_CHECKING

import discord
import pytest

from tests.bot_process import running_bot
from tests.discord_server import DiscordServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

IN_TIME = 5.0
"""Seconds from a signal to the end of the process, at most."""


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections, and that nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextlib.asynccontextmanager
async def silent_upstream() -> AsyncGenerator[tuple[int, asyncio.Event]]:
    """Takes connections and never answers; the event says that one came."""
    came = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        came.set()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def extension(folder: Path, name: str, code: str) -> dict[str, str]:
    """Writes an extension; gives the environment of a process that loads it."""
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return {"PYTHONPATH": str(folder), "TUX_HTTP__BOT__EXTENSIONS": name}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_with_0_and_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path
) -> None:
    async with DiscordServer() as server, running_bot(server.url, tmp_path) as bot:
        await bot.until_it_says("ready as tux in 0 server(s), 1 shard(s)")
        ended = await bot.stop(number)
        assert (ended.status, ended.alarms, ended.errors) == (0, [], [])
        assert ended.seconds < IN_TIME
        assert server.heartbeats >= 1
        assert server.left_with is not None
        assert await server.left_with == 1000


async def test_it_asks_for_the_default_intents_and_no_privileged_one(tmp_path: Path) -> None:
    async with DiscordServer() as server, running_bot(server.url, tmp_path) as bot:
        async with asyncio.timeout(30):
            await server.identified.wait()
        await bot.stop()
        assert server.intents == [discord.Intents.default().value]


async def test_a_bot_that_closes_itself_ends_with_0(tmp_path: Path) -> None:
    code = """
from discord.ext import commands
class Quitting(commands.Cog):
    def __init__(self, bot): self.bot = bot
    @commands.Cog.listener()
    async def on_ready(self): await self.bot.close()
async def setup(bot): await bot.add_cog(Quitting(bot))
"""
    async with (
        DiscordServer() as server,
        running_bot(server.url, tmp_path, **extension(tmp_path, "quitting", code)) as bot,
    ):
        ended = await bot.ended()
        assert (ended.status, ended.alarms, ended.errors) == (0, [], [])


async def test_a_wrong_token_ends_it_with_3_and_one_line(tmp_path: Path) -> None:
    async with DiscordServer() as server, running_bot(server.url, tmp_path, DISCORD_TOKEN="wrong") as bot:
        ended = await bot.ended()
        assert (ended.status, ended.alarms) == (3, [])
        (line,) = ended.errors
        assert "Discord refused the token: check DISCORD_TOKEN" in line
        assert "wrong" not in ended.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "holds no certificates that can be read"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds no certificates that can be read",
        ),
    ],
)
async def test_a_wrong_file_of_certificates_ends_it_with_2_and_one_line(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)
    async with DiscordServer() as server, running_bot(server.url, tmp_path, SSL_CERT_FILE=str(file)) as bot:
        ended = await bot.ended()
        assert ended.status == 2
        (line,) = ended.stderr.splitlines()
        assert line.startswith(f"SSL_CERT_FILE names {file}, which {reason}; it must name ")
        assert not server.asked.is_set()


async def test_a_file_of_certificates_does_not_matter_where_the_environment_is_not_trusted(
    tmp_path: Path,
) -> None:
    variables = {"SSL_CERT_FILE": str(tmp_path / "missing.pem"), "TUX_HTTP__HTTP__TRUST_ENV": "false"}
    async with DiscordServer() as server, running_bot(server.url, tmp_path, **variables) as bot:
        await bot.until_it_says("ready as tux")
        ended = await bot.stop()
        assert (ended.status, ended.alarms, ended.errors) == (0, [], [])


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        (4004, 3, "refused the token"),
        (4014, 4, "refused a privileged intent (Message Content)"),
        (4012, 5, "closed the connection with code 4012"),
    ],
)
async def test_what_the_gateway_closes_with_ends_it_with_a_status_of_its_own(
    code: int, status: int, says: str, tmp_path: Path
) -> None:
    wanted = {"TUX_HTTP__BOT__MESSAGE_CONTENT": "true"}
    async with DiscordServer(close_code=code) as server, running_bot(server.url, tmp_path, **wanted) as bot:
        ended = await bot.ended()
        assert (ended.status, ended.alarms) == (status, [])
        (line,) = ended.errors
        assert says in line


async def test_a_refused_connection_ends_it_with_5_and_one_line(tmp_path: Path, closed_port: int) -> None:
    async with running_bot(f"http://127.0.0.1:{closed_port}", tmp_path) as bot:
        ended = await bot.ended()
        assert (ended.status, ended.alarms) == (5, [])
        (line,) = ended.errors
        assert re.search(r"Discord can't be reached \(ClientConnectorError: .*\): check the network", line)


async def test_a_failing_name_lookup_ends_it_with_5_and_one_line(tmp_path: Path) -> None:
    async with running_bot("http://discord.test", tmp_path, NAME_LOOKUP="fails") as bot:
        ended = await bot.ended()
        assert (ended.status, ended.alarms) == (5, [])
        (line,) = ended.errors
        assert "Name or service not known" in line


@pytest.mark.parametrize(("login", "says"), [(503, "HTTP 503"), (403, "HTTP 403"), (429, "Retry in 3600")])
async def test_a_discord_that_lets_nobody_in_ends_it_with_5_and_one_line(
    login: int, says: str, tmp_path: Path
) -> None:
    async with DiscordServer(login=login) as server, running_bot(server.url, tmp_path) as bot:
        ended = await bot.ended()
        assert (ended.status, ended.alarms) == (5, [])
        (line,) = ended.errors
        assert says in line


async def test_a_gateway_out_of_reach_ends_it_with_5_and_no_traceback(
    tmp_path: Path, closed_port: int
) -> None:
    nowhere = f"ws://127.0.0.1:{closed_port}/"
    async with DiscordServer(gateway=nowhere) as server, running_bot(server.url, tmp_path) as bot:
        ended = await bot.ended()
        assert (ended.status, ended.alarms) == (5, [])
        tried, gave_up = ended.errors
        assert "Failed to connect for shard_id: 0. Retrying..." in tried
        assert "Discord can't be reached (no gateway: ClientConnectorError" in gave_up


async def test_a_signal_during_the_login_ends_it_with_0(tmp_path: Path) -> None:
    async with DiscordServer(login=None) as server, running_bot(server.url, tmp_path) as bot:
        async with asyncio.timeout(30):
            await server.asked.wait()
        ended = await bot.stop()
        assert (ended.status, ended.alarms, ended.errors) == (0, [], [])
        assert ended.seconds < IN_TIME


async def test_a_signal_while_an_extension_loads_ends_it_with_0(tmp_path: Path) -> None:
    code = """
import asyncio, sys
async def setup(bot):
    sys.stderr.write("loading\\n")
    await asyncio.Event().wait()
"""
    async with (
        DiscordServer() as server,
        running_bot(server.url, tmp_path, **extension(tmp_path, "slow", code)) as bot,
    ):
        await bot.until_it_says("loading")
        ended = await bot.stop()
        assert (ended.status, ended.alarms, ended.errors) == (0, [], [])
        assert ended.seconds < IN_TIME


async def test_a_signal_ends_it_in_time_though_no_name_server_answers(tmp_path: Path) -> None:
    async with running_bot("http://discord.test", tmp_path, NAME_LOOKUP="hangs") as bot:
        await bot.until_it_says("looking up a name")
        ended = await bot.stop()
        assert (ended.status, ended.alarms, ended.errors) == (0, [], [])
        assert ended.seconds < IN_TIME


async def test_a_signal_ends_it_in_time_though_the_gateway_does_not_say_goodbye(tmp_path: Path) -> None:
    async with DiscordServer(deaf=True) as server, running_bot(server.url, tmp_path) as bot:
        async with asyncio.timeout(30):
            await server.identified.wait()
        ended = await bot.stop()
        assert (ended.status, ended.alarms, ended.errors) == (0, [], [])
        assert ended.seconds < IN_TIME


async def test_a_signal_ends_it_in_time_though_a_cog_does_not_unload(tmp_path: Path) -> None:
    code = """
import asyncio
async def setup(bot): pass
async def teardown(bot): await asyncio.Event().wait()
"""
    async with (
        DiscordServer() as server,
        running_bot(server.url, tmp_path, **extension(tmp_path, "stuck", code)) as bot,
    ):
        await bot.until_it_says("extension stuck loaded")
        async with asyncio.timeout(30):
            await server.identified.wait()
        ended = await bot.stop()
        assert ended.status == 0
        (line,) = ended.errors
        assert "unloading stuck failed: TimeoutError" in line
        assert ended.seconds < IN_TIME
        assert server.left_with is not None
        assert await server.left_with == 1000


async def test_a_signal_ends_the_calls_that_are_under_way(tmp_path: Path) -> None:
    code = """
import asyncio, os
from discord.ext import commands
from tux_http import http_client

class Calling(commands.Cog):
    async def cog_load(self):
        self.call = asyncio.create_task(self.run())
    async def run(self):
        await http_client.get(os.environ["UPSTREAM"])
    async def cog_unload(self):
        self.call.cancel()

async def setup(bot):
    await bot.add_cog(Calling())
"""
    async with silent_upstream() as (port, came), DiscordServer() as server:
        environment = extension(tmp_path, "calling", code) | {"UPSTREAM": f"http://127.0.0.1:{port}/"}
        async with running_bot(server.url, tmp_path, **environment) as bot, asyncio.timeout(30):
            await came.wait()
            ended = await bot.stop()
        assert (ended.status, ended.alarms, ended.errors) == (0, [], [])
        assert ended.seconds < IN_TIME


async def test_the_commands_are_synced_at_the_first_start_only_or_when_told(tmp_path: Path) -> None:
    code = """
from discord import app_commands
@app_commands.command(description="Says hello.")
async def hello(interaction): pass
async def setup(bot): bot.tree.add_command(hello)
"""
    environment = extension(tmp_path, "greeting", code)
    async with DiscordServer() as server:
        for options in ([], [], ["--sync"]):
            server.identified.clear()
            async with running_bot(server.url, tmp_path, *options, **environment) as bot:
                async with asyncio.timeout(30):
                    await server.identified.wait()
                assert (await bot.stop()).errors == []
        assert server.synced == [["hello"], ["hello"]]


@pytest.mark.parametrize(("sync", "says"), [(429, "RateLimited"), (403, "Forbidden"), (503, "ServerError")])
async def test_it_runs_though_its_commands_can_not_be_synced(sync: int, says: str, tmp_path: Path) -> None:
    async with DiscordServer(sync=sync) as server, running_bot(server.url, tmp_path) as bot:
        assert says in await bot.until_it_says("the commands could not be synced")
        await bot.until_it_says("ready as")
        ended = await bot.stop()
        assert (ended.status, ended.alarms) == (0, [])


async def test_a_failing_extension_is_logged_with_its_reason_and_does_not_stop_the_others(
    tmp_path: Path,
) -> None:
    environment = extension(tmp_path, "breaks", "async def setup(bot): raise RuntimeError('no key is set')")
    extension(tmp_path, "works", "async def setup(bot): pass")
    environment["TUX_HTTP__BOT__EXTENSIONS"] = "breaks, nowhere, nowhere.at.all, works"
    async with DiscordServer() as server, running_bot(server.url, tmp_path, **environment) as bot:
        said = await bot.until_it_says("extension breaks did not load")
        assert "RuntimeError: no key is set" in said
        assert "ExtensionNotFound" in await bot.until_it_says("extension nowhere did not load")
        assert "ModuleNotFoundError" in await bot.until_it_says("extension nowhere.at.all did not load")
        await bot.until_it_says("extension works loaded")
        assert (await bot.stop()).status == 0

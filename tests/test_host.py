"""The host on a bot: who uses it, what it configures, and when it goes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import discord
import httpx
import pytest
from discord.ext import commands
from loguru import logger

from tests.strict_python import alarms_in
from tux_http import HTTPClient, HTTPSettings, Policy, http_client
from tux_http.config import APISettings, ConfigError, Settings
from tux_http.host import Host, attach, close_unused, detach, host_of, release

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JOKES = APISettings(base_url="https://jokes.test/v1", headers={"Accept": "text/plain"}, deadline=3)


def new_bot() -> commands.Bot:
    return commands.Bot("!", intents=discord.Intents.default())


def mocked() -> HTTPClient:
    return HTTPClient(transport=httpx.MockTransport(lambda _: httpx.Response(200)))


@pytest.fixture(autouse=True)
async def _shared_service_as_before() -> AsyncIterator[None]:
    yield
    assert not http_client.is_open
    http_client.configure(HTTPSettings())


async def test_the_first_user_makes_it_and_the_last_one_takes_it_away() -> None:
    bot, http = new_bot(), mocked()
    assert host_of(bot) is None
    host = attach(bot, "one", http=http, settings=Settings())
    assert attach(bot, "two") is host
    assert host_of(bot) is host
    host.api("github")
    await http.get_client()
    await detach(bot, "one")
    assert (host_of(bot), http.is_open, set(http.apis)) == (host, True, {"github"})
    await detach(bot, "two")
    assert (host_of(bot), http.is_open, set(http.apis)) == (None, False, set())


async def test_attaching_twice_under_a_name_is_attaching_once() -> None:
    bot = new_bot()
    attach(bot, "one", http=mocked(), settings=Settings())
    attach(bot, "one")
    await detach(bot, "one")
    assert host_of(bot) is None


async def test_who_is_no_user_can_not_detach_another_one() -> None:
    bot = new_bot()
    await detach(bot, "nobody")
    host = attach(bot, "one", http=mocked(), settings=Settings())
    await detach(bot, "nobody")
    await detach(bot, "nobody")
    assert host_of(bot) is host
    await detach(bot, "one")
    await detach(bot, "one")
    assert host_of(bot) is None


async def test_it_can_be_attached_anew_with_other_settings() -> None:
    bot, http = new_bot(), mocked()
    for base_url in ("https://one.test", "https://two.test"):
        host = attach(
            bot, "one", http=http, settings=Settings(apis={"jokes": APISettings(base_url=base_url)})
        )
        assert host.api("jokes").base_url == base_url
        await detach(bot, "one")


async def test_a_release_takes_it_away_whoever_uses_it() -> None:
    bot, http = new_bot(), mocked()
    attach(bot, "one", http=http, settings=Settings())
    attach(bot, "two")
    await release(bot)
    assert host_of(bot) is None
    await release(bot)
    await detach(bot, "two")


async def test_the_handlers_of_a_bot_are_as_before_when_it_is_gone() -> None:
    bot = new_bot()
    before = (bot.tree.on_error, bot.on_command_error, set(vars(bot)), set(vars(bot.tree)))
    attach(bot, "one", http=mocked(), settings=Settings())
    assert bot.on_command_error != before[1]
    await detach(bot, "one")
    assert (bot.tree.on_error, bot.on_command_error, set(vars(bot)), set(vars(bot.tree))) == before


async def test_the_shared_service_is_configured_by_the_settings() -> None:
    bot, wanted = new_bot(), HTTPSettings(max_connections=7)
    assert attach(bot, "one", settings=Settings(http=wanted)).http is http_client
    assert http_client.settings == wanted
    await detach(bot, "one")


async def test_a_service_that_is_given_is_not_configured() -> None:
    own = HTTPSettings(max_connections=3)
    bot, http = new_bot(), HTTPClient(own)
    attach(bot, "one", http=http, settings=Settings(http=HTTPSettings(max_connections=7)))
    assert http.settings == own
    await detach(bot, "one")


@pytest.mark.parametrize(("wanted", "warnings"), [(HTTPSettings(max_connections=7), 1), (HTTPSettings(), 0)])
async def test_an_open_shared_service_stays_as_it_is_and_other_settings_are_a_warning(
    wanted: HTTPSettings, warnings: int
) -> None:
    lines: list[str] = []
    logger.add(lambda line: lines.append(str(line)), level="WARNING")
    client = await http_client.get_client()
    bot = new_bot()
    attach(bot, "one", settings=Settings(http=wanted))
    assert http_client.settings == HTTPSettings()
    assert await http_client.get_client() is client
    assert len(lines) == warnings
    await detach(bot, "one")


async def test_wrong_settings_attach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUX_HTTP__HTTP__MAX_CONNECTIONS", "many")
    bot = new_bot()
    before = vars(bot).copy()
    with pytest.raises(ConfigError):
        attach(bot, "one")
    assert vars(bot) == before


def test_without_an_event_loop_it_attaches_nothing() -> None:
    bot = new_bot()
    before = vars(bot).copy()
    with pytest.raises(RuntimeError, match="no running event loop"):
        attach(bot, "one", settings=Settings())
    assert vars(bot) == before
    assert vars(bot.tree).get("on_error") is None


def host_with(**options: Any) -> Host:
    return attach(new_bot(), "one", http=mocked(), settings=Settings(**options))


async def test_an_api_is_made_of_its_settings_and_its_token() -> None:
    api = host_with(apis={"jokes": JOKES}, tokens={"jokes": "secret", "github": "other"}).api("jokes")
    assert api.base_url == JOKES.base_url
    assert api.headers == httpx.Headers({"Accept": "text/plain", "Authorization": "Bearer secret"})
    assert api.policy == Policy(deadline=3)


async def test_an_api_without_a_token_sends_no_credential() -> None:
    assert host_with(apis={"jokes": JOKES}).api("jokes").headers == httpx.Headers({"Accept": "text/plain"})


async def test_an_api_without_settings_is_what_the_cog_says() -> None:
    api = host_with(apis={}).api("jokes", base_url="https://other.test", headers={"X-Team": "tux"})
    assert (api.base_url, api.headers) == ("https://other.test", httpx.Headers({"X-Team": "tux"}))


async def test_the_operators_settings_win_over_what_the_cog_says() -> None:
    api = host_with(apis={"jokes": JOKES}).api("jokes", base_url="https://other.test")
    assert api.base_url == JOKES.base_url


async def test_an_api_that_nobody_describes_is_an_error() -> None:
    with pytest.raises(KeyError, match="jokes"):
        host_with(apis={}).api("jokes")


async def test_two_bots_share_a_service_until_the_last_one_leaves() -> None:
    http, one, other = mocked(), new_bot(), new_bot()
    settings = Settings(apis={"jokes": JOKES, "own": APISettings(base_url="https://own.test")})
    attach(one, "x", http=http, settings=settings).api("jokes")
    attach(other, "x", http=http, settings=settings).api("jokes")
    host = host_of(one)
    assert host is not None
    host.api("own")
    assert (await http.apis["jokes"].get("/")).status_code == 200
    await detach(one, "x")
    await close_unused(http)
    assert (http.is_open, set(http.apis)) == (True, {"jokes"})
    await detach(other, "x")
    assert (http.is_open, set(http.apis)) == (False, set())


async def test_bots_with_other_settings_for_an_api_are_told_so() -> None:
    http = mocked()
    attach(new_bot(), "x", http=http, settings=Settings(apis={"jokes": JOKES})).api("jokes")
    host = attach(new_bot(), "x", http=http, settings=Settings(apis={"jokes": JOKES}, tokens={"jokes": "x"}))
    with pytest.raises(ValueError, match="'jokes' exists already"):
        host.api("jokes")


def test_a_bot_of_an_event_loop_that_is_gone_keeps_nothing_open() -> None:
    http, forgotten, bot = mocked(), new_bot(), new_bot()

    async def forget() -> None:
        attach(forgotten, "x", http=http, settings=Settings())
        await http.get_client()

    async def use() -> bool:
        attach(bot, "x", http=http, settings=Settings())
        await http.get_client()
        await detach(bot, "x")
        return http.is_open

    asyncio.run(forget())
    assert asyncio.run(use()) is False


TWO_LOOPS = """
import asyncio, http.server, threading
import discord
from discord.ext import commands
from tux_http import http_client
from tux_http.config import APISettings, Settings
from tux_http.host import attach, detach

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_): pass

async def use(url, close):
    bot = commands.Bot("!", intents=discord.Intents.default())
    host = attach(bot, "script", settings=Settings(apis={"upstream": APISettings(base_url=url)}))
    assert (await host.api("upstream").get("/")).text == "ok"
    assert (await http_client.get(url)).text == "ok"
    if close:
        await detach(bot, "script")

with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for close in CLOSES:
        asyncio.run(use("http://127.0.0.1:%d" % server.server_port, close))
    server.shutdown()
    thread.join()
print("done")
"""


@pytest.mark.parametrize("closes", [(True, True), (False, False), (True, False), (False, True)])
def test_event_loops_one_after_the_other_share_the_service_and_leave_nothing_open(
    closes: tuple[bool, bool],
) -> None:
    script = TWO_LOOPS.replace("CLOSES", repr(closes))
    options = ("-X", "dev", "-W", "error", "-W", "ignore:'audioop' is deprecated:DeprecationWarning")
    ended = subprocess.run(  # noqa: S603  # ours
        (sys.executable, *options, "-c", script), capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.stdout == "done\n"
    assert alarms_in(ended.stderr) == []
    assert ended.returncode == 0

"""One failure, one reference: in the embed, the log, `/http why`, the metrics and Sentry."""

from __future__ import annotations

import contextlib
import io
import json
import re
from typing import TYPE_CHECKING, Any

import discord
import httpx
import pytest
import simcord
from discord.ext import commands
from loguru import logger

from tests.measured import Measured
from tests.sentry_world import sentry
from tux_http import log
from tux_http.call import Call
from tux_http.config import LogSettings, Settings
from tux_http.host import attach, detach
from tux_http.http_client import HTTPClient
from tux_http.policy import CacheSettings, HTTPSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

COGS = ("tux_http.cogs.github", "tux_http.cogs.http")


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    yield
    log.reset()
    logger.remove()


class Upstream:
    """A GitHub that does not know the bot's token; it remembers what the requests' records said."""

    def __init__(self) -> None:
        self.references: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        call = request.extensions["tux_http"]
        assert isinstance(call, Call)
        self.references.append(call.reference)
        return httpx.Response(401, json={"message": "Bad credentials"})


async def test_one_reference_is_in_all_that_tells_of_a_failure_and_was_there_before_the_request() -> None:
    upstream, bot = Upstream(), commands.Bot("!", intents=discord.Intents.all())
    transport = httpx.MockTransport(upstream)
    with contextlib.redirect_stderr(io.StringIO()) as stderr, sentry() as kept:
        log.configure(LogSettings())
        logger.add(log._JSONLines(), format="", diagnose=False)
        async with HTTPClient(HTTPSettings(cache=CacheSettings()), transport=transport) as http:
            measured = Measured(http)
            measured.metrics.listen()
            async with simcord.run(bot, check_errors=False, strict_sync=False) as env:
                guild = env.create_guild()
                staff = guild.create_role("staff", permissions=discord.Permissions(manage_guild=True))
                member = guild.add_member(env.create_user("ada"), roles=[staff])
                channel = guild.create_text_channel("general")
                bot.owner_id = member.id
                attach(bot, "test", http=http, settings=Settings(http=http.settings), everything=True)
                for cog in COGS:
                    await bot.load_extension(cog)
                await bot.tree.sync()
                failed = await member.slash(channel, "repo", repository="octocat/Hello-World")
                asked = [entry.json for entry in env.http_requests]
                reference = _reference_in(json.dumps(asked, default=str))
                answer = await member.slash(channel, "http why", reference=reference)
                await detach(bot, "test")
            references = {name: measured.references(name) for name in ("calls", "problems")}
            measured.metrics.close()
    assert failed is not None
    assert upstream.references == [reference]
    assert answer.response is not None
    why = answer.response.embeds[0]
    assert why.title == f"Reference {reference}"
    assert "401" in str(why.to_dict())
    assert references == {"calls": {reference}, "problems": {reference}}
    (event,) = kept.events
    assert event["tags"] == {"reference": reference, "problem": "not-signed-in", "api": "github"}
    human, in_json = _lines(stderr.getvalue())
    assert [line for line in human if reference in line and "repo failed: not-signed-in" in line]
    assert [line for line in human if reference in line and "-> 401 in " in line]
    assert [line for line in in_json if line.get("reference") == reference and line["status"] == 401]
    assert [line for line in in_json if line.get("extra", {}).get("reference") == reference]


def _reference_in(text: str) -> str:
    (found,) = set(re.findall(r"Reference ([0-9a-f]{8})", text))
    return found


def _lines(text: str) -> tuple[list[str], list[dict[str, Any]]]:
    lines = text.splitlines()
    return [line for line in lines if line[:1] != "{"], [
        json.loads(line) for line in lines if line[:1] == "{"
    ]

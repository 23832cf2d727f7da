"""What the operator's Sentry gets of a failure, if there is one."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import sentry_sdk
from loguru import logger

from tests.discord_world import plain_bot, world
from tests.failures import status_error
from tests.plantings import planted
from tests.sentry_world import sentry
from tux_http import log
from tux_http.config import LogSettings
from tux_http.error_handler import ErrorHandler
from tux_http.sentry import tagged

if TYPE_CHECKING:
    from collections.abc import Iterator

    import discord

    from tests.sentry_world import Kept

SECRET = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    yield
    log.reset()
    logger.remove()


async def told_of(error: BaseException) -> str:
    """The reference of the failure of a command, in a bot whose log is nobody's but its own."""
    bot = plain_bot()
    ErrorHandler(bot, names={}, everything=True).install()

    @bot.tree.command(description="fails")
    async def look(interaction: discord.Interaction[Any]) -> None:
        raise error

    assert look.name
    async with world(bot) as discord_:
        result = await discord_.slash("look")
        assert result.response is not None
        return (result.response.embeds[0].footer.text or "").removeprefix("Reference ")


def frames(kept: Kept) -> list[dict[str, Any]]:
    """Those of all exceptions and threads of the only event."""
    (event,) = kept.events
    found: list[dict[str, Any]] = []
    values: list[dict[str, Any]] = [
        *event.get("exception", {}).get("values", []),
        *event.get("threads", {}).get("values", []),
    ]
    for value in values:
        stack: dict[str, Any] = value.get("stacktrace") or {}
        found += stack.get("frames", [])
    return found


async def test_a_fault_of_ours_is_an_event_with_its_reference_and_where_it_happened() -> None:
    with sentry() as kept:
        reference = await told_of(ZeroDivisionError("no"))
    (event,) = kept.events
    assert event["tags"] == {"reference": reference, "problem": "internal", "api": "-"}
    assert [value["type"] for value in event["exception"]["values"]] == ["ZeroDivisionError"]
    assert frames(kept)[-1]["function"] == "look"
    assert event["level"] == "error"


async def test_in_somebody_elses_bot_it_has_no_secret_and_no_variables() -> None:
    with sentry(max_value_length=100_000) as kept:
        await told_of(planted(KeyError, SECRET))
    assert kept.events
    assert SECRET not in "".join(kept.sent)
    assert not any(frame.get("vars") for frame in frames(kept))


async def test_what_sentry_noted_before_is_redacted_in_the_event() -> None:
    with sentry() as kept:
        # As its integrations for HTTP clients do.
        data = {"url": "https://h/", "http.query": "q=a-word-of-a-person", "http.fragment": "another-word"}
        sentry_sdk.add_breadcrumb(type="http", category="httplib", data=data)
        sentry_sdk.add_breadcrumb(message=f"POST /webhooks/123/{SECRET}")
        await told_of(KeyError("x"))
    sent = "".join(kept.sent)
    assert "httplib" in sent
    for word in ("a-word-of-a-person", "another-word", SECRET):
        assert word not in sent


async def test_an_error_without_a_traceback_gets_no_frames_of_ours_either() -> None:
    with sentry(attach_stacktrace=True) as kept:
        await told_of(status_error(401))
    assert kept.events
    assert frames(kept) == []


async def test_what_is_no_error_is_no_event() -> None:
    with sentry() as kept:
        await told_of(status_error(404))
        await told_of(httpx.ConnectError("no"))
    assert kept.events == []


def test_tags_are_gone_after_the_failure() -> None:
    with sentry() as kept:
        with tagged(reference="0a1b2c3d"):
            logger.error("of the failure")
        logger.error("of something else")
    assert [event.get("tags") for event in kept.events] == [{"reference": "0a1b2c3d"}, None]


@pytest.mark.parametrize("times", [1, 2])
def test_sentry_hears_of_errors_once_though_the_log_is_configured_after_it(times: int) -> None:
    with sentry() as kept, contextlib.redirect_stderr(io.StringIO()):
        for _ in range(times):
            log.configure(LogSettings())
        logger.error("told {}", SECRET)
    (event,) = kept.events
    assert SECRET not in json.dumps(event)


def run(code: str) -> str:
    ended = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return ended.stdout


def test_who_has_no_sentry_gets_none() -> None:
    code = "import sys, tux_http.ext, tux_http.process, tux_http.sentry; print('sentry_sdk' in sys.modules)"
    assert run(code) == "False\n"


def test_one_that_is_imported_and_not_initialised_is_let_be() -> None:
    code = """
import sentry_sdk
from tux_http.sentry import hear_loguru_again, tagged
hear_loguru_again()
with tagged(reference="x"): print("well")
"""
    assert run(code) == "well\n"


WITH_ALL_ITS_INTEGRATIONS = """
import asyncio, sys
import sentry_sdk, httpx
from sentry_sdk.transport import Transport
from loguru import logger
class Kept(Transport):
    def capture_envelope(self, envelope): print(envelope.serialize().decode())
sentry_sdk.init(dsn="http://public@127.0.0.1/1", transport=Kept())
from tux_http import log
from tux_http.config import LogSettings
from tux_http.http_client import HTTPClient
from tux_http.sentry import tagged
log.configure(LogSettings(level="ERROR"))
SECRET = sys.stdin.readline()
async def main():
    async with HTTPClient(transport=httpx.MockTransport(lambda _: httpx.Response(500))) as http:
        try:
            await http.get(f"https://u:{SECRET}@h/?q={SECRET}#{SECRET}", headers={"Authorization": SECRET})
        except httpx.HTTPError as exc:
            with tagged(reference="0a1b2c3d"):
                logger.opt(exception=exc).error("failed")
asyncio.run(main())
"""


def test_with_all_of_its_integrations_the_event_has_no_part_of_a_url_that_may_be_secret() -> None:
    word = "a-word-that-looks-like-no-token"
    ended = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", WITH_ALL_ITS_INTEGRATIONS],
        input=word,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert '"reference":"0a1b2c3d"' in ended.stdout
    assert "httplib" in ended.stdout
    assert word not in ended.stdout

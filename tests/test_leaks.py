"""A secret that is anywhere in an exception is nowhere in what is shown, sent, logged or remembered of it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import string
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from loguru import logger
from prometheus_client import CollectorRegistry

from tests.discord_world import plain_bot, world
from tests.measured import exposed
from tests.plantings import TREE, planted
from tests.sentry_world import sentry
from tux_http import log
from tux_http.cogs.http.why import choice_name, why_card
from tux_http.config import LogSettings
from tux_http.error_handler import ErrorHandler
from tux_http.http_client import HTTPClient
from tux_http.metrics import Metrics
from tux_http.records import Failure, recent
from tux_http.redaction import contains_token

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import discord
    from discord.ext import commands

NAMES = {"github": "GitHub"}

PLACES = ("discord", "stderr", "a sink", "records", "/http why", "sentry", "metrics", "retry file")
"""Where a secret could be read."""

WORDS = st.text(string.ascii_letters + string.digits + "-_", min_size=20, max_size=40).filter(
    lambda text: len(set(text)) > 8
)
TOKENS = st.sampled_from(
    [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghijklmnopqrstuvwxyz",
        "MTE4NzYxNDI5Mzg0NTY3MjM0NQ.GhX1Yz.n3v7Qk0bJ5wR2sT8uV4xY6zA1cD9eF0gH2iJ3k",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    ]
)


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    yield
    log.reset()
    logger.remove()


class Seen:
    """All that anybody could read, by where it is read."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}

    def add(self, where: str, *texts: str) -> None:
        self.texts.setdefault(where, []).extend(texts)

    def leaks(self, secret: str) -> list[tuple[str, str]]:
        spelt = {secret, quote(secret, safe="")}
        return [
            (where, text[max(text.find(each) - 200, 0) :][:300])
            for where, texts in self.texts.items()
            for text in texts
            for each in spelt
            if each in text
        ]


def bot_that_meets(errors: list[BaseException], retries: Path) -> commands.Bot:
    """A bot whose /look and !look meet one after the other."""
    bot = plain_bot()
    ErrorHandler(bot, names=NAMES, everything=True, retries=retries).install()

    @bot.hybrid_command(description="fails")
    async def look(ctx: commands.Context[Any]) -> None:
        raise errors.pop(0)

    assert look.name
    return bot


@contextlib.contextmanager
def listening(seen: Seen, *, known: list[str], style: Any) -> Generator[None]:
    """Our log on stderr, a sink that shows all that loguru can show, Sentry and Prometheus."""
    nosy: dict[str, Any] = {"level": 0, "backtrace": True, "diagnose": True, "catch": False}
    registry = CollectorRegistry()
    metrics = Metrics(HTTPClient(), registry=registry)
    with contextlib.redirect_stderr(io.StringIO()) as stderr, sentry() as kept:
        log.configure(LogSettings(level="DEBUG", format=style), secrets=known)
        logger.add(
            lambda line: seen.add("a sink", line, repr(line.record)), format="{message} {extra}", **nosy
        )
        metrics.listen()
        try:
            yield
            seen.add("metrics", exposed(registry))
        finally:
            metrics.close()
            log.reset()
    seen.add("stderr", stderr.getvalue())
    seen.add("sentry", *kept.sent)


async def met(secret: str, classes: list[type[BaseException]], retries: Path) -> tuple[Seen, int]:
    """What is seen of a command that meets an exception of each class, and how many answers there were."""
    seen = Seen()
    before = {failure.reference for failure in recent.failures()}
    errors = [planted(cls, secret) for cls in classes]
    async with world(bot_that_meets([*errors], retries), settle_timeout=30) as discord_:
        for number in range(len(errors)):
            if number % 2:
                await discord_.slash("look")
            else:
                await discord_.say("!look")
        seen.add("discord", *(json.dumps(each.json, default=str) for each in discord_.env.http_requests))
        answers = [
            each for each in discord_.env.http_requests if "Reference" in json.dumps(each.json, default=str)
        ]
    for each in errors:  # as whoever meets it elsewhere may log it, with everything
        logger.opt(exception=each).error("met it")
    for failure in recent.failures():
        if failure.reference not in before:
            seen.add("records", repr(failure), str(failure), choice_name(failure))
            seen.add("/http why", json.dumps(_why(failure).to_dict()))
    seen.add("retry file", *(retries.read_bytes().decode("latin-1") for _ in range(retries.exists())))
    return seen, len(answers)


def _why(failure: Failure) -> discord.Embed:
    return why_card(failure.reference, failure=failure, call=failure.call, names=NAMES)


def all_seen(
    secret: str, classes: list[type[BaseException]], *, known: list[str], style: str
) -> tuple[Seen, int]:
    with TemporaryDirectory() as folder:
        logs = Seen()
        with listening(logs, known=known, style=style):
            seen, answers = asyncio.run(met(secret, classes, Path(folder) / "retries.sqlite"))
        seen.texts |= logs.texts
    return seen, answers


@given(
    secret=WORDS | TOKENS,
    classes=st.lists(st.sampled_from(TREE), min_size=4, max_size=10, unique=True),
    style=st.sampled_from(["human", "json"]),
)
@settings(max_examples=8, deadline=None, phases=[Phase.reuse, Phase.generate])  # shrinking takes minutes
def test_a_secret_in_any_exception_is_nowhere(secret: str, classes: list[Any], style: str) -> None:
    known = [] if contains_token(secret) else [secret]
    seen, _ = all_seen(secret, classes, known=known, style=style)
    assert seen.leaks(secret) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("secret", "known", "style"),
    [
        ("a-secret_that-0nly-the-Operator.knows", True, "human"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", False, "json"),
    ],
)
def test_a_secret_in_each_exception_of_the_tree_is_nowhere(secret: str, known: bool, style: str) -> None:
    seen, answers = all_seen(secret, TREE, known=[secret] if known else [], style=style)
    assert seen.leaks(secret) == []
    assert answers >= len(TREE) - 1  # all but commands.CommandNotFound, which is met with silence
    assert all("".join(seen.texts[where]) for where in PLACES)

"""The operator's own words for what people read when something fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord  # noqa: TC002  # discord.py reads the annotation
import httpx
import pytest

from tests.discord_world import plain_bot, raising, world
from tux_http.config import ConfigError, load
from tux_http.error_handler import ErrorHandler
from tux_http.errors import DeadlineExceeded
from tux_http.languages import Language
from tux_http.messages import EVERY, LONGEST_TITLE, Message, message_for
from tux_http.problem_embed import problem_embed
from tux_http.problems import InvalidInput, internal_problem, problem_of

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = httpx.ReadTimeout("slow")
LINK = "https://discord.gg/help"


def read(path: Path, text: str) -> dict[str, Message]:
    (path / "config.toml").write_text(text, encoding="utf-8")
    return load(path / "config.toml", {}).messages


# What is set.


def test_words_are_read_from_the_file_and_what_is_left_out_stays(tmp_path: Path) -> None:
    messages = read(tmp_path, '[messages.timeout]\ntitle = "{Service} sleeps"\n')
    told = problem_of(TIMEOUT, messages=messages)
    assert told.title == "The service sleeps"
    assert told.detail == problem_of(TIMEOUT).detail
    assert told.hint == problem_of(TIMEOUT).hint


def test_nothing_is_set_by_default(tmp_path: Path) -> None:
    assert read(tmp_path, "") == {}
    assert read(tmp_path, "[messages]") == {}


def test_a_variable_sets_words_too() -> None:
    settings = load(None, {"TUX_HTTP__MESSAGES__INTERNAL__LINK": LINK})
    assert settings.messages == {"internal": Message(link=LINK)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[messages.timeuot]\ntitle = "x"', "messages.timeuot is not the code of a problem; did you mean timeout?"),
        ('[messages.xyz]\ntitle = "x"', "messages.xyz is not the code of a problem; the README lists them"),
        (
            '[messages.timeout]\ntext = "after {limit}"',
            "messages.timeout text names {limit}, which is not known there; known are {Service}, {service}",
        ),
        (
            '[messages.timeout]\ntitle = "{x"',
            "messages.timeout title has a brace without its other half; write {{ or }} for one that is shown",
        ),
        (
            '[messages.timeout]\ntitle = "{service:>1000000}"',
            "messages.timeout title has {service:>1000000}; write {service}, it is shown as it is",
        ),
        (
            '[messages.timeout]\ntitle = "{service!r:9}"',
            "messages.timeout title has {service!r:9}; write {service}, it is shown as it is",
        ),
        (
            '[messages.timeout]\ntext = "{service.__class__}"',
            "messages.timeout text names {service.__class__}, which is not known there; known are {Service}, {service}",
        ),
        (
            '[messages.timeout]\nlink = "javascript:alert(1)"',
            "messages.timeout.link must be an http or https URL without user and password, got 'javascript:alert(1)'",
        ),
        ('[messages.timeout]\ntitle = " "', "messages.timeout.title must not be blank"),
        (
            f'[messages.timeout]\ntitle = "{"x" * 201}"',
            f"messages.timeout.title must have at most {LONGEST_TITLE} characters, got 201",
        ),
        (
            '[messages."*"]\ntext = "Oh."',
            'messages."*" can have a link only: one title or text does not fit every problem',
        ),
        ('[messages.timeout]\nhint = "x"', "messages.timeout.hint is not a setting; known are title, text, link"),
        ('messages = "x"', 'messages must be a table, got "x"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_at_the_start(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert caught.value.problems == (f"{tmp_path / 'config.toml'}: {problem}",)


# What people read.


def test_a_text_stands_for_what_happened_and_what_to_do_with_its_facts() -> None:
    messages = {"deadline": Message(text="{service} had {limit}.")}
    late = DeadlineExceeded(limit=15.0, request=httpx.Request("GET", "https://x.test"))
    embed = problem_embed(problem_of(late, messages=messages), reference="r")
    assert embed.description == "the service had 15 seconds."
    assert embed.title == "⚠️ The service is taking too long"


def test_what_a_cog_says_of_input_stays() -> None:
    messages = {"invalid-input": Message(text="Ask in the help channel.")}
    told = problem_of(InvalidInput("No such place.", example="Oslo"), messages=messages)
    assert (told.detail, told.hint) == ("No such place.", "Ask in the help channel.")


def test_they_stand_in_every_language_and_the_rest_is_translated() -> None:
    messages = {"timeout": Message(title="Pause", link=LINK)}
    german = Language("de")
    told = problem_of(TIMEOUT, messages=messages, language=german)
    assert told.title == "Pause"
    assert told.hint == problem_of(TIMEOUT, language=german).hint != problem_of(TIMEOUT).hint
    shown = problem_embed(told, reference="r", language=german)
    assert (shown.description or "").endswith(f"[{german.gettext('Get help')}]({LINK})")


def test_a_link_for_all_is_one_for_those_without_their_own() -> None:
    messages = {
        EVERY: Message(link=LINK),
        "internal": Message(link="https://x.test/"),
        "timeout": Message(title="T"),
    }
    assert problem_of(TIMEOUT, messages=messages).link == LINK
    assert problem_of(TIMEOUT, messages=messages).title == "T"
    assert internal_problem(messages=messages).link == "https://x.test/"
    assert message_for("not-found", messages).link == LINK


def test_markdown_and_mentions_of_operators_do_nothing() -> None:
    messages = {"timeout": Message(title="**T** <@1>", text="@everyone [x](https://evil.test)")}
    embed = problem_embed(problem_of(TIMEOUT, messages=messages), reference="r")
    assert "<@1>" not in (embed.title or "")
    assert "@everyone" not in (embed.description or "")
    assert "\\[x\\](https" in (embed.description or "")


async def test_a_member_reads_them() -> None:
    bot = plain_bot()
    messages = {"timeout": Message(title="{Service} sleeps", text="Come back later.", link=LINK)}
    ErrorHandler(bot, names={}, everything=True, messages=messages).install()

    @bot.tree.command(description="fails")
    async def slashed(interaction: discord.Interaction[Any]) -> None:
        await raising(TIMEOUT)()

    async with world(bot) as discord_:
        result = await discord_.slash("slashed")
        assert result.response is not None
        (embed,) = result.response.embeds
    assert embed.title == "⚠️ The service sleeps"
    assert embed.description == f"Come back later.\n[Get help]({LINK})"

"""The catalogues have what the code says, whole, and nothing that Discord would refuse."""

from __future__ import annotations

import ast
import functools
import gettext
import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from babel import Locale
from babel.messages.plurals import get_plural

from tests.catalogues import (
    CODES,
    catalogue_of,
    compiled,
    file_of,
    names_of,
    sources,
    template,
    texts_of,
)
from tux_http.discord_limits import BUTTON_LABEL
from tux_http.languages import COMPLETE
from tux_http.languages.language import CATALOGUES
from tux_http.problem_texts import TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from babel.messages import Catalog


MARKDOWN = re.compile(r"[*_~|`<>\[\]\\\n]|@(?:everyone|here)|^[#-]|://")
PLACEHOLDER = re.compile(r"\{(\w*)\}")

BUTTONS = (
    *("Retry", "Refresh", "Repository", "Issues", "Pull requests", "Releases", "Homepage"),
    *("Issue", "Pull request", "Changes"),
)


@functools.cache
def of_the_code() -> Catalog:
    return template()


def placeholders(text: str) -> set[str]:
    """`{service}` and `{Service}` are one: where it begins a sentence is the language's own affair."""
    return {"service" if each == "Service" else each for each in PLACEHOLDER.findall(text)}


def compiled_texts(content: bytes) -> dict[Any, str]:
    with io.BytesIO(content) as file:
        texts: dict[Any, str] = dict(gettext.GNUTranslations(file)._catalog)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportAttributeAccessIssue]
    texts.pop("", None)  # the header, where Babel names itself
    return texts


def translated(code: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each form of each translation, with the forms of its English text."""
    for english, translation in texts_of(catalogue_of(code)).items():
        for form in filter(None, translation):
            yield english, form


# What is in them.


@pytest.mark.parametrize("code", CODES)
def test_a_catalogue_has_the_texts_of_the_code_and_no_others(code: str) -> None:
    wanted = set(texts_of(of_the_code()))
    assert len(wanted) > 300
    assert set(texts_of(catalogue_of(code))) == wanted, "python -m tests.catalogues"
    assert not catalogue_of(code).obsolete


@pytest.mark.parametrize("code", CODES)
def test_what_is_compiled_is_what_is_written(code: str) -> None:
    assert compiled_texts(file_of(code, "mo").read_bytes()) == compiled_texts(compiled(catalogue_of(code)))


def test_every_word_of_every_problem_is_taken() -> None:
    assert names_of(of_the_code()) >= {
        word for text in TEXTS.values() for word in (text.title, text.detail, text.hint)
    }


@pytest.mark.parametrize("code", CODES)
def test_nothing_is_fuzzy(code: str) -> None:
    assert not [message.id for message in catalogue_of(code) if message.fuzzy]


def test_the_languages_that_are_offered_are_those_that_lack_nothing() -> None:
    lacks = {
        code: [english for english, form in texts_of(catalogue_of(code)).items() if not all(form)]
        for code in CODES
    }
    assert [code for code in CODES if not lacks[code]] == list(COMPLETE), lacks


def test_there_is_no_catalogue_beside_them() -> None:
    assert {path.name for path in CATALOGUES.iterdir()} == set(CODES)
    for code in CODES:
        assert Locale.parse(code)


# What is in each text.


@pytest.mark.parametrize("code", CODES)
def test_every_plural_form_is_there(code: str) -> None:
    catalogue = catalogue_of(code)
    count: int = get_plural(code)[0]  # pyright: ignore[reportUnknownVariableType]  # Babel types it as a tuple of anything
    assert catalogue.num_plurals == count
    plural = [translation for english, translation in texts_of(catalogue).items() if len(english) > 1]
    assert plural
    assert {len(translation) for translation in plural} == {count}


@pytest.mark.parametrize("code", CODES)
def test_a_translation_asks_for_the_facts_that_the_english_has(code: str) -> None:
    wrong = {
        english: form
        for english, form in translated(code)
        if not any(placeholders(form) == placeholders(each) for each in english)
        or form.replace("{", "").count("}") != len(PLACEHOLDER.findall(form))
    }
    assert not wrong


@pytest.mark.parametrize("code", CODES)
def test_a_translation_has_no_markdown_and_no_stray_spaces(code: str) -> None:
    wrong = {
        english: form
        for english, form in translated(code)
        if MARKDOWN.search(PLACEHOLDER.sub("", form)) or form != form.strip() or "  " in form
    }
    assert not wrong


@pytest.mark.parametrize("code", CODES)
def test_a_translation_ends_as_the_english_does(code: str) -> None:
    stops = (".", "。")
    wrong = {
        english: form
        for english, form in translated(code)
        if form.endswith(stops) != english[0].endswith(stops) and placeholders(form) != {"n"}
    }
    assert not wrong


@pytest.mark.parametrize("code", CODES)
def test_titles_and_sentences_are_short_in_each_language(code: str) -> None:
    titles = {text.title for text in TEXTS.values()}
    words = {word for text in TEXTS.values() for word in (text.detail, text.hint)}
    for (english, *_), form in translated(code):
        if english in titles:
            assert len(form) <= 80, form
        elif english in words:
            assert len(form) <= 160, form
        elif english in BUTTONS:
            assert len(form) <= BUTTON_LABEL, form
        assert len(form) <= 250, form


def test_the_buttons_are_in_the_catalogues() -> None:
    assert names_of(of_the_code()) >= set(BUTTONS)


# Strings beside them.

SHOWN = frozenset({"label", "title", "description", "placeholder", "content", "footer", "text"})
"""Keywords under which discord.py takes what people read."""

SHOWS = frozenset(
    {"Embed", "Button", "Select", "TextInput", "Modal", "SelectOption", "set_footer", "set_author"}
)
SHOWS_BY_POSITION = frozenset({"InvalidInput", "_refuse", "send_message", "answer", "reply"})
LETTERS = re.compile(r"[^\W\d_]{2,}")


def constants(node: ast.expr) -> Iterator[str]:
    """The strings that are written in an expression, but not those given to a function."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            for part in parts:
                yield from constants(part)
        case ast.BinOp(left=left, right=right):
            yield from constants(left)
            yield from constants(right)
        case ast.IfExp(body=body, orelse=other):
            yield from constants(body)
            yield from constants(other)
        case ast.BoolOp(values=values):
            for value in values:
                yield from constants(value)
        case _:
            pass


def shown(call: ast.Call) -> Iterator[ast.expr]:
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if function in SHOWS:
        yield from (each.value for each in call.keywords if each.arg in SHOWN)
    if function == "add_field":
        yield from (each.value for each in call.keywords if each.arg in {"name", "value"})
    if function in {"hybrid_command", "hybrid_group", "command", "group", "describe", "rename", "Choice"}:
        yield from (each.value for each in call.keywords if each.arg not in {"value", "bucket", "type"})
    if function in SHOWS_BY_POSITION:
        yield from call.args[:1]


def bare(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            for argument in shown(node):
                for text in constants(argument):
                    if LETTERS.search(text):
                        yield f"{file.name}:{node.lineno}: {text!r}"


def test_nothing_that_discord_shows_is_written_beside_the_catalogues() -> None:
    assert not [found for file in sources() for found in bare(file)]


def test_a_string_beside_the_catalogues_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "cog.py"
    for code in (
        'discord.Embed(title="Hello")',
        'embed.set_footer(text=f"{n} things")',
        'embed.add_field(name="A" if b else "Bee", value=x)',
        'raise InvalidInput("No such thing.")',
        'commands.hybrid_command(description="Does it.")',
        'discord.ui.Button(label=prefix + "More")',
    ):
        file.write_text(code, encoding="utf-8")
        assert list(bare(file)), code
    file.write_text(
        'discord.Embed(title=language.gettext("Hello"), description=f"**{x}** · {y}")', encoding="utf-8"
    )
    assert not list(bare(file))

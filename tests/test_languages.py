"""Texts, numbers and lists in each language, and which language it is."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import discord
import pytest
from babel.lists import format_list
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from tux_http.languages import COMPLETE, ENGLISH, N_, Language, age, duration, language_for, language_of, size
from tux_http.languages import language as module
from tux_http.languages.forms import FORMS

if TYPE_CHECKING:
    from pathlib import Path

GERMAN = Language("de")

# Texts.


def test_a_text_is_found_by_its_english() -> None:
    assert GERMAN.gettext(N_("Not yet")) == "Noch nicht"
    assert ENGLISH.gettext("Not yet") == "Not yet"


def test_facts_stand_in_their_places_and_numbers_are_written_as_the_language_does() -> None:
    assert GERMAN.gettext("{n} of {limit}", n=4990, limit=5000) == "4.990 von 5.000"
    assert ENGLISH.gettext("{n} of {limit}", n=4990, limit=5000) == "4,990 of 5,000"


def test_a_count_has_its_plural_form() -> None:
    words = ("{n} call refused", "{n} calls refused")
    assert [ENGLISH.ngettext(*words, n) for n in (0, 1, 2)] == [
        "0 calls refused", "1 call refused", "2 calls refused"
    ]  # fmt: skip
    assert [GERMAN.ngettext(*words, n) for n in (1, 1200)] == [
        "1 Aufruf abgelehnt",
        "1.200 Aufrufe abgelehnt",
    ]


def test_a_text_that_no_catalogue_has_stays_as_it_is() -> None:
    assert GERMAN.gettext("of somebody else's cog: {100 %}") == "of somebody else's cog: {100 %}"
    assert GERMAN.gettext("") == ""


def test_a_fact_that_is_not_known_is_left_open() -> None:
    assert GERMAN.gettext("{n} of {limit}", n=1) == "1 von …"


class Broken(Language):
    """Its translations ask for what nobody gives, or are not even templates."""

    def _found(self, msgid: str) -> str:
        return {
            "one {n}": "eins {m}",
            "two {n}": "zwei {n",
            "three {n}": "drei {n.real.x}",
            "four {n}": "vier {n.__class__}",
            "five {n}": "fünf {n!r}",
            "six {n}": "sechs {n:>1000}",
            "seven {n}": "sieben {n:{n}}",
            "eight {n}": "acht {n[0]}",
            "nine {n}": "neun {}",
        }[msgid]

    def _found_plural(self, singular: str, plural: str, n: int) -> str:  # noqa: ARG002  # as it is overridden
        return "{0} and {}"


WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.mark.parametrize("msgid", [f"{word} {{n}}" for word in WORDS])
def test_a_broken_translation_gives_way_to_english(msgid: str) -> None:
    assert Broken("de").gettext(msgid, n=1) == msgid.replace("{n}", "1")
    assert Broken("de").ngettext("{n} thing", "{n} things", 2) == "2 things"


@pytest.mark.parametrize("text", ["{half", "{n.__class__}", "{n!r}", "{n:>1000}", "{}", "{0}"])
def test_english_that_is_broken_is_shown_as_it_is(text: str) -> None:
    assert ENGLISH.gettext(text, n=1) == text


def test_two_braces_are_shown_as_one_beside_a_fact() -> None:
    assert ENGLISH.gettext("{{n}} is {n}", n=1) == "{n} is 1"


def test_a_catalogue_that_can_not_be_read_is_said_once_and_gives_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    logger.add(lambda line: lines.append(str(line)), format="{level} {message}")
    monkeypatch.setattr(module, "CATALOGUES", tmp_path)
    module._catalogue.cache_clear()
    file = tmp_path / "ja" / "LC_MESSAGES" / "tux_http.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xde\x12\x04\x95 no catalogue")
    try:
        for code in ("de", "ja", "de", "ja"):
            assert Language(code).gettext("Not yet") == "Not yet"
    finally:
        module._catalogue.cache_clear()
    assert [line.split()[0] for line in lines] == ["WARNING", "WARNING"]


def test_english_reads_no_catalogue_and_the_package_not_even_the_code() -> None:
    code = (
        "import sys, tux_http; assert 'tux_http.languages' not in sys.modules;"
        "import tux_http.languages.language as l; l.ENGLISH.gettext('Not yet');"
        "assert l._catalogue.cache_info().currsize == 0; assert 'babel' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603  # our own words


# Numbers, lists and units.


@pytest.mark.parametrize("code", FORMS)
@given(n=st.integers(-(10**12), 10**12))
def test_whole_numbers_are_written_as_unicode_says(code: str, n: int) -> None:
    assert Language(code).number(n) == format_decimal(n, locale=code)


@pytest.mark.parametrize("code", FORMS)
@given(cents=st.integers(-(10**9), 10**9))
def test_fractions_are_written_as_unicode_says(code: str, cents: int) -> None:
    n = cents / 100
    shown = format_decimal(n, locale=code, format="#,##0.00")
    assert Language(code).number(n, 2) == shown
    assert Language(code).number(n) == format_decimal(n, locale=code)


@pytest.mark.parametrize("code", FORMS)
@pytest.mark.parametrize("length", range(6))
def test_lists_are_joined_as_unicode_says(code: str, length: int) -> None:
    items = [f"«{n}»" for n in range(length)]
    assert Language(code).listed(items) == format_list(items, locale=code)


def test_times_and_sizes_have_units_of_the_language() -> None:
    assert [age(seconds) for seconds in (59.9, 3599, 7500, 90_000)] == [
        "59 s",
        "59 min",
        "2 h 5 min",
        "1 d 1 h",
    ]
    assert [duration(seconds) for seconds in (0.2, 192, 7200)] == ["0 s", "3 min 12 s", "2 h"]
    assert [size(count) for count in (1, 900, 2900, 10**7, 3 * 10**12)] == [
        "1 byte", "900 bytes", "3 kB", "10 MB", "3,000 GB"
    ]  # fmt: skip
    assert age(7500, GERMAN) == "2 Std. 5 Min."
    assert duration(192, GERMAN) == "3 Min. 12 Sek."
    assert size(3 * 10**12, GERMAN) == "3.000 GB"


# Which language.


@pytest.mark.parametrize(
    ("locale", "code"),
    [
        (discord.Locale.american_english, "en"),
        (discord.Locale.british_english, "en"),
        (discord.Locale.german, "de"),
        ("de", "de"),
        ("de-AT", "de"),
        (discord.Locale.chinese, "en"),
        ("", "en"),
        ("x" * 1000, "en"),
        (None, "en"),
    ],
)
def test_a_locale_of_discords_is_the_nearest_language(locale: discord.Locale | str | None, code: str) -> None:
    assert language_for(locale) == Language(code)


NEAREST = {"en-GB": "en", "de": "de", "fr": "fr", "es-ES": "es", "es-419": "es", "pt-BR": "pt_BR", "ja": "ja"}


@pytest.mark.parametrize(("locale", "code"), NEAREST.items())
def test_a_language_is_offered_once_it_is_complete(locale: str, code: str) -> None:
    assert language_for(discord.Locale(locale)) == (Language(code) if code in COMPLETE else ENGLISH)


def test_every_complete_language_knows_how_it_writes_numbers() -> None:
    assert set(COMPLETE) <= set(FORMS)


def context(**given: Any) -> Any:
    return SimpleNamespace(**{"interaction": None, "guild": None, **given})


def test_a_typed_command_goes_by_its_server() -> None:
    guild = SimpleNamespace(preferred_locale=discord.Locale.german)
    assert language_of(context(guild=guild), public=True) == GERMAN
    assert language_of(context(guild=guild), public=False) == GERMAN
    assert language_of(context(), public=False) == ENGLISH


def test_an_interaction_goes_by_who_reads_the_answer() -> None:
    here = SimpleNamespace(locale=discord.Locale.german, guild_locale=discord.Locale.american_english)
    assert language_of(context(interaction=here), public=False) == GERMAN
    assert language_of(context(interaction=here), public=True) == ENGLISH
    in_private = SimpleNamespace(locale=discord.Locale.german, guild_locale=None)
    assert language_of(context(interaction=in_private), public=True) == GERMAN

"""`python -m tests.catalogues`: takes the texts out of the code, into the catalogues, and compiles these.

Excluded are the sandbox's texts, which only developers see, and whatever goes to a log or a terminal.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from babel import Locale
from babel.messages import Catalog
from babel.messages.extract import extract, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tux_http.languages.language import CATALOGUES, DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).parents[1]

CODES: Final = ("en", "de", "fr", "es", "pt_BR", "ja")

KEYWORDS: Final[Any] = {
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "localised": None,
    "Text": None,
}
"""Functions whose texts are taken, with the positions of those that are not simply the first."""

WORDS_OF_A_TEXT: Final = 3
"""A `problem_texts.Text` begins with so many."""

UNSTABLE: Final = (b'"POT-Creation-Date:', b'"PO-Revision-Date:', b'"Generated-By:')
"""Lines of a header that would change with each run; the others are fixed."""


NOTES: Final = """\
# {language} texts of tux_http. python -m tests.catalogues takes new ones in and compiles this file.
#
# Short, plain, friendly words; no blame. Keep the {{names}} in braces; no Markdown.
# {{Service}} and {{service}} are a name ("GitHub") or the words for "The service" and "the service": put them
# where a name and these words need no ending or contraction, such as first in the sentence; you may take either.
# Command names are lower case, without spaces, and at most 32 characters; their descriptions 100; buttons 80."""


def sources() -> Iterator[Path]:
    """The code whose texts people on Discord read."""
    for package in ("tux_http", "cogs"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if not {"sandbox"} & set(file.relative_to(ROOT).parts):
                yield file


def template() -> Catalog:
    """All texts that are in the code."""
    catalogue = Catalog(domain=DOMAIN, project="tux_http", charset="utf-8", fuzzy=False)
    for file in sources():
        place = file.relative_to(ROOT).as_posix()
        with file.open("rb") as opened:
            for _, message, comments, _ in extract(
                _extracted, opened, keywords=KEYWORDS, comment_tags=["Translators:"]
            ):
                catalogue.add(message, locations=[(place, 1)], auto_comments=comments)
    return catalogue


def _extracted(opened: Any, keywords: Any, comment_tags: Any, options: Any) -> Any:
    """As Babel's own for Python, but that each word of a `Text` is a message."""
    found: Any = extract_python(opened, keywords, comment_tags, options)
    for line, function, messages, comments in found:
        if function != "Text" or isinstance(messages, str | None):
            yield line, function, messages, comments
            continue
        for message in filter(None, messages[:WORDS_OF_A_TEXT]):
            yield line, "N_", message, comments


def file_of(code: str, kind: str = "po") -> Path:
    return CATALOGUES / code / "LC_MESSAGES" / f"{DOMAIN}.{kind}"


def catalogue_of(code: str) -> Catalog:
    with file_of(code).open("rb") as opened:
        return read_po(opened, locale=code, domain=DOMAIN)


def written(catalogue: Catalog) -> bytes:
    """The catalogue as a file, which is the same for the same texts."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=110, sort_by_file=True, include_lineno=False, omit_header=False)
    lines = buffer.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(UNSTABLE))


def compiled(catalogue: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def updated(code: str, texts: Catalog) -> Catalog:
    """A language's catalogue with the texts of the code: new ones empty, those that are gone left out."""
    before = catalogue_of(code) if file_of(code).exists() else Catalog(locale=code, domain=DOMAIN)
    before.project, before.version = "tux_http", ""
    before.msgid_bugs_address = "https://github.com/allthingslinux/tux-http/issues"
    before.header_comment = NOTES.format(language=Locale.parse(code).english_name)
    before.update(texts, no_fuzzy_matching=True)
    before.obsolete.clear()
    before.fuzzy = False
    before.last_translator = "The tux_http developers"
    before.language_team = code
    if code == "en":
        for message in before:
            if message.id:
                message.string = message.id
    return before


def main() -> None:
    """Brings all catalogues up to date, and says what each lacks."""
    for code in CODES:
        catalogue = updated(code, template())  # its messages become the catalogue's own
        file_of(code).parent.mkdir(parents=True, exist_ok=True)
        file_of(code).write_bytes(written(catalogue))
        file_of(code, "mo").write_bytes(compiled(catalogue_of(code)))
        missing = sum(not all(translation) for translation in texts_of(catalogue).values())
        sys.stdout.write(f"{code}: {len(catalogue)} texts, {missing} not translated\n")


def forms(text: Any) -> tuple[str, ...]:
    """A text that goes by a number has several; of a message's id and of its translation alike."""
    return tuple(cast("Sequence[str]", text)) if isinstance(text, list | tuple) else (text or "",)


def texts_of(catalogue: Catalog) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Each English text with its translation."""
    return {forms(message.id): forms(message.string) for message in catalogue if message.id}


def names_of(catalogue: Catalog) -> set[str]:
    """The English texts, in their singular."""
    return {name for name, *_ in texts_of(catalogue)}


if __name__ == "__main__":
    main()

"""What people type or paste for anything on GitHub -> a `Link`: what it leads to.

Short forms are GitHub's own
(https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls),
addresses are those of its pages; the rules of names are in `reference`. What comes out is made of checked
characters, but tags and paths are foreign text still.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import parse_qs, unquote

from tux_http.cogs.github.links import (
    AccountLink,
    Comment,
    CommitLink,
    FileLink,
    GistLink,
    Lines,
    NumberLink,
    ReleaseLink,
    RepositoryLink,
)
from tux_http.cogs.github.reference import (
    EXAMPLE,
    GITHUB,
    PAGES,
    SUFFIX,
    Reference,
    checked,
    host_name,
    is_owner,
    reference_of,
    split_address,
    unwrapped,
)
from tux_http.languages import N_
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tux_http.cogs.github.links import CommentKind, Kind, Link

__all__ = ["NUMBER_EXAMPLE", "TAG", "parse_link", "parse_number_link"]

NUMBER_EXAMPLE: Final = "allthingslinux/tux#12"

LONGEST: Final = 2048
"""Characters of what is looked at; no address that works is longer."""

RAW: Final = "raw.githubusercontent.com"

_KINDS: Final[dict[str, Kind]] = {
    "issues": "issue",
    "pull": "pull",
    "pulls": "pull",
    "discussions": "discussion",
}

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")
_COMMENT: Final = re.compile(
    r"(?:(?P<kind>issuecomment|pullrequestreview|discussioncomment|commitcomment)-|(?:discussion_)?r)"
    r"(?P<id>[1-9][0-9]{0,18})"
)
_LINES: Final = re.compile(
    r"L(?P<first>[1-9][0-9]{0,8})(?:C[0-9]{1,9})?(?:-L?(?P<last>[1-9][0-9]{0,8})(?:C[0-9]{1,9})?)?"
)
_COMMIT: Final = re.compile(r"(?P<sha>[0-9a-f]{7,64})(?:\.(?:patch|diff))?", re.IGNORECASE)
_GIST: Final = re.compile(r"[0-9a-f]{20,64}")
_OLD_GIST: Final = re.compile(r"[0-9]{1,10}")
_GIST_ANCHOR: Final = re.compile(
    r"file-(?P<file>[A-Za-z0-9_.-]{1,200}?)(?:-(?P<lines>L[0-9]{1,9}(?:-L?[0-9]{1,9})?))?"
)
TAG: Final = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]{1,250}")
"""As git allows names (https://git-scm.com/docs/git-check-ref-format)."""
_PATH: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,1000}")
_PAGE: Final = re.compile(r"[a-z_-]{1,40}")

_REPOSITORY: Final = r"(?P<repository>[A-Za-z0-9_-]{1,39}/[A-Za-z0-9._-]{1,100}|[A-Za-z0-9._-]{0,100})"
_SHORT_NUMBER: Final = re.compile(rf"(?:{_REPOSITORY}#|GH-)(?P<number>[1-9][0-9]{{0,9}})", re.IGNORECASE)
_SHORT_COMMIT: Final = re.compile(rf"{_REPOSITORY}@(?P<sha>[0-9a-f]{{7,64}})", re.IGNORECASE)

_NOTHING: Final = N_("That does not lead to anything on GitHub.")


def parse_link(
    typed: str, *, host: str = GITHUB, default: Reference | None = None, example: str = EXAMPLE
) -> Link:
    """Reads an address of anything on GitHub, or a short form: `owner/name`, `owner/name#12`, `owner/name@sha`.

    Args:
        typed: What a person typed or pasted.
        host: Of web pages that may be named beside github.com's.
        default: The repository that `#12` is of, and whose owner `name#12` leaves out.
        example: What is shown to whoever typed something else.

    Raises:
        InvalidInput: It names nothing on GitHub.
    """
    text = unwrapped(typed)
    try:
        if len(text) > LONGEST:
            _refuse(_NOTHING)
        return _short(text, default) or _addressed(text, host_name(host))
    except InvalidInput as exc:
        exc.example = example
        raise


def parse_number_link(
    typed: str | None, number: str | None = None, *, host: str = GITHUB, default: Reference | None = None
) -> NumberLink:
    """Reads an issue or a pull request from what a command was given.

    Args:
        typed: A repository, or whatever `parse_link` takes that has a number; or a number alone, which is one
            of the default repository.
        number: `12` or `#12`; it goes before that of `typed`.
        host: As `parse_link`.
        default: As `parse_link`.

    Raises:
        InvalidInput: It names neither, or a discussion.
    """
    if typed is None:
        typed, number = number or "", None
    if _NUMBER.fullmatch(unwrapped(typed)):
        typed = f"#{unwrapped(typed)}"
    if not typed:
        _refuse(N_("Which one? Its number is missing."))
    link = parse_link(typed, host=host, default=default, example=NUMBER_EXAMPLE)
    if isinstance(link, GistLink | AccountLink):
        _refuse(N_("That does not lead to an issue or a pull request."))
    if number is not None:
        return NumberLink(link.repository, _number(number))
    if not isinstance(link, NumberLink):
        _refuse(N_("Which one? Its number is missing."))
    if link.kind == "discussion":
        _refuse(N_("That is a discussion, not an issue or a pull request."))
    return link


def _refuse(message: str) -> NoReturn:
    raise InvalidInput(message, example=NUMBER_EXAMPLE)


def _number(typed: str) -> int:
    digits = _NUMBER.fullmatch(unwrapped(typed).removeprefix("#"))
    if digits is None:
        _refuse(N_("That is not a number of an issue or a pull request."))
    return int(digits[0])


# Short forms.


def _short(text: str, default: Reference | None) -> Link | None:
    if found := _SHORT_NUMBER.fullmatch(text):
        return NumberLink(_named(found["repository"] or "", default), int(found["number"]))
    if found := _SHORT_COMMIT.fullmatch(text):
        return CommitLink(_named(found["repository"], default), found["sha"].lower())
    return None


def _named(text: str, default: Reference | None) -> Reference:
    """`owner/name`, or, of a default repository, what is left out."""
    owner, slash, name = text.partition("/")
    if slash:
        return _repository(owner, name)
    if default is None:
        _refuse(N_("Whose repository? There is no default one here."))
    return checked(default.owner, text or default.name)


# Addresses.


def _addressed(text: str, host: str) -> Link:
    address, _, fragment = text.partition("#")
    address, _, query = address.partition("?")
    place, path = split_address(address)
    segments = [*filter(None, path.split("/"))]
    if place in {f"gist.{GITHUB}", f"gist.{host}"}:
        return _gist(segments, fragment)
    if place == RAW and len(segments) > 3:  # noqa: PLR2004  # owner, name, ref and path
        return _in_repository(_repository(*segments[:2]), ["raw", *segments[2:]], fragment)
    if place not in {None, GITHUB, host}:
        _refuse(N_("That address does not lead to GitHub."))
    return _panel(query) or _on_site(segments, fragment, has_host=place is not None)


def _panel(query: str) -> NumberLink | None:
    """The issue that is open beside a project or a list: `?issue=owner|name|12`."""
    for value in parse_qs(query).get("issue", ()):
        owner, name, number = [*value.split("|"), "", ""][:3]
        if _NUMBER.fullmatch(number) and (repository := reference_of(f"{owner}/{name}")):
            return NumberLink(repository, int(number), "issue")
    return None


def _on_site(segments: Sequence[str], fragment: str, *, has_host: bool) -> Link:
    match segments:
        case ["orgs", login, *_] if has_host:
            return _account(login)
        case ["gist", *rest] if has_host:  # GitHub Enterprise Server
            return _gist(rest, fragment)
        case [login]:
            return _account(login if has_host else login.removeprefix("@"))
        case [owner, name, *rest]:
            return _in_repository(_repository(owner, name), rest, fragment)
        case _:
            _refuse(_NOTHING)


def _repository(owner: str, name: str) -> Reference:
    if owner.lower() in PAGES:
        _refuse(_NOTHING)
    return checked(owner, SUFFIX.sub("", name))


def _account(login: str) -> AccountLink:
    if not is_owner(login) or login.lower() in PAGES:
        _refuse(_NOTHING)
    return AccountLink(login)


def _in_repository(repository: Reference, rest: Sequence[str], fragment: str) -> Link:  # noqa: PLR0911  # one a case
    match rest:
        case []:
            return RepositoryLink(repository)
        case [page, number, *_] if page in _KINDS and _NUMBER.fullmatch(number):
            return NumberLink(repository, int(number), _KINDS[page], _comment(fragment))
        case ["releases", "latest"]:
            return ReleaseLink(repository)
        case ["releases", "tag", *tag] if tag:
            return ReleaseLink(repository, _decoded(tag, TAG))
        case ["releases", "download", *tag, _] if tag:
            return ReleaseLink(repository, _decoded(tag, TAG))
        case ["commit", commit, *_] if found := _COMMIT.fullmatch(commit):
            return CommitLink(repository, found["sha"].lower(), _comment(fragment))
        case ["blob" | "blame" | "raw", _, *path] if path:
            return FileLink(repository, _decoded(rest[1:], _PATH), _lines(fragment))
        case [page, *_]:
            return RepositoryLink(repository, page if _PAGE.fullmatch(page) else None)
        case _:
            _refuse(_NOTHING)


def _gist(segments: Sequence[str], fragment: str) -> GistLink:
    anchor = _GIST_ANCHOR.fullmatch(fragment)
    file, lines = (anchor["file"], _lines(anchor["lines"] or "")) if anchor else (None, None)
    match segments:
        case [gist, *_] if _GIST.fullmatch(gist):
            return GistLink(gist, None, file, lines)
        case [owner, gist, *_] if is_owner(owner) and (_GIST.fullmatch(gist) or _OLD_GIST.fullmatch(gist)):
            return GistLink(gist, owner, file, lines)
        case [gist] if _OLD_GIST.fullmatch(gist):
            return GistLink(gist, None, file, lines)
        case _:
            _refuse(_NOTHING)


def _decoded(segments: Sequence[str], allowed: re.Pattern[str]) -> str:
    try:
        text = unquote("/".join(segments), errors="strict")
    except UnicodeDecodeError:
        _refuse(_NOTHING)
    if not allowed.fullmatch(text) or {"", ".", ".."} & {*text.split("/")}:
        _refuse(_NOTHING)
    return text


def _comment(fragment: str) -> Comment | None:
    found = _COMMENT.fullmatch(fragment)
    if found is None:
        return None
    kind: CommentKind = found["kind"] or "discussion_r"  # pyright: ignore[reportAssignmentType]  # one of its words
    return Comment(kind, int(found["id"]))


def _lines(fragment: str) -> Lines | None:
    found = _LINES.fullmatch(fragment)
    if found is None:
        return None
    first, last = int(found["first"]), int(found["last"] or found["first"])
    return Lines(min(first, last), max(first, last))

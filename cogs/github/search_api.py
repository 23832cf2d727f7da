"""The search of GitHub's REST API: the calls, and the fields that are read of their answers.

https://docs.github.com/rest/search/search, version 2022-11-28. As in `api`, what GitHub may leave out or send as
null is optional here.
"""

# No annotations from the future: see `api`.

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

import msgspec

from tux_http.api import decode
from tux_http.call import Call, call_of
from tux_http.client import raise_for_error
from tux_http.cogs.github.api import REMEMBERED, Moment, Owner, Related, Repository
from tux_http.graphemes import width
from tux_http.languages import N_
from tux_http.markdown import label
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    import httpx

    from tux_http.api import API

__all__ = ["Hit", "Kind", "Page", "Pulled", "Search", "fetch_page", "parse_search"]

Kind: TypeAlias = Literal["repositories", "issues", "prs"]

PAGE: Final = 5
"""Results on a page."""

REACHABLE: Final = 1000
"""Results that GitHub gives of a search: https://docs.github.com/rest/search/search#about-search."""

LONGEST: Final = 256
"""Characters of a search:
https://docs.github.com/rest/search/search#limitations-on-query-length."""

LONGEST_ADDRESS: Final = 1900
"""Of its page on the web; an embed takes 2,048 characters."""

EXAMPLE: Final = "discord bot language:python"

_QUALIFIERS: Final[dict[Kind, str]] = {"repositories": "", "issues": "is:issue", "prs": "is:pr"}
_TYPES: Final[dict[Kind, str]] = {"repositories": "repositories", "issues": "issues", "prs": "pullrequests"}

_OF_A_KIND: Final = re.compile(r"(?:^|\s)-?(?:is|type):\"?(?:issue|pr|pull-request)\b", re.IGNORECASE)
_GROUPING: Final = re.compile(r"\bOR\b|[()]", re.IGNORECASE)
_VISIBILITY: Final = re.compile(r"\bis:\S*(?:private|internal)|\bvisibility:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; `page` counts from 1."""

    kind: Kind
    text: str
    page: int = 1

    def url(self, host: str) -> str:
        """The search on the web; `q` is the text as it was typed."""
        return f"https://{host}/search?type={_TYPES[self.kind]}&q={quote(self.text, safe='')}"

    def asked(self, *, allow_private: bool) -> str:
        """The text with what GitHub is to keep to."""
        own = "" if _OF_A_KIND.search(self.text) else _QUALIFIERS[self.kind]
        # First: after the text, they would be what a NOT at its end is for.
        return " ".join(filter(None, ("" if allow_private else "is:public", own, self.text)))


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """What an issue that is a pull request has."""

    merged_at: Moment | None = None


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """An issue or a pull request that was found. Its repository is there where GitHub sends it along."""

    number: int
    title: str | None = None
    state: str | None = None
    state_reason: str | None = None
    draft: bool | None = None
    html_url: str | None = None
    repository_url: str | None = None
    user: Owner | None = None
    comments: int | None = None
    created_at: Moment | None = None
    pull_request: Pulled | None = None
    repository: Related | None = None

    @property
    def is_private(self) -> bool:
        return self.repository is not None and self.repository.is_private


class _Repositories(msgspec.Struct, frozen=True, kw_only=True):
    total_count: int
    incomplete_results: bool | None = None
    items: tuple[Repository, ...] | None = None


class _Hits(msgspec.Struct, frozen=True, kw_only=True):
    total_count: int
    incomplete_results: bool | None = None
    items: tuple[Hit, ...] | None = None


class Page(NamedTuple):
    """Some results, how many there are on all pages, and the record of the call that they are from.

    `is_incomplete` if GitHub gave up looking before it had looked through everything.
    """

    items: tuple[Repository | Hit, ...]
    total: int
    is_incomplete: bool = False
    call: Call | None = None

    @property
    def pages(self) -> int:
        """How many can be had."""
        return -(-min(max(self.total, 0), REACHABLE) // PAGE)


def parse_search(typed: str, kind: Kind) -> Search:
    """Reads what is looked for.

    Args:
        typed: Words and GitHub's qualifiers.
        kind: Of what.

    Raises:
        InvalidInput: It is nothing, or too long.
    """
    search = Search(kind, label(typed, LONGEST * 2))
    if not search.text:
        raise InvalidInput(N_("What shall be searched for? That is empty."), example=EXAMPLE)
    if width(search.text) > LONGEST or len(search.url("")) > LONGEST_ADDRESS:
        raise InvalidInput(N_("That is too long for a search."), example=EXAMPLE)
    return search


async def fetch_page(api: "API", search: Search, *, allow_private: bool, revalidate: bool = False) -> Page:
    """`GET /search/repositories` or `GET /search/issues`; one page of what they find.

    Where nothing private may be shown, GitHub is asked for what is public alone, so that its counts tell nothing
    either; and as that is a part of what it is asked, an answer in the cache for those who may see more is
    another one. What could undo it is refused: alternatives, brackets, and a visibility of one's own. A name that
    GitHub will not search in, because it does not exist, is told from one with nothing public by nothing.

    Args:
        api: GitHub's.
        search: What is looked for.
        allow_private: Whether what is in private repositories may be shown.
        revalidate: Whether GitHub is asked though there is a good answer in the cache.

    Raises:
        httpx.HTTPError: As `API.request`.
        InvalidInput: It asks for what is private where that may not be shown, or might.
    """
    if not allow_private:
        _refuse_what_may_reach_further(search.text)
    page = await _asked(api, search, allow_private=allow_private, revalidate=revalidate)
    if page.total or allow_private or revalidate or page.call is None or page.call.cache not in REMEMBERED:
        return page
    # A refusal is not remembered: with nothing found of the cache's, what is private could be told from it.
    return await _asked(api, search, allow_private=allow_private, revalidate=True)


def _refuse_what_may_reach_further(text: str) -> None:
    if _VISIBILITY.search(text):
        raise InvalidInput(N_("Only what is public can be searched here."), example=EXAMPLE)
    if _GROUPING.search(text):
        raise InvalidInput(N_("A search can't have OR or brackets here."), example=EXAMPLE)


async def _asked(api: "API", search: Search, *, allow_private: bool, revalidate: bool) -> Page:
    options: dict[str, Any] = {"cache": "no-cache"} if revalidate else {}
    route = "/search/repositories" if search.kind == "repositories" else "/search/issues"
    asked = {"q": search.asked(allow_private=allow_private), "per_page": PAGE, "page": search.page}
    response = await api.get(route, params=asked, raise_for_status=False, **options)
    if response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
        return Page((), 0, call=call_of(response))
    raise_for_error(response)
    return _decoded(response, search.kind, api.name, allow_private=allow_private)


def _decoded(response: "httpx.Response", kind: Kind, api: str, *, allow_private: bool) -> Page:
    type_ = _Repositories if kind == "repositories" else _Hits
    found: _Repositories | _Hits = decode(response, type_, api=api)
    items = tuple(item for item in found.items or () if allow_private or not item.is_private)
    return Page(items, found.total_count, bool(found.incomplete_results), call_of(response))

"""Files and gists of GitHub's REST API: the calls, and the fields that are read of their answers.

https://docs.github.com/rest/repos/contents#get-repository-content and
https://docs.github.com/rest/gists/gists#get-a-gist, version 2022-11-28. As in `api`, what GitHub may leave out or
send as null is optional here.
"""

# No annotations from the future: see `api`.

import binascii
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import msgspec

from tux_http.api import decode
from tux_http.call import Call, call_of
from tux_http.client import raise_for_error
from tux_http.cogs.github.api import Moment, Owner
from tux_http.cogs.github.home import Home
from tux_http.cogs.github.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.api import API
    from tux_http.cogs.github.links import FileLink, GistLink

__all__ = ["FoundFile", "FoundGist", "Gist", "GistFile", "fetch_file", "fetch_gist", "file_of"]

GIST_BODY: Final = 2_000_000
"""Bytes of a gist with all its files; a larger one is not read."""

_PLACED: Final = re.compile(r"(?P<ref>refs/(?:heads|tags)/[^/]+|[^/]+)/(?P<path>.+)", re.DOTALL)


class _Contents(msgspec.Struct, frozen=True, kw_only=True):
    """`encoding` is "none" for a file of more than 1 MB, which has no content then."""

    type: str | None = None
    path: str | None = None
    encoding: str | None = None
    content: str | None = None
    html_url: str | None = None


class FoundFile(NamedTuple):
    """A file's text, the repository that it is in now, and the record of the call that it is from."""

    path: str
    text: str
    html_url: str | None
    home: Reference
    call: Call | None


class GistFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a gist; of a large one, there is a part of the `content` only."""

    filename: str | None = None
    content: str | None = None


class Gist(msgspec.Struct, frozen=True, kw_only=True):
    """A gist. One that is not `public` is in no list, but may be read by all who have its address."""

    html_url: str | None = None
    description: str | None = None
    public: bool | None = None
    owner: Owner | None = None
    files: dict[str, GistFile | None] | None = None
    created_at: Moment | None = None


class FoundGist(NamedTuple):
    """A gist, and the record of the call that it is from."""

    gist: Gist
    call: Call | None


async def fetch_file(api: "API", asked: "FileLink", *, allow_private: bool) -> FoundFile:
    """`GET /repos/{owner}/{repo}/contents/{path}`, after the repository itself.

    An address does not tell where the branch ends and the path begins. One without a slash is tried first, and one
    with a slash then: at most three requests.

    Args:
        api: GitHub's.
        asked: The file.
        allow_private: Whether it may be shown if its repository is private.

    Raises:
        httpx.HTTPError: As `Home.of`; 404 also if it is no file, none of text, or a large one.
    """
    home = await Home.of(api, asked.repository, allow_private=allow_private)
    response: httpx.Response | None = None
    for ref, path in _places(asked.place):
        response = await _contents(home, ref, path)
        if response.status_code != HTTPStatus.NOT_FOUND:
            break
    if response is None:
        raise httpx.InvalidURL("the address has no path")
    raise_for_error(response)
    contents = None if response.history else decode(response, _Contents, api=api.name)
    text = None if contents is None else _text(contents)
    if contents is None or text is None:
        raise_for_error(httpx.Response(404, request=response.request, extensions=response.extensions))
        raise AssertionError
    return FoundFile(contents.path or asked.path, text, contents.html_url, home.reference, call_of(response))


async def fetch_gist(api: "API", asked: "GistLink") -> FoundGist:
    """`GET /gists/{gist_id}`.

    Raises:
        httpx.HTTPError: As `API.request`.
    """
    response = await api.get("/gists/{gist}", path={"gist": asked.id}, max_body=GIST_BODY)
    return FoundGist(decode(response, Gist, api=api.name), call_of(response))


def file_of(gist: Gist, anchor: str | None) -> GistFile | None:
    """The file that an address names ("hello-py" for hello.py), or the first one.

    None where there is no such file.
    """
    files = {name: file for name, file in (gist.files or {}).items() if file is not None}
    if anchor is None:
        return next(iter(files.values()), None)
    named = (file for name, file in files.items() if _anchor(file.filename or name) == _anchor(anchor))
    return next(named, None)


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")


def _places(place: str) -> "Iterator[tuple[str, str]]":
    """What may be the branch and the path, the likeliest first."""
    found = _PLACED.fullmatch(place)
    if found is None:
        return
    yield found["ref"].removeprefix("refs/heads/").removeprefix("refs/tags/"), found["path"]
    more, slash, path = found["path"].partition("/")
    if slash:
        ref = f"{found['ref']}/{more}"
        yield ref.removeprefix("refs/heads/").removeprefix("refs/tags/"), path


async def _contents(home: Home, ref: str, path: str) -> httpx.Response:
    segments: dict[str, Any] = {f"segment_{index}": segment for index, segment in enumerate(path.split("/"))}
    route = "/contents" + "".join(f"/{{{name}}}" for name in segments)
    return await home.get(route, params={"ref": ref}, **segments)


def _text(contents: _Contents) -> str | None:
    """None where there is none to be shown."""
    if contents.type not in {None, "file"} or contents.encoding != "base64" or contents.content is None:
        return None
    try:
        # GitHub's own example has its line ends escaped twice; no base64 has a backslash.
        raw = binascii.a2b_base64(contents.content.replace("\\n", ""))
        return None if b"\x00" in raw else raw.decode()
    except (binascii.Error, ValueError):
        return None

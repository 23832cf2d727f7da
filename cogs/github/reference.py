"""What people type for a repository -> its owner and name.

GitHub's rules are today's rules for new names; older ones live on. Owners today are letters, digits and
single hyphens inside, 39 characters at most, with an underscore before the short code of an
enterprise-managed user (https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication);
accounts from before 2013 also begin or end with hyphens or have several in a row. So only the characters and
the length are checked. Names: 100 of ASCII letters, digits, ".", "-" and "_"; ".git" is never part of one
(https://docs.github.com/en/repositories/creating-and-managing-repositories/repository-limits).
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from tux_http.languages import N_
from tux_http.problems import InvalidInput

if TYPE_CHECKING:
    import httpx

__all__ = [
    "EXAMPLE",
    "GITHUB",
    "PAGES",
    "SUFFIX",
    "Reference",
    "checked",
    "host_name",
    "is_owner",
    "parse_reference",
    "reference_of",
    "split_address",
    "unwrapped",
    "web_host",
]

EXAMPLE: Final = "allthingslinux/tux"

GITHUB: Final = "github.com"

_OWNER: Final = re.compile(r"[A-Za-z0-9_-]{1,39}")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")

_SCHEMES: Final = frozenset({"http", "https", "ssh", "git", "git+https", "git+ssh"})
_URL: Final = re.compile(
    r"(?P<scheme>[a-z+]+)://(?:[^/@]*@)?(?P<host>[^/:@]+)(?::\d*)?(?P<path>/.*)?", re.IGNORECASE | re.DOTALL
)
_SCP: Final = re.compile(r"(?:[^/@:]+@)?(?P<host>[^/:@]+):(?P<path>.+)", re.DOTALL)
SUFFIX: Final = re.compile(r"(?:\.wiki)?(?:\.git)+\Z", re.IGNORECASE)
"""Of an address to clone from; the wiki of a repository is one of its own."""

PAGES: Final = frozenset(
    [
        "about",
        "account",
        "apps",
        "collections",
        "contact",
        "dashboard",
        "discussions",
        "enterprise",
        "events",
        "explore",
        "features",
        "gist",
        "gists",
        "issues",
        "join",
        "login",
        "logout",
        "marketplace",
        "new",
        "notifications",
        "organizations",
        "orgs",
        "pricing",
        "pulls",
        "search",
        "security",
        "sessions",
        "settings",
        "signup",
        "site",
        "sponsors",
        "stars",
        "topics",
        "trending",
        "users",
    ]
)
"""Pages of the site whose address looks like that of an owner or a repository; no account has such a name."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository by the name that a person gave it."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


def web_host(base_url: httpx.URL) -> str:
    """The host of the web pages that belong to an API.

    `https://api.github.com` and `https://api.NAME.ghe.com` have them one label up, GitHub Enterprise Server
    (`https://HOST/api/v3`) on the same host
    (https://docs.github.com/en/enterprise-server@latest/rest/using-the-rest-api/getting-started-with-the-rest-api).
    """
    return base_url.host.lower().removeprefix("api.")


def parse_reference(typed: str, *, host: str = GITHUB) -> Reference:
    """Reads `owner/name`, or an address of a repository or of anything in it.

    Args:
        typed: What a person typed or pasted.
        host: Of web pages that may be named beside github.com's.

    Raises:
        InvalidInput: It names no repository.
    """
    text = unwrapped(typed)
    place, path = split_address(re.split(r"[?#]", text, maxsplit=1)[0])
    if place not in {None, GITHUB, host_name(host)}:
        _refuse(N_("That address does not lead to a repository on GitHub."))
    owner, name, *_ = [*filter(None, path.split("/")), "", ""]
    if owner.lower() in PAGES or (place and not name):
        _refuse(N_("That is a page of GitHub, but not one of a repository."))
    return checked(owner, SUFFIX.sub("", name))


def unwrapped(typed: str) -> str:
    """Without the marks that keep Discord from making something of it."""
    return typed.strip().strip("<>`").strip()


def split_address(text: str) -> tuple[str | None, str]:
    """The host, where one is named ("" for one that is none of the web's), and the path after it."""
    if "://" in text:
        url = _URL.fullmatch(text)
        known = url is not None and url["scheme"].lower() in _SCHEMES
        return (host_name(url["host"]), url["path"] or "") if url and known else ("", "")
    if scp := _SCP.fullmatch(text):
        return host_name(scp["host"]), scp["path"]
    first, _, rest = text.partition("/")
    # No owner has a dot, and every host on the internet has one.
    return (host_name(first.rpartition("@")[2]), rest) if "." in first else (None, text)


def host_name(text: str) -> str:
    """In the form that hosts are compared in."""
    return text.lower().removeprefix("www.").removeprefix("ssh.")


def checked(owner: str, name: str) -> Reference:
    """The repository of that name.

    Raises:
        InvalidInput: It has characters that no name has.
    """
    if not is_owner(owner) or not _NAME.fullmatch(name) or name in {".", ".."}:
        _refuse(N_("That is not a repository: it takes an owner, a slash and a name."))
    return Reference(owner, name)


def reference_of(full_name: str | None) -> Reference | None:
    """The repository that an answer names; None if it names none."""
    owner, _, name = (full_name or "").partition("/")
    with contextlib.suppress(InvalidInput):
        return checked(owner, name)
    return None


def is_owner(text: str) -> bool:
    return _OWNER.fullmatch(text) is not None


def _refuse(message: str) -> NoReturn:
    raise InvalidInput(message, example=EXAMPLE)

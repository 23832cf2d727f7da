"""Who and what the sample GitHub finds: the accounts of the samples' owners, and searches of the samples."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from tux_http.sandbox.issues import NUMBERED, issue
from tux_http.sandbox.samples import ERRORS, EXAMPLE, HOSTILE, REPOSITORIES, example, repository

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

OFFICIAL: Final = {"octocat": "user", "github": "organization"}
"""Accounts that are the official examples."""

HOSTILE_LOGIN: Final = "demo"

_TEXTS: Final[Mapping[str, Any]] = {
    "name": HOSTILE,
    "bio": HOSTILE,
    "company": HOSTILE,
    "location": HOSTILE,
    "blog": "javascript:alert(1)",
    "twitter_username": HOSTILE,
}

_WORD: Final = re.compile(r"(?:^|(?<=\s))(?!-?\w+:)\S+")
"""What is no qualifier."""


def account(login: str, *, now: datetime) -> dict[str, Any] | None:
    """The body of `GET /users/{username}`; None if there is none."""
    if login.lower() in OFFICIAL:
        return json.loads(example(OFFICIAL[login.lower()]))
    owner = _owner(login, now=now)
    if owner is None:
        return None
    name = owner["login"]
    body: dict[str, Any] = json.loads(example("user").replace("octocat", name))
    known = {"avatar_url": owner["avatar_url"], "type": owner["type"], "public_repos": _repositories_of(name)}
    own = dict.fromkeys(("email", "hireable", "twitter_username", "company", "bio", "location", "blog"))
    return body | own | {"name": name} | known | (_TEXTS if name == HOSTILE_LOGIN else {})


def organization(login: str, *, now: datetime) -> dict[str, Any] | None:
    """The body of `GET /orgs/{org}`; None if there is none."""
    body: dict[str, Any] = json.loads(example("organization"))
    if login.lower() == body["login"]:
        return body
    owner = _owner(login, now=now)
    if owner is None or owner["type"] != "Organization":
        return None
    return body | {"login": owner["login"], "name": owner["login"], "description": "Penguins, all of us"}


def found_repositories(query: str, *, page: int, per_page: int, now: datetime) -> dict[str, Any]:
    """The body of `GET /search/repositories`."""
    words = _WORD.findall(query.lower())
    bodies = [repository(sample, now=now) for sample in REPOSITORIES if sample.fault is None]
    return _page([body for body in bodies if _has(words, _texts_of(body))], page=page, per_page=per_page)


def found_issues(query: str, *, page: int, per_page: int, now: datetime) -> dict[str, Any]:
    """The body of `GET /search/issues`; that of pull requests alone for `is:pr`."""
    words, wants_pull = _WORD.findall(query.lower()), "is:pr" in query
    bodies = [
        issue(sample, number, now=now)
        for number, numbered in NUMBERED.items()
        for sample in REPOSITORIES
        if sample.fault is None and sample.name != EXAMPLE and numbered.is_pull == wants_pull
    ]
    known = [
        body | {"repository_url": body["repository_url"], "score": 1.0} for body in bodies if body is not None
    ]
    matching = [body for body in known if _has(words, f"{body['title']} {body['html_url']}")]
    return _page(matching, page=page, per_page=per_page)


def _page(items: Sequence[Any], *, page: int, per_page: int) -> dict[str, Any]:
    shown = items[(page - 1) * per_page : page * per_page]
    return {"total_count": len(items), "incomplete_results": False, "items": [*shown]}


def _has(words: Sequence[str], text: str) -> bool:
    return all(word in text.lower() for word in words)


def _texts_of(body: Mapping[str, Any]) -> str:
    texts = [body["full_name"], body["description"], body.get("language"), *(body.get("topics") or ())]
    return " ".join(filter(None, texts))


def _owner(login: str, *, now: datetime) -> dict[str, Any] | None:
    known = (sample for sample in (*REPOSITORIES, *ERRORS) if sample.owner.lower() == login.lower())
    sample = next(known, None)
    return None if sample is None else repository(sample, now=now)["owner"]


def _repositories_of(owner: str) -> int:
    return sum(sample.owner == owner and sample.fault is None for sample in REPOSITORIES)

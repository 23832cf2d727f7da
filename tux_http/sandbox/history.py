"""The releases and commits that each repository of the sample GitHub has, under the same names.

They are the official examples with some fields replaced; those of octocat/Hello-World are unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from tux_http.sandbox.samples import EXAMPLE, HOSTILE, Sample, example, repository, timestamp

Part: TypeAlias = Callable[[Sample, Mapping[str, str], datetime], Any]
"""The body of an answer, of a repository, the values in the route and the time; None where nothing is found."""

EMPTY: Final = "demo/minimal"
"""Has neither releases nor commits."""

UNFINISHED: Final = "demo/template"
"""Has pre-releases alone."""

NEWEST: Final = frozenset({"HEAD", "main", "master"})

_NOTES: Final = """\
<!-- Release notes generated using configuration in .github/release.yml -->
## What's Changed
* Keep the time zone of reminders by @ada in https://github.com/allthingslinux/tux/pull/2
* **Breaking:** `/remind` takes a duration first

**Full Changelog**: https://github.com/allthingslinux/tux/compare/v1.3.0...v1.4.0
"""


def _asset(name: str, size: int, downloads: int) -> dict[str, Any]:
    return {"name": name, "size": size, "download_count": downloads, "label": None}


RELEASES: Final[Mapping[str, Mapping[str, Any]]] = {
    "v2.0.0-rc.1": {"name": "2.0, almost", "prerelease": True, "body": "Please try it out.", "assets": []},
    "v1.4.0": {
        "name": "v1.4.0: daylight saving",
        "body": _NOTES,
        "assets": [
            _asset("tux-1.4.0-py3-none-any.whl", 412_800, 1_234),
            _asset("tux-1.4.0.tar.gz", 1_920_334, 87),
            _asset("SHA256SUMS", 164, 1),
        ],
    },
    "nightly/2026-11-21": {"name": None, "body": None, "assets": []},
    "hostile": {
        "name": HOSTILE,
        "body": HOSTILE,
        "assets": [_asset(f"[bank](https://evil.example) {n}", n * 10**6, n) for n in range(40)],
    },
}
"""By tag; the newest first, and the second one is the latest."""

COMMITS: Final[Mapping[str, Mapping[str, Any]]] = {
    "c0ffee0123456789c0ffee0123456789c0ffee01": {
        "message": "Keep the time zone of reminders\n\nDaylight saving begins **at night**.\n\nFixes #1.",
        "verification": {"verified": True, "reason": "valid"},
        "checks": ["success", "success", "skipped"],
    },
    "badc0de123456789badc0de123456789badc0de1": {
        "message": "Add a coin miner",
        "verification": {"verified": False, "reason": "bad_email"},
        "checks": ["success", "failure"],
    },
    "feed5ea123456789feed5ea123456789feed5ea1": {
        "message": HOSTILE,
        "verification": {"verified": False, "reason": "unsigned"},
        "checks": ["success", None],
    },
}
"""By hash; the first one is the newest. None is a check that runs."""


def latest_release(sample: Sample, *, now: datetime) -> dict[str, Any] | None:
    """The body of `GET /repos/{owner}/{repo}/releases/latest`; None if there is none."""
    found = [release for release in releases(sample, now=now) if not release["prerelease"]]
    return found[0] if found else None


def tagged_release(sample: Sample, tag: str, *, now: datetime) -> dict[str, Any] | None:
    """The body of `GET /repos/{owner}/{repo}/releases/tags/{tag}`; None if there is none."""
    return next((each for each in releases(sample, now=now) if each["tag_name"] == tag), None)


def releases(sample: Sample, *, now: datetime) -> list[dict[str, Any]]:
    """The body of `GET /repos/{owner}/{repo}/releases`."""
    if sample.name == EXAMPLE:
        return json.loads(example("releases"))
    if sample.name == EMPTY:
        return []
    made = [_release(sample, tag, days, now=now) for days, tag in enumerate(RELEASES, 1)]
    return made[:1] if sample.name == UNFINISHED else made


def _release(sample: Sample, tag: str, days: int, *, now: datetime) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(example("release_latest").replace(EXAMPLE, sample.name))
    page = f"https://github.com/{sample.name}/releases"
    when = timestamp(now - timedelta(days=days))
    body |= {
        "tag_name": tag,
        "html_url": f"{page}/tag/{tag}",
        "author": repository(sample, now=now)["owner"],
        "created_at": when,
        "published_at": when,
        **RELEASES[tag],
    }
    for asset in body["assets"]:
        asset["browser_download_url"] = f"{page}/download/{tag}/{asset['name']}"
    return body


def commit(sample: Sample, ref: str, *, now: datetime) -> dict[str, Any] | None:
    """The body of `GET /repos/{owner}/{repo}/commits/{ref}`; None if there is none."""
    official: dict[str, Any] = json.loads(example("commit"))
    if sample.name == EMPTY:
        return None
    if sample.name == EXAMPLE:
        return official if ref in NEWEST or official["sha"].startswith(ref) else None
    sha = _sha(ref)
    if sha is None:
        return None
    body: dict[str, Any] = json.loads(example("commit").replace(EXAMPLE, sample.name))
    known = COMMITS[sha]
    who = {"name": "Ada", "date": timestamp(now - timedelta(days=1))}
    git = {
        "message": known["message"],
        "verification": known["verification"],
        "author": who,
        "committer": who,
    }
    owner = repository(sample, now=now)["owner"]
    page = f"https://github.com/{sample.name}/commit/"
    parents = [{"sha": each, "html_url": page + each} for each in COMMITS if each != sha][:1]
    git_and_people = {"commit": body["commit"] | git, "author": owner, "committer": owner}
    return body | git_and_people | {"sha": sha, "html_url": page + sha, "parents": parents}


def check_runs(sample: Sample, ref: str) -> dict[str, Any]:
    """The body of `GET /repos/{owner}/{repo}/commits/{ref}/check-runs`."""
    official: dict[str, Any] = json.loads(example("check_runs"))
    sha = _sha(ref)
    if sample.name == EXAMPLE or sha is None:
        return official
    runs: list[dict[str, Any]] = [
        official["check_runs"][0]
        | {"conclusion": conclusion, "status": "completed" if conclusion else "in_progress"}
        for conclusion in COMMITS[sha]["checks"]
    ]
    return {"total_count": len(runs), "check_runs": runs}


def _sha(ref: str) -> str | None:
    if ref in NEWEST:
        return next(iter(COMMITS))
    return next((sha for sha in COMMITS if len(ref) >= 4 and sha.startswith(ref)), None)  # noqa: PLR2004  # as git has it


PARTS: Final[Mapping[str, Part]] = {
    "/releases": lambda sample, _, now: releases(sample, now=now),
    "/releases/latest": lambda sample, _, now: latest_release(sample, now=now),
    "/releases/tags/{tag:.+}": lambda sample, path, now: tagged_release(sample, path["tag"], now=now),
    "/commits/{ref:.+}/check-runs": lambda sample, path, _: check_runs(sample, path["ref"]),
    "/commits/{ref:.+}": lambda sample, path, now: commit(sample, path["ref"], now=now),
}
"""The routes below a repository, each with what answers it."""

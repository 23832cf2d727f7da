"""The issues and pull requests that each repository of the sample GitHub has, under the same numbers.

They are the official examples with some fields replaced; those of octocat/Hello-World, 1347, are unchanged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tux_http.sandbox.samples import EXAMPLE, HOSTILE, example, repository, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tux_http.sandbox.samples import Sample

OFFICIAL: Final = 1347
"""The number in the official examples."""

TRANSFERRED: Final = 12
"""Has gone to the first number of `samples.NEW_HOME`."""

DELETED: Final = 13


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """An issue or, if `pull` is not None, a pull request; the fields replace the example's."""

    shows: str
    title: str
    body: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    pull: Mapping[str, Any] | None = None
    days: float = 2.0

    @property
    def is_pull(self) -> bool:
        return self.pull is not None


_OPEN: Final = {"state": "open", "locked": False, "closed_at": None, "closed_by": None, "state_reason": None}
_CLOSED: Final = {"state": "closed", "locked": False}


def _labels(*names: str) -> dict[str, Any]:
    return {"labels": [{"name": name, "color": "f29513", "default": False} for name in names]}


_TEMPLATE: Final = """\
<!-- Please tell us what happened. -->
### Describe the bug

`/remind` forgets its time zone when **daylight saving** begins.

1. `/remind in 3 weeks`
2. wait
"""

NUMBERED: Final[Mapping[int, Numbered]] = {
    1: Numbered(
        shows="an open issue",
        title="Reminders are an hour late",
        body=_TEMPLATE,
        fields={**_OPEN, **_labels("bug", "good first issue"), "comments": 4},
    ),
    2: Numbered(
        shows="a merged pull request",
        title="Keep the time zone of reminders",
        body="Fixes #1.",
        fields={**_CLOSED, **_labels("bug")},
        pull={"merged": True, "mergeable_state": "unknown"},
    ),
    3: Numbered(
        shows="an issue that is done",
        title="Support Python 3.13",
        fields={**_CLOSED, "state_reason": "completed"},
    ),
    4: Numbered(
        shows="one that won't be",
        title="Rewrite it in COBOL",
        fields={**_CLOSED, "state_reason": "not_planned", "locked": True},
    ),
    5: Numbered(shows="a duplicate", title="Reminders late", fields={**_CLOSED, "state_reason": "duplicate"}),
    6: Numbered(
        shows="a draft",
        title="Work in progress: polls",
        fields={**_OPEN, "draft": True},
        pull={"merged_at": None, "mergeable_state": "draft"},
    ),
    8: Numbered(
        shows="a pull request with conflicts",
        title="Reformat everything",
        fields=_OPEN,
        pull={"merged_at": None, "mergeable_state": "dirty", "additions": 48_213, "deletions": 47_990},
    ),
    9: Numbered(
        shows="one that was turned down",
        title="Add a coin miner",
        fields={**_CLOSED, **_labels("invalid")},
        pull={"merged_at": None},
    ),
    10: Numbered(
        shows="mentions and Markdown in its text",
        title=HOSTILE,
        body=HOSTILE,
        fields={**_OPEN, **_labels(*(f"label-{n}" for n in range(60)))},
    ),
}
"""What there is by number; 7 is taken by a discussion, of which this API knows nothing."""


def issue(sample: Sample, number: int, *, now: datetime) -> dict[str, Any] | None:
    """The body of `GET /repos/{owner}/{repo}/issues/{number}`; None if there is none."""
    if sample.name == EXAMPLE and number == OFFICIAL:
        return json.loads(example("issue"))["value"]
    found = NUMBERED.get(number)
    if found is None:
        return None
    body = _renamed(json.loads(example("issue"))["value"], sample, number, found, now=now)
    if not found.is_pull:
        del body["pull_request"]
    return body


def pull_request(sample: Sample, number: int, *, now: datetime) -> dict[str, Any] | None:
    """The body of `GET /repos/{owner}/{repo}/pulls/{number}`; None if there is none."""
    if sample.name == EXAMPLE and number == OFFICIAL:
        return json.loads(example("pull_request"))
    found = NUMBERED.get(number)
    if found is None or found.pull is None:
        return None
    body = _renamed(json.loads(example("pull_request")), sample, number, found, now=now)
    for side in ("base", "head"):
        body[side]["repo"] = repository(sample, now=now)
    return body | {"merged_at": body["closed_at"]} | dict(found.pull)


def _renamed(
    body: dict[str, Any], sample: Sample, number: int, found: Numbered, *, now: datetime
) -> dict[str, Any]:
    text = json.dumps(body).replace(EXAMPLE, sample.name).replace(f"/{OFFICIAL}", f"/{number}")
    renamed: dict[str, Any] = json.loads(text)
    owner = repository(sample, now=now)["owner"]
    kind = "pull" if found.is_pull else "issues"
    return renamed | {
        "number": number,
        "html_url": f"https://github.com/{sample.name}/{kind}/{number}",
        "title": found.title,
        "body": found.body,
        "user": owner,
        "assignees": [owner],
        "created_at": timestamp(now - timedelta(days=found.days + 3)),
        "updated_at": timestamp(now - timedelta(days=found.days)),
        "closed_at": timestamp(now - timedelta(days=found.days)),
        **found.fields,
    }

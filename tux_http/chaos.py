"""Faults on purpose: `github:status=503,ratio=0.2;github:latency=4s` -> frozen rules, and what they have done.

For those who want to see what their bot says when an upstream fails. `transports/chaos.py` does what the rules
say. A rule names an API, or `*` for each, and what happens to its calls.
"""

from __future__ import annotations

import difflib
import math
import random
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

__all__ = ["EVERY", "FAULTS", "VARIABLE", "ChaosError", "Faults", "Hits", "Rule", "parse"]

VARIABLE: Final = "TUX_HTTP_CHAOS"
"""The environment variable that holds the rules of a process."""

EVERY: Final = "*"
"""The name of every API."""

FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "status": "is answered with a status: status=503",
        "limit": "is over the hourly limit (403), or with limit=secondary too fast (429)",
        "timeout": "gets no answer, until it is given up",
        "connect": "finds nobody who accepts the connection",
        "certificate": "meets a certificate that is not valid",
        "proxy": "is turned away by the bot's own proxy",
        "reset": "loses the connection before the answer",
        "garbled": "gets something that is no HTTP",
        "truncated": "gets half an answer, and then the end of the connection",
        "damaged": "gets an answer that can't be decompressed",
        "invalid": "gets a web page where JSON was asked for",
        "too-large": "gets an answer without an end",
        "loop": "is sent to where it came from",
    }
)
"""What may happen to a call in place of its answer. Only one of them can."""

LIMITS: Final = ("primary", "secondary")
LIMITED_FOR: Final = 60.0
"""Seconds that a limit holds, if its rule does not say."""

LOWEST_STATUS, HIGHEST_STATUS = 200, 599
LONGEST: Final = 86_400.0

_EXTRAS: Final = ("latency", "ratio", "after", "times", "retry-after")
_API: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*|\*")
_TIME: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s)", re.ASCII)
_SHAPE: Final = "it must be API:FAULT, such as github:status=503"


class ChaosError(ValueError):
    """The rules are wrong. `problems` has a line for each part to put right, which names what would do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What happens to calls of one API. Times are in seconds.

    `fault` is one of `FAULTS`, with `status` or the kind of `limit` where it is that; None if a call is only
    late, by `latency`. `ratio` is the share of calls that it happens to, by chance. The first `after` calls are
    spared, and so are all once it has happened `times` times. `retry_after` is what an answer with a status, or
    a limit, asks for.
    """

    api: str
    fault: str | None = None
    status: int | None = None
    limit: str | None = None
    latency: float = 0.0
    ratio: float = 1.0
    after: int = 0
    times: int | None = None
    retry_after: float | None = None

    def __post_init__(self) -> None:
        _check_fault(self)
        if not 0 <= self.latency <= LONGEST:
            raise ValueError("latency must be at most a day, such as 4s or 250ms")
        if not 0 < self.ratio <= 1:
            raise ValueError("ratio must be over 0 and at most 1, such as 0.2")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1")
        if self.after < 0:
            raise ValueError("after must be at least 0")

    def __str__(self) -> str:
        """The rule as it is written; `parse` reads it."""
        parts = [] if self.fault is None else [_named(self)]
        parts += [f"latency={_time(self.latency)}"] if self.latency else []
        parts += [] if self.ratio == 1 else [f"ratio={_number(self.ratio)}"]
        parts += [f"after={self.after}"] if self.after else []
        parts += [] if self.times is None else [f"times={self.times}"]
        parts += [] if self.retry_after is None else [f"retry-after={_time(self.retry_after)}"]
        return f"{self.api}:{','.join(parts)}"


def _check_fault(rule: Rule) -> None:
    if rule.fault is None and not rule.latency:
        raise ValueError(f"nothing happens: add a fault or latency=4s; faults are {', '.join(FAULTS)}")
    if rule.fault == "timeout" and rule.latency:
        raise ValueError("timeout has no latency: its answer never comes; keep one of the two")
    if rule.status is not None and not LOWEST_STATUS <= rule.status <= HIGHEST_STATUS:
        raise ValueError(f"status must be from {LOWEST_STATUS} to {HIGHEST_STATUS}, such as 503")
    if rule.limit is not None and rule.limit not in LIMITS:
        raise ValueError(f"limit must be one of {', '.join(LIMITS)}")
    if rule.retry_after is None:
        return
    if rule.fault not in {"status", "limit"}:
        raise ValueError("retry-after goes with status= or limit")
    if not 1 <= rule.retry_after <= LONGEST or rule.retry_after % 1:
        raise ValueError("retry-after must be whole seconds, at least one and at most a day, such as 30s")


def _named(rule: Rule) -> str:
    value = rule.status or (rule.limit if rule.limit != LIMITS[0] else None)
    return f"{rule.fault}={value}" if value else str(rule.fault)


def _time(seconds: float) -> str:
    return f"{_number(seconds)}s" if seconds >= 1 else f"{_number(seconds * 1000)}ms"


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


# Reading them.


def parse(text: str, *, apis: Collection[str] | None = None) -> tuple[Rule, ...]:
    """The rules that a text holds, one after each `;`; none if it is blank.

    Args:
        text: As in `TUX_HTTP_CHAOS`.
        apis: The names that a rule may have, if they are known.

    Raises:
        ChaosError: With all problems at once.
    """
    rules: list[Rule] = []
    problems: list[str] = []
    for piece in filter(None, map(str.strip, text.split(";"))):
        try:
            rules.append(_rule(piece, apis))
        except ValueError as exc:
            problems.append(f"{piece!r}: {exc}")
    if problems:
        raise ChaosError(problems)
    return tuple(rules)


def _rule(text: str, apis: Collection[str] | None) -> Rule:
    api, colon, rest = (part.strip() for part in text.partition(":"))
    if not colon or not api:
        raise ValueError(_SHAPE)
    if not _API.fullmatch(api):
        raise ValueError(f"{api!r} is no name of an API: {_SHAPE}, or *: for all")
    if apis is not None and api not in {*apis, EVERY}:
        raise ValueError(f"there is no API {api!r}{_near(api, apis)}")
    found: dict[str, Any] = {"api": api}
    for part in filter(None, map(str.strip, rest.split(","))):
        for key, value in _read(part).items():
            if key in found:
                raise ValueError(_twice(key, found, part))
            found[key] = value
    return Rule(**found)


def _twice(key: str, found: Mapping[str, Any], part: str) -> str:
    if key == "fault":
        return f"only one fault can happen to a call: keep {found['fault']!r} or {part!r}, or write two rules"
    return f"{key.replace('_', '-')} is said twice; keep one"


def _read(part: str) -> dict[str, Any]:
    """What one part of a rule says, by the names of `Rule`."""
    name, equals, value = (each.strip() for each in part.partition("="))
    if name in _EXTRAS or name == "status":
        if not value:
            raise ValueError(f"{name} needs a value, such as {_EXAMPLES[name]}")
        return {name.replace("-", "_"): _READERS[name](name, value)} | (
            {"fault": "status"} if name == "status" else {}
        )
    if name == "limit":
        return {"fault": name, "limit": value if equals else LIMITS[0]}
    if name not in FAULTS:
        raise ValueError(f"there is no {name!r}{_near(name, (*FAULTS, *_EXTRAS))}")
    if equals:
        raise ValueError(f"{name} takes no value; write {name}")
    return {"fault": name}


def _near(wrong: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(wrong.lower(), sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known))}"


def _seconds(name: str, value: str) -> float:
    found = _TIME.fullmatch(value)
    if found is None:
        raise ValueError(f"{name} must be a time such as 4s or 250ms, got {value!r}")
    return float(found[1]) / (1000 if found[2] == "ms" else 1)


def _whole(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= len(str(10**9))):
        raise ValueError(f"{name} must be a whole number, such as {_EXAMPLES[name]}, got {value!r}")
    return int(value)


def _share(name: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = math.nan
    if math.isnan(share):
        raise ValueError(f"{name} must be a number over 0 and at most 1, such as 0.2, got {value!r}")
    return share


_READERS: Final[Mapping[str, Callable[[str, str], float]]] = {
    "status": _whole,
    "latency": _seconds,
    "ratio": _share,
    "after": _whole,
    "times": _whole,
    "retry-after": _seconds,
}
_EXAMPLES: Final[Mapping[str, str]] = {
    "status": "status=503",
    "latency": "latency=4s",
    "ratio": "ratio=0.2",
    "after": "after=10",
    "times": "times=3",
    "retry-after": "retry-after=30s",
}


# What they do.


@dataclass(slots=True)
class Hits:
    """How many calls a rule has seen, and to how many of them it has happened."""

    seen: int = 0
    done: int = 0


class Faults:
    """The rules in force, and how often each has happened. They may change while calls are under way.

    Args:
        rules: As `parse` gives them.
        draw: Random numbers from 0 up to 1, for `ratio`.
    """

    def __init__(self, rules: Iterable[Rule] = (), *, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._rules: tuple[tuple[Rule, Hits], ...] = ()
        self.use(rules)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rule, _ in self._rules)

    @property
    def counts(self) -> tuple[tuple[Rule, Hits], ...]:
        """Each rule with what it has done."""
        return self._rules

    def use(self, rules: Iterable[Rule]) -> None:
        """Puts others in place of the rules; they count from zero."""
        self._rules = tuple((rule, Hits()) for rule in rules)

    def strike(self, api: str | None) -> tuple[Rule, ...]:
        """The rules that happen to the next call of an API. Each is counted, though the first fault wins."""
        return tuple(
            rule for rule, hits in self._rules if rule.api in {api, EVERY} and self._happens(rule, hits)
        )

    def _happens(self, rule: Rule, hits: Hits) -> bool:
        hits.seen += 1
        if hits.seen <= rule.after or (rule.times is not None and hits.done >= rule.times):
            return False
        if rule.ratio < 1 and self._draw() >= rule.ratio:
            return False
        hits.done += 1
        return True

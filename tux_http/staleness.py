"""`note_on`: what a card says of an answer that stands in for one which could not be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tux_http.embeds import label

if TYPE_CHECKING:
    from tux_http.call import Call

__all__ = ["note_on"]

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

UNREMARKABLE: Final = frozenset({None, "refreshing"})
"""Why an answer may be old without a word: it is a minute past its time at most, and a new one is on its way."""

SLOW: Final = frozenset({"slow", "TimeoutError", "ReadTimeout", "WriteTimeout", "DeadlineExceeded"})

ASKED_BY_MANY: Final = frozenset({"LaneFull", "PoolTimeout"})
"""It is we who would not ask."""


def note_on(call: Call | None, *, service: str) -> str | None:
    """How old an answer is and why no newer one is shown: "12 min old — GitHub is not answering".

    For a place that renders no Markdown, such as an embed's footer.

    Args:
        call: The record of the call: `call_of(response)`.
        service: Display name of the upstream.

    Returns:
        None if there is nothing to say: the answer is as good as the upstream wants it to be.
    """
    if call is None or call.cache != "stale" or call.stale_because in UNREMARKABLE:
        return None
    reason = _reason(call.stale_because or "", label(service, 100))
    return reason if call.cached_age is None else f"{_age(call.cached_age)} old — {reason}"


def _reason(because: str, service: str) -> str:
    if because in SLOW:
        return f"{service} is slow"
    if because in ASKED_BY_MANY:
        return f"many people are asking {service}"
    # Of the statuses below 500, only a limit's have an old answer stand in.
    if because == "RateLimited" or because.startswith("4"):
        return f"{service} limits us"
    return f"{service} is not answering"


def _age(seconds: float) -> str:
    """In the largest unit that fits, and the next one from an hour on; cut, not rounded."""
    whole = max(int(seconds), 0)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        return _in_two(whole // MINUTE, MINUTE, "h", "min")
    return _in_two(whole // HOUR, DAY // HOUR, "d", "h")


def _in_two(smaller: int, a_larger: int, unit: str, smaller_unit: str) -> str:
    larger, rest = divmod(smaller, a_larger)
    return f"{larger} {unit} {rest} {smaller_unit}" if rest else f"{larger} {unit}"

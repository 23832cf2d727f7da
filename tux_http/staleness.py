"""`note_on`: what a card says of an answer that stands in for one which could not be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tux_http.languages import ENGLISH, N_, age
from tux_http.markdown import label

if TYPE_CHECKING:
    from tux_http.call import Call
    from tux_http.languages import Language

__all__ = ["note_on"]

UNREMARKABLE: Final = frozenset({None, "refreshing"})
"""Why an answer may be old without a word: it is a minute past its time at most, and a new one is on its way."""

SLOW: Final = frozenset({"slow", "TimeoutError", "ReadTimeout", "WriteTimeout", "DeadlineExceeded"})

ASKED_BY_MANY: Final = frozenset({"LaneFull", "PoolTimeout"})
"""It is we who would not ask."""


def note_on(call: Call | None, *, service: str, language: Language = ENGLISH) -> str | None:
    """How old an answer is and why no newer one is shown: "12 min old — GitHub is not answering".

    For a place that renders no Markdown, such as an embed's footer.

    Args:
        call: The record of the call: `call_of(response)`.
        service: Display name of the upstream.
        language: Of the note.

    Returns:
        None if there is nothing to say: the answer is as good as the upstream wants it to be.
    """
    if call is None or call.cache != "stale" or call.stale_because in UNREMARKABLE:
        return None
    reason = language.gettext(_reason(call.stale_because or ""), service=label(service, 100))
    if call.cached_age is None:
        return reason
    return language.gettext("{age} old — {reason}", age=age(call.cached_age, language), reason=reason)


def _reason(because: str) -> str:
    if because in SLOW:
        return N_("{service} is slow")
    if because in ASKED_BY_MANY:
        return N_("many people are asking {service}")
    # Of the statuses below 500, only a limit's have an old answer stand in.
    if because == "RateLimited" or because.startswith("4"):
        return N_("{service} limits us")
    return N_("{service} is not answering")

"""What became of a call, as an embed: each attempt, the cache, the breaker, and what refused it.

All that is shown of a call is redacted once more: a path may hold what is secret, such as a webhook's token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord
import httpx

from tux_http.embeds import budget, label, plain
from tux_http.records import LAST
from tux_http.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tux_http.call import Attempt, Call
    from tux_http.records import Failure

__all__ = ["choice_name", "unknown_card", "why_card"]

COLOUR: Final = discord.Colour(0x5865F2)

MOST_ATTEMPTS: Final = 10
"""Redirects and retries that are shown, the last ones."""

CHOICE: Final = 100
"""Longest name of a choice."""


def why_card(
    reference: str, *, failure: Failure | None, call: Call | None, names: Mapping[str, str]
) -> discord.Embed:
    """What became of a call, or of a command that failed without one."""
    embed = discord.Embed(title=f"Reference {reference}", colour=COLOUR)
    embed.description = "\n".join(_story(failure, call, names))
    if call is not None:
        embed.timestamp = call.started_at
        for name, value in _fields(call):
            embed.add_field(name=name, value=value, inline=name not in {"Attempts", "Refused"})
    return budget(embed)


def unknown_card(reference: str) -> discord.Embed:
    shown = label(reference, 64).replace("`", "'") or "-"
    return discord.Embed(
        title="Nothing is known of that reference",
        description=(
            f"`{shown}` is none of the last {LAST:,} calls or failures. They are kept in memory until the bot "
            "restarts; look for it in the log."
        ),
        colour=COLOUR,
    )


def choice_name(failure: Failure) -> str:
    """A failure in a list to pick from: "1a2b3c4d · repo: unavailable, 12:34:56 UTC"."""
    return label(redact(str(failure)), CHOICE)


def _story(failure: Failure | None, call: Call | None, names: Mapping[str, str]) -> Iterator[str]:
    if failure is not None:
        when = discord.utils.format_dt(failure.at, "T")
        yield f"**{_shown(failure.name)}** failed at {when}: {failure.problem} ({_shown(failure.error)})."
    if call is None:
        yield "No call to a service was behind it; the log has the rest."
        return
    service = f"{_shown(names.get(call.api, call.api))}: " if call.api is not None else ""
    yield f"{service}{_shown(f'{call.method} {call.path if call.api is not None else call.url}')} → {_outcome(call)}"
    yield _time(call)


def _outcome(call: Call) -> str:
    return _shown(call.error or str(call.status))


def _time(call: Call) -> str:
    waited = f", {call.waited:.2f} s of it waiting for its turn or for a repetition" if call.waited else ""
    took = "It has not ended yet" if call.elapsed is None else f"It took {call.elapsed:.2f} s{waited}"
    shared = " Its attempts are those of an equal call that was under way." if call.coalesced else ""
    return f"{took}.{shared}"


def _fields(call: Call) -> Iterator[tuple[str, str]]:
    yield "Attempts", "\n".join(_attempts(call)) or "none: no service was asked"
    yield "Cache", _cache(call)
    yield "Breaker", call.breaker or "not asked"
    yield "Protocol", _shown(call.http_version or "-")
    if call.refused_by is not None:
        yield "Refused", f"by the {call.refused_by}"
    if call.limited_until is not None:
        yield "Limited until", discord.utils.format_dt(call.limited_until, "T")


def _attempts(call: Call) -> Iterator[str]:
    skipped = max(len(call.attempts) - MOST_ATTEMPTS, 0)
    if skipped:
        yield f"… {skipped} more before"
    for number, attempt in enumerate(call.attempts[skipped:], skipped + 1):
        is_last = number == len(call.attempts)
        yield f"{number}\\. at {attempt.started:.2f} s: {_met(attempt)}{'' if is_last else _next(attempt)}"


def _met(attempt: Attempt) -> str:
    met = attempt.error or ("no answer yet" if attempt.status is None else str(attempt.status))
    return _shown(met) if attempt.elapsed is None else f"{_shown(met)} after {attempt.elapsed:.2f} s"


def _next(attempt: Attempt) -> str:
    """Why there was another attempt."""
    if attempt.wait is not None:
        why = "as the service asked" if attempt.wait_because == "asked" else "back-off"
        return f"; may pass, repeated {attempt.wait:.2f} s later ({why})"
    if attempt.status is not None and httpx.codes.is_redirect(attempt.status):
        return "; redirected"
    return "; asked once more"


def _cache(call: Call) -> str:
    if call.cache is None:
        return "not asked"
    age = "" if call.cached_age is None else f", {call.cached_age:.0f} s old"
    because = "" if call.stale_because is None else f", because: {_shown(call.stale_because)}"
    return f"{call.cache}{age}{because}"


def _shown(text: str) -> str:
    return plain(redact(text), 300)

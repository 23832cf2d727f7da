"""What became of a call, as an embed: each attempt, the cache, the breaker, and what refused it.

All that is shown of a call is redacted once more: a path may hold what is secret, such as a webhook's token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord
import httpx

from tux_http.cogs.http.terms import ANSWERS, REFUSERS, STATES
from tux_http.embeds import budget
from tux_http.languages import ENGLISH
from tux_http.markdown import label, plain
from tux_http.records import LAST
from tux_http.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tux_http.call import Attempt, Call
    from tux_http.languages import Language
    from tux_http.records import Failure

__all__ = ["choice_name", "unknown_card", "why_card"]

COLOUR: Final = discord.Colour(0x5865F2)

MOST_ATTEMPTS: Final = 10
"""Redirects and retries that are shown, the last ones."""

CHOICE: Final = 100
"""Longest name of a choice."""


def why_card(
    reference: str,
    *,
    failure: Failure | None,
    call: Call | None,
    names: Mapping[str, str],
    language: Language = ENGLISH,
) -> discord.Embed:
    """What became of a call, or of a command that failed without one."""
    embed = discord.Embed(title=language.gettext("Reference {reference}", reference=reference), colour=COLOUR)
    embed.description = "\n".join(_story(failure, call, names, language))
    if call is not None:
        embed.timestamp = call.started_at
        for name, value, inline in _fields(call, language):
            embed.add_field(name=name, value=value, inline=inline)
    return budget(embed)


def unknown_card(reference: str, language: Language = ENGLISH) -> discord.Embed:
    shown = label(reference, 64).replace("`", "'") or "-"
    embed = discord.Embed(
        title=language.gettext("Nothing is known of that reference"),
        description=language.gettext(
            "{reference} is none of the last {most} calls or failures. They are kept in memory until the bot "
            "restarts; look for it in the log.",
            reference=f"`{shown}`",
            most=LAST,
        ),
        colour=COLOUR,
    )
    return budget(embed)


def choice_name(failure: Failure) -> str:
    """A failure in a list to pick from: "1a2b3c4d · repo: unavailable, 12:34:56 UTC"."""
    return label(redact(str(failure)), CHOICE)


def _story(
    failure: Failure | None, call: Call | None, names: Mapping[str, str], language: Language
) -> Iterator[str]:
    if failure is not None:
        yield language.gettext(
            "{command} failed at {when}: {problem} ({error}).",
            command=f"**{_shown(failure.name)}**",
            when=discord.utils.format_dt(failure.at, "T"),
            problem=failure.problem,
            error=_shown(failure.error),
        )
    if call is None:
        yield language.gettext("No call to a service was behind it; the log has the rest.")
        return
    service = f"{_shown(names.get(call.api, call.api))}: " if call.api is not None else ""
    yield f"{service}{_shown(f'{call.method} {call.path if call.api is not None else call.url}')} → {_outcome(call, language)}"
    yield " ".join(_time(call, language))


def _outcome(call: Call, language: Language) -> str:
    if call.error is None and call.status is None:
        return language.gettext("no answer yet")
    return _shown(call.error or str(call.status))


def _time(call: Call, language: Language) -> Iterator[str]:
    gettext, number = language.gettext, language.number
    waited = number(call.waited, 2)
    if call.elapsed is None and call.waited:
        yield gettext(
            "It has not ended yet, {waited} s of it waiting for its turn or for a repetition.", waited=waited
        )
    elif call.elapsed is None:
        yield gettext("It has not ended yet.")
    elif call.waited:
        yield gettext(
            "It took {time} s, {waited} s of it waiting for its turn or for a repetition.",
            time=number(call.elapsed, 2),
            waited=waited,
        )
    else:
        yield gettext("It took {time} s.", time=number(call.elapsed, 2))
    if call.coalesced:
        yield gettext("Its attempts are those of an equal call that was under way.")


def _fields(call: Call, language: Language) -> Iterator[tuple[str, str, bool]]:
    """Name, value, and whether others may stand beside it."""
    gettext = language.gettext
    attempts = "\n".join(_attempts(call, language)) or gettext("none: no service was asked")
    yield gettext("Attempts"), attempts, False
    yield gettext("Cache"), _cache(call, language), True
    state = "" if call.breaker is None else gettext(STATES.get(call.breaker, call.breaker))
    yield gettext("Breaker"), state or gettext("not asked"), True
    yield gettext("Protocol"), _shown(call.http_version or "-"), True
    if call.refused_by is not None:
        yield gettext("Refused"), gettext(REFUSERS.get(call.refused_by, call.refused_by)), False
    if call.lacks is not None:
        yield gettext("The token lacks one of"), _shown(", ".join(call.lacks)), False
    if call.limited_until is not None:
        yield gettext("Limited until"), discord.utils.format_dt(call.limited_until, "T"), True


def _attempts(call: Call, language: Language) -> Iterator[str]:
    skipped = max(len(call.attempts) - MOST_ATTEMPTS, 0)
    if skipped:
        yield language.ngettext("… {n} more before", "… {n} more before", skipped)
    for number, attempt in enumerate(call.attempts[skipped:], skipped + 1):
        is_last = number == len(call.attempts)
        start = language.gettext("at {time} s:", time=language.number(attempt.started, 2))
        met = [_met(attempt, language), *(() if is_last else (_next(attempt, language),))]
        yield f"{number}\\. {start} {'; '.join(met)}"


def _met(attempt: Attempt, language: Language) -> str:
    if attempt.error is None and attempt.status is None:
        met = language.gettext("no answer yet")
    else:
        met = _shown(attempt.error or str(attempt.status))
    if attempt.elapsed is None:
        return met
    return language.gettext("{met} after {time} s", met=met, time=language.number(attempt.elapsed, 2))


def _next(attempt: Attempt, language: Language) -> str:
    """Why there was another attempt."""
    if attempt.wait is not None:
        is_theirs = attempt.wait_because == "asked"
        why = language.gettext("as the service asked") if is_theirs else language.gettext("back-off")
        time = language.number(attempt.wait, 2)
        return language.gettext("may pass, repeated {time} s later ({why})", time=time, why=why)
    if attempt.status is not None and httpx.codes.is_redirect(attempt.status):
        return language.gettext("redirected")
    return language.gettext("asked once more")


def _cache(call: Call, language: Language) -> str:
    if call.cache is None:
        return language.gettext("not asked")
    parts = [language.gettext(ANSWERS[call.cache])]
    if call.cached_age is not None:
        parts.append(language.gettext("{time} s old", time=language.number(round(call.cached_age))))
    if call.stale_because is not None:
        parts.append(language.gettext("because: {why}", why=_shown(call.stale_because)))
    return ", ".join(parts)


def _shown(text: str) -> str:
    return plain(redact(text), 300)

"""How the upstreams do, as an embed with a field for each API."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import discord

from tux_http.cogs.http.terms import STATES
from tux_http.discord_limits import FIELDS
from tux_http.embeds import budget
from tux_http.languages import ENGLISH, duration
from tux_http.markdown import label, plain
from tux_http.transports.news import Paused, Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tux_http.api import API
    from tux_http.caching.store import StoreStats
    from tux_http.http_client import HTTPClient
    from tux_http.languages import Language
    from tux_http.transports import LayerState

__all__ = ["status_card"]

GOOD: Final = discord.Colour(0x248046)
BAD: Final = discord.Colour(0xF0B232)

MOST_LINES: Final = 5
"""Origins that are down, and quotas, that are shown of one API."""


def status_card(
    http: HTTPClient,
    *,
    stored: Iterable[StoreStats],
    names: Mapping[str, str],
    language: Language = ENGLISH,
) -> discord.Embed:
    """For each API its breaker, its quotas, its lane and its cache.

    Args:
        http: The service.
        stored: How much its store holds.
        names: Display names of APIs.
        language: Of the card.
    """
    apis = tuple(http.apis.values())
    down = [api for api in apis if api.layers.circuits.down()]
    embed = discord.Embed(title=language.gettext("How the services do"), colour=BAD if down else GOOD)
    embed.description = _summary(apis, down, names, language)
    if http.faults is not None and http.faults.rules:
        embed.description = language.gettext("⚠️ Chaos: calls fail on purpose.") + "\n" + embed.description
    memory = {each.api: each.entries for each in http.shelf.memory.stats()}
    kept = {each.api: each.entries for each in stored}
    for api in sorted(apis, key=lambda api: api not in down)[:FIELDS]:
        value = "\n".join(_lines(api, memory.get(api.name, 0), kept.get(api.name), language))
        embed.add_field(name=label(names.get(api.name, api.layers.title), 100), value=value, inline=False)
    return budget(embed)


def _summary(apis: tuple[API, ...], down: list[API], names: Mapping[str, str], language: Language) -> str:
    if not apis:
        return language.gettext("No service has been named yet.")
    if not down:
        return language.gettext("No breaker is open.")
    services = language.listed([plain(names.get(api.name, api.layers.title), 60) for api in down[:20]])
    return language.gettext("Left alone for failing: {services}.", services=services)


def _lines(api: API, in_memory: int, stored: int | None, language: Language) -> Iterator[str]:
    layers, now, gettext = api.layers, datetime.now(UTC), language.gettext
    yield from _breaker(layers, now, language)
    yield from _quota(layers, now, language)
    turns = layers.turns
    yield gettext(
        "Lane: {running} of {slots} under way, {waiting} of {queue} waiting",
        running=turns.under_way,
        slots=turns.slots,
        waiting=turns.waiting,
        queue=turns.queue,
    )
    if not api.policy.caching.enabled:
        yield gettext("Cache: off")
    elif stored is None:
        yield gettext("Cache: {n} in memory", n=in_memory)
    else:
        yield gettext("Cache: {n} in memory, {stored} stored", n=in_memory, stored=stored)


def _breaker(layers: LayerState, now: datetime, language: Language) -> Iterator[str]:
    if not layers.policy.breaker.enabled:
        yield language.gettext("Breaker: off")
        return
    down, clock = layers.circuits.down(), time.monotonic()
    if not down:
        yield language.gettext("Breaker: closed")
    for origin, circuit in list(down.items())[:MOST_LINES]:
        since = 0.0 if circuit.downtime is None else clock - circuit.downtime.since
        state = circuit.state(clock)
        yield language.gettext(
            "Breaker: {state} for {time}, {origin}, tried again {when}",
            state=f"**{language.gettext(STATES[state])}**",
            time=duration(since, language),
            origin=plain(origin, 100),
            when=discord.utils.format_dt(now + timedelta(seconds=circuit.retry_at(clock) - clock), "R"),
        )
        if circuit.downtime is not None:
            yield "\u2003" + _missed(circuit.downtime.refused, circuit.downtime.stale, language)


def _missed(refused: int, stale: int, language: Language) -> str:
    calls = language.ngettext("{n} call refused", "{n} calls refused", refused)
    answers = language.ngettext("{n} answered stale", "{n} answered stale", stale)
    return f"{calls}, {answers}"


def _quota(layers: LayerState, now: datetime, language: Language) -> Iterator[str]:
    """What is left for each credential, the least first; which credential it is, is not told."""
    gettext = language.gettext
    if not layers.policy.quota.enabled:
        yield gettext("Quota: off")
        return
    news = [each for credential in layers.book.credentials() for each in layers.book.known(credential, now)]
    quotas = sorted((each for each in news if isinstance(each, Told)), key=lambda told: told.remaining)
    pauses = [each.until for each in news if isinstance(each, Paused)]
    if pauses:
        until = discord.utils.format_dt(max(pauses), "R")
        yield gettext("Paused by the service, until {when}", when=until)
    if not quotas:
        yield gettext("Quota: none announced")
    for told in quotas[:MOST_LINES]:
        left, when = _left(told, language), discord.utils.format_dt(told.reset, "R")
        if name := plain(told.name, 40):
            yield gettext("Quota {name}: {left} left, renewed {when}", name=name, left=left, when=when)
        else:
            yield gettext("Quota: {left} left, renewed {when}", left=left, when=when)


def _left(told: Told, language: Language) -> str:
    if told.limit is None:
        return language.number(told.remaining)
    return language.gettext("{n} of {limit}", n=told.remaining, limit=told.limit)

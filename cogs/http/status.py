"""How the upstreams do, as an embed with a field for each API."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import discord

from tux_http.embeds import FIELDS, budget, label, plain
from tux_http.transports.breaker import duration
from tux_http.transports.news import Paused, Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tux_http.api import API
    from tux_http.caching.store import StoreStats
    from tux_http.http_client import HTTPClient
    from tux_http.transports import LayerState

__all__ = ["status_card"]

GOOD: Final = discord.Colour(0x248046)
BAD: Final = discord.Colour(0xF0B232)

MOST_LINES: Final = 5
"""Origins that are down, and quotas, that are shown of one API."""


def status_card(http: HTTPClient, *, stored: Iterable[StoreStats], names: Mapping[str, str]) -> discord.Embed:
    """For each API its breaker, its quotas, its lane and its cache.

    Args:
        http: The service.
        stored: How much its store holds.
        names: Display names of APIs.
    """
    apis = tuple(http.apis.values())
    down = [api for api in apis if api.layers.circuits.down()]
    embed = discord.Embed(title="How the services do", colour=BAD if down else GOOD)
    embed.description = _summary(apis, down, names)
    memory = {each.api: each.entries for each in http.shelf.memory.stats()}
    kept = {each.api: each.entries for each in stored}
    for api in sorted(apis, key=lambda api: api not in down)[:FIELDS]:
        value = "\n".join(_lines(api, memory.get(api.name, 0), kept.get(api.name)))
        embed.add_field(name=label(names.get(api.name, api.name), 100), value=value, inline=False)
    return budget(embed)


def _summary(apis: tuple[API, ...], down: list[API], names: Mapping[str, str]) -> str:
    if not apis:
        return "No service has been named yet."
    if not down:
        return "No breaker is open."
    return (
        f"Left alone for failing: {', '.join(plain(names.get(api.name, api.name), 60) for api in down[:20])}."
    )


def _lines(api: API, in_memory: int, stored: int | None) -> Iterator[str]:
    layers, now = api.layers, datetime.now(UTC)
    yield from _breaker(layers, now)
    yield from _quota(layers, now)
    turns = layers.turns
    yield f"Lane: {turns.under_way} of {turns.slots} under way, {turns.waiting} of {turns.queue} waiting"
    if api.policy.caching.enabled:
        yield f"Cache: {in_memory:,} in memory" + ("" if stored is None else f", {stored:,} stored")
    else:
        yield "Cache: off"


def _breaker(layers: LayerState, now: datetime) -> Iterator[str]:
    if not layers.policy.breaker.enabled:
        yield "Breaker: off"
        return
    down, clock = layers.circuits.down(), time.monotonic()
    if not down:
        yield "Breaker: closed"
    for origin, circuit in list(down.items())[:MOST_LINES]:
        since = 0.0 if circuit.downtime is None else clock - circuit.downtime.since
        tried = discord.utils.format_dt(now + timedelta(seconds=circuit.retry_at(clock) - clock), "R")
        state = circuit.state(clock)
        yield f"Breaker: **{state}** for {duration(since)}, {plain(origin, 100)}, tried again {tried}"
        if circuit.downtime is not None:
            yield f"\u2003{circuit.downtime.refused:,} calls refused, {circuit.downtime.stale:,} answered stale"


def _quota(layers: LayerState, now: datetime) -> Iterator[str]:
    """What is left for each credential, the least first; which credential it is, is not told."""
    if not layers.policy.quota.enabled:
        yield "Quota: off"
        return
    news = [each for credential in layers.book.credentials() for each in layers.book.known(credential, now)]
    quotas = sorted((each for each in news if isinstance(each, Told)), key=lambda told: told.remaining)
    pauses = [each.until for each in news if isinstance(each, Paused)]
    if pauses:
        yield f"Paused by the service, until {discord.utils.format_dt(max(pauses), 'R')}"
    if not quotas:
        yield "Quota: none announced"
    for told in quotas[:MOST_LINES]:
        of = "" if told.limit is None else f" of {told.limit:,}"
        name = f" {plain(told.name, 40)}" if told.name else ""
        yield f"Quota{name}: {told.remaining:,}{of} left, renewed {discord.utils.format_dt(told.reset, 'R')}"

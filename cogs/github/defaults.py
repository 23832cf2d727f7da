"""`Defaults`: what servers have set, at hand; read from and written to `GuildFile` off the event loop."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

import discord
from loguru import logger

from tux_http.cogs.github.reference import reference_of
from tux_http.cogs.github.storage import FAILURES, GuildFile, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from discord.ext import commands

    from tux_http.cogs.github.reference import Reference
    from tux_http.host import Host

__all__ = ["NOTHING_SET", "Defaults", "GuildDefaults", "defaults_of"]

T = TypeVar("T")

PATIENCE: Final = 0.5
"""Seconds that a command waits for what its server has set, before it goes on without."""

GOOD_FOR: Final = 60.0
"""Seconds after which it is read anew: another process may have written it."""

MOST: Final = 4096
"""Servers whose defaults are at hand; the one used longest ago makes room."""

_NONE: Final[Mapping[int, bool]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildDefaults:
    """What a server has set: the repository that is meant where none is named, and more.

    With `ephemeral`, answers are for whoever asks alone, unless they say otherwise. Links are unfurled where
    the channel has a word of its own (`channels`), by that, and elsewhere by `unfurls`.
    """

    repository: Reference | None = None
    favourites: tuple[Reference, ...] = ()
    ephemeral: bool = False
    unfurls: bool = False
    channels: Mapping[int, bool] = field(default_factory=lambda: _NONE)

    def unfurls_in(self, channel: discord.abc.Snowflake | None) -> bool:
        """Whether links in a channel or a thread are unfurled; a thread goes by its channel."""
        above = channel.parent_id if isinstance(channel, discord.Thread) else None
        for each in (channel.id if channel is not None else None, above):
            if each is not None and each in self.channels:
                return self.channels[each]
        return self.unfurls


NOTHING_SET: Final = GuildDefaults()


class Defaults:
    """What servers have set.

    Reading never raises: a file that can't be read is logged, once, and everything is as if nothing were set.
    Writing raises `storage.FAILURES`, and once it returns, what was set is on the disk.

    Args:
        path: Of the file.
        clock: In seconds.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = GuildFile(path)
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tux_http-github")
        self._known: OrderedDict[int, tuple[float, GuildDefaults]] = OrderedDict()
        self._changes = 0
        self._is_out = False
        self._closed = False

    @property
    def is_closed(self) -> bool:
        return self._closed

    async def of(self, guild: discord.abc.Snowflake | int | None) -> GuildDefaults:
        """Those of a server; `NOTHING_SET` in direct messages."""
        if guild is None or self._closed:
            return NOTHING_SET
        key = guild if isinstance(guild, int) else guild.id
        known = self._known.get(key)
        if known is not None and self._clock() - known[0] < GOOD_FOR:
            self._known.move_to_end(key)
            return known[1]
        return await self._read(key, NOTHING_SET if known is None else known[1])

    async def is_ephemeral(
        self, target: commands.Context[Any] | discord.Interaction[Any], public: bool | None = None
    ) -> bool:
        """Whether a command's answer is for its person alone: by their own word, or else by the server's.

        Args:
            target: The command. Typed ones are answered where they were typed.
            public: What the person said, if they did.
        """
        if not isinstance(target, discord.Interaction) and target.interaction is None:
            return False
        return not public if public is not None else (await self.of(target.guild)).ephemeral

    async def set_repository(self, guild: int, repository: Reference | None) -> None:
        await self._write(guild, self._file.set_repository, None if repository is None else str(repository))

    async def set_ephemeral(self, guild: int, *, value: bool) -> None:
        await self._write(guild, self._file.set_ephemeral, value)

    async def set_unfurls(self, guild: int, *, value: bool, channel: int | None = None) -> None:
        """Of the server, or of one of its channels, which may raise `InvalidInput` too."""
        if channel is None:
            await self._write(guild, self._file.set_unfurls, value)
        else:
            await self._write(guild, self._file.set_unfurls_in, channel, value)

    async def add_favourite(self, guild: int, repository: Reference) -> bool:
        """Whether it is new; raises `InvalidInput` too, where there are as many as may be."""
        return await self._write(guild, self._file.add_favourite, str(repository))

    async def remove_favourite(self, guild: int, repository: Reference) -> bool:
        """Whether it was one."""
        return await self._write(guild, self._file.remove_favourite, str(repository))

    async def aclose(self) -> None:
        """Ends with what is being written; nothing is known any more."""
        if not self._closed:
            self._closed = True
            self._known.clear()
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
            finally:
                self._thread.shutdown(wait=False)

    async def _read(self, key: int, otherwise: GuildDefaults) -> GuildDefaults:
        changes = self._changes
        reading = asyncio.get_running_loop().run_in_executor(self._thread, self._file.load, key)
        try:
            async with asyncio.timeout(PATIENCE):
                (repository, unfurls, ephemeral), favourites, channels = await asyncio.shield(reading)
        except (*FAILURES, TimeoutError) as exc:
            self._note_outage(exc)
            reading.add_done_callback(_heard)
            return otherwise
        self._is_out = False
        found = GuildDefaults(
            repository=reference_of(repository or ""),
            favourites=tuple(filter(None, map(reference_of, favourites))),
            ephemeral=ephemeral,
            unfurls=unfurls,
            channels=MappingProxyType(channels),
        )
        if changes == self._changes and not self._closed:
            self._known[key] = self._clock(), found
            self._known.move_to_end(key)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return found

    async def _write(self, guild: int, write: Callable[..., T], *values: object) -> T:
        """Goes on though whoever wants it leaves: what is begun is written whole."""
        self._changes += 1
        loop = asyncio.get_running_loop()
        writing = loop.run_in_executor(self._thread, partial(write, guild, *values))
        writing.add_done_callback(partial(self._written, guild))
        return await asyncio.shield(writing)

    def _written(self, guild: int, writing: asyncio.Future[Any]) -> None:
        _heard(writing)
        self._changes += 1
        self._known.pop(guild, None)

    def _note_outage(self, exc: Exception) -> None:
        if not self._is_out:
            logger.warning(
                "the file {} of what servers have set can't be read, and nothing counts as set: {}: {}",
                self._file.path,
                type(exc).__name__,
                exc,
            )
        self._is_out = True


_by_host: Final[WeakKeyDictionary[Host, Defaults]] = WeakKeyDictionary()


def defaults_of(host: Host) -> Defaults:
    """Those of a bot, the same for all cogs; the one of `/github` closes them."""
    known = _by_host.get(host)
    if known is None or known.is_closed:
        _by_host[host] = known = Defaults(path_of(host.settings.github))
    return known


def _heard(future: asyncio.Future[Any]) -> None:
    """Whoever waited has its error; if nobody did, it is no news."""
    if not future.cancelled():
        future.exception()

"""`TuxBot`: owns the service, opens it in `setup_hook` and closes it after the cogs."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any, Final

import discord
from discord.ext import commands
from loguru import logger

from tux_http.command_sync import sync_commands
from tux_http.config import Settings
from tux_http.host import attach, close_unused, release
from tux_http.http_client import HTTPClient, http_client
from tux_http.languages.commands import give_translator

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    import yarl

UNLOADING_TIME: Final = 2.0
"""Seconds that the cogs have, all together, to unload."""

CONNECTIONS_TIME: Final = 0.75
"""Seconds that the service has to close."""

LEAVING_TIME: Final = 0.75
"""Seconds that leaving voice channels and the gateway may take. discord.py alone would wait for 30."""

RATE_LIMIT_TIME: Final = 30.0
"""Seconds that a request to Discord waits for a rate limit at most. After too many syncs it can be hours."""


class TuxBot(commands.AutoShardedBot):
    """The bot of `python -m tux_http`.

    Args:
        settings: `Settings()` if not given.
        http: The service, as it is configured; if not given, `http_client`, configured by the settings.
        force_sync: Whether the commands are synced though they did not change.
        options: As `commands.AutoShardedBot`.
    """

    gateway_tries: int = 5
    """How often a shard tries to connect for the first time, five seconds apart, before the start fails."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        http: HTTPClient | None = None,
        force_sync: bool = False,
        **options: Any,
    ) -> None:
        self.settings = settings or Settings()
        self.http_client = http or http_client
        self._given_http = http
        self._force_sync = force_sync
        self._incomplete = False  # an extension did not load
        self._launches: dict[int, int] = {}
        self._closing = asyncio.Lock()
        options.setdefault("intents", _intents(self.settings))
        options.setdefault("command_prefix", _prefix(self.settings, options["intents"]))
        options.setdefault("allowed_mentions", discord.AllowedMentions.none())
        options.setdefault("max_ratelimit_timeout", RATE_LIMIT_TIME)
        super().__init__(**options)

    async def setup_hook(self) -> None:
        """Opens the service, registers the APIs, loads the extensions and syncs the commands."""
        try:
            await self._set_up()
        finally:
            if self._is_ending():
                await self.close()  # somebody closed it meanwhile: what came up since then goes, too

    async def _set_up(self) -> None:
        host = attach(self, __name__, http=self._given_http, settings=self.settings, everything=True)
        await give_translator(self)
        await self.http_client.get_client()
        for name in self.settings.apis:
            host.api(name)
        for name in self.settings.bot.extensions:
            if name not in self.extensions and not self._is_ending():  # another one may have loaded it
                await self._load(name)
        if not self._is_ending():
            await self._sync()

    async def _sync(self) -> None:
        if self._force_sync:
            await sync_commands(self, mode="always")
        elif self._incomplete:
            # What failed to load would vanish from Discord, and come back with the next good start.
            logger.warning(
                "the commands are not synced: an extension is missing; --sync sends them all the same"
            )
        else:
            await sync_commands(self, mode=self.settings.bot.sync)

    async def _load(self, extension: str) -> None:
        try:
            await self.load_extension(extension)
        except Exception as exc:  # noqa: BLE001  # one failing extension must not stop the others
            self._incomplete = True
            reason = exc.original if isinstance(exc, commands.ExtensionFailed) else exc
            logger.opt(exception=None if reason is exc else reason).error(
                "extension {} did not load: {}: {}", extension, type(reason).__name__, reason
            )
        else:
            logger.info("extension {} loaded", extension)

    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        """Connects a shard for the first time, as discord.py does, which calls this anew after each failure.

        Raises:
            discord.GatewayNotFound: It failed `gateway_tries` times. discord.py would try for ever.
        """
        tried = self._launches.pop(shard_id, 0)
        if tried >= self.gateway_tries:
            raise discord.GatewayNotFound
        self._launches[shard_id] = tried + 1
        await super().launch_shard(gateway, shard_id, initial=initial)
        self._launches.pop(shard_id, None)

    async def close(self) -> None:
        """Unloads the cogs, then closes the service, then leaves Discord; each step whatever the last one did.

        A step that hangs is cut short: the whole takes three and a half seconds at most.
        """
        async with self._closing:
            await _guarded("unloading the cogs", self._unload(), None)
            await _guarded("closing the connections", self._close_connections(), CONNECTIONS_TIME)
            await _guarded("leaving Discord", self._leave(), None)

    async def _unload(self) -> None:
        until = asyncio.get_running_loop().time() + UNLOADING_TIME
        for extension, share in _shares(tuple(self.extensions), until):
            if extension in self.extensions:  # another one may have unloaded it
                await _guarded(f"unloading {extension}", self.unload_extension(extension), share)
        for cog, share in _shares(tuple(self.cogs), until):
            await _guarded(f"removing cog {cog}", self.remove_cog(cog), share)

    async def _close_connections(self) -> None:
        try:
            await release(self)  # also when a cog that failed to unload still counts as a user
        finally:
            await close_unused(self.http_client)

    def _is_ending(self) -> bool:
        return self._closing.locked() or self.is_closed()

    async def _leave(self) -> None:
        if not self._is_set_up() or self.is_closed():
            return
        try:
            async with asyncio.timeout(LEAVING_TIME):
                # Not commands' close(): it unloads once more what failed to unload, without a bound in time.
                await discord.AutoShardedClient.close(self)
        finally:
            await self.http.close()  # discord.py does so last, and not at all after something that hung

    def _is_set_up(self) -> bool:
        """Whether `start` or `async with` came before; discord.py can't close a client without it."""
        return isinstance(self.loop, asyncio.AbstractEventLoop)  # pyright: ignore[reportUnnecessaryIsInstance]  # a sentinel until then

    async def on_ready(self) -> None:
        """Says that the bot is up; Discord may say so again after a reconnect."""
        logger.info("ready as {} in {} server(s), {} shard(s)", self.user, len(self.guilds), len(self.shards))


def _intents(settings: Settings) -> discord.Intents:
    intents = discord.Intents.default()
    intents.message_content = settings.bot.message_content or any(
        _needs_message_content(name) for name in settings.bot.extensions
    )
    return intents


def _needs_message_content(extension: str) -> bool:
    """Whether an extension says `MESSAGE_CONTENT = True`; one that can't be imported is reported on loading."""
    try:
        module = importlib.import_module(extension)
    except Exception:  # noqa: BLE001  # whatever a foreign module raises, setup_hook meets and reports it
        return False
    return bool(getattr(module, "MESSAGE_CONTENT", False))


def _prefix(settings: Settings, intents: discord.Intents) -> Any:
    # Without the privileged intent Discord only delivers text that mentions the bot.
    if intents.message_content and settings.bot.prefix:
        return commands.when_mentioned_or(settings.bot.prefix)
    return commands.when_mentioned


def _shares(names: tuple[str, ...], until: float) -> Iterator[tuple[str, float]]:
    """Each name with its part of the seconds left: what one does not need goes to those after it."""
    loop = asyncio.get_running_loop()
    for index, name in enumerate(names):
        yield name, max(until - loop.time(), 0.0) / (len(names) - index)


async def _guarded(step: str, work: Coroutine[Any, Any, object], seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except asyncio.CancelledError as exc:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        _report(step, exc)  # of a task that a cog cancelled and then awaited
    except Exception as exc:  # noqa: BLE001  # a failing step must not skip the next one
        _report(step, exc)


def _report(step: str, exc: BaseException) -> None:
    logger.opt(exception=exc).error("{} failed: {}", step, type(exc).__name__)

"""What tux_http keeps on a bot: the service, the settings and the error layer, and who uses them.

`TuxBot`, `tux_http.ext` and each cog of ours `attach` and `detach` under their names; the first makes the
`Host`, the last takes it away. So a cog works alone, in our bot, and beside others in somebody else's.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from loguru import logger

from tux_http.app_key import TOKEN as APP_KEY
from tux_http.config import Settings, from_environment
from tux_http.error_handler import ErrorHandler
from tux_http.http_client import HTTPClient, http_client
from tux_http.retry_file import file_beside

if TYPE_CHECKING:
    from discord.ext import commands

    from tux_http.api import API
    from tux_http.github_app import AppCredential
    from tux_http.languages.commands import CommandTranslator

LAST_TURNS: Final = 10
"""Turns of the event loop in which calls that the service's end broke off reach the error layer."""

__all__ = ["Host", "attach", "close_unused", "detach", "host_of", "release"]

_ATTRIBUTE: Final = "_tux_http_host"
"""Where a bot carries its host. A table of bots would keep them for ever: their hosts refer to them."""


@dataclass(eq=False)
class Host:
    """The service on one bot.

    `users` are the names of those who attached and have not detached yet, `extensions` what `tux_http.ext`
    loaded and is to unload, in this order, and `translator` what it gave the bot.
    """

    http: HTTPClient
    settings: Settings
    errors: ErrorHandler
    loop: asyncio.AbstractEventLoop
    users: set[str] = field(default_factory=set[str])
    extensions: list[str] = field(default_factory=list[str])
    apis: set[str] = field(default_factory=set[str])
    translator: CommandTranslator | None = None

    def api(self, name: str, **otherwise: Any) -> API:
        """The API of the `[apis.NAME]` settings, with NAME's token, if any, as its bearer token (RFC 6750).

        Args:
            name: Of the API.
            otherwise: Arguments for `HTTPClient.api`, where there are no such settings. An operator's
                settings win as a whole.

        Raises:
            KeyError: There are no such settings, and no `base_url` otherwise.
            ValueError: The service has a NAME already, with other arguments.
        """
        arguments = self._arguments(name) if name in self.settings.apis else otherwise
        if "base_url" not in arguments:
            raise KeyError(name)
        api = self.http.api(name, **arguments)
        if name in self.settings.apis:
            api.layers.title = self.settings.apis[name].display_name or name
        self.apis.add(name)
        return api

    def _arguments(self, name: str) -> dict[str, Any]:
        settings = self.settings.apis[name]
        headers = dict(settings.headers)
        if token := self.settings.tokens.get(name):
            headers["Authorization"] = f"Bearer {token}"
        arguments: dict[str, Any] = {"base_url": settings.base_url, "headers": headers}
        if name == "github" and (key := self.settings.tokens.get(APP_KEY)):
            arguments["credential"] = self._credential(arguments, key)
        return {**arguments, "policy": settings.policy()}

    def _credential(self, arguments: dict[str, Any], key: str) -> AppCredential:
        """The tokens of a GitHub App; they are got from an API of their own, beside GitHub's."""
        from tux_http.github_app import NAME, POLICY, AppCredential  # noqa: PLC0415  # few have one

        api = self.http.api(NAME, **arguments, policy=POLICY)
        api.layers.title = f"{self.settings.apis['github'].display_name or 'github'} App"
        self.apis.add(NAME)
        github = self.settings.github
        return AppCredential(api, app_id=github.app_id, installation_id=github.installation_id, key=key)


_hosts: WeakSet[Host] = WeakSet()


def host_of(bot: commands.Bot | commands.AutoShardedBot) -> Host | None:
    """The bot's host, if it has one."""
    return getattr(bot, _ATTRIBUTE, None)


def attach(
    bot: commands.Bot | commands.AutoShardedBot,
    user: str,
    *,
    http: HTTPClient | None = None,
    settings: Settings | None = None,
    everything: bool = False,
) -> Host:
    """Notes one more user of the bot's host, making it for the first.

    Only the first user's word counts for the rest. Attaching twice under a name is attaching once.

    Args:
        bot: Any discord.py bot.
        user: Who will `detach`; an extension says `__name__`.
        http: The service, as it is configured; if not given, `http_client`, configured by the settings.
        settings: The environment's if not given.
        everything: Whether the error layer answers all errors of the bot, or only those of our cogs
            and of the service.

    Raises:
        ConfigError: The environment's settings are wrong.
        RuntimeError: No event loop runs.
    """
    host = host_of(bot)
    if host is None:
        host = _made(bot, http, settings or from_environment(), everything=everything)
        setattr(bot, _ATTRIBUTE, host)
        _hosts.add(host)
    host.users.add(user)
    return host


def _made(
    bot: commands.Bot | commands.AutoShardedBot,
    http: HTTPClient | None,
    settings: Settings,
    *,
    everything: bool,
) -> Host:
    loop = asyncio.get_running_loop()  # first: without one, nothing is touched
    if http is None:
        http = http_client
        _configure(http, settings)
    names = {name: api.display_name or name for name, api in settings.apis.items()}
    retries = file_beside(settings.http.cache)
    handler = ErrorHandler(
        bot, names=names, everything=everything, retries=retries, messages=settings.messages
    )
    return Host(http, settings, handler.install(), loop)


def _configure(http: HTTPClient, settings: Settings) -> None:
    if not http.is_open:
        http.configure(settings.http)
    elif http.settings != settings.http:
        # Somebody uses it already. It serves this bot as it is: closing it here would end their calls.
        logger.warning("the HTTP service is open already, with other [http] settings; they stay as they are")


async def detach(bot: commands.Bot | commands.AutoShardedBot, user: str) -> None:
    """Takes a user off again; with the last one, the error layer, the APIs and the service go."""
    host = host_of(bot)
    if host is None or user not in host.users:
        return
    host.users.remove(user)
    if not host.users:
        await release(bot)


async def release(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Takes the APIs, the service and the error layer off a bot, whoever uses them still."""
    host = host_of(bot)
    if host is None:
        return
    delattr(bot, _ATTRIBUTE)
    _hosts.discard(host)
    kept = {name for other in _sharing(host.http) for name in other.apis}
    try:
        for name in host.apis - kept:
            await host.http.remove_api(name)
        await close_unused(host.http)
        for _ in range(LAST_TURNS):
            await asyncio.sleep(0)
    finally:
        host.errors.uninstall()
    logger.debug("tux_http taken off the bot")


async def close_unused(http: HTTPClient) -> None:
    """Closes a service, unless another bot in this event loop uses it."""
    if not _sharing(http):
        await http.close()


def _sharing(http: HTTPClient) -> list[Host]:
    # Bots of an event loop that is gone may have gone without a word.
    loop = asyncio.get_running_loop()
    return [host for host in _hosts if host.http is http and host.loop is loop]

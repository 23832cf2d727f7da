"""`/github check`, and its short form in the log at the start: what the bot lacks, of Discord and of GitHub."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import discord
import httpx
from discord.utils import format_dt
from loguru import logger

from tux_http.cogs.github.parts import NEUTRAL
from tux_http.cogs.github.token_state import token_state
from tux_http.embeds import budget
from tux_http.languages import ENGLISH, N_
from tux_http.markdown import plain
from tux_http.permission_names import PERMISSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from discord.ext import commands

    from tux_http.cogs.github.token_state import TokenState
    from tux_http.host import Host
    from tux_http.languages import Language

__all__ = ["Check"]

NEEDED: Final = ("view_channel", "send_messages", "embed_links", "attach_files", "read_message_history")
"""Permissions without which something of the commands is missing."""

USEFUL: Final = ("manage_messages",)
"""For hiding Discord's own preview of a link that the bot shows."""

FEW: Final = 100
"""Requests left of an hour's, below which it is said at the start."""

_KINDS: Final[Mapping[str, str]] = {
    "none": N_("none: public repositories only, and few requests an hour"),
    "unknown": N_("not accepted: it is wrong, expired or revoked"),
    "scopes": N_("a classic token; its scopes: {scopes}"),
    "fine": N_("a fine-grained token"),
    "app": N_("of a GitHub App; its permissions: {permissions}"),
}


class Check:
    """What the bot lacks.

    Args:
        host: Of the bot; its `github` API is asked.
    """

    def __init__(self, host: Host) -> None:
        self._api = host.api("github")
        self._has_token = "github" in host.settings.tokens
        self._private = bool(host.settings.github.private_access)
        self._task: asyncio.Task[None] | None = None

    async def card(
        self,
        bot: commands.Bot | commands.AutoShardedBot,
        channel: discord.abc.GuildChannel | discord.Thread | None,
        language: Language,
    ) -> discord.Embed:
        """All of it, for a channel.

        Raises:
            httpx.HTTPError: As `token_state`.
        """
        state = await token_state(self._api, has_token=self._has_token, private=self._private)
        embed = discord.Embed(title=language.gettext("What the bot can do here"), colour=NEUTRAL)
        gettext = language.gettext
        content = (
            gettext("on")
            if bot.intents.message_content
            else gettext(
                "off: links in messages are not seen, and typed commands begin with a mention of the bot"
            )
        )
        embed.add_field(
            name=_marked(gettext("Message content"), bot.intents.message_content), value=content, inline=False
        )
        if channel is not None:
            lacks = _lacking(channel.permissions_for(channel.guild.me), channel)
            shown = _named(lacks, language) if lacks else gettext("all that are needed")
            embed.add_field(name=_marked(gettext("Permissions"), not lacks), value=shown, inline=False)
        embed.add_field(
            name=_marked(gettext("Token"), state.kind != "unknown" and not state.lacks),
            value="\n".join(_token(state, language)),
            inline=False,
        )
        if quotas := "\n".join(_quotas(state, language)):
            embed.add_field(name=gettext("Quota"), value=quotas, inline=False)
        return budget(embed)

    def start(self, bot: commands.Bot | commands.AutoShardedBot) -> None:
        """Says in the log what is lacking, once; GitHub is asked only if the bot is somebody there."""
        if self._task is None:
            self._task = asyncio.create_task(self._said(bot))

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _said(self, bot: commands.Bot | commands.AutoShardedBot) -> None:
        if not bot.intents.message_content:
            logger.info("GitHub: links in messages are not seen: bot.message_content is off")
        for name, lacking in _of_servers(bot).items():
            logger.warning(
                "GitHub: the bot lacks {} in {} of {} server(s)", PERMISSIONS[name], lacking, len(bot.guilds)
            )
        if not self._has_token and self._api.layers.credential is None:
            logger.info("GitHub: no token is set: public repositories only, and 60 requests an hour")
            return
        try:
            state = await token_state(self._api, has_token=self._has_token, private=self._private)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            logger.warning("GitHub: what the token may do could not be asked: {}", type(exc).__name__)
            return
        spent = [
            name for name, quota in state.quotas.items() if quota.remaining < min(FEW, quota.limit // 10)
        ]
        is_good = state.kind != "unknown" and not state.lacks and not spent
        told = "; ".join([*_token(state, ENGLISH), *_quotas(state, ENGLISH)])
        logger.log("INFO" if is_good else "WARNING", "GitHub: the token is {}", told)


def _marked(name: str, good: bool) -> str:
    return f"{'✅' if good else '⚠️'} {name}"


def _lacking(
    may: discord.Permissions, channel: discord.abc.GuildChannel | discord.Thread | None
) -> list[str]:
    names: list[str] = [*NEEDED, *USEFUL]
    if isinstance(channel, discord.Thread):
        names[names.index("send_messages")] = "send_messages_in_threads"
    return [name for name in names if not getattr(may, name)]


def _of_servers(bot: commands.Bot | commands.AutoShardedBot) -> dict[str, int]:
    """How many servers do not let the bot do what it needs, by permission."""
    found: dict[str, int] = {}
    for guild in bot.guilds:
        if (me := _me(guild)) is None:
            continue
        for name in _lacking(me.guild_permissions, None):
            if name in NEEDED:
                found[name] = found.get(name, 0) + 1
    return found


def _me(guild: discord.Guild) -> discord.Member | None:
    found: Any = guild.me  # which discord.py types as if it were always there
    return found


def _named(names: list[str], language: Language) -> str:
    return language.gettext(
        "missing: {permissions}",
        permissions=language.listed([language.gettext(PERMISSIONS[name]) for name in names]),
    )


def _token(state: TokenState, language: Language) -> Iterator[str]:
    gettext = language.gettext
    none = gettext("none")
    yield gettext(
        _KINDS[state.kind],
        scopes=plain(", ".join(state.scopes), 400) or none,
        permissions=plain(", ".join(state.permissions), 400) or none,
    )
    if state.lacks:
        yield gettext("it lacks {names}", names=plain(", ".join(state.lacks), 400))
    if state.expires_at is not None:
        yield gettext("it expires on {when}", when=format_dt(state.expires_at, "D"))


def _quotas(state: TokenState, language: Language) -> Iterator[str]:
    for name, quota in state.quotas.items():
        yield language.gettext(
            "{name}: {n} of {limit} left, renewed {when}",
            name=name,
            n=quota.remaining,
            limit=quota.limit,
            when=f"<t:{quota.reset}:R>",
        )

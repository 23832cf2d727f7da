"""`/github`: what a server sets for the GitHub commands, and what the bot lacks there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.api import fetch_repository
from tux_http.cogs.github.check import Check
from tux_http.cogs.github.defaults import defaults_of
from tux_http.cogs.github.parts import NEUTRAL
from tux_http.cogs.github.privacy import may_see_private
from tux_http.cogs.github.reference import parse_reference, reference_of, web_host
from tux_http.cogs.http.operators import is_operator
from tux_http.discord_limits import CHOICE_VALUE, CHOICES
from tux_http.embeds import budget
from tux_http.languages import language_of
from tux_http.languages.commands import localised
from tux_http.markdown import plain
from tux_http.responding import responding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.cogs.github.defaults import GuildDefaults
    from tux_http.cogs.github.reference import Reference
    from tux_http.host import Host
    from tux_http.languages import Language
    from tux_http.responding import Answer

Context: TypeAlias = commands.Context[Any]
Channel: TypeAlias = (
    discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.ForumChannel | discord.Thread
)

SHOWN: Final = 40
"""Channels with a word of their own that are listed."""

CHECK: Final = "github check"


class Servers(commands.Cog, name="GitHub servers"):
    """What a server sets for the GitHub commands; for those who manage it.

    Args:
        bot: Any discord.py bot.
        host: Of the bot; its `github` API is called.
    """

    def __init__(self, bot: commands.Bot | commands.AutoShardedBot, host: Host) -> None:
        self._bot = bot
        self._api = host.api("github")
        self._host = web_host(self._api.base_url)
        self._private_access = host.settings.github.private_access
        self._operators = frozenset(host.settings.bot.operators)
        self._defaults = defaults_of(host)
        self._check = Check(host)

    async def cog_load(self) -> None:
        if self._bot.is_ready():
            self._check.start(self._bot)

    async def cog_unload(self) -> None:
        await self._check.aclose()
        await self._defaults.aclose()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        self._check.start(self._bot)

    async def cog_check(self, ctx: Context) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # it may be either
        if ctx.guild is None:
            raise commands.NoPrivateMessage
        if ctx.permissions.manage_guild:
            return True
        is_check = ctx.command is not None and ctx.command.qualified_name == CHECK
        if is_check and await is_operator(ctx.bot, ctx.author, self._operators):
            return True
        raise commands.MissingPermissions(["manage_guild"])

    @commands.hybrid_group(
        name=localised("github"),
        description=localised("What this server sets for the GitHub commands; for those who manage it."),
    )
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    async def github(self, ctx: Context) -> None:
        """Shows what this server has set for the GitHub commands, as `github settings` does."""
        if ctx.invoked_subcommand is None:
            await self._show(ctx)

    @github.command(name=localised("settings"), description=localised("Shows what this server has set."))
    async def settings(self, ctx: Context) -> None:
        """Shows what this server has set for the GitHub commands."""
        await self._show(ctx)

    @github.command(
        name=localised("default"),
        description=localised(
            "Sets the repository that is meant where none is named; leave it out to have none."
        ),
    )
    @app_commands.rename(repository=localised("repository"))
    @app_commands.describe(repository=localised("owner/name, or a link to it"))
    async def default(self, ctx: Context, repository: str | None = None) -> None:
        """Sets the repository that is meant where none is named; without one, there is none any more."""
        language = language_of(ctx, public=False)
        async with responding(ctx, ephemeral=True) as answer:
            if repository is None:
                await self._defaults.set_repository(_guild(ctx), None)
                await answer(embed=_said(language.gettext("There is no default repository any more.")))
                return
            found = await self._found(ctx, repository)
            await self._defaults.set_repository(_guild(ctx), found)
            said = language.gettext(
                "{repository} is meant now where no repository is named.", repository=_shown(found)
            )
            await answer(embed=_said(said))

    @github.group(
        name=localised("favourites"), description=localised("This server's favourite repositories.")
    )
    async def favourites(self, ctx: Context) -> None:
        """Lists this server's favourite repositories, as `github favourites list` does."""
        if ctx.invoked_subcommand is None:
            await self._list(ctx)

    @favourites.command(name=localised("list"), description=localised("Lists the favourite repositories."))
    async def favourites_list(self, ctx: Context) -> None:
        """Lists this server's favourite repositories."""
        await self._list(ctx)

    @favourites.command(name=localised("add"), description=localised("Adds a favourite repository."))
    @app_commands.rename(repository=localised("repository"))
    @app_commands.describe(repository=localised("owner/name, or a link to it"))
    async def favourites_add(self, ctx: Context, repository: str) -> None:
        """Adds one to this server's favourite repositories."""
        language = language_of(ctx, public=False)
        async with responding(ctx, ephemeral=True) as answer:
            found = await self._found(ctx, repository)
            is_new = await self._defaults.add_favourite(_guild(ctx), found)
            text = (
                language.gettext("{repository} is a favourite now.", repository=_shown(found))
                if is_new
                else language.gettext("{repository} is a favourite already.", repository=_shown(found))
            )
            await answer(embed=_said(text))

    @favourites.command(name=localised("remove"), description=localised("Removes a favourite repository."))
    @app_commands.rename(repository=localised("repository"))
    @app_commands.describe(repository=localised("owner/name, or a link to it"))
    async def favourites_remove(self, ctx: Context, repository: str) -> None:
        """Removes one from this server's favourite repositories."""
        language = language_of(ctx, public=False)
        asked = parse_reference(repository, host=self._host)
        async with responding(ctx, ephemeral=True) as answer:
            was_one = await self._defaults.remove_favourite(_guild(ctx), asked)
            text = (
                language.gettext("{repository} is no favourite any more.", repository=_shown(asked))
                if was_one
                else language.gettext("{repository} was no favourite.", repository=_shown(asked))
            )
            await answer(embed=_said(text))

    @favourites_remove.autocomplete("repository")
    async def _favourites_of(
        self, interaction: discord.Interaction[Any], current: str
    ) -> list[app_commands.Choice[str]]:
        if (
            not interaction.permissions.manage_guild
        ):  # a cog's check does not hold for what is shown while typing
            return []
        typed = current.strip().lower()
        known = (await self._defaults.of(interaction.guild_id)).favourites
        names = [name for each in known if typed in (name := str(each)).lower() and len(name) <= CHOICE_VALUE]
        return [app_commands.Choice(name=name, value=name) for name in names[:CHOICES]]

    @github.command(
        name=localised("unfurl"),
        description=localised("Whether links to GitHub in messages are shown as cards."),
    )
    @app_commands.rename(show=localised("show"), channel=localised("where"))
    @app_commands.describe(
        show=localised("Whether they are"),
        channel=localised("Where; all channels without a setting of their own if it is left out"),
    )
    async def unfurl(self, ctx: Context, show: bool, channel: Channel | None = None) -> None:
        """Sets whether links to GitHub in messages are shown as cards, in a channel or in all of them."""
        language = language_of(ctx, public=False)
        async with responding(ctx, ephemeral=True) as answer:
            place = None if channel is None else channel.id
            await self._defaults.set_unfurls(_guild(ctx), value=show, channel=place)
            await answer(embed=_said("\n".join(self._unfurls_said(show, place, language))))

    def _unfurls_said(self, show: bool, place: int | None, language: Language) -> Iterator[str]:
        gettext = language.gettext
        match show, place:
            case True, None:
                yield gettext("Links to GitHub are shown as cards now.")
            case False, None:
                yield gettext(
                    "Links to GitHub are left alone now, but where a channel has a setting of its own."
                )
            case True, _:
                yield gettext("Links to GitHub in {channel} are shown as cards now.", channel=f"<#{place}>")
            case _:
                yield gettext("Links to GitHub in {channel} are left alone now.", channel=f"<#{place}>")
        if show and not self._bot.intents.message_content:
            yield gettext("But the bot is not let read messages; whoever runs it can turn that on.")

    @github.command(
        name=localised("visibility"),
        description=localised("Who sees the answers, where the person who asks doesn't say."),
    )
    @app_commands.rename(public=localised("public"))
    @app_commands.describe(public=localised("Everybody in the channel; otherwise only the person who asks"))
    async def visibility(self, ctx: Context, public: bool) -> None:
        """Sets whether everybody sees the answers to slash commands, or only the person who asks."""
        language = language_of(ctx, public=False)
        async with responding(ctx, ephemeral=True) as answer:
            await self._defaults.set_ephemeral(_guild(ctx), value=not public)
            text = (
                language.gettext("Everybody in the channel sees the answers now.")
                if public
                else language.gettext("Only the person who asks sees the answers now.")
            )
            await answer(embed=_said(text))

    @github.command(
        name=localised("check"), description=localised("What the bot lacks to do all it can here.")
    )
    async def check(self, ctx: Context) -> None:
        """Shows what the bot lacks here: message content, permissions, what its token may do, and its quota."""
        language = language_of(ctx, public=False)
        async with responding(ctx, ephemeral=True) as answer:
            place = (
                ctx.channel if isinstance(ctx.channel, discord.abc.GuildChannel | discord.Thread) else None
            )
            await _tell(ctx, answer, await self._check.card(self._bot, place, language))

    async def _found(self, ctx: Context, typed: str) -> Reference:
        """The repository that is typed, under the name that it has on GitHub, if it may be shown here."""
        asked = parse_reference(typed, host=self._host)
        private = may_see_private(ctx, self._private_access, ephemeral=ctx.interaction is not None)
        found = await fetch_repository(self._api, asked, allow_private=private)
        return reference_of(found.repository.full_name) or asked

    async def _list(self, ctx: Context) -> None:
        language = language_of(ctx, public=False)
        async with responding(ctx, ephemeral=True) as answer:
            known = (await self._defaults.of(ctx.guild)).favourites
            lines = "\n".join(map(_shown, known)) or language.gettext("There are no favourites yet.")
            await _tell(ctx, answer, _said(lines, title=language.gettext("Favourites")))

    async def _show(self, ctx: Context) -> None:
        language = language_of(ctx, public=False)
        async with responding(ctx, ephemeral=True) as answer:
            known = await self._defaults.of(ctx.guild)
            await _tell(ctx, answer, _settings(known, language))


def _settings(known: GuildDefaults, language: Language) -> discord.Embed:
    embed = discord.Embed(title=language.gettext("GitHub in this server"), colour=NEUTRAL)
    for name, value in _fields(known, language):
        embed.add_field(name=name, value=value, inline=False)
    return budget(embed)


def _fields(known: GuildDefaults, language: Language) -> Iterator[tuple[str, str]]:
    gettext = language.gettext
    none = gettext("none")
    yield gettext("Default repository"), none if known.repository is None else _shown(known.repository)
    favourites = [_shown(each) for each in known.favourites]
    yield gettext("Favourites"), ", ".join(favourites[:8]) + (" …" if len(favourites) > 8 else "") or none  # noqa: PLR2004  # one field's worth
    yield (
        gettext("Answers"),
        gettext("for the person who asks") if known.ephemeral else gettext("for everybody in the channel"),
    )
    on, off = gettext("shown as cards"), gettext("left alone")
    own = [f"<#{channel}>: {on if value else off}" for channel, value in [*known.channels.items()][:SHOWN]]
    yield gettext("Links in messages"), "\n".join([on if known.unfurls else off, *own])


async def _tell(ctx: Context, answer: Answer, embed: discord.Embed) -> None:
    """Shows what is not for the channel, such as names of private repositories: typed, by direct message."""
    if ctx.interaction is None:
        await ctx.author.send(embed=embed)
    else:
        await answer(embed=embed)


def _guild(ctx: Context) -> int:
    assert ctx.guild is not None  # `cog_check` has seen to it
    return ctx.guild.id


def _shown(repository: Reference) -> str:
    return plain(str(repository), 200)


def _said(text: str, *, title: str | None = None) -> discord.Embed:
    return budget(discord.Embed(title=title, description=text, colour=NEUTRAL))

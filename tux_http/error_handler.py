"""`ErrorHandler`: answers every failed command, view and modal of a bot with one embed.

An exception goes up to here and is shown nowhere else. Command-local and cog-local handlers come first, as
in discord.py: a command that has one is left to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import discord
import httpx
from discord import app_commands
from discord.ext import commands
from loguru import logger

from tux_http.call import call_of, new_reference
from tux_http.embeds import budget, problem_embed
from tux_http.problems import InvalidInput, Problem, internal_problem, problem_of, root_of
from tux_http.responding import UNSENDABLE, reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["ErrorHandler", "Modal", "View", "handler_of"]

Context: TypeAlias = commands.Context[Any]
Interaction: TypeAlias = discord.Interaction[Any]
AnyCommand: TypeAlias = (
    commands.Command[Any, ..., Any] | app_commands.Command[Any, ..., Any] | app_commands.ContextMenu
)

ALREADY_ACKNOWLEDGED: Final = 40060
"""Discord's code for a second response: https://discord.com/developers/docs/topics/opcodes-and-status-codes."""

_OURS: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict, InvalidInput)
"""Errors of the service and of our cogs: handled in somebody else's commands, too."""

_PACKAGE: Final = "tux_http."

_ATTRIBUTE: Final = "_tux_http_errors"
"""Where a bot carries its error layer. A table of bots would keep them for ever: their layers refer to them."""


def handler_of(client: discord.Client) -> ErrorHandler | None:
    """The error layer that is installed on a bot, if one is."""
    return getattr(client, _ATTRIBUTE, None)


class ErrorHandler:
    """The error layer of one bot.

    Args:
        bot: Any discord.py bot.
        names: Display names of APIs: `{"github": "GitHub"}`.
        everything: Whether all errors are answered; if not, only those of commands of ours, and those of
            the service in any command. The rest goes to the bot's own handlers, as before.
    """

    def __init__(
        self,
        bot: commands.Bot | commands.AutoShardedBot,
        *,
        names: Mapping[str, str],
        everything: bool,
    ) -> None:
        self._bot = bot
        self._names = dict(names)
        self._everything = everything
        self._hooks: tuple[_Hook, ...] = ()

    def install(self) -> Self:
        """Stands before `tree.on_error` and `on_command_error`. Listeners hear every error all the same."""
        if not self._hooks:
            self._hooks = (
                _Hook(self._bot.tree, "on_error", self._takes, self.answer),
                _Hook(self._bot, "on_command_error", self._takes, self.answer),
            )
            setattr(self._bot, _ATTRIBUTE, self)
        return self

    def uninstall(self) -> None:
        """Gives the bot its own handlers back; one that was set after ours stays."""
        for hook in self._hooks:
            hook.release()
        self._hooks = ()
        if handler_of(self._bot) is self:
            delattr(self._bot, _ATTRIBUTE)

    def _takes(self, target: Context | Interaction, error: BaseException) -> bool:
        command = target.command
        if command is not None and _has_own_handler(command):
            return False
        return self._everything or _is_of_ours(command) or isinstance(root_of(error), _OURS)

    async def answer(
        self, target: Context | Interaction, error: BaseException, *, name: str | None = None
    ) -> None:
        """Logs an error, once, and shows it to the person whose command met it. Never raises.

        Args:
            target: Where the error came up.
            error: What was raised; what it wraps is looked at.
            name: What failed, for the log; the command's name if not given.
        """
        try:
            problem, reference = self._judged(error)
            if problem.silent:
                return
            _log(name or _name_of(target), problem, error, reference)
            await _send(target, problem, reference)
        except UNSENDABLE as exc:
            logger.warning("the answer to a failure could not be sent: {}", type(exc).__name__)
        except Exception as exc:  # noqa: BLE001  # the last layer: above it, nobody would be told
            logger.opt(exception=exc).error("the error layer failed on {}", type(error).__name__)

    def _judged(self, error: BaseException) -> tuple[Problem, str]:
        try:
            problem = problem_of(error, names=self._names, now=discord.utils.utcnow())
            return problem, _reference_of(error)
        except Exception as exc:  # noqa: BLE001  # an exception may lie about its attributes, and is answered still
            logger.opt(exception=exc).error("no problem is known for {}", type(root_of(error)).__name__)
            return internal_problem(), new_reference()


class View(discord.ui.View):
    """A view whose failures are answered as those of commands are."""

    async def on_error(
        self, interaction: Interaction, error: Exception, item: discord.ui.Item[Any], /
    ) -> None:
        handler = handler_of(interaction.client)
        if handler is None:
            await super().on_error(interaction, error, item)
        else:
            await handler.answer(interaction, error, name=type(self).__name__)


class Modal(discord.ui.Modal):
    """A modal whose failures are answered as those of commands are."""

    async def on_error(self, interaction: Interaction, error: Exception, /) -> None:
        handler = handler_of(interaction.client)
        if handler is None:
            await super().on_error(interaction, error)
        else:
            await handler.answer(interaction, error, name=type(self).__name__)


class _Hook:
    """Stands in for one error handler of a bot, and hands on to it what it does not take.

    After its release it hands on everything: somebody may have wrapped it and still call it.
    """

    def __init__(
        self,
        owner: Any,
        name: str,
        takes: Callable[[Any, BaseException], bool],
        answer: Callable[[Any, BaseException], Awaitable[None]],
    ) -> None:
        self._owner = owner
        self._name = name
        self._takes = takes
        self._answer = answer
        self._before = getattr(owner, name)
        self._was_set = name in vars(owner)
        self._released = False
        setattr(owner, name, self)

    async def __call__(self, target: Any, error: BaseException, /) -> None:
        if self._released or not self._takes(target, error):
            await self._before(target, error)
        else:
            await self._answer(target, error)

    def release(self) -> None:
        self._released = True
        if getattr(self._owner, self._name) is not self:
            return
        if self._was_set:
            setattr(self._owner, self._name, self._before)
        else:
            delattr(self._owner, self._name)


# Whose command it is.


def _is_of_ours(command: AnyCommand | None) -> bool:
    modules = (getattr(command, "module", None), getattr(_cog_of(command), "__module__", None))
    return any(isinstance(module, str) and module.startswith(_PACKAGE) for module in modules)


def _cog_of(command: AnyCommand | None) -> object:
    return command.cog if isinstance(command, commands.Command) else getattr(command, "binding", None)


def _has_own_handler(command: AnyCommand) -> bool:
    """Whether the command, its groups or its cog handle errors: what discord.py's own default asks."""
    cog = _cog_of(command)
    if isinstance(command, commands.Command):
        return command.has_error_handler() or (isinstance(cog, commands.Cog) and cog.has_error_handler())
    if command.on_error is not None or (
        isinstance(cog, commands.Cog) and cog.has_app_command_error_handler()
    ):
        return True
    parent = command.parent if isinstance(command, app_commands.Command) else None
    while parent is not None:
        if getattr(parent.on_error, "__func__", None) is not app_commands.Group.on_error:
            return True
        parent = parent.parent
    return False


# The log.


def _reference_of(error: BaseException) -> str:
    """That of the call that failed, so that one search finds the call and the failure; else a new one."""
    exc: BaseException | None = root_of(error)
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        if (call := call_of(exc)) is not None:
            return call.reference
        seen.add(id(exc))
        exc = exc.__cause__
    return new_reference()


def _log(name: str, problem: Problem, error: BaseException, reference: str) -> None:
    root = root_of(error)
    logger.bind(reference=reference, problem=problem.code).opt(
        exception=root if problem.traceback else None
    ).log(
        problem.level.upper(),
        "{} failed: {} ({}), ref {}",
        name,
        problem.code,
        type(root).__name__,
        reference,
    )


def _name_of(target: Context | Interaction) -> str:
    return "-" if target.command is None else target.command.qualified_name


# The answer.


async def _send(target: Context | Interaction, problem: Problem, reference: str) -> None:
    embed = budget(problem_embed(problem, reference=reference))
    interaction = target if isinstance(target, discord.Interaction) else target.interaction
    if interaction is not None:
        await _whisper(interaction, embed)
    elif isinstance(target, commands.Context):
        await reply(target, embed=embed)


async def _whisper(interaction: Interaction, embed: discord.Embed) -> None:
    if interaction.type is discord.InteractionType.autocomplete:
        return  # takes choices only
    if not interaction.response.is_done():
        try:
            await interaction.response.send_message(embed=embed, ephemeral=True)
        except discord.HTTPException as exc:
            if (
                exc.code != ALREADY_ACKNOWLEDGED
            ):  # an acknowledgement that Discord got, and we lost the receipt of
                raise
        else:
            return
    placeholder = await _public_placeholder(interaction)
    if placeholder is None:
        await interaction.followup.send(embed=embed, ephemeral=True)
        return
    # A follow-up would take the placeholder's place, and be as public; and one to a deleted placeholder was
    # refused at times (discord/discord-api-docs#2739). So it is filled, and goes when the answer is there.
    await placeholder.edit(content="…")
    try:
        await interaction.followup.send(embed=embed, ephemeral=True)
    finally:
        await placeholder.delete()


async def _public_placeholder(interaction: Interaction) -> discord.WebhookMessage | None:
    """The "thinking…" of an interaction, if it still stands and everybody sees it."""
    if interaction.response.type is not discord.InteractionResponseType.deferred_channel_message:
        return None
    try:
        known = await interaction.original_response()  # discord.py keeps it, so that it may be an old state
        message = await interaction.followup.fetch_message(known.id)
    except discord.NotFound:
        return None
    return message if message.flags.loading and not message.flags.ephemeral else None

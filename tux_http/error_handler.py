"""`ErrorHandler`: answers every failed command, view and modal of a bot with one embed.

An exception goes up to here and is shown nowhere else. Command-local and cog-local handlers come first, as
in discord.py: a command that has one is left to it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import discord
import httpx
from discord import app_commands
from discord.ext import commands
from loguru import logger

from tux_http.answering import tell
from tux_http.call import call_of, new_reference
from tux_http.languages import language_of
from tux_http.noise import Noise
from tux_http.problem_embed import problem_embed
from tux_http.problems import InvalidInput, Problem, internal_problem, problem_of, root_of
from tux_http.records import Failure, recent
from tux_http.redaction import redact_record
from tux_http.responding import UNSENDABLE, reply
from tux_http.retries import Retries
from tux_http.sentry import tagged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
    from pathlib import Path

    from tux_http.call import Call
    from tux_http.languages import Language
    from tux_http.messages import Message

__all__ = ["ErrorHandler", "Modal", "View", "handler_of"]

Context: TypeAlias = commands.Context[Any]
Interaction: TypeAlias = discord.Interaction[Any]
AnyCommand: TypeAlias = (
    commands.Command[Any, ..., Any] | app_commands.Command[Any, ..., Any] | app_commands.ContextMenu
)

_OURS: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict, InvalidInput)
"""Errors of the service and of our cogs: handled in somebody else's commands, too."""

_PACKAGE: Final = "tux_http."

_log: Final = logger.patch(redact_record)
"""Of what holds exceptions: in somebody else's bot nothing else takes the secrets out of them."""

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
        retries: A file where commands are kept that may be tried again; without one, they are in memory.
        messages: The operator's own words for problems, by their codes.
    """

    def __init__(
        self,
        bot: commands.Bot | commands.AutoShardedBot,
        *,
        names: Mapping[str, str],
        everything: bool,
        retries: Path | None = None,
        messages: Mapping[str, Message] = MappingProxyType({}),
    ) -> None:
        self._bot = bot
        self._names = dict(names)
        self._messages = messages
        self._everything = everything
        self._hooks: tuple[_Hook, ...] = ()
        self._noise = Noise()
        self._retries = Retries(bot, file=retries, answer=self._answer_press)

    def install(self) -> Self:
        """Stands before `tree.on_error` and `on_command_error`. Listeners hear every error all the same."""
        if not self._hooks:
            self._hooks = (
                _Hook(self._bot.tree, "on_error", self._takes, self.answer),
                _Hook(self._bot, "on_command_error", self._takes, self.answer),
            )
            setattr(self._bot, _ATTRIBUTE, self)
            self._retries.install()
        return self

    def uninstall(self) -> None:
        """Gives the bot its own handlers back; one that was set after ours stays."""
        for hook in self._hooks:
            hook.release()
        self._hooks = ()
        self._noise.close()
        self._retries.uninstall()
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
            language = _language_of(target)
            problem, call = self._judged(error, language)
            if problem.silent:
                return
            failure = _failure(name or _name_of(target), problem, error, call)
            recent.failed(failure)
            self._log(failure, problem, error)
            await self._show(target, problem, failure.reference, language)
        except UNSENDABLE as exc:
            logger.warning("the answer to a failure could not be sent: {}", type(exc).__name__)
        except Exception as exc:  # noqa: BLE001  # the last layer: above it, nobody would be told
            _log.opt(exception=exc).error("the error layer failed on {}", type(error).__name__)

    async def _answer_press(self, press: Interaction, error: BaseException) -> None:
        await self.answer(press, error, name="Retry")

    async def _show(
        self, target: Context | Interaction, problem: Problem, reference: str, language: Language
    ) -> None:
        embed = problem_embed(problem, reference=reference, language=language)
        interaction = target if isinstance(target, discord.Interaction) else target.interaction
        if interaction is None:
            await reply(target, embed=embed)  # pyright: ignore[reportArgumentType]  # a context: interactions are above
            return
        offer = self._retries.offer(interaction, problem, language=language)
        place = await tell(interaction, embed, None if offer is None else offer.view())
        if offer is not None and place is not None:
            await self._retries.shown(offer, interaction, place)

    def _judged(self, error: BaseException, language: Language) -> tuple[Problem, Call | None]:
        try:
            problem = problem_of(
                error,
                names=self._names,
                now=discord.utils.utcnow(),
                language=language,
                messages=self._messages,
            )
            return problem, _call_behind(error)
        except Exception as exc:  # noqa: BLE001  # an exception may lie about its attributes, and is answered still
            _log.opt(exception=exc).error("no problem is known for {}", type(root_of(error)).__name__)
            return internal_problem(language, self._messages), None

    def _log(self, failure: Failure, problem: Problem, error: BaseException) -> None:
        """One line, the first time in a minute; at DEBUG the others, which are counted."""
        root, level = root_of(error), _log_level(problem, error)
        about = (failure.call and failure.call.api) or failure.name
        if not self._noise.is_news(_kind(failure, about, root, problem), _teller(level, failure, about)):
            level = "DEBUG"
        with tagged(
            reference=failure.reference, problem=problem.code, api=(failure.call and failure.call.api) or "-"
        ):
            _log.bind(reference=failure.reference, problem=problem.code).opt(
                exception=root if problem.traceback else None
            ).log(
                level,
                "{} failed: {} ({}), ref {}",
                failure.name,
                problem.code,
                failure.error,
                failure.reference,
            )


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


def _failure(name: str, problem: Problem, error: BaseException, call: Call | None) -> Failure:
    """What is remembered of it. Its reference is the call's, so that one search finds the call and the failure."""
    return Failure(
        reference=new_reference() if call is None else call.reference,
        at=discord.utils.utcnow(),
        name=name,
        problem=problem.code,
        error=type(root_of(error)).__name__,
        call=call,
    )


def _call_behind(error: BaseException) -> Call | None:
    """The call that failed, if one did."""
    return next((call for exc in _chain(root_of(error)) if (call := call_of(exc)) is not None), None)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    """An exception, what it was raised from, and so on. `from None` hides a cause from readers only."""
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        yield exc
        seen.add(id(exc))
        exc = exc.__cause__ or exc.__context__


def _log_level(problem: Problem, error: BaseException) -> str:
    """That of the problem, but for a 4xx that nobody here has to do anything about."""
    root = root_of(error)
    is_theirs = isinstance(root, httpx.HTTPStatusError) and root.response.is_client_error
    return "INFO" if is_theirs and problem.level == "warning" else problem.level.upper()


def _kind(failure: Failure, about: str, root: BaseException, problem: Problem) -> Hashable:
    """What makes two failures the same: of the same API; of our own faults, from the same place."""
    if not problem.traceback:
        return problem.code, about
    place = root.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = None if place is None else (place.tb_frame.f_code.co_filename, place.tb_lineno)
    return problem.code, about, failure.error, where


def _teller(level: str, failure: Failure, about: str) -> Callable[[int], None]:
    def say(more: int) -> None:
        logger.bind(problem=failure.problem, more=more).log(
            level, "{}: {}: … and {} more like it in the last minute", about, failure.problem, more
        )

    return say


def _language_of(target: Context | Interaction) -> Language:
    """An interaction's failure is for its person's eyes only; a typed command's stands in the channel."""
    is_typed = not isinstance(target, discord.Interaction) and target.interaction is None
    return language_of(target, public=is_typed)


def _name_of(target: Context | Interaction) -> str:
    return "-" if target.command is None else target.command.qualified_name

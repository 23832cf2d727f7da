"""`Retries`: the Retry button under an error that trying again may mend.

It is disabled until the time that the problem tells, works for whoever gave the command, once, and is taken away
before Discord lets its message be edited no more.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeAlias

import discord
from loguru import logger

from tux_http.languages import ENGLISH, language_for
from tux_http.replay import replay, request_of, taking_its_place
from tux_http.responding import TOKEN_LIVES, UNSENDABLE
from tux_http.retry_errors import NotYours, TooLate, TooSoon
from tux_http.retry_file import FAILURES, MOST, Kept, RetryFile

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from discord.ext import commands

    from tux_http.languages import Language
    from tux_http.problems import Problem

    Answer: TypeAlias = Callable[[discord.Interaction[Any], BaseException], Awaitable[None]]

__all__ = ["CLOSING", "Offer", "Place", "Retries", "RetryButton", "end_of"]

Interaction: TypeAlias = discord.Interaction[Any]

CLOSING: Final = 20.0
"""Seconds before the end of an interaction's token when the button goes."""

WORTH_WAITING: Final = 10.0
"""Seconds that a button must work for, or there is none."""

_ATTRIBUTE: Final = "_tux_http_retries"
"""Where a bot carries its retries."""


class Offer(NamedTuple):
    """What may be tried again, before the message that says so is there; `under` is a component's message."""

    key: str
    request: bytes
    ready_at: float | None
    under: discord.Message | None
    language: Language = ENGLISH

    def view(self) -> discord.ui.View:
        return _view(self.key, self.language, disabled=self.ready_at is not None)


class Place(NamedTuple):
    """A message, and how it is edited: with an interaction's token until `until`, or as the bot's own."""

    message_id: int
    until: float
    token: str | None = None
    channel_id: int | None = None


class RetryButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"tux_http:retry:(?P<key>[\w-]{1,64})",
):
    """The button; what it repeats is kept by the bot, under the key in its `custom_id`."""

    def __init__(self, key: str, language: Language = ENGLISH, *, disabled: bool = False) -> None:
        super().__init__(
            discord.ui.Button(
                label=language.gettext("Retry"),
                emoji="🔁",
                custom_id=f"tux_http:retry:{key}",
                disabled=disabled,
            )
        )
        self._key = key

    @classmethod
    async def from_custom_id(cls, _: Interaction, __: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(match["key"])

    async def callback(self, interaction: Interaction) -> None:
        retries: Retries | None = getattr(interaction.client, _ATTRIBUTE, None)
        if retries is not None:
            await retries.pressed(interaction, self._key)


def _view(key: str, language: Language, *, disabled: bool) -> discord.ui.View:
    view = discord.ui.View(timeout=None).add_item(RetryButton(key, language, disabled=disabled))
    view.stop()  # so that discord.py keeps nothing of it: the button is known by its template
    return view


class Retries:
    """What of a bot's commands may be tried again.

    Args:
        bot: Any discord.py bot.
        file: Where it is kept beside the memory.
        answer: Shows a failure of a press.
    """

    def __init__(
        self, bot: commands.Bot | commands.AutoShardedBot, *, file: Path | None, answer: Answer
    ) -> None:
        self._bot = bot
        self._file = None if file is None else RetryFile(file)
        self._answer = answer
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._under: dict[str, discord.Message] = {}
        self._running: set[str] = set()
        self._taken_up: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._installed = False
        self._file_failed = False

    def install(self) -> None:
        """Has the bot know the button, and takes up what was kept before a restart."""
        self._installed = True
        setattr(self._bot, _ATTRIBUTE, self)
        self._bot.add_dynamic_items(RetryButton)
        if self._file is not None:
            self._bot.add_listener(self._take_up, "on_ready")
            if self._bot.is_ready():
                self._spawn(self._take_up())

    def uninstall(self) -> None:
        """Takes the button off the bot; what is in the file stays for the next time."""
        self._installed = False
        self._bot.remove_dynamic_items(RetryButton)
        self._bot.remove_listener(self._take_up, "on_ready")
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._timers.clear()
        self._kept.clear()
        self._under.clear()
        self._taken_up.clear()
        if getattr(self._bot, _ATTRIBUTE, None) is self:
            delattr(self._bot, _ATTRIBUTE)

    # Offering.

    def offer(
        self, interaction: Interaction, problem: Problem, *, language: Language = ENGLISH
    ) -> Offer | None:
        """None if trying again can't mend it, or not while its message can be edited, or it can't be run again."""
        if not self._installed or not problem.again:
            return None
        ready_at = None if problem.retry_at is None else float(math.ceil(problem.retry_at.timestamp()))
        if (ready_at or _now()) > end_of(interaction) - CLOSING - WORTH_WAITING:
            return None
        request = request_of(interaction)
        if request is None:
            return None
        return Offer(secrets.token_urlsafe(16), request, ready_at, interaction.message, language)

    async def shown(self, offer: Offer, interaction: Interaction, place: Place) -> None:
        """Keeps a command whose message has been sent, and enables and removes its button in time."""
        kept = Kept(
            key=offer.key,
            application_id=interaction.application_id,
            user_id=interaction.user.id,
            request=offer.request,
            ready_at=offer.ready_at,
            until=place.until,
            message_id=place.message_id,
            channel_id=place.channel_id,
            token=place.token,
            language=offer.language.code,
        )
        await self._keep(kept, offer.under)

    async def _keep(self, kept: Kept, under: discord.Message | None) -> None:
        self._remember(kept)
        if under is not None:
            self._under[kept.key] = under
        await self._in_file(lambda file: file.save(kept, _now()), None)

    def _remember(self, kept: Kept) -> None:
        self._kept[kept.key] = kept
        if len(self._kept) > MOST:
            self._drop(next(iter(self._kept)))
        if kept.ready_at is None:
            self._at(kept.until - CLOSING, kept, self._close)
        else:
            self._at(kept.ready_at, kept, self._enable)

    # The edits.

    def _at(self, time: float, kept: Kept, work: Callable[[Kept], Coroutine[Any, Any, None]]) -> None:
        self._stop(kept.key)
        delay = min(max(time - _now(), 0.0), TOKEN_LIVES)  # more than that is a clock gone wrong
        loop = asyncio.get_running_loop()
        self._timers[kept.key] = loop.call_later(delay, lambda: self._spawn(work(kept)))

    def _drop(self, key: str) -> None:
        self._kept.pop(key, None)
        self._under.pop(key, None)
        self._taken_up.discard(key)
        self._stop(key)

    def _stop(self, key: str) -> None:
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()

    async def _enable(self, kept: Kept) -> None:
        if kept.key not in self._kept:
            return
        if not await self._is_ours(kept):
            self._drop(kept.key)
            return
        self._at(kept.until - CLOSING, kept, self._close)
        await self._edit(kept, _view(kept.key, language_for(kept.language), disabled=False))

    async def _close(self, kept: Kept) -> None:
        if kept.key not in self._kept:
            return
        is_ours = await self._is_ours(kept)
        self._drop(kept.key)
        if is_ours:
            await self._edit(kept, None)
            await self._in_file(lambda file: file.remove(kept.key), None)

    async def _is_ours(self, kept: Kept) -> bool:
        """Whether no other process of the bot has run it meanwhile, and put something else in its place."""
        if kept.key not in self._taken_up:
            return True
        return await self._in_file(lambda file: file.find(kept.key) is not None, True)

    async def _edit(self, kept: Kept, view: discord.ui.View | None) -> None:
        try:
            if kept.token is None:
                await self._message(kept).edit(view=view)
            else:
                await self._webhook(kept, kept.token).edit_message(kept.message_id, view=view)
        except UNSENDABLE as exc:  # such as of a message that its person has dismissed
            logger.debug("a Retry button could not be changed: {}", type(exc).__name__)

    async def _delete(self, kept: Kept) -> None:
        try:
            if kept.token is None:
                await self._message(kept).delete()
            else:
                await self._webhook(kept, kept.token).delete_message(kept.message_id)
        except UNSENDABLE as exc:
            logger.debug("an error that was tried again could not be deleted: {}", type(exc).__name__)

    def _webhook(self, kept: Kept, token: str) -> discord.Webhook:
        return discord.Webhook.partial(kept.application_id, token, client=self._bot)

    def _message(self, kept: Kept) -> discord.PartialMessage:
        return self._bot.get_partial_messageable(kept.channel_id or 0).get_partial_message(kept.message_id)

    # The press.

    async def pressed(self, press: Interaction, key: str) -> None:
        """Runs it again, or says why not. Never raises."""
        try:
            await self._press(press, key)
        except Exception as exc:  # noqa: BLE001  # discord.py would log it, and tell nobody
            await self._answer(press, exc)

    async def _press(self, press: Interaction, key: str) -> None:
        if key in self._running:  # a second press, while the first has not been answered
            await press.response.defer()
            return
        self._running.add(key)
        try:
            kept, under = await self._of(press, key), self._under.get(key)
            await self._forget(key)
            await self._run(_own(press), kept, under)
        finally:
            self._running.discard(key)

    async def _run(self, press: Interaction, kept: Kept, under: discord.Message | None) -> None:
        try:
            again = await replay(press, kept.request, message=under)
        except Exception:
            await self._edit(kept, None)
            raise
        if press.response.is_done():
            return  # by the error layer, in the place of the message
        if again.response.is_done() or (again.command_failed and not _is_private(press)):
            await self._delete(kept)
        elif not again.command_failed:  # and said nothing; a hybrid command's error may be answered only now
            await self._keep(kept, under)

    async def _of(self, press: Interaction, key: str) -> Kept:
        kept = self._kept.get(key) or await self._in_file(lambda file: file.find(key), None)
        if kept is None or _now() >= kept.until:
            _own(press)
            raise TooLate
        if kept.user_id != press.user.id:
            raise NotYours
        if kept.ready_at is not None and _now() < kept.ready_at - 1:  # it was rounded up
            raise TooSoon(datetime.fromtimestamp(kept.ready_at, UTC))
        return kept

    async def _forget(self, key: str) -> None:
        self._drop(key)
        await self._in_file(lambda file: file.remove(key), None)

    # The file.

    async def _take_up(self) -> None:
        """What was kept before a restart; Discord may say several times that the bot is ready."""
        application_id = self._bot.application_id or 0
        none: list[Kept] = []
        for kept in await self._in_file(lambda file: file.load(application_id, _now()), none):
            if self._installed and kept.key not in self._kept and kept.key not in self._running:
                self._taken_up.add(kept.key)
                self._remember(kept)

    async def _in_file(self, operation: Callable[[RetryFile], Any], otherwise: Any) -> Any:
        if self._file is None:
            return otherwise
        try:
            return await asyncio.to_thread(operation, self._file)
        except FAILURES as exc:
            level, self._file_failed = "DEBUG" if self._file_failed else "WARNING", True
            logger.log(
                level,
                "Retry buttons will not outlive a restart: {} can't be used ({})",
                self._file.path,
                type(exc).__name__,
            )
            return otherwise

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def end_of(interaction: Interaction) -> float:
    """When the interaction's token is over, in seconds since 1970."""
    left = interaction.expires_at.timestamp() - _now()
    if not 0 < left <= TOKEN_LIVES:  # it can't be: one of the clocks is wrong, Discord's or ours
        left = TOKEN_LIVES
    return _now() + left


def _own(press: Interaction) -> Interaction:
    """A press of a message that only its person sees: what comes of it may stand in its place."""
    return taking_its_place(press) if _is_private(press) else press


def _is_private(press: Interaction) -> bool:
    return press.message is not None and press.message.flags.ephemeral


def _now() -> float:
    return discord.utils.utcnow().timestamp()

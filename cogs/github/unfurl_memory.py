"""What the unfurls remember: which links a channel has seen lately, and which message was answered by which."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import discord

    from tux_http.cogs.github.message_links import MessageLinks

__all__ = ["AGAIN_AFTER", "Answered", "Followed", "Recent"]

AGAIN_AFTER: Final = 30 * 60.0
"""Seconds in which a link is shown once in a channel."""

MOST_RECENT: Final = 10_000
"""Links of all channels that are remembered; the oldest are forgotten first."""

MOST_FOLLOWED: Final = 2000
"""Messages whose edits and deletion are followed; the ones that came first are forgotten first."""


class Recent:
    """The links of the last half hour, by channel. Times are in seconds.

    Args:
        window: Seconds that a link is remembered for.
        most: Links that are remembered at once.
    """

    def __init__(self, *, window: float = AGAIN_AFTER, most: int = MOST_RECENT) -> None:
        self._window = window
        self._most = most
        self._taken: OrderedDict[tuple[int, str], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, channel: int, key: str, now: float) -> bool:
        """Whether a link is not remembered; it is then."""
        self._forget(now)
        if (channel, key) in self._taken:
            return False
        self._taken[channel, key] = now
        if len(self._taken) > self._most:
            self._taken.popitem(last=False)
        return True

    def give_back(self, channel: int, key: str) -> None:
        """Forgets a link: it was not shown after all."""
        self._taken.pop((channel, key), None)

    def _forget(self, now: float) -> None:
        while self._taken:
            place, taken = next(iter(self._taken.items()))
            if now - taken < self._window:
                return
            del self._taken[place]


@dataclass(eq=False)
class Answered:
    """A message with links, and the bot's answer to it, if there is one.

    `keys` are of the links that the answer has shown. While `is_covered`, that is all that Discord's previews would
    show; they were taken off `suppressed` times. With `is_over`, it is answered no more: it was deleted, or its
    answer was. What is done about it is done under its `lock`.
    """

    message_id: int
    links: MessageLinks | None = None
    keys: set[str] = field(default_factory=set[str])
    answer: discord.Message | discord.PartialMessage | None = None
    is_covered: bool = False
    suppressed: int = 0
    is_over: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Followed:
    """Messages with links by their id and by that of their answer."""

    def __init__(self, *, most: int = MOST_FOLLOWED) -> None:
        self._most = most
        self._messages: OrderedDict[int, Answered] = OrderedDict()
        self._answers: dict[int, Answered] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def of_message(self, message_id: int) -> Answered | None:
        return self._messages.get(message_id)

    def of_answer(self, message_id: int) -> Answered | None:
        return self._answers.get(message_id)

    def begin(self, message_id: int) -> Answered:
        """That of a message, known or new."""
        if (known := self._messages.get(message_id)) is not None:
            return known
        begun = self._messages[message_id] = Answered(message_id)
        if len(self._messages) > self._most:
            _, oldest = self._messages.popitem(last=False)
            self._unanswer(oldest)
        return begun

    def answered(self, message: Answered, answer: discord.Message | discord.PartialMessage | None) -> None:
        """Notes an answer, or, with None, that it is gone."""
        self._unanswer(message)
        message.answer = answer
        if answer is not None and self._messages.get(message.message_id) is message:
            self._answers[answer.id] = message

    def _unanswer(self, message: Answered) -> None:
        if message.answer is not None:
            self._answers.pop(message.answer.id, None)

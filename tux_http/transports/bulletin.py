"""`Bulletin`: what the processes of a cluster tell each other of one API's limits.

Each tells what its answers teach its `Book`, and puts it where a process that starts later finds it. What
comes from others goes into the book as if it had been learned here, except that it never makes a window
that is known here any wider. No call waits for the telling; the first one of each credential waits for what
others know, a tenth of a second at most.

A call that another process has under way is not known of before it is answered, so that processes together
may send a few calls more than there are left.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
from loguru import logger

from tux_http.caching.board import Board
from tux_http.caching.namespace import namespace
from tux_http.transports.allowance import MOST_CREDENTIALS
from tux_http.transports.news import News, ends, subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tux_http.caching.shelf import Shelf
    from tux_http.transports.allowance import Book

TOPIC: Final = "quota:"

PAUSE: Final = 0.05
"""Seconds between two tellings: what comes meanwhile is told together."""

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 5.0
"""Seconds until it is tried again to reach the server."""

MOST_NEWS: Final = 1024
"""That wait to be told; the oldest make room."""

CLOSING: Final = 0.5
"""Seconds that telling the last news may take."""


class _Message(msgspec.Struct, frozen=True, array_like=True):
    sender: str
    account: str
    news: tuple[News, ...]


_message: Final = msgspec.msgpack.Decoder(_Message)
_note: Final = msgspec.msgpack.Decoder[News](News)
_encode: Final = msgspec.msgpack.Encoder().encode


def _now() -> datetime:
    return datetime.now(UTC)


class Bulletin:
    """Shares what one API's book learns. Its tasks begin with the first call, and end with `aclose`.

    Args:
        board: Where it is told; of a server that all processes use.
        book: The API's; its credentials are digests that are the same in all processes.
        api: Its name.
        wall: The time, aware.
    """

    def __init__(self, board: Board, book: Book, *, api: str, wall: Callable[[], datetime] = _now) -> None:
        self._board = board
        self._book = book
        self._api = api
        self._topic = TOPIC + namespace(api)
        self._wall = wall
        self._name = secrets.token_hex(8)
        self._readings: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[tuple[str, str], News] = {}
        self._listener: asyncio.Task[None] | None = None
        self._teller: asyncio.Task[None] | None = None
        self._is_closed = False

    async def consult(self, account: str) -> None:
        """Has the book know what others have learned of an account, when it is first asked for."""
        reading = self._readings.get(account) or self._first_reading(account)
        if reading is not None and not reading.done():
            await asyncio.wait({reading})

    def tell(self, account: str, news: Iterable[News]) -> None:
        """Tells the others, soon. Nobody has to wait for it."""
        if self._is_closed:
            return
        self._put_by(account, news)
        if self._waiting and (self._teller is None or self._teller.done()):
            self._teller = asyncio.create_task(self._telling())

    async def aclose(self) -> None:
        """Ends the tasks, and tells what is yet untold."""
        self._is_closed = True
        tasks = [
            task for task in (self._listener, self._teller, *self._readings.values()) if task is not None
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._readings.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                await self._tell_all()

    # Telling

    def _put_by(self, account: str, news: Iterable[News]) -> None:
        self._waiting |= {(account, subject(each)): each for each in news}
        while len(self._waiting) > MOST_NEWS:
            del self._waiting[next(iter(self._waiting))]

    async def _telling(self) -> None:
        pause = PAUSE
        while self._waiting:
            told = await self._tell_all()
            pause = PAUSE if told else min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _tell_all(self) -> bool:
        """Tells what waits; what could not be told goes on waiting."""
        waiting: dict[str, list[News]] = {}
        for (account, _), each in self._waiting.items():
            waiting.setdefault(account, []).append(each)
        for account, news in waiting.items():
            if not await self._tell(account, news):
                return False
            for each in news:
                if self._waiting.get((account, subject(each))) is each:
                    del self._waiting[account, subject(each)]
        return True

    async def _tell(self, account: str, news: list[News]) -> bool:
        now = self._wall()
        ttl = max(((end - now).total_seconds() for each in news if (end := ends(each))), default=0.0)
        if ttl <= 0:  # it is over
            return True
        notes = {subject(each): _encode(each) for each in news}
        message = _encode(_Message(self._name, account, tuple(news)))
        return await self._board.post(self._topic, account, notes, message, ttl=ttl)

    # Hearing

    def _first_reading(self, account: str) -> asyncio.Task[None] | None:
        if self._is_closed:
            return None
        if self._listener is None:
            self._listener = asyncio.create_task(self._listening())
        if len(self._readings) >= MOST_CREDENTIALS:
            del self._readings[next(iter(self._readings))]
        self._readings[account] = reading = asyncio.create_task(self._read(account))
        return reading

    async def _read(self, account: str) -> None:
        notes = await self._board.read(self._topic, account)
        self._book.heard(account, filter(None, map(_decoded, notes)), self._wall())

    async def _listening(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._board.listening(self._topic) as messages:
                    pause = FIRST_PAUSE
                    await self._catch_up()
                    async for message in messages:
                        self._hear(message)
            except PermissionError as exc:
                logger.warning("{}: limits can't be shared with other processes: {}", self._api, exc)
                return
            except OSError as exc:
                logger.debug("{}: other processes are not heard: {}", self._api, exc)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _catch_up(self) -> None:
        """Learns what was told while nobody here listened, and tells what a new server does not know."""
        for account in tuple(self._readings):
            await self._read(account)
            self.tell(account, self._book.known(account, self._wall()))

    def _hear(self, message: bytes) -> None:
        try:
            heard = _message.decode(message)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # of another version, or not of ours
            return
        if heard.sender != self._name and heard.account in self._readings:
            self._book.heard(heard.account, heard.news, self._wall())


def _decoded(note: bytes) -> News | None:
    try:
        return _note.decode(note)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # as above
        return None


def bulletin_for(shelf: Shelf, book: Book, *, api: str) -> Bulletin | None:
    """The bulletin of an API whose service shares its store with other processes; None if it doesn't.

    Raises:
        ConfigError: The store can't be had.
    """
    if shelf.settings.store != "redis":
        return None
    store = shelf.store
    return Bulletin(store, book, api=api) if isinstance(store, Board) else None

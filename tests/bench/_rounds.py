"""Contenders take turns, round after round, so that a busy machine is as busy for each of them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiohttp
import httpx
from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Sequence


def _of_httpx2() -> tuple[type[Exception], ...]:
    try:
        import httpx2  # noqa: PLC0415  # may be missing
    except ImportError:
        return ()
    return (httpx2.HTTPError,)


FAILURES: Final = (httpx.HTTPError, aiohttp.ClientError, *_of_httpx2())
"""What requests of the contenders fail with; pyreqwest's time-outs are TimeoutErrors."""

T = TypeVar("T")


@dataclass(slots=True)
class Turn:
    """What one turn took for each thing done, in seconds; `cpu` is of all threads of this process."""

    seconds: float = 0.0
    cpu: float = 0.0
    failures: Counter[str] = field(default_factory=Counter[str])


@dataclass
class Result:
    """What the turns of one contender took, for each thing done; `work` things are done in a turn."""

    name: str
    work: int = 1
    turns: list[Turn] = field(default_factory=list[Turn])

    @contextlib.contextmanager
    def turn(self) -> Generator[Turn]:
        turn, seconds, cpu = Turn(), time.perf_counter(), time.process_time()
        yield turn
        done = max(self.work - turn.failures.total(), 1)
        turn.seconds = (time.perf_counter() - seconds) / done
        turn.cpu = (time.process_time() - cpu) / done
        self.turns.append(turn)

    @property
    def seconds(self) -> float:
        return statistics.median(turn.seconds for turn in self.turns)

    @property
    def best(self) -> float:
        return min(turn.seconds for turn in self.turns)

    @property
    def cpu(self) -> float:
        return statistics.median(turn.cpu for turn in self.turns)

    @property
    def failures(self) -> Counter[str]:
        return sum((turn.failures for turn in self.turns), Counter[str]())

    def times_as_long(self, other: Result) -> float:
        """How many times as long it took as the other one, in the median round."""
        pairs = zip(self.turns, other.turns, strict=True)
        return statistics.median(own.seconds / its.seconds for own, its in pairs)

    def longer_by(self, other: Result) -> float:
        """Seconds more than the other one, in the median round."""
        pairs = zip(self.turns, other.turns, strict=True)
        return statistics.median(own.seconds - its.seconds for own, its in pairs)


def rotated(names: Iterable[T], number: int) -> Iterator[T]:
    """All of them, beginning with another one in each round."""
    known = list(names)
    start = number % len(known)
    yield from known[start:] + known[:start]


async def spend(paths: Iterable[str], ask: Callable[[str], Awaitable[Any]], at_once: int) -> Counter[str]:
    """Asks for all of the paths, so many at once; counts what fails, by the names of the errors."""
    left, failures = iter(paths), Counter[str]()

    async def work() -> None:
        for path in left:
            try:
                await ask(path)
            except (TimeoutError, *FAILURES) as exc:
                failures[type(exc).__name__] += 1

    async with asyncio.TaskGroup() as workers:
        for _ in range(at_once):
            workers.create_task(work())
    return failures


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which that part of them lies; the largest where there are too few to tell."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def quiet() -> None:
    """Has the log written as in production, and thrown away; and the collector spared what was imported, as there."""
    logger.remove()
    logger.add(lambda _: None, level="INFO")
    gc.collect()
    gc.freeze()

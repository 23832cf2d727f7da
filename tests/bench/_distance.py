"""A server that is far away: a proxy, in a process of its own, that holds back what it hands on.

TCP's handshake is the kernel's, on loopback it takes no time; so the first bytes of a connection are held back for
as long as it would have taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from tests.bench._serving import FRESH

if TYPE_CHECKING:
    from collections.abc import Generator
    from multiprocessing.connection import Connection

CHUNK: Final = 256 * 1024


class Proxy:
    """What the bench sees of it: its port, and how many connections it took."""

    def __init__(self, port: int, accepted: Any) -> None:
        self.port = port
        self._accepted = accepted

    @property
    def accepted(self) -> int:
        return self._accepted.value


@contextlib.contextmanager
def distant(port: int, *, round_trip: float) -> Generator[Proxy]:
    """Puts a local port so many seconds away."""
    ours, theirs = FRESH.Pipe()
    accepted = FRESH.Value("i", 0)
    process = FRESH.Process(target=_serve, args=(port, round_trip, accepted, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Proxy(ours.recv(), accepted)
    finally:
        process.terminate()
        process.join()
        ours.close()


def _serve(port: int, round_trip: float, accepted: Any, pipe: Connection) -> None:
    asyncio.run(_serve_until_killed(port, round_trip, accepted, pipe))


async def _serve_until_killed(port: int, round_trip: float, accepted: Any, pipe: Connection) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.value += 1  # one task at a time
        established = asyncio.get_running_loop().time() + round_trip
        with contextlib.suppress(OSError):
            upstream, downstream = await asyncio.open_connection("127.0.0.1", port, limit=CHUNK)
            one_way = round_trip / 2
            there = _hand_on(reader, downstream, one_way, not_before=established)
            await asyncio.gather(there, _hand_on(upstream, writer, one_way))

    listener = await asyncio.start_server(connect, "127.0.0.1", 0, limit=CHUNK, backlog=1024)
    pipe.send(listener.sockets[0].getsockname()[1])
    left = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), left.set)  # whoever started it is gone
    await left.wait()


async def _hand_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, *, not_before: float = 0.0
) -> None:
    """Writes what is read, in order, each piece `delay` seconds after it came."""
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

    async def write() -> None:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                break
            writer.write(piece)
        writer.close()

    writing = asyncio.create_task(write())
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(CHUNK):
            pieces.put_nowait((max(loop.time(), not_before) + delay, piece))
    pieces.put_nowait((loop.time() + delay, b""))
    with contextlib.suppress(ConnectionError):
        await writing

"""What must not be left behind: tasks and sockets."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers import settle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tux_http import HTTPClient
    from tux_http.transports.engine.pool import Pool


async def pool_of(client: HTTPClient) -> Pool:
    transport: Any = (await client.get_client())._transport
    return transport.engine.pool


def open_sockets() -> int:
    """The sockets of this process, where the system tells."""
    count = 0
    with contextlib.suppress(OSError):  # no /proc, or the descriptor is that of reading it
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                count += str(descriptor.readlink()).startswith("socket:")
    return count


def other_tasks() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


@contextlib.asynccontextmanager
async def no_strays() -> AsyncGenerator[None]:
    """Fails if its block leaves a task or a socket behind."""
    tasks, sockets = other_tasks(), open_sockets()
    yield
    await settle(lambda: other_tasks() == tasks)
    await settle(lambda: open_sockets() == sockets)

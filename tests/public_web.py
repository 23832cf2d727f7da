"""The public web as the tests have it: names resolved by tables, and a dialer that stays on loopback.

No packet leaves loopback: the dialer that stands in for the system's connects to a listening canary whatever
address it is given. A connection that the guard let through by mistake is one that the canary counts.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.servers import read_request, response
from tux_http.policy import Policy, Retry
from tux_http.untrusted import POLICY, GuardedBackend, Untrusted, rules

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Iterable, Mapping

    import ssrfguard

    from tests.conftest import TLS
    from tests.servers import HTTP1Server
    from tux_http import HTTPClient

PUBLIC = "93.184.215.14"
ONCE = Policy(retry=Retry(attempts=1), quota=POLICY.quota)


def info(address: str, port: int) -> Any:
    """An answer as getaddrinfo gives it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tail = (0, 0) if family is socket.AF_INET6 else ()
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, *tail)


@dataclass
class Names:
    """A resolver: a table of names, whose answers may differ from one lookup to the next. Addresses are themselves."""

    answers: dict[str, Iterable[list[str]]] = field(default_factory=dict[str, "Iterable[list[str]]"])
    asked: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.answers = {name: iter(answers) for name, answers in self.answers.items()}

    async def __call__(self, host: str, port: int) -> list[Any]:
        self.asked.append(host)
        if host in self.answers:
            return [info(address, port) for address in next(iter(self.answers[host]))]
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


class Diverted(GuardedBackend):
    """Connects to servers of the tests, by the address that would be dialed: "*" stands for every other."""

    def __init__(
        self, names: Names, routes: Mapping[str, HTTP1Server], allowed: ssrfguard.Policy | None = None
    ) -> None:
        self.allowed = allowed or rules()
        super().__init__(self.allowed, resolver=names)
        self.dialed: list[str] = []
        self._routes = routes

    async def open(self, addresses: list[Any], local: Any | None = None) -> socket.socket:
        self.dialed += [str(address[4][0]) for address in addresses]
        server = self._routes.get(self.dialed[-1]) or self._routes.get("*")
        if server is None:
            raise ConnectionRefusedError
        return await super().open([info("127.0.0.1", server.port)], local)


async def sing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(response(b"tweet"))


@contextlib.asynccontextmanager
async def for_users(
    service: HTTPClient, backend: Diverted, tls: TLS, **options: Any
) -> AsyncGenerator[Untrusted]:
    options = {"policy": ONCE, "tls": tls.client, **options}
    made = Untrusted(service, backend.allowed, backend=backend, **options)
    try:
        yield made
    finally:
        await made.aclose()

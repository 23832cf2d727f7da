"""The retry layer over an upstream that answers by a script, on a clock that only sleeping moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tux_http.policy import Retry
from tux_http.transports.budget import Budget
from tux_http.transports.layer import DEADLINE_AT
from tux_http.transports.retry import Outcome, Retrier

URL = "https://api.example/things"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = 1000.0


@dataclass
class World:
    """A clock that only sleeping moves, and an upstream that answers by a script; its last line repeats."""

    script: list[Outcome]
    policy: Retry = field(default_factory=Retry)
    draw: float = 1.0
    seconds_per_attempt: float = 0.0
    now: float = START
    waits: list[float] = field(default_factory=list[float])
    bodies: list[bytes] = field(default_factory=list[bytes])

    def __post_init__(self) -> None:
        self.budget = Budget(self.policy)
        self.retrier = Retrier(
            httpx.MockTransport(self.answer),
            self.policy,
            self.budget,
            clock=lambda: self.now,
            wall=lambda: NOW + timedelta(seconds=self.now - START),
            sleep=self.sleep,
            draw=lambda: self.draw,
        )

    @property
    def attempts(self) -> int:
        return len(self.bodies)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(await request.aread())
        self.now += self.seconds_per_attempt
        outcome = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(outcome, httpx.Response):
            return outcome
        raise outcome

    async def call(
        self, method: str = "GET", *, deadline: float | None = 60.0, **options: Any
    ) -> httpx.Response:
        request = httpx.Request(method, URL, **options)
        if deadline is not None:
            request.extensions[DEADLINE_AT] = START + deadline
        return await self.retrier.handle_async_request(request)


def answers(*statuses: int, **headers: str) -> list[Outcome]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return [httpx.Response(status, headers=fields) for status in statuses]

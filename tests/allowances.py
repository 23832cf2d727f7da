"""A book of quotas, a clock and what happens, in short words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tux_http.limits import Announced, Limit, Reason
from tux_http.transports.allowance import Answer, Book, Refusal, Route, Ticket

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
REPOS = ("repos", "repos/o")
SEARCH = ("search", "search/users")


class Story:
    """A book, a clock and what happens, in short words; `at` is seconds since the start."""

    def __init__(self, *, reserve: float = 0.1, secondary_wait: float = 60) -> None:
        self.book = Book(reserve=reserve, secondary_wait=secondary_wait)
        self.now = START

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def try_(
        self, route: Route = REPOS, *, who: str = "me", background: bool = False
    ) -> Ticket | tuple[float, str | None, int | None]:
        """The ticket, or the refusal as seconds to wait, scope and limit."""
        outcome = self.book.start(who, route, self.now, background=background)
        if isinstance(outcome, Refusal):
            return (outcome.retry_at - self.now).total_seconds(), outcome.scope, outcome.limit
        return outcome

    def start(self, route: Route = REPOS, *, who: str = "me", background: bool = False) -> Ticket:
        ticket = self.try_(route, who=who, background=background)
        assert isinstance(ticket, Ticket), ticket
        return ticket

    def passes(self, route: Route = REPOS, *, who: str = "me", background: bool = False) -> bool:
        outcome = self.try_(route, who=who, background=background)
        if isinstance(outcome, Ticket):
            self.book.unanswered(outcome, sent=False)
        return isinstance(outcome, Ticket)

    def told(
        self,
        remaining: int,
        *,
        name: str = "core",
        limit: int | None = 60,
        reset: float = 3600,
        everywhere: bool = False,
    ) -> Announced:
        return Announced(
            name=name, remaining=remaining, limit=limit, reset=self.after(reset), everywhere=everywhere
        )

    def answer(
        self, ticket: Ticket, *quotas: Announced, limit: Limit | None = None, free: bool = False
    ) -> None:
        self.book.answered(ticket, Answer(announced=quotas, limit=limit, free=free), self.now)

    def learn(self, *quotas: Announced, route: Route = REPOS, who: str = "me") -> None:
        self.answer(self.start(route, who=who), *quotas)

    def refused(self, kind: Reason, seconds: float | None, ticket: Ticket | None = None) -> None:
        retry_at = None if seconds is None else self.after(seconds)
        self.answer(ticket or self.start(), limit=Limit(kind=kind, retry_at=retry_at))

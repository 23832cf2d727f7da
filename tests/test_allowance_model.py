"""The book of quotas on any course of events: as a slow model has it, and never too much for an upstream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tux_http.limits import LONGEST_WAIT, Announced, Limit, Reason
from tux_http.transports.allowance import Answer, Book, Refusal, Route, Ticket

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SEARCH = ("search", "search/users")

# The slow model: it keeps all that ever happened and works everything out from that at each question.


@dataclass
class Sent:
    who: str
    route: Route
    at: int  # how much had happened
    placed: tuple[str, ...]
    names: tuple[str, ...]
    ended: bool = False
    ticket: Ticket | None = None


@dataclass
class Ended:
    call: Sent
    now: datetime
    told: dict[str, Announced]
    pause: tuple[datetime, str | None] | None
    costs: bool
    strike: bool
    served: bool


RESOLUTION = timedelta(milliseconds=10)


class Model:
    def __init__(self) -> None:
        self.calls: list[Sent] = []
        self.happened: list[Ended] = []

    def of(self, who: str) -> list[tuple[int, Ended]]:
        return [(number, end) for number, end in enumerate(self.happened) if end.call.who == who]

    def placed(self, route: Route) -> tuple[str, ...]:
        known: dict[str, tuple[str, ...]] = {}
        for end in self.happened:
            rough, fine = end.call.route
            if names := tuple(end.told):
                if fine in known or (rough in known and known[rough] != names):
                    known[fine] = names
                known[rough] = names
        return known.get(route[1]) or known.get(route[0]) or ()

    def left(self, who: str, name: str, now: datetime) -> Announced | None:
        known: Announced | None = None
        since = -1
        for number, end in self.of(who):
            if known is not None and known.reset <= end.now + RESOLUTION:
                known = None
            told = end.told.get(name)
            if told is None:
                if known is not None and end.costs and name in end.call.names and known.remaining > 1:
                    known = self.with_(known, remaining=known.remaining - 1)
                    since = number
                continue
            if known is not None and end.call.at <= since:  # it may be older than what is known
                if abs(told.reset - known.reset) <= timedelta(seconds=2):
                    least = min(told.remaining, known.remaining)
                    told = self.with_(told, remaining=least, reset=max(told.reset, known.reset))
                elif told.reset < known.reset:
                    continue
            known, since = told, number
        return None if known is None or known.reset <= now + RESOLUTION else known

    @staticmethod
    def with_(quota: Announced, *, remaining: int, reset: datetime | None = None) -> Announced:
        return Announced(
            name=quota.name,
            remaining=remaining,
            reset=reset or quota.reset,
            limit=quota.limit,
            everywhere=quota.everywhere,
        )

    def usual(self, who: str, now: datetime) -> tuple[str, ...]:
        if self.left(who, "core", now) is not None:
            return ("core",)
        answers = [end for _, end in self.of(who) if end.told]
        return tuple(n for n, quota in answers[-1].told.items() if quota.everywhere) if answers else ()

    def refusal(self, who: str, route: Route, now: datetime, *, background: bool) -> Refusal | None:
        found: list[Refusal] = []
        for name in self.placed(route) or self.usual(who, now):
            quota = self.left(who, name, now)
            if quota is None:
                continue
            under_way = [c for c in self.calls if c.who == who and not c.ended]
            left = quota.remaining - sum(not c.placed or name in c.placed for c in under_way)
            if left <= 0 or (background and quota.limit is not None and left <= 0.25 * quota.limit):
                found.append(Refusal(retry_at=quota.reset, scope=name or None, limit=quota.limit))
        if (pause := self.pause(who, now)) is not None:
            found.append(Refusal(retry_at=pause[0], scope=pause[1]))
        return max(found, key=lambda refusal: refusal.retry_at, default=None)

    def pause(self, who: str, now: datetime) -> tuple[datetime, str | None] | None:
        current: tuple[datetime, str | None] | None = None
        for _, end in self.of(who):
            if current is not None and current[0] <= end.now + RESOLUTION:
                current = None
            if end.pause is not None and (current is None or current[0] < end.pause[0]):
                current = end.pause
        return None if current is None or current[0] <= now + RESOLUTION else current

    def secondary_wait(self, call: Sent) -> timedelta:
        strikes, struck = 0, -1
        for number, end in self.of(call.who):
            if end.call.at > struck and end.strike:
                strikes, struck = strikes + 1, number
            elif end.call.at > struck and end.served:
                strikes = 0
        together = call.at <= struck
        doublings = max(strikes - 1, 0) if together else strikes
        return min(timedelta(seconds=60) * 2 ** min(doublings, 20), LONGEST_WAIT)


NAMES = ["", "core", "search"]
ROUTES: list[Route] = [("a", "a"), ("a", "a/1"), ("a", "a/2"), ("b", "b/1"), ("c", "c")]
SECONDS = st.sampled_from([0.5, 1, 2, 3, 10, 60, 61, 3600])
# Most answers tell of the window that ends with the minute, some a second off, some of another one.
RESETS = st.sampled_from([0, 0, 0, 1, 3, 60])
ANNOUNCED = st.tuples(
    st.sampled_from(NAMES), st.integers(0, 6), RESETS, st.none() | st.integers(6, 12), st.booleans()
)


class Bookkeeping(RuleBasedStateMachine):
    """The book and the model are told the same and asked the same."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(reserve=0.25, secondary_wait=60)
        self.model = Model()
        self.now = START

    def under_way(self) -> list[Sent]:
        return [call for call in self.model.calls if not call.ended]

    @rule(who=st.sampled_from("xy"), route=st.sampled_from(ROUTES), background=st.booleans())
    def start(self, who: str, route: Route, background: bool) -> None:
        outcome = self.book.start(who, route, self.now, background=background)
        expected = self.model.refusal(who, route, self.now, background=background)
        if expected is not None:
            assert outcome == expected
            return
        assert isinstance(outcome, Ticket)
        placed = self.model.placed(route)
        names = placed or self.model.usual(who, self.now)
        self.model.calls.append(Sent(who, route, len(self.model.happened), placed, names, ticket=outcome))

    @rule(seconds=SECONDS)
    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def end_of_window(self) -> datetime:
        return self.now.replace(second=0, microsecond=0) + timedelta(minutes=1)

    def end(self, call: Sent, end: Ended) -> None:
        call.ended = True
        self.model.happened.append(end)

    @precondition(lambda self: bool(self.under_way()))
    @rule(
        data=st.data(),
        told=st.lists(ANNOUNCED, max_size=2, unique_by=lambda quota: quota[0]),
        free=st.booleans(),
    )
    def answer(
        self, data: st.DataObject, told: list[tuple[str, int, int, int | None, bool]], free: bool
    ) -> None:
        call = data.draw(st.sampled_from(self.under_way()))
        success = data.draw(st.booleans())
        announced = tuple(
            Announced(
                name=name,
                remaining=remaining,
                reset=self.end_of_window() + timedelta(seconds=seconds),
                limit=limit,
                everywhere=everywhere,
            )
            for name, remaining, seconds, limit, everywhere in told
        )
        assert call.ticket is not None
        answer = Answer(announced=announced, free=free, success=success)
        self.book.answered(call.ticket, answer, self.now)
        quotas = {quota.name: quota for quota in announced}
        costs = not announced and not free
        self.end(call, Ended(call, self.now, quotas, None, costs, strike=False, served=success))

    @precondition(lambda self: bool(self.under_way()))
    @rule(data=st.data(), seconds=SECONDS | st.none(), kind=st.sampled_from(["secondary", "other"]))
    def pause(self, data: st.DataObject, seconds: float | None, kind: Reason) -> None:
        call = data.draw(st.sampled_from(self.under_way()))
        assert call.ticket is not None
        wait = self.book.secondary_wait(call.ticket)
        assert wait == self.model.secondary_wait(call)
        retry_at = self.now + (wait if seconds is None else timedelta(seconds=seconds))
        self.book.answered(call.ticket, Answer(limit=Limit(kind=kind, retry_at=retry_at)), self.now)
        pause = (retry_at, "secondary" if kind == "secondary" else None)
        strike = kind == "secondary"
        self.end(call, Ended(call, self.now, {}, pause, costs=False, strike=strike, served=False))

    @precondition(lambda self: bool(self.under_way()))
    @rule(data=st.data(), sent=st.booleans())
    def lose(self, data: st.DataObject, sent: bool) -> None:
        call = data.draw(st.sampled_from(self.under_way()))
        assert call.ticket is not None
        self.book.unanswered(call.ticket, sent=sent)
        self.end(call, Ended(call, self.now, {}, None, costs=sent, strike=False, served=False))


TestBookkeeping = Bookkeeping.TestCase
TestBookkeeping.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


# The simulated upstream: an honest server with fixed windows and answers that overtake each other.

WINDOW = 60
SIZES = {"core": 5, "search": 3}
PLACES: list[tuple[Route, str]] = [
    (("repos", "repos/o"), "core"),
    (("users", "users/u"), "core"),
    (SEARCH, "search"),
]


@dataclass
class Request:
    ticket: Ticket
    resource: str
    window: int  # when it was sent
    informed: bool  # whether an answer of that window had come by then
    reply: Answer | None = None
    window_of_reply: int = 0


class HonestUpstream(RuleBasedStateMachine):
    """What the book lets pass once it knows of a window, the upstream does not have to refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(reserve=0.1, secondary_wait=60)
        self.seconds = 0
        self.wire: list[Request] = []
        self.counted: dict[tuple[str, int], int] = {}
        self.informed: set[tuple[str, int]] = set()

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    @property
    def window(self) -> int:
        return self.seconds // WINDOW

    @rule(place=st.sampled_from(PLACES), calls=st.integers(1, 8))
    def send(self, place: tuple[Route, str], calls: int) -> None:
        route, resource = place
        for _ in range(calls):
            ticket = self.book.start("me", route, self.now)
            if isinstance(ticket, Ticket):
                informed = (resource, self.window) in self.informed
                self.wire.append(Request(ticket, resource, self.window, informed))

    @precondition(lambda self: any(request.reply is None for request in self.wire))
    @rule(data=st.data())
    def process(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from([request for request in self.wire if request.reply is None]))
        key, size = (request.resource, self.window), SIZES[request.resource]
        used = self.counted.get(key, 0)
        reset = START + timedelta(seconds=(self.window + 1) * WINDOW)
        if used >= size:
            assert not (request.informed and request.window == self.window)
            limit = Limit(kind="primary", retry_at=reset, scope=request.resource, limit=size)
        else:
            used, limit = used + 1, None
        self.counted[key] = used
        quota = Announced(
            name=request.resource, remaining=size - used, reset=reset, limit=size, everywhere=False
        )
        request.reply = Answer(announced=(quota,), limit=limit)
        request.window_of_reply = self.window

    @precondition(lambda self: any(request.reply is not None for request in self.wire))
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from([request for request in self.wire if request.reply is not None]))
        self.wire.remove(request)
        assert request.reply is not None
        answer = request.reply
        if answer.announced[0].reset <= self.now:  # what is past, the parser leaves out
            answer = Answer()
        self.informed.add((request.resource, request.window_of_reply))
        self.book.answered(request.ticket, answer, self.now)

    @rule(seconds=st.sampled_from([1, 7, 59, 60]))
    def pass_time(self, seconds: int) -> None:
        self.seconds += seconds


TestHonestUpstream = HonestUpstream.TestCase
TestHonestUpstream.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)

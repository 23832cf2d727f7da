"""The book of what one API's upstream has announced: what is left of each quota, and who is to pause.

Nothing here waits, reads a clock or knows of HTTP. The book is told when a call starts and what came of it,
and says whether the next one may start. What it knows is bounded: no announcement is believed for longer
than `limits.LONGEST_WAIT`, a day, and of credentials, quotas and routes only those used last are kept.

Calls under way count as spent. An answer says what was left when the upstream wrote it; to the calls that
were sent before it came, the book takes it that it does not know of them. So it never counts on more than
there is, and at times on less, until they are answered.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from tux_http.limits import LONGEST_WAIT, Announced, Limit
from tux_http.transports.news import News, Paused, Placed, Told

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator
    from datetime import datetime

__all__ = ["Answer", "Book", "Refusal", "Route", "Ticket"]

K = TypeVar("K")
V = TypeVar("V")

Route: TypeAlias = tuple[str, str]
"""Where a call goes, roughly and finely: the first segment of its path, and the first two."""

MOST_CREDENTIALS: Final = 64
MOST_QUOTAS: Final = 32
MOST_ROUTES: Final = 256

_USUAL: Final = "core"  # what GitHub counts requests on that have no quota of their own
_SAME_WINDOW: Final = timedelta(seconds=2)  # resets that differ less are one, told at different moments
_MOST_DOUBLINGS: Final = 20
_RESOLUTION: Final = timedelta(milliseconds=10)  # who sleeps until a moment may wake this much early


class _Recent(OrderedDict[K, V]):
    """Keeps the entries used last."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def keep(self, key: K, value: V) -> V:
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._size:
            self.popitem(last=False)
        return value

    def recall(self, key: K) -> V | None:
        if key in self:
            self.move_to_end(key)
        return self.get(key)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a response told: of quotas, and of the `limit` for which it was refused, if it was.

    `free` says that it has cost nothing, `success` that the upstream served it.
    """

    announced: tuple[Announced, ...] = ()
    limit: Limit | None = None
    free: bool = False
    success: bool = True


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call may not start, and when it may. `scope` is None where the limit has no name."""

    retry_at: datetime
    scope: str | None = None
    limit: int | None = None


class _Allowance(msgspec.Struct, frozen=True, kw_only=True):
    quota: Announced
    learned: int  # the account's count of lessons when this one was learned


class _Pause(msgspec.Struct, frozen=True, kw_only=True):
    until: datetime
    scope: str | None


class _Account:
    """What was announced to one credential."""

    def __init__(self) -> None:
        self.allowances: _Recent[str, _Allowance] = _Recent(MOST_QUOTAS)
        self.common: tuple[str, ...] = ()  # the quotas on which every request counts
        self.pause: _Pause | None = None
        self.lessons = 0
        self.strikes = 0  # secondary limits in a row
        self.struck = 0  # the lesson of the last of them
        self._under_way: Counter[tuple[str, ...]] = Counter()

    def enter(self, names: tuple[str, ...]) -> None:
        self._under_way[names] += 1

    def leave(self, names: tuple[str, ...]) -> None:
        self._under_way[names] -= 1
        if not self._under_way[names]:
            del self._under_way[names]

    def under_way(self, name: str) -> int:
        """How many calls count on a quota. Those of which it is not known count on each."""
        return sum(calls for names, calls in self._under_way.items() if name in names or not names)

    def quota(self, name: str, now: datetime) -> Announced | None:
        """What is known of a quota; what is no longer to be believed is forgotten."""
        allowance = self.allowances.recall(name)
        if allowance is not None and not _is_ahead(allowance.quota.reset, now):
            del self.allowances[name]
            return None
        return None if allowance is None else allowance.quota

    def usual(self, now: datetime) -> tuple[str, ...]:
        """The quotas on which a request to an unknown place most likely counts."""
        return (_USUAL,) if self.quota(_USUAL, now) else self.common

    def learn(self, told: Announced, *, sent: int, now: datetime) -> None:
        """Takes what an answer told, if it is news to what later or quicker ones told."""
        known = self.allowances.get(told.name) if self.quota(told.name, now) else None
        if known is not None and sent < known.learned:
            if abs(told.reset - known.quota.reset) <= _SAME_WINDOW:
                told = replace(
                    told,
                    remaining=min(told.remaining, known.quota.remaining),
                    reset=max(told.reset, known.quota.reset),
                )
            elif told.reset < known.quota.reset:
                return
        self.allowances.keep(told.name, _Allowance(quota=told, learned=self.lessons))

    def hear(self, told: Told, now: datetime) -> None:
        """Takes what another process was told, which is no news to what is known of the same window."""
        if _is_ahead(told.reset, now):
            self.learn(told.announced(), sent=-1, now=now)
            common = {*self.common, told.name} if told.everywhere else {*self.common} - {told.name}
            self.common = tuple(name for name in self.allowances if name in common)

    def strike(self, strikes: int) -> None:
        """Counts the secondary limits that another process has met in a row."""
        if strikes > self.strikes:
            self.strikes, self.struck = strikes, self.lessons

    def charge(self, names: tuple[str, ...]) -> None:
        """Counts a call of which the upstream told nothing. Only the upstream can say that nothing is left."""
        self.lessons += 1
        for name in names:
            known = self.allowances.get(name)
            if known is not None and known.quota.remaining > 1:
                quota = replace(known.quota, remaining=known.quota.remaining - 1)
                self.allowances[name] = _Allowance(quota=quota, learned=self.lessons)

    def hold(self, pause: _Pause, now: datetime) -> None:
        if self.pause is None or not _is_ahead(self.pause.until, now) or self.pause.until < pause.until:
            self.pause = pause


class Ticket(msgspec.Struct, frozen=True, eq=False):
    """A call under way. Made by `Book.start`, and given back once."""

    account: _Account
    route: Route
    names: tuple[str, ...]  # the quotas on which it most likely counts
    placed: tuple[str, ...]  # those of which its route is known
    sent: int  # what the account had learned by then


class Book:
    """What the upstream of one API has announced, by credential.

    Args:
        reserve: The share of each quota, from 0 to 1, that is kept from background calls.
        secondary_wait: Seconds to pause after a secondary limit that does not say how long. Doubles with
            each further one until a call is served.
    """

    def __init__(self, *, reserve: float, secondary_wait: float) -> None:
        self._reserve = reserve
        self._wait = timedelta(seconds=min(secondary_wait, LONGEST_WAIT.total_seconds()))
        self._accounts: _Recent[Hashable, _Account] = _Recent(MOST_CREDENTIALS)
        self._routes: _Recent[str, tuple[str, ...]] = _Recent(MOST_ROUTES)

    def start(
        self,
        credential: Hashable,
        route: Route,
        now: datetime,
        *,
        background: bool = False,
        refusable: bool = True,
    ) -> Ticket | Refusal:
        """Counts a call that is about to be sent, or says why it may not be.

        Args:
            credential: On whose account it goes.
            route: Where it goes.
            now: Aware.
            background: Whether nobody waits for it, so that it may not touch the reserve.
            refusable: Whether it may be refused; otherwise it is only counted.
        """
        account = self._account(credential)
        placed = self._placed(route)
        names = placed or account.usual(now)
        refusals = [self._refusal(account, name, now, background=background) for name in names]
        refusals.append(_paused(account, now))
        refusal = max(filter(None, refusals), key=lambda refusal: refusal.retry_at, default=None)
        if refusal is not None and refusable:
            return refusal
        account.enter(placed)
        return Ticket(account, route, names, placed, account.lessons)

    def answered(self, ticket: Ticket, answer: Answer, now: datetime) -> tuple[News, ...]:
        """Ends a call and learns from its answer; returns what that taught."""
        account, paused = ticket.account, ticket.account.pause
        account.leave(ticket.placed)
        told = _told(ticket, answer)
        if told:
            self._learn_route(ticket.route, tuple(quota.name for quota in told))
        elif answer.limit is None and not answer.free:
            account.charge(ticket.names)
        account.lessons += 1
        for quota in told:
            account.learn(quota, sent=ticket.sent, now=now)
        if told and answer.announced:
            account.common = tuple(quota.name for quota in told if quota.everywhere)
        _pause(ticket, answer, now, named=bool(told))
        _count_strikes(ticket, answer)
        news = [Told.of(account.allowances[quota.name].quota) for quota in told]
        places = self._places(ticket.route) if told else ()
        return (*news, *places, *(_pause_of(account) if account.pause is not paused else ()))

    def unanswered(self, ticket: Ticket, *, sent: bool) -> None:
        """Ends a call to which no answer came; the upstream may have counted it all the same if it was sent."""
        ticket.account.leave(ticket.placed)
        if sent:
            ticket.account.charge(ticket.names)

    def secondary_wait(self, ticket: Ticket) -> timedelta:
        """How long to pause if this call has met a secondary limit that does not say it."""
        account = ticket.account
        doublings = account.strikes if _is_further(ticket) else max(account.strikes - 1, 0)
        return min(self._wait * 2 ** min(doublings, _MOST_DOUBLINGS), LONGEST_WAIT)

    def held_until(self, ticket: Ticket, now: datetime) -> datetime | None:
        """Until when calls like this one are refused for what the upstream said; None if they are not."""
        account = ticket.account
        quotas = (account.quota(name, now) for name in self._placed(ticket.route) or account.usual(now))
        ends = [quota.reset for quota in quotas if quota is not None and not quota.remaining]
        if (paused := _paused(account, now)) is not None:
            ends.append(paused.retry_at)
        return max(ends, default=None)

    def heard(self, credential: Hashable, news: Iterable[News], now: datetime) -> None:
        """Takes over what other processes learned of a credential; of equal windows the stricter one holds."""
        account = self._account(credential)
        account.lessons += 1
        for each in news:
            match each:
                case Told():
                    account.hear(each, now)
                case Paused():
                    if _is_ahead(each.until, now):
                        account.hold(_Pause(until=each.until, scope=each.scope), now)
                        account.strike(each.strikes)
                case Placed():
                    self._routes.keep(each.place, each.names)

    def known(self, credential: Hashable, now: datetime) -> tuple[News, ...]:
        """All that another process could want to know of a credential."""
        account = self._account(credential)
        told = [quota for name in tuple(account.allowances) if (quota := account.quota(name, now))]
        names = {quota.name for quota in told}
        places = (
            Placed(place=place, names=on) for place, on in self._routes.items() if not names.isdisjoint(on)
        )
        pause = _pause_of(account) if _paused(account, now) else ()
        return (*map(Told.of, told), *(places if names else ()), *pause)

    def credentials(self) -> tuple[Hashable, ...]:
        """Those of which something may be known."""
        return tuple(self._accounts)

    def _account(self, credential: Hashable) -> _Account:
        return self._accounts.recall(credential) or self._accounts.keep(credential, _Account())

    def _places(self, route: Route) -> Iterator[Placed]:
        for place in route:
            if (names := self._routes.get(place)) is not None:
                yield Placed(place=place, names=names)

    def _placed(self, route: Route) -> tuple[str, ...]:
        rough, fine = route
        return self._routes.recall(fine) or self._routes.recall(rough) or ()

    def _learn_route(self, route: Route, names: tuple[str, ...]) -> None:
        # The first segment tells enough, until one turns up that doesn't: GitHub's /search/code has a
        # quota of its own beside the rest of /search.
        rough, fine = route
        if fine in self._routes or self._routes.get(rough, names) != names:
            self._routes.keep(fine, names)
        self._routes.keep(rough, names)

    def _refusal(self, account: _Account, name: str, now: datetime, *, background: bool) -> Refusal | None:
        quota = account.quota(name, now)
        if quota is None:
            return None
        kept = self._reserve * (quota.limit or 0) if background else 0
        if quota.remaining - account.under_way(name) > kept:
            return None
        return Refusal(retry_at=quota.reset, scope=name or None, limit=quota.limit)


def _told(ticket: Ticket, answer: Answer) -> tuple[Announced, ...]:
    """What was announced, and the quota that a refusal says is spent even where its counter doesn't."""
    told = {quota.name: quota for quota in answer.announced}
    limit = answer.limit
    if limit is None or limit.kind != "primary" or limit.retry_at is None:
        return answer.announced
    spent = [name for name, quota in told.items() if not quota.remaining]
    for name in spent or ([limit.scope] if limit.scope else ticket.names or list(told)):
        default = Announced(
            name=name, remaining=0, reset=limit.retry_at, limit=limit.limit, everywhere=not limit.scope
        )
        known = told.get(name, default)
        told[name] = replace(known, remaining=0, reset=max(known.reset, limit.retry_at))
    return tuple(told.values())


def _pause(ticket: Ticket, answer: Answer, now: datetime, *, named: bool) -> None:
    """Holds the whole account for a limit that is not one quota's."""
    limit = answer.limit
    if limit is None or limit.retry_at is None or (limit.kind == "primary" and named):
        return
    scope = "secondary" if limit.kind == "secondary" else None
    ticket.account.hold(_Pause(until=limit.retry_at, scope=scope), now)


def _pause_of(account: _Account) -> Iterator[Paused]:
    if (pause := account.pause) is not None:
        yield Paused(until=pause.until, scope=pause.scope, strikes=account.strikes)


def _count_strikes(ticket: Ticket, answer: Answer) -> None:
    account = ticket.account
    if not _is_further(ticket):
        return
    if answer.limit is not None and answer.limit.kind == "secondary":
        account.strikes += 1
        account.struck = account.lessons
    elif answer.limit is None and answer.success:
        account.strikes = 0


def _is_further(ticket: Ticket) -> bool:
    """Whether a call was sent after the last secondary limit was met, not along with the call that met it."""
    return ticket.sent >= ticket.account.struck


def _paused(account: _Account, now: datetime) -> Refusal | None:
    pause = account.pause
    if pause is None or not _is_ahead(pause.until, now):
        account.pause = None
        return None
    return Refusal(retry_at=pause.until, scope=pause.scope)


def _is_ahead(moment: datetime, now: datetime) -> bool:
    # The bound holds when the clock is put back, too.
    return now + _RESOLUTION < moment <= now + LONGEST_WAIT

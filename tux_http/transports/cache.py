"""The cache layer: answers from what was answered before, as RFC 9111 allows a private cache.

hishel's state machine says what may be stored, how a stored answer is validated and what a 304 changes (see
`tux_http.caching.rules`). For how long an answer is good is said by `tux_http.caching.freshness`: hishel 2.0
counts age from `Date` alone, and by the system's clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, ParamSpec

import httpx

from tux_http.caching import freshness, rules
from tux_http.caching.asking import asking_of
from tux_http.caching.freshness import Use
from tux_http.caching.keys import key_for, key_of
from tux_http.call import EXTENSION, Call, report
from tux_http.errors import BlockedAddress, RateLimited
from tux_http.options import options_of, with_options
from tux_http.redirects import is_same_origin
from tux_http.transports.coalesce import own_response
from tux_http.transports.layer import DEADLINE_AT, Layer, deadline_at, record_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from tux_http.caching.asking import Mode
    from tux_http.caching.shelf import Shelf
    from tux_http.caching.stored import Stored
    from tux_http.policy import Caching

P = ParamSpec("P")

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""RFC 9110, section 9.2.1."""

FAILURES: Final = (httpx.TransportError, RateLimited, TimeoutError)
"""What is raised where an upstream fails, limits us or is not asked for having failed."""

OURS: Final = (BlockedAddress, httpx.LocalProtocolError, httpx.UnsupportedProtocol)
"""Kinds of `FAILURES` that say nothing about the upstream."""

CLAIM: Final = 10.0
"""Seconds for which a process has the fetching of an answer to itself, unless it is done before."""

POLL: Final = 0.05
"""Seconds between looks at whether another process has fetched it."""

MOST_UNKEPT: Final = 4096
"""Keys that are remembered as those of answers that may not be kept; with one more, all are forgotten. And keys of
which is remembered when their answers were forgotten; with one more, not of the first."""

MOST_WRITES: Final = 1000
"""That wait for the store; more answers are held in memory only until it has caught up."""

BEHIND: Final = 15.0
"""Seconds that a refresh may take for which nobody waits."""

MARGIN: Final = 0.05
"""Seconds before a caller's deadline at which an old answer is given at the latest."""


class Cache(Layer):
    """Answers GETs from the service's shelf, keeps what may be kept, and stands in for an upstream that fails.

    Args:
        inner: The layer below.
        shelf: What is kept, in memory and beyond; the service's.
        policy: Of the API.
        api: Its name.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        shelf: Shelf,
        policy: Caching,
        *,
        api: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(inner)
        self._shelf = shelf
        self._policy = policy
        self._api = api
        self._sleep = sleep
        self._refreshes: dict[tuple[str, UUID], asyncio.Task[httpx.Response]] = {}
        self._writes: deque[Callable[[], Awaitable[None]]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._changes = 0
        self._unkept: set[str] = set()
        self._forgotten: dict[str, float] = {}  # when

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and not options_of(request).streaming:
            asking = asking_of(request)
            if not asking.is_conditional and asking.mode != "no-store":
                key = key_for(request.url, asking.credentials, api=self._api)
                return await self._answered(request, key, asking.mode)
        response = await self._inner.handle_async_request(request)
        if request.method not in SAFE and not response.is_error:
            self._invalidate(request, response)
        return response

    async def aclose(self) -> None:
        refreshes = tuple(self._refreshes.values())
        for refresh in refreshes:
            refresh.cancel()
        await asyncio.gather(*refreshes, return_exceptions=True)
        if self._writer is not None:
            await asyncio.wait({self._writer})
        await super().aclose()

    # Answering

    async def _answered(self, request: httpx.Request, key: str, mode: Mode | None) -> httpx.Response:
        stored = await self._find(key, request)
        if stored is not None and mode != "no-cache":
            use = self._use(stored, request)
            if use is Use.FRESH:
                return self._answer(stored, request, "hit")
            if use is Use.REFRESH:
                self._refresh_behind(key, request, stored)
                return self._answer(stored, request, "stale", because="refreshing")
        if mode == "only-if-cached":
            return httpx.Response(HTTPStatus.GATEWAY_TIMEOUT, request=request)
        if stored is None or mode == "no-cache" or not self._may_stand_in(stored):
            return await self._fetched_once(key, request, stored)
        return await self._fetched_or(stored, key, request)

    async def _find(self, key: str, request: httpx.Request) -> Stored | None:
        """The newest answer to a request; what is good in memory is not looked for further."""
        held = self._shelf.recall(key, request.headers)
        if held is not None and self._use(held, request) is not Use.STALE:
            return held
        return await self._newer(key, request, held)

    async def _newer(self, key: str, request: httpx.Request, held: Stored | None) -> Stored | None:
        """What the store has, if that is newer: another process, or an earlier run of this one, put it there."""
        store = self._shelf.store
        if store.is_absent(key):
            return held
        found = [stored for stored in await store.load(key) if stored.matches(request.headers)]
        newest = max(found, key=_received_at, default=None)
        if newest is not None and newest.received_at <= self._forgotten.get(key, -math.inf):
            return held  # its removal waits yet, or has failed
        if newest is None or (held is not None and held.received_at >= newest.received_at):
            return held
        self._shelf.hold(key, newest, fresh_until=freshness.terms_of(newest, self._policy).fresh_until())
        return newest

    def _use(self, stored: Stored, request: httpx.Request) -> Use:
        return freshness.use_of(stored, request.headers, self._policy, self._shelf.clock())

    def _may_stand_in(self, stored: Stored) -> bool:
        return stored.status < HTTPStatus.BAD_REQUEST and freshness.may_stand_in(
            stored, self._policy, self._shelf.clock()
        )

    def _answer(
        self,
        stored: Stored,
        request: httpx.Request,
        how: Literal["hit", "revalidated", "stale"],
        *,
        because: str | None = None,
    ) -> httpx.Response:
        age = freshness.age(stored, self._shelf.clock())
        if (call := record_of(request)) is not None:
            call.cache, call.cached_age, call.stale_because = how, age, because
        return rules.response_of(stored, request, age)

    # Asking the upstream

    async def _fetched_or(self, stored: Stored, key: str, request: httpx.Request) -> httpx.Response:
        """The upstream's answer, or the stored one where it fails, limits us or takes too long."""
        fetch = self._refreshing(key, request, stored)
        await asyncio.wait({fetch}, timeout=self._patience_for(request))
        if not fetch.done() or fetch.cancelled():
            return self._answer(stored, request, "stale", because="slow")
        try:
            response = fetch.result()
        except FAILURES as exc:
            if isinstance(exc, OURS):
                raise
            return self._answer(stored, request, "stale", because=type(exc).__name__)
        if rules.is_failing(response):
            return self._answer(stored, request, "stale", because=str(response.status_code))
        return own_response(response, request)  # others may have waited for the same one

    def _patience_for(self, request: httpx.Request) -> float:
        at = deadline_at(request)
        left = math.inf if at is None else at - asyncio.get_running_loop().time() - MARGIN
        return max(0.0, min(self._policy.patience, left))

    def _refresh_behind(self, key: str, request: httpx.Request, stored: Stored) -> None:
        """Has a new answer fetched for whoever asks next."""
        if (key, stored.id) in self._refreshes:
            return
        call, now = Call.of(request, api=self._api), asyncio.get_running_loop().time()
        behind = httpx.Request(
            request.method, request.url, headers=request.headers, extensions=request.extensions
        )
        behind.extensions |= {EXTENSION: call, DEADLINE_AT: now + BEHIND}
        with_options(behind, priority="background", caller=self)
        self._refreshing(key, behind, stored).add_done_callback(functools.partial(_report, call))

    def _refreshing(self, key: str, request: httpx.Request, stored: Stored) -> asyncio.Task[httpx.Response]:
        """The one task that refreshes an answer; it goes on, until its deadline, if its caller leaves."""
        if (running := self._refreshes.get((key, stored.id))) is not None:
            return running
        task = asyncio.create_task(self._bounded(key, request, stored))
        self._refreshes[key, stored.id] = task
        task.add_done_callback(functools.partial(self._refreshed, (key, stored.id)))
        return task

    def _refreshed(self, which: tuple[str, UUID], task: asyncio.Task[httpx.Response]) -> None:
        del self._refreshes[which]
        if not task.cancelled():
            task.exception()  # whoever waited has it; if nobody did, it is no news

    async def _bounded(self, key: str, request: httpx.Request, stored: Stored) -> httpx.Response:
        async with asyncio.timeout_at(deadline_at(request)):
            return await self._fetched_once(key, request, stored)

    async def _fetched_once(self, key: str, request: httpx.Request, stored: Stored | None) -> httpx.Response:
        """The upstream's answer, fetched by one process at a time; the others get what that one stored."""
        store = self._shelf.store
        if not store.shared or key in self._unkept:  # nobody will find it stored
            return await self._fetched(key, request, stored)
        asked_at, has_waited = self._shelf.clock(), False
        while not await store.claim(key, seconds=CLAIM):
            has_waited = True
            await self._sleep(POLL)
        try:
            newer = await self._newer(key, request, stored) if has_waited else None
            if newer is not None and newer.received_at >= asked_at:
                return self._answer(newer, request, "hit")
            return await self._fetched(key, request, stored)
        finally:
            self._later(store.release, key)

    async def _fetched(self, key: str, request: httpx.Request, stored: Stored | None) -> httpx.Response:
        asked, changes = _conditional(request, stored), self._changes
        requested_at = self._shelf.clock()
        response = await self._inner.handle_async_request(asked)
        times = {"requested_at": requested_at, "received_at": self._shelf.clock()}
        if response.status_code == HTTPStatus.NOT_MODIFIED and stored is not None:
            if (fresh := rules.refreshed(stored, request, response, **times)) is None:
                return await self._fetched(key, request, None)
            self._keep(key, fresh, changes)
            return self._answer(fresh, request, "revalidated")
        if (call := record_of(request)) is not None:
            call.cache, call.cached_age, call.stale_because = "miss", None, None
        if not rules.is_failing(response):  # or else what is stored may stand in yet
            fresh = rules.stored_from(request, response, **times)
            self._keep(key, fresh, changes)
        return response

    # Keeping

    def _keep(self, key: str, stored: Stored | None, changes: int) -> None:
        """Keeps an answer, or, where it is not to be kept, forgets the one before it.

        Nor is it kept if something was changed since it was asked for: it may tell of the time before.
        """
        if stored is not None and len(stored.body) <= self._policy.max_entry and changes == self._changes:
            terms = freshness.terms_of(stored, self._policy)
            if (seconds := terms.keep_for(self._shelf.clock())) > 0:
                self._shelf.hold(key, stored, fresh_until=terms.fresh_until())
                self._unkept.discard(key)
                self._save(key, stored, seconds)
                return
        self._forget(key)
        self._unkept.add(key)
        if len(self._unkept) > MOST_UNKEPT:
            self._unkept.clear()

    def _save(self, key: str, stored: Stored, seconds: float) -> None:
        if (store := self._shelf.store).keeps and len(self._writes) < MOST_WRITES:
            self._later(store.save, key, stored, ttl=seconds)

    def _forget(self, key: str, *, surely: bool = False) -> None:
        """Forgets an answer; `surely` if another process may have put it into the store since the last look."""
        self._shelf.forget(key)
        store = self._shelf.store
        if store.keeps and (surely or not store.is_absent(key)):
            self._forgotten[key] = self._shelf.clock()
            if len(self._forgotten) > MOST_UNKEPT:
                del self._forgotten[next(iter(self._forgotten))]
            self._later(store.remove, key)

    def _invalidate(self, request: httpx.Request, response: httpx.Response) -> None:
        """Forgets what an unsafe request may have changed (RFC 9111, section 4.4)."""
        self._changes += 1
        self._forget(key_of(request, api=self._api), surely=True)
        for name in ("location", "content-location"):
            with contextlib.suppress(httpx.InvalidURL):
                url = request.url.join(response.headers.get(name, ""))
                if url != request.url and is_same_origin(url, request.url):
                    self._forget(key_of(request, api=self._api, url=url), surely=True)

    def _later(self, work: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> None:
        """Does what no caller has to wait for, one after the other."""
        self._writes.append(functools.partial(work, *args, **kwargs))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._writes:
            await self._writes.popleft()()


def _received_at(stored: Stored) -> float:
    return stored.received_at


def _conditional(request: httpx.Request, stored: Stored | None) -> httpx.Request:
    """The request that asks whether a stored answer is still good; the request itself without a validator."""
    conditions = {} if stored is None else rules.conditions(stored)
    if not conditions:
        return request
    headers = httpx.Headers(request.headers)
    headers.update(conditions)
    return httpx.Request(request.method, request.url, headers=headers, extensions=request.extensions)


def _report(call: Call, task: asyncio.Task[httpx.Response]) -> None:
    """The log's line of a refresh that nobody waits for."""
    call.end()
    report(call, None if task.cancelled() else task.exception())

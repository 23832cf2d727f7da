"""The pool: which connection a request goes on, and which connections are kept.

httpcore2's pool asks all of its connections, and walks through all of its requests, whenever one comes or goes; with
hundreds under way that costs more than the requests do. This one knows what is free, and who waits, by origin.
"""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpcore2

from tux_http.pace import pace
from tux_http.transports.engine.connection import Connection
from tux_http.transports.engine.extensions import timeout_of
from tux_http.transports.engine.messages import MAX_STREAMS
from tux_http.transports.engine.wire import Backend, nobodys, wait

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterable

    Key = tuple[bytes, bytes, int]
    AnyConnection = httpcore2.AsyncConnectionInterface
    Waiter = asyncio.Future[AnyConnection]

T = TypeVar("T")

KNOWN_ORIGINS: Final = 1024
"""Origins of which the pool remembers what their connections take."""

ONLY_HTTP11: Final = 0
"""Is remembered where the last connection was not HTTP/2."""

GRACE: Final = 1.0
"""Seconds for which connections above the number that is kept are left open: the next requests of a burst come
sooner, and would have to make them again."""

PORTS: Final = {b"http": 80, b"https": 443, b"ws": 80, b"wss": 443}


class Pool:
    """Connections to any number of origins, of our own; through a proxy httpcore2's, over HTTP/1.1.

    Nothing but `handle_async_request` suspends, and every request gives its connection back however it ends; so no
    cancellation of a caller leaves the books half-written.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext,
        backend: Backend | None = None,
        proxy: httpcore2.Proxy | None = None,
        max_connections: int | None = None,
        max_keepalive_connections: int | None = None,
        keepalive_expiry: float | None = None,
        http1: bool = True,
        http2: bool = False,
        uds: str | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> None:
        self._backend = backend or Backend()
        self._ssl_context = ssl_context
        self._max_connections = max_connections
        self._max_keepalive_connections = max_keepalive_connections
        self._keepalive_expiry = keepalive_expiry
        self._http1 = http1
        self._http2 = http2 and proxy is None
        self._uds = uds
        self._local_address = local_address
        self._socket_options = socket_options
        self._proxied = proxy and httpcore2.AsyncConnectionPool(
            proxy=proxy,
            ssl_context=ssl_context,
            keepalive_expiry=keepalive_expiry,
            network_backend=self._backend,
        )
        self._connections: dict[AnyConnection, Key] = {}
        self._users: dict[AnyConnection, int] = {}
        self._shared: dict[Key, dict[Connection, None]] = {}  # HTTP/2, or not known yet
        self._free: dict[Key, dict[AnyConnection, float]] = {}  # open and nobody's, and since when
        self._lines: dict[Key, dict[Waiter, float]] = {}  # who waits, and since when
        self._known: dict[Key, int] = {}  # requests that a connection takes at once
        self._sweeping: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def connections(self) -> list[AnyConnection]:
        """Those that are open, or opening."""
        return list(self._connections)

    @property
    def requests(self) -> int:
        """How many are under way or wait for a connection."""
        return sum(self._users.values()) + sum(map(len, self._lines.values()))

    # Requests

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        """Sends a request on a connection that is there, is made or was waited for.

        Raises:
            httpcore2.PoolTimeout: None was there in the time that the request has for that.
        """
        key = _key(request)
        await pace()
        while True:
            if self._is_closed:
                raise httpcore2.ConnectError("the client is closed")
            connection = self._take(key) or await self._turn(key, timeout_of(request, "pool"))
            try:
                response = await connection.handle_async_request(request)
            except httpcore2.ConnectionNotAvailable:
                self._give_back(connection)
                await asyncio.sleep(0)  # others may have to hear first of what made it unavailable
            except BaseException:
                self._give_back(connection)
                raise
            else:
                response.stream = _Body(response.stream, partial(self._give_back, connection))
                return response

    async def _turn(self, key: Key, seconds: float | None) -> AnyConnection:
        loop = asyncio.get_running_loop()
        waiter: Waiter = loop.create_future()
        self._lines.setdefault(key, {})[waiter] = loop.time()
        try:
            await wait(waiter, seconds, httpcore2.PoolTimeout("no connection became free in time"))
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())  # it was handed over in the moment of leaving
            raise
        finally:
            _discard(self._lines, key, waiter)
        return waiter.result()

    # Who gets which connection

    def _take(self, key: Key) -> AnyConnection | None:
        """A connection for one more request, or None: one has to wait."""
        connection = self._find(key) or self._make(key)
        if connection is not None:
            self._users[connection] = self._users.get(connection, 0) + 1
            _discard(self._free, key, connection)
        return connection

    def _find(self, key: Key) -> AnyConnection | None:
        free = self._free.get(key, {})
        for shared in self._shared.get(key, ()):
            limit = shared.limit or self._known.get(key) or MAX_STREAMS
            if shared not in free and shared.is_available() and self._users.get(shared, 0) < limit:
                return shared
        for connection in tuple(free):
            if connection.is_closed() or connection.has_expired():
                self._drop(connection)
            elif connection.is_available():
                return connection
        return None

    def _make(self, key: Key) -> AnyConnection | None:
        if self._max_connections is not None and len(self._connections) >= self._max_connections:
            if not (free := self._longest_free()):
                return None
            self._drop(free[0])
        connection = self._connection(key)
        self._connections[connection] = key
        if isinstance(connection, Connection) and connection.is_available():  # for more than who asked
            self._shared.setdefault(key, {})[connection] = None
        return connection

    def _connection(self, key: Key) -> AnyConnection:
        origin = httpcore2.Origin(*key)
        if self._proxied:
            return self._proxied.create_connection(origin)
        only_http11 = self._http1 and self._known.get(key) == ONLY_HTTP11
        return Connection(
            origin,
            dial=partial(self._dial, origin),
            ssl_context=self._ssl_context if origin.scheme in {b"https", b"wss"} else None,
            http1=self._http1,
            http2=self._http2 and not only_http11,
            keepalive_expiry=self._keepalive_expiry,
            on_change=self._changed,
        )

    async def _dial(self, origin: httpcore2.Origin, seconds: float | None) -> Any:
        if self._is_closed:
            raise httpcore2.ConnectError("the client is closed")
        if self._uds is not None:
            return await self._backend.connect_unix_socket(self._uds, seconds, self._socket_options)
        return await self._backend.connect_tcp(
            origin.host.decode("ascii"), origin.port, seconds, self._local_address, self._socket_options
        )

    def _give_back(self, connection: AnyConnection) -> None:
        self._users[connection] -= 1
        if not self._users[connection]:
            del self._users[connection]
        self._settle(connection)

    def _changed(self, connection: Connection) -> None:
        """A connection opened, failed, or takes more."""
        key = self._connections.get(connection)
        if key is not None and connection.protocol == "HTTP/1.1":
            _discard(self._shared, key, connection)
            self._remember(key, ONLY_HTTP11)
        elif key is not None and connection.limit:
            self._remember(key, connection.limit)
        self._settle(connection)

    def _remember(self, key: Key, limit: int) -> None:
        # The next burst to this origin needs not wait for what the first connection tells.
        self._known[key] = limit
        if len(self._known) > KNOWN_ORIGINS:
            del self._known[next(iter(self._known))]

    def _settle(self, connection: AnyConnection) -> None:
        """Keeps a connection or not, and serves those who wait for what changed about it."""
        key = self._connections.get(connection)
        if key is None or self._is_closed:
            return
        if connection.is_closed():
            self._drop(connection)
        elif connection not in self._users:
            self._leave(connection, key)
        if self._lines:
            self._serve()

    def _leave(self, connection: AnyConnection, key: Key) -> None:
        """Nobody uses a connection any more."""
        if isinstance(connection, Connection) and connection.is_opening:
            return  # it is open soon, whoever asked for it
        if not connection.is_idle() or connection.has_expired() or self._max_keepalive_connections == 0:
            self._drop(connection)  # or it was left before it began to open, or in the middle of something
            return
        now = asyncio.get_running_loop().time()
        self._free.setdefault(key, {}).setdefault(connection, now)
        self._sweep_later(now)

    def _serve(self) -> None:
        """Those who wait get what is there for them; then who waits longest gets what can be made.

        Who waits for longer than `GRACE` comes first: an origin that is always busy would keep its connections, and
        all others out.
        """
        self._serve_longest(GRACE)
        for key in tuple(self._lines):
            while key in self._lines and (connection := self._find(key)) is not None:
                self._hand_over(key, connection)
        self._serve_longest(0)

    def _serve_longest(self, seconds: float) -> None:
        latest = asyncio.get_running_loop().time() - seconds
        while self._lines:
            since, key = min((next(iter(line.values())), key) for key, line in self._lines.items())
            if since > latest or (connection := self._find(key) or self._make(key)) is None:
                return
            self._hand_over(key, connection)

    def _hand_over(self, key: Key, connection: AnyConnection) -> None:
        waiter = next(iter(self._lines[key]))
        _discard(self._lines, key, waiter)
        self._users[connection] = self._users.get(connection, 0) + 1
        _discard(self._free, key, connection)
        if waiter.done():  # it left, and could not say so yet
            asyncio.get_running_loop().call_soon(self._give_back, connection)
        else:
            waiter.set_result(connection)

    # Which connections are kept

    def _longest_free(self) -> list[AnyConnection]:
        since = {each: at for free in self._free.values() for each, at in free.items()}
        return sorted(since, key=since.__getitem__)

    def _surplus(self) -> int:
        """How many are free above the number that is kept."""
        most = self._max_keepalive_connections
        return 0 if most is None else max(0, sum(map(len, self._free.values())) - most)

    def _sweep_later(self, since: float) -> None:
        """Looks again when there may be something to drop, of what is free since then or later."""
        loop = asyncio.get_running_loop()
        wait = GRACE if self._surplus() else self._keepalive_expiry
        if wait is None:
            return
        due = max(since + wait, loop.time() + min(wait, GRACE))
        if self._sweeping is not None:
            if self._sweeping.when() <= due:
                return
            self._sweeping.cancel()
        self._sweeping = nobodys(loop.call_at, due, self._sweep)

    def _sweep(self) -> None:
        """Drops connections that waited too long for a request, or that are too many."""
        self._sweeping = None
        ripe = asyncio.get_running_loop().time() - GRACE
        for connection in self._longest_free():
            since = self._free[self._connections[connection]][connection]
            if connection.is_closed() or connection.has_expired() or (self._surplus() and since <= ripe):
                self._drop(connection)
        if left := self._longest_free():
            self._sweep_later(self._free[self._connections[left[0]]][left[0]])

    def _drop(self, connection: AnyConnection) -> None:
        key = self._connections.pop(connection)
        _discard(self._free, key, connection)
        if isinstance(connection, Connection):
            _discard(self._shared, key, connection)
            connection.abort()
        elif not connection.is_closed():
            closing = asyncio.ensure_future(connection.aclose())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        self._is_closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for waiter in [waiter for line in self._lines.values() for waiter in line]:
            if not waiter.done():
                waiter.set_exception(httpcore2.ConnectError("the client is closed"))
        closing = list(self._connections)
        self._connections.clear()
        self._shared.clear()
        self._free.clear()
        for connection in closing:
            await connection.aclose()
        await asyncio.gather(*self._closing)
        for connection in closing:
            if isinstance(connection, Connection):
                await connection.wait_closed()


class _Body:
    """A response's body; closing it gives the connection back."""

    def __init__(self, stream: Any, give_back: Callable[[], None]) -> None:
        self._stream = stream
        self._chunks: Any = None
        self._give_back: Callable[[], None] | None = give_back

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._chunks = aiter(self._stream)
        return self._chunks

    async def aclose(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is None:
            return
        try:
            if inspect.isasyncgen(self._chunks):  # httpcore2's; as garbage it would be closed late
                await self._chunks.aclose()
            await self._stream.aclose()
        finally:
            give_back()


def _key(request: httpcore2.Request) -> Key:
    url = request.url
    if url.scheme not in PORTS:
        raise httpcore2.UnsupportedProtocol(
            f"{url.scheme.decode('ascii') or 'no scheme'} is not http or https"
        )
    return url.scheme, url.host, url.port or PORTS[url.scheme]


def _discard(groups: dict[Key, dict[T, Any]], key: Key, member: T) -> None:
    group = groups.get(key)
    if group is not None:
        group.pop(member, None)
        if not group:
            del groups[key]

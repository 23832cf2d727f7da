"""URLs that come from users: what they may name, and connections to the addresses that were checked.

The rules and the table of addresses are ssrfguard's. They are applied where the socket is opened: a name
is resolved once, every answer is checked, and the connection goes to a checked address, so a name that
points elsewhere a moment later leads nowhere else. TLS still verifies the name.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import httpcore2
import httpx
import ssrfguard

from tux_http.api import API, expand
from tux_http.certificates import ssl_context
from tux_http.client import ServiceClient, checked_url
from tux_http.errors import BlockedAddress
from tux_http.policy import Caching, Policy, Quota
from tux_http.transports.engine import Engine
from tux_http.transports.engine.wire import Backend
from tux_http.transports.layer import Layer, note_refusal

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from tux_http.http_client import HTTPClient

    Resolver: TypeAlias = Callable[[str, int], Awaitable[list[Any]]]

NAME: Final = "untrusted"

MAX_REDIRECTS: Final = 5

LOOKUPS: Final = 8
"""Names that are looked up at once; the bot's other lookups have threads of their own."""

POLICY: Final = Policy(quota=Quota(enabled=False), caching=Caching(enabled=False))
"""No quota: one stranger's server must not be able to announce a limit for all the others."""

# ssrfguard's table is IANA's, which knows nothing of an address that only looks public.
_AZURE: Final = ssrfguard.Block(
    network=ip_network("168.63.129.16/32"),
    name="Cloud platform (Azure WireServer)",
    rfc="Microsoft Azure",
    reach=ssrfguard.Reach.DENIED,
)
ADDRESSES: Final = ssrfguard.AddressTable((*ssrfguard.DEFAULT_DENIED.blocks, _AZURE))


def rules(ports: Iterable[int] = (80, 443)) -> ssrfguard.Policy:
    """What a URL from a user may name: http and https, these ports, no user, global addresses only."""
    return ssrfguard.Policy(
        denied_networks=ADDRESSES, allowed_ports=frozenset(ports), max_redirects=MAX_REDIRECTS
    )


class Refused(httpcore2.ConnectError):
    """A connection that was not made; its text names the rule."""


class GuardedBackend(Backend):
    """Opens sockets to addresses that the rules allow.

    Args:
        allowed: The rules.
        resolver: Gives the addresses of a host and port, as `getaddrinfo` does; that, if not given.
    """

    def __init__(self, allowed: ssrfguard.Policy, *, resolver: Resolver | None = None) -> None:
        self._allowed = allowed
        self._threads: ThreadPoolExecutor | None = None
        self._resolver = resolver or self._getaddrinfo

    async def resolve(self, host: str, port: int) -> list[Any]:
        """The addresses of a host, all of them checked.

        Raises:
            Refused: One of them is not allowed; that a name has others too is a sign of rebinding.
        """
        answers = await self._resolver(host, port)
        for *_, address in answers:
            self._check(str(address[0]))
        return answers[: self._allowed.max_connection_attempts]

    def _check(self, address: str) -> None:
        try:
            self._allowed.check_address(ip_address(address))
        except ssrfguard.BlockedAddressError as exc:
            raise Refused(exc.reason) from exc

    async def _getaddrinfo(self, host: str, port: int) -> list[Any]:
        # A lookup can't be cancelled and takes as long as the name's own servers like.
        if self._threads is None:
            self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="tux_http-lookup")
        lookup = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        return await asyncio.get_running_loop().run_in_executor(self._threads, lookup)

    def close(self) -> None:
        """Ends the threads that look up names, as soon as each comes back; usable again afterwards."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


class URLGuard(Layer):
    """Checks the URL of each request, and so of each redirect, before anything is resolved.

    Args:
        inner: An engine on a `GuardedBackend`, or what stands in for it in tests.
        allowed: The rules.
        api: Name of the API.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport, allowed: ssrfguard.Policy, *, api: str | None = None
    ) -> None:
        super().__init__(inner)
        self._allowed = allowed
        self._api = api

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx.

        Raises:
            BlockedAddress: The URL, or an address of its host, is not allowed.
        """
        self._check(request)
        try:
            return await self._inner.handle_async_request(request)
        except httpx.ConnectError as exc:
            if not isinstance(exc.__cause__, Refused):
                raise
            raise self._refused(str(exc.__cause__), request) from exc

    def _check(self, request: httpx.Request) -> None:
        try:
            self._allowed.check_url(str(request.url))
        except ssrfguard.BlockedURLError as exc:
            # Not from exc, whose text quotes the URL with whatever password is in it.
            raise self._refused(exc.reason, request) from None

    def _refused(self, reason: str, request: httpx.Request) -> BlockedAddress:
        note_refusal(request, "guard")
        return BlockedAddress(reason=reason, api=self._api, request=request)


class Untrusted(API):
    """Calls to URLs that come from users, on a pool of their own; made by `HTTPClient.untrusted`.

    HTTP/1.1, so that a refused body can end its connection. No cookie is kept or sent; no credential,
    header, hook or proxy is taken over from the service, and a redirect to another origin takes over none
    from the call. At most 5 redirects are followed, each checked like the first URL.

    Args:
        service: Whose timeouts, limits and User-Agent are used.
        allowed: What a URL may name; see `rules`.
        policy: How its calls behave; `POLICY` if not given.
        transport: Replaces the engine, for tests; URLs are checked all the same.
        backend: Of the engine, if not a `GuardedBackend` with the system's resolver.
        tls: Of the engine, if not the system's trust.
    """

    def __init__(
        self,
        service: HTTPClient,
        allowed: ssrfguard.Policy | None = None,
        *,
        policy: Policy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        backend: GuardedBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(
            service,
            NAME,
            base_url="https://untrusted.invalid",  # a URL from a user is never relative
            headers=None,
            auth=None,
            policy=policy or POLICY,
            options={},
        )
        self.allowed = allowed or rules()
        self._transport = transport
        self._backend = backend or GuardedBackend(self.allowed)
        self._tls = tls

    def __repr__(self) -> str:
        return f"Untrusted(ports={sorted(self.allowed.allowed_ports)})"

    def same_as(self, other: API) -> bool:
        return super().same_as(other) and isinstance(other, Untrusted) and self.allowed == other.allowed

    def url(self, template: httpx.URL | str, path: Mapping[str, str | int] | None = None) -> httpx.URL:
        """The URL as it is, or with its template filled; what it may name is checked when it is sent.

        Raises:
            httpx.InvalidURL: It can't be parsed.
        """
        return checked_url(template if path is None else expand(str(template), path))

    async def get_client(self) -> ServiceClient:
        if self._tls is None and self._transport is None:
            # Not the service's: that may hold a client certificate. Loading it blocks, so it is done off the loop.
            trust_env = self._service.settings.trust_env
            self._tls = await asyncio.to_thread(ssl_context, trust_env=trust_env)
        return await super().get_client()

    def _open(self, owner: ServiceClient) -> ServiceClient:  # noqa: ARG002  # its pool is not used
        shared = self._service.shared_options()
        return ServiceClient(
            layers=self._layers,
            transport=URLGuard(self._transport or self._engine(), self.allowed, api=self.name),
            headers={"User-Agent": shared["headers"]["User-Agent"]},
            timeout=shared["timeout"],
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=True,
            max_redirects=self.allowed.max_redirects,
            trust_env=False,
        )

    def _engine(self) -> Engine:
        assert self._tls is not None
        limits = self._service.settings.limits()
        return Engine(backend=self._backend, verify=self._tls, http2=False, limits=limits)

    async def aclose(self) -> None:
        try:
            await super().aclose()
        finally:
            self._backend.close()

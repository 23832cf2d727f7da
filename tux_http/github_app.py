"""`AppCredential`: a bot that asks GitHub as a GitHub App, with the tokens of one of its installations.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app
A token lives for an hour, and is got with a JSON Web Token (RFC 7519) that the App's private key has signed.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from datetime import datetime  # noqa: TC003  # msgspec reads the annotation
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import httpx
import msgspec
from loguru import logger

from tux_http.api import decode
from tux_http.caching.http_date import unix_time
from tux_http.client import raise_for_error
from tux_http.policy import Caching, Policy, Quota
from tux_http.redaction import redact_record
from tux_http.transports.coalesce import own_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tux_http.api import API

__all__ = ["NAME", "POLICY", "AppCredential"]

NAME: Final = "github.app"
"""Of the API that tokens are got from; no operator's has such a name."""

POLICY: Final = Policy(deadline=10.0, caching=Caching(enabled=False), quota=Quota(enabled=False))

AHEAD: Final = 600.0
"""Seconds before a token's end from which on another one is got, while this one is used."""

MARGIN: Final = 60.0
"""Seconds before its end from which on it is waited for the other one: clocks differ, and calls take time."""

SHORT: Final = 4
"""The least part of a token's life that is before `AHEAD`, however short it is; of `MARGIN`, ten times that."""

YOUNG: Final = 60.0
"""Seconds in which a token that is not accepted is not replaced: the next one would fare no better."""

JWT_LIVES: Final = 540.0
"""Seconds; GitHub takes ten minutes at most."""

DRIFT: Final = 60.0
"""Seconds that the signature is dated back, "to protect against clock drift"."""

FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 60.0
"""Seconds after a failure in which no other token is asked for; doubles with each."""

SHOWN: Final = 10
"""Installations that the log names."""

_FINAL: Final = frozenset({400, 401, 403, 404, 410, 422})


_log: Final = logger.patch(redact_record)


class _Account(msgspec.Struct, frozen=True):
    login: str | None = None


class _Installation(msgspec.Struct, frozen=True):
    id: int
    account: _Account | None = None

    def __str__(self) -> str:
        login = (self.account and self.account.login) or "?"
        return f"{self.id} ({login})"


class _Given(msgspec.Struct, frozen=True):
    token: str
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    permissions: dict[str, str] = {}


class _Token(NamedTuple):
    """Since when there is this value, and until when it is good; when another is got, and when waited for."""

    value: str
    since: float
    ahead: float
    margin: float
    until: float


class AppCredential:
    """The tokens of one installation, each got ahead of the last one's end, and once for all who wait.

    Args:
        api: Where they are got, by a policy of its own: `POLICY`.
        app_id: The App's id or client id.
        installation_id: 0 for the only one that there is.
        key: The private key, in PEM.
        clock: Seconds that only go on.
        wall: Unix time.
    """

    def __init__(
        self,
        api: API,
        *,
        app_id: int | str,
        installation_id: int,
        key: str,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.permissions: dict[str, str] = {}
        self._api = api
        self._app_id = str(app_id)
        self._installation_id = installation_id
        self._key = key
        self._clock = clock
        self._wall = wall
        self._token: _Token | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._pause = 0.0
        self._pause_until = 0.0

    def __repr__(self) -> str:
        return f"AppCredential(app_id={self._app_id!r}, installation_id={self._installation_id})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AppCredential) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[str, int, str, httpx.URL]:
        return self._app_id, self._installation_id, self._key, self._api.base_url

    @property
    def stand_in(self) -> str:
        """See `Credential`."""
        return f"App {self._app_id}/{self._installation_id or 'only'}"

    async def current(self) -> str:
        """See `Credential`. A token that still lives is given where no other one can be had."""
        token, now = self._token, self._clock()
        if token is None or now >= token.margin:
            token = await self._renewed()
        elif now >= token.ahead:
            self._renew()
        return f"Bearer {token.value}"

    def drop(self, value: str) -> bool:
        """See `Credential`. An installation's tokens can be revoked, and its permissions changed."""
        token = self._token
        if token is None or f"Bearer {token.value}" != value:
            return True
        if self._clock() - token.since < YOUNG:
            return False
        self._token = None
        return True

    async def aclose(self) -> None:
        """See `Credential`."""
        task, self._renewing = self._renewing, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait({task})

    # Getting one.

    def _renew(self) -> asyncio.Task[None] | None:
        """The one task that gets a token; None for a while after a failure."""
        running, loop = self._renewing, asyncio.get_running_loop()
        if running is not None and not running.done() and running.get_loop() is loop:
            return running
        if self._clock() < self._pause_until:
            return None
        # In a context of its own: it is nobody's in particular, whoever came first.
        self._renewing = loop.create_task(self._noted(), context=contextvars.Context())
        return self._renewing

    async def _renewed(self) -> _Token:
        """Another token, or the last one if it lives still."""
        task = self._renew()
        if task is not None:
            await asyncio.wait({task})  # not `await`: whoever is cancelled must not end it for the others
        if self._token is None or self._token.until <= self._clock():
            raise self._error()
        return self._token

    def _error(self) -> BaseException:
        failure, asked = self._failure, httpx.Request("POST", self._api.base_url)
        if isinstance(failure, httpx.HTTPStatusError | httpx.RequestError):
            return own_error(failure, asked)
        return httpx.ReadError("no token could be had", request=asked)

    async def _noted(self) -> None:
        """Gets one, and keeps what came of it: nobody need be waiting."""
        try:
            given, lives = await self._got()
        except Exception as exc:  # noqa: BLE001  # whatever it is, it is theirs who need a token
            self._failed(exc)
            return
        if self._failure is not None or given.permissions != self.permissions:
            may = ", ".join(f"{name}={level}" for name, level in sorted(given.permissions.items())) or "-"
            logger.info("GitHub App {}: has a token; its permissions: {}", self._app_id, may)
        self.permissions, self._failure, self._pause = given.permissions, None, 0.0
        now = self._clock()
        until = now + lives
        ahead, margin = min(AHEAD, lives / SHORT), min(MARGIN, lives / (10 * SHORT))
        self._token = _Token(given.token, now, until - ahead, until - margin, until)

    def _failed(self, exc: Exception) -> None:
        self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        self._pause_until = self._clock() + self._pause
        level = "DEBUG" if self._failure is not None else "ERROR"
        self._failure = exc
        foreseen = isinstance(exc, httpx.HTTPError | httpx.InvalidURL)
        _log.opt(exception=None if foreseen else exc).log(
            level, "GitHub App {}: no token for GitHub: {}", self._app_id, _reason(exc)
        )

    async def _got(self) -> tuple[_Given, float]:
        """A token, and the seconds that it lives, by GitHub's clock."""
        signed = {"Authorization": f"Bearer {await asyncio.to_thread(self._signed)}"}
        installation = self._installation_id or await self._only_one(signed)
        response = await self._asked(
            "POST", "/app/installations/{id}/access_tokens", path={"id": installation}, headers=signed
        )
        given = decode(response, _Given, api=self._api.name)
        now = unix_time(response.headers.get("date", ""), near=self._wall()) or self._wall()
        return given, given.expires_at.timestamp() - now

    async def _only_one(self, signed: dict[str, str]) -> int:
        response = await self._asked("GET", "/app/installations", params={"per_page": 100}, headers=signed)
        found = decode(response, tuple[_Installation, ...], api=self._api.name)
        if len(found) == 1:
            return found[0].id
        if not found:
            raise _unauthorized(response, "it is installed nowhere; install it for an account on GitHub")
        listed = ", ".join(map(str, found[:SHOWN]))
        what = f"it is installed {len(found)} times; set github.installation_id to one of {listed}"
        raise _unauthorized(response, what)

    async def _asked(self, method: str, url: str, **options: Any) -> httpx.Response:
        """An answer. What is wrong with the App or its key is a 401 to whoever needs a token, and not a 404."""
        response = await self._api.request(method, url, retry=True, raise_for_status=False, **options)
        if response.status_code in _FINAL:
            raise _unauthorized(
                response, _MEANS.get(response.status_code, f"GitHub answers {response.status_code}")
            )
        raise_for_error(response)
        return response

    def _signed(self) -> str:
        import jwt  # noqa: PLC0415  # of an extra

        now = int(self._wall() - DRIFT)
        claims = {"iat": now, "exp": now + int(DRIFT + JWT_LIVES), "iss": self._app_id}
        return jwt.encode(claims, self._key, algorithm="RS256")


def _unauthorized(response: httpx.Response, what: str) -> httpx.HTTPStatusError:
    told = httpx.Response(401, content=b"", request=response.request)
    return httpx.HTTPStatusError(what, request=told.request, response=told)


_MEANS: Final = {
    401: "401: github.app_id is not the App of this private key, or this machine's clock is wrong",
    403: "403: the installation is suspended, or the App may not make tokens",
    404: "404: there is no installation with github.installation_id, or the App was uninstalled",
}


def _reason(exc: Exception) -> str:
    """Of a refusal what it means, of the rest what it was; never what was sent or answered."""
    if isinstance(exc, httpx.HTTPStatusError):
        return str(exc) if exc.response.status_code == 401 else f"status {exc.response.status_code}"  # noqa: PLR2004  # as above
    return type(exc).__name__

"""`SampleGitHub`: a small real HTTP server on loopback that answers as api.github.com does.

Bodies are GitHub's official examples (`data/README.md`) and, for errors, the ones GitHub sends;
headers as described at https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
and https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import web

from tux_http.sandbox.directory import account, found_issues, found_repositories, organization
from tux_http.sandbox.history import EMPTY, PARTS
from tux_http.sandbox.issues import DELETED, TRANSFERRED, issue, pull_request
from tux_http.sandbox.samples import BY_ID, BY_NAME, NEW_HOME, Sample, example, repository

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tux_http.sandbox.history import Part

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Numbered = Callable[..., dict[str, Any] | None]

SLOW: Final = 4.0
"""Seconds that demo/slow takes: the 2 s after which a command defers, and time for a person to see that it does."""

LIMIT: Final = 5000
"""Requests an hour, GitHub's for a token."""

RESET_IN: Final = 40 * 60
"""Seconds from the server's start until the hourly limit is whole again for the first time."""

LIFTED_IN: Final = 40
"""Seconds from the first question for demo/rate-limited until its limit is lifted; less, and the page would take
the wait for a part of the command."""

HOUR: Final = 3600

ALREADY_OLD: Final = {"Age": "720", "Cache-Control": "private, max-age=60, stale-while-revalidate=0"}
"""Of an answer that has been in some cache for 12 minutes: the next one is asked for at once."""

DOCS: Final = "https://docs.github.com/rest"

ROUTES: Final = {
    "/repos/{owner}/{repo}/issues": "issues_list",
    "/repos/{owner}/{repo}/languages": "languages",
    "/repos/{owner}/{repo}/contributors": "contributors",
    "/repos/{owner}/{repo}/readme": "readme",
    "/repos/{owner}/{repo}/contents/{path:.+}": "file_contents",
    "/repos/{owner}/{repo}/license": "license",
    "/repos/{owner}/{repo}/topics": "topics",
    "/repos/{owner}/{repo}/branches": "branches",
    "/repos/{owner}/{repo}/stats/commit_activity": "commit_activity",
    "/repos/{owner}/{repo}/actions/runs": "workflow_runs",
    "/rate_limit": "rate_limit",
}
"""The routes that are not made of the samples, each with the official example that answers it."""

UNHURT: Final = frozenset({"slow", "flaky", "renamed"})
"""Faults of a repository of which what is in it knows nothing."""


class SampleGitHub:
    """An async context manager: the server is up inside, and `url` is where.

    Args:
        slow: Seconds that demo/slow takes.
    """

    def __init__(self, *, slow: float = SLOW) -> None:
        self._slow = slow
        self._used = 0
        self._started = datetime.now(UTC)
        self._first_reset = int(time.time()) + RESET_IN
        self._closing = asyncio.Event()
        self._answered_once: set[str] = set()
        self._lifted_at: int | None = None
        self._faults: dict[str, Callable[[web.Request, Sample], Awaitable[web.StreamResponse]]] = {
            "missing": self._missing,
            "rate-limited": self._rate_limited,
            "secondary-limit": self._secondary_limit,
            "slow": self._answer_late,
            "hang": self._hang,
            "cut-off": self._cut_off,
            "down": self._down,
            "flaky": self._answer_once,
            "broken-json": self._broken_json,
            "renamed": self._moved,
            "dmca": self._blocked,
            "unauthorized": self._unauthorized,
        }
        self._runner = web.AppRunner(
            self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._as_github])
        app.router.add_get("/repos/{owner}/{repo}", self._repository)
        app.router.add_get("/repositories/{id:[0-9]+}", self._repository_by_id)
        for path, body in (("issues", issue), ("pulls", pull_request)):
            app.router.add_get(f"/repos/{{owner}}/{{repo}}/{path}/{{number:[0-9]+}}", self._numbered(body))
            app.router.add_get(f"/repositories/{{id:[0-9]+}}/{path}/{{number:[0-9]+}}", self._numbered(body))
        for path, body in PARTS.items():
            app.router.add_get(f"/repos/{{owner}}/{{repo}}{path}", self._part(body))
        app.router.add_get("/users/{login}", self._account(account))
        app.router.add_get("/orgs/{login}", self._account(organization))
        for kind, found in (("repositories", found_repositories), ("issues", found_issues)):
            app.router.add_get(f"/search/{kind}", self._search(found))
        for path, file in ROUTES.items():
            app.router.add_get(path, self._example(file))
        app.router.add_route("*", "/{path:.*}", self._unknown)
        return app

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the answers that still wait and closes the socket; may be called twice."""
        self._closing.set()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL, with no slash at its end; only while the server is up."""
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def _repository(self, request: web.Request) -> web.StreamResponse:
        sample = _sample_of(request)
        if sample is None:
            return _not_found()
        return await self._answer(request, sample)

    async def _repository_by_id(self, request: web.Request) -> web.StreamResponse:
        sample = _sample_of(request)
        return _not_found() if sample is None else await self._answer(request, sample)

    def _numbered(self, body_of: Numbered) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            sample, number = _sample_of(request), int(request.match_info["number"])
            if sample is None:
                return _not_found()
            if sample.fault is not None and sample.fault not in UNHURT:
                return await self._faults[sample.fault](request, sample)
            if number == TRANSFERRED:
                return self._moved_to(f"/repositories/{BY_NAME[NEW_HOME].id}/issues/1")
            if number == DELETED:
                return _json({"message": "This issue was deleted", "status": "410"}, status=410)
            body = body_of(sample, number, now=self._started)
            return _not_found(f"{DOCS}/issues/issues#get-an-issue") if body is None else _json(body)

        return answer

    def _part(self, body_of: Part) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            sample = _sample_of(request)
            if sample is None:
                return _not_found()
            if sample.fault is not None and sample.fault not in UNHURT:
                return await self._faults[sample.fault](request, sample)
            body = body_of(sample, request.match_info, self._started)
            if body is not None:
                return _json(body)
            if sample.name == EMPTY and "ref" in request.match_info:
                return _json({"message": "Git Repository is empty.", "status": "409"}, status=409)
            return _not_found()

        return answer

    def _account(self, body_of: Callable[..., dict[str, Any] | None]) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            body = body_of(request.match_info["login"], now=self._started)
            return _not_found(f"{DOCS}/users/users#get-a-user") if body is None else _json(body)

        return answer

    def _search(self, found: Callable[..., dict[str, Any]]) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            asked = request.query
            page, per_page = int(asked.get("page", "1")), int(asked.get("per_page", "30"))
            return _json(found(asked.get("q", ""), page=page, per_page=per_page, now=self._started))

        return answer

    async def _answer(self, request: web.Request, sample: Sample) -> web.StreamResponse:
        if sample.fault is not None:
            return await self._faults[sample.fault](request, sample)
        return self._card(sample)

    def _card(self, sample: Sample) -> web.Response:
        return _json(repository(sample, now=self._started))

    def _example(self, file: str) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            if "repo" in request.match_info:
                sample = _sample_of(request)
                if sample is None:
                    return _not_found()
                if sample.fault is not None:
                    return await self._faults[sample.fault](request, sample)
            return _json(json.loads(example(file)))

        return answer

    async def _unknown(self, _: web.Request) -> web.StreamResponse:
        return _not_found(DOCS)

    @web.middleware
    async def _as_github(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Adds the headers that every answer of GitHub has, and answers a matching ETag with 304."""
        self._used += 1
        response = await handler(request)
        for name, value in self._headers().items():
            response.headers.setdefault(name, value)
        tag = response.headers.get("ETag")
        if tag is not None and tag == request.headers.get("If-None-Match"):
            kept = {name: value for name, value in response.headers.items() if name != "Content-Type"}
            return web.Response(status=304, headers=kept)
        return response

    def _headers(self) -> dict[str, str]:
        used = min(self._used, LIMIT - 1)
        return {
            "Server": "github.com",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Api-Version-Selected": "2022-11-28",
            "X-GitHub-Request-Id": _request_id(),
            "X-RateLimit-Limit": str(LIMIT),
            "X-RateLimit-Remaining": str(LIMIT - used),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Reset": str(self._reset()),
            "X-RateLimit-Resource": "core",
        }

    def _reset(self) -> int:
        """The next full hour of the limit, in seconds since 1970."""
        past = max(time.time() - self._first_reset, 0)
        return self._first_reset + math.ceil(past / HOUR) * HOUR

    async def _missing(self, _: web.Request, __: Sample) -> web.Response:
        return _not_found()

    async def _rate_limited(self, _: web.Request, sample: Sample) -> web.Response:
        """Its hour is about to end: it can be seen how the limit is lifted, and then it is spent once more."""
        lifted_at, now = self._lifted_at, time.time()
        if lifted_at is not None and now >= lifted_at:
            self._lifted_at = None
            card = self._card(sample)
            card.headers["Cache-Control"] = "no-store"
            return card
        self._lifted_at = lifted_at = lifted_at or math.ceil(now + LIFTED_IN)
        spent = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Used": "60"}
        spent["X-RateLimit-Reset"] = str(lifted_at)
        return _json(
            {
                "message": "API rate limit exceeded for 203.0.113.7. (But here's the good news: Authenticated "
                "requests get a higher rate limit. Check out the documentation for more details.)",
                "documentation_url": f"{DOCS}/overview/resources-in-the-rest-api#rate-limiting",
            },
            status=403,
            headers=spent,
        )

    async def _secondary_limit(self, _: web.Request, __: Sample) -> web.Response:
        return _json(
            {
                "documentation_url": "https://docs.github.com/free-pro-team@latest/rest/overview/"
                "rate-limits-for-the-rest-api#about-secondary-rate-limits",
                "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try "
                "again. If you reach out to GitHub Support for help, please include the request ID "
                f"{_request_id()}.",
            },
            status=403,
            headers={"Retry-After": "60"},
        )

    async def _answer_late(self, _: web.Request, sample: Sample) -> web.Response:
        await self._pause(self._slow)
        return self._card(sample)

    async def _hang(self, request: web.Request, sample: Sample) -> web.Response:
        await self._pause(None)
        return await self._cut_off(request, sample)

    async def _pause(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            pass

    async def _cut_off(self, request: web.Request, _: Sample) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _down(self, _: web.Request, __: Sample) -> web.Response:
        # GitHub's edge answers an outage with its "Unicorn!" page and no JSON.
        page = "<!DOCTYPE html><html><head><title>Unicorn! &middot; GitHub</title></head><body><p><strong>"
        page += "No server is currently available to service your request.</strong></p></body></html>"
        return web.Response(
            status=503, text=page, content_type="text/html", headers={"Cache-Control": "no-cache"}
        )

    async def _answer_once(self, request: web.Request, sample: Sample) -> web.Response:
        if sample.name in self._answered_once:
            return await self._down(request, sample)
        self._answered_once.add(sample.name)
        card = self._card(sample)
        card.headers.update(ALREADY_OLD)
        return card

    async def _broken_json(self, _: web.Request, sample: Sample) -> web.Response:
        text = json.dumps(repository(sample, now=self._started))
        return web.Response(text=text[: len(text) // 2], content_type="application/json")

    async def _moved(self, _: web.Request, __: Sample) -> web.Response:
        return self._moved_to(f"/repositories/{BY_NAME[NEW_HOME].id}")

    def _moved_to(self, path: str) -> web.Response:
        target = f"{self.url}{path}"
        return _json(
            {
                "message": "Moved Permanently",
                "url": target,
                "documentation_url": f"{DOCS}/guides/best-practices-for-using-the-rest-api#follow-redirects",
            },
            status=301,
            headers={"Location": target},
        )

    async def _blocked(self, _: web.Request, __: Sample) -> web.Response:
        notice = "https://github.com/github/dmca/blob/master/2024/01/2024-01-15-example.md"
        block = {"reason": "dmca", "created_at": "2024-01-15T09:30:00Z", "html_url": notice}
        return _json({"message": "Repository access blocked", "block": block}, status=451)

    async def _unauthorized(self, _: web.Request, __: Sample) -> web.Response:
        return _json({"message": "Bad credentials", "documentation_url": DOCS, "status": "401"}, status=401)


def _sample_of(request: web.Request) -> Sample | None:
    if "id" in request.match_info:
        return BY_ID.get(int(request.match_info["id"]))
    return BY_NAME.get("{owner}/{repo}".format_map(request.match_info).lower())


def _not_found(docs: str = f"{DOCS}/repos/repos#get-a-repository") -> web.Response:
    return _json({"message": "Not Found", "documentation_url": docs, "status": "404"}, status=404)


def _json(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    response = web.Response(status=status, text=text, content_type="application/json", headers=headers)
    if status == 200:  # noqa: PLR2004  # only a found resource has a validator
        response.headers["ETag"] = f'W/"{hashlib.sha256(text.encode()).hexdigest()}"'
        response.headers["Cache-Control"] = "public, max-age=60, s-maxage=60"
        response.headers["Vary"] = "Accept,Accept-Encoding, Accept, X-Requested-With"
    return response


def _request_id() -> str:
    """As GitHub writes them: five groups of hex digits."""
    return ":".join(secrets.token_hex(size).upper() for size in (2, 3, 4, 4, 4))

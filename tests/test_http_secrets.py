"""Nothing secret is in what operators are shown, and in what is remembered for them: secrets planted everywhere."""

from __future__ import annotations

import asyncio
import dataclasses
import string
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.failures import exceptions_of
from tux_http import errors
from tux_http.call import call_of
from tux_http.cogs.http.status import status_card
from tux_http.cogs.http.why import choice_name, why_card
from tux_http.http_client import HTTPClient
from tux_http.policy import CacheSettings, HTTPSettings, Policy, Retry
from tux_http.records import Failure, recent
from tux_http.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import discord

NAMES = {"github": "GitHub"}

secrets = st.text(string.ascii_letters + string.digits + "-_", min_size=20, max_size=40).filter(
    lambda text: len(set(text)) > 8
)

RAISED: list[Callable[[str, httpx.Request], Exception]] = [
    lambda secret, request: httpx.ConnectError(secret, request=request),
    lambda secret, request: httpx.ReadTimeout(f"Authorization: {secret}", request=request),
    lambda secret, request: httpx.RemoteProtocolError(secret, request=request),
    lambda secret, request: httpx.ProxyError(f"http://u:{secret}@proxy", request=request),
    lambda secret, request: httpx.DecodingError(secret, request=request),
    lambda secret, _: httpx.InvalidURL(secret),
    lambda secret, _: ValueError(secret),
    lambda secret, request: errors.BlockedAddress(reason=secret, request=request),
    lambda secret, request: errors.CircuitOpen(origin=f"https://{secret}.example", request=request),
    lambda secret, request: errors.InvalidResponse(expected="x", path=f"$.{secret}", request=request),
]


@pytest.fixture(autouse=True)
def _nothing_is_known() -> Iterator[None]:
    yield
    redact.know(())


def test_every_exception_of_ours_that_holds_text_is_among_those_raised() -> None:
    with_text = {errors.BlockedAddress, errors.CircuitOpen, errors.InvalidResponse}
    of_numbers = {errors.DeadlineExceeded, errors.LaneFull, errors.ResponseTooLarge}
    of_answers = {errors.RateLimited}  # met below, by a 429
    assert set(exceptions_of(errors)) == with_text | of_numbers | of_answers


def answering(secret: str, how: int) -> Callable[[httpx.Request], httpx.Response]:
    """An upstream that puts the secret into all that it can say."""

    def answer(request: httpx.Request) -> httpx.Response:
        if how < len(RAISED):
            raise RAISED[how](secret, request)
        headers = {"X-Secret": secret, "Set-Cookie": f"a={secret}", "ETag": f'"{secret}"'}
        if request.url.path == "/moved":
            return httpx.Response(404, headers=headers, text=secret)
        statuses = [200, 302, 404, 429, 500, 503]
        status = statuses[how % len(statuses)]
        if status == 302:
            headers["Location"] = f"https://u:{secret}@api.example/moved?t={secret}#{secret}"
        body = {"type": f"https://{secret}", "title": secret, "detail": secret, "message": secret}
        headers |= {"Content-Type": "application/problem+json", "X-RateLimit-Resource": "core"}
        return httpx.Response(status, headers=headers, json=body)

    return answer


async def met(secret: str, how: int) -> tuple[str, list[discord.Embed], list[str]]:
    """The reference of a call with the secret in all that is sent, and what operators may see of it."""
    service = HTTPSettings(cache=CacheSettings())
    policy = Policy(retry=Retry(attempts=2, backoff=0.0001))
    async with HTTPClient(service, transport=httpx.MockTransport(answering(secret, how))) as http:
        api = http.api(
            "github",
            base_url="https://api.example",
            headers={"Authorization": f"Bearer {secret}"},
            policy=policy,
        )
        exc: BaseException | None = None
        try:
            response = await api.post(
                f"/a?key={secret}#{secret}",
                params={"token": secret},
                headers={"X-Api-Key": secret},
                json={"password": secret},
                retry=True,
            )
            call = call_of(response)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as caught:
            exc, call = caught, call_of(caught)
        assert call is not None
        failure = Failure(
            reference=call.reference,
            at=datetime.now(UTC),
            name="repo",
            problem="internal",
            error=type(exc).__name__,
            call=call,
        )
        recent.failed(failure)
        cards = [
            why_card(call.reference, failure=failure, call=call, names=NAMES),
            status_card(http, stored=http.shelf.memory.stats(), names=NAMES),
        ]
    return call.reference, cards, [choice_name(failure)]


@given(secret=secrets, how=st.integers(0, len(RAISED) + 5))
@settings(max_examples=120, deadline=None)
def test_a_secret_anywhere_in_a_call_is_in_no_record_and_no_card(secret: str, how: int) -> None:
    reference, cards, others = asyncio.run(met(secret, how))
    seen = [*(str(card.to_dict()) for card in cards), *others, *kept(reference)]
    assert not [text for text in seen if secret in text or quote(secret) in text]


def kept(reference: str) -> list[str]:
    """All that is remembered under a reference, to the last field."""
    call, failure = recent.call(reference), recent.failure(reference)
    assert call is not None
    assert failure is not None
    return [repr(each) for each in (_fields(call), _fields(failure), call, failure)]


def _fields(value: Any) -> dict[str, Any]:
    return dataclasses.asdict(value)


@given(secret=secrets)
@settings(max_examples=20, deadline=None)
def test_a_secret_in_a_path_is_not_shown_if_it_is_known_or_looks_like_one(secret: str) -> None:
    redact.know([secret])
    token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"

    async def scenario() -> str:
        async with HTTPClient(transport=httpx.MockTransport(lambda _: httpx.Response(404))) as http:
            api = http.api("github", base_url="https://api.example")
            shown = ""
            for path in (f"/a/{secret}", f"/webhooks/123/{secret}", f"/a/{token}"):
                response = await api.get(path, raise_for_status=False)
                call = call_of(response)
                assert call is not None
                shown += str(why_card(call.reference, failure=None, call=call, names=NAMES).to_dict())
            return shown

    shown = asyncio.run(scenario())
    assert secret not in shown
    assert token not in shown

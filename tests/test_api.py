"""Named APIs: one line a call, and nothing of theirs leaves their origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest

from tux_http import API, HTTPClient, InvalidResponse, Policy, call_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Thing(msgspec.Struct):
    name: str
    size: int = 0


def echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(
        200,
        headers={"Set-Cookie": "session=1"},
        json={
            "name": request.method,
            "url": str(request.url),
            "path": request.url.raw_path.decode(),
            "headers": dict(request.headers),
            "body": request.content.decode("utf-8", "replace"),
        },
    )


@pytest.fixture
def service() -> HTTPClient:
    return HTTPClient(transport=httpx.MockTransport(echo))


@pytest.fixture
def api(service: HTTPClient) -> API:
    return service.api("things", base_url="https://api.test/v1", headers={"Authorization": "Bearer t"})


async def test_relative_urls_are_appended_to_the_base_url(api: API) -> None:
    assert (await api.get("/a/b")).json()["path"] == "/v1/a/b"
    assert (await api.get("a", params={"q": "1"})).json()["path"] == "/v1/a?q=1"


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("tux", "tux"),
        ("a/b", "a%2Fb"),
        ("../x", "..%2Fx"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("%2e%2e", "%252e%252e"),
        ("é", "%C3%A9"),
        ("{owner}", "%7Bowner%7D"),
        (7, "7"),
        ("a\r\nb", "a%0D%0Ab"),
    ],
)
async def test_a_path_value_stays_in_its_segment(api: API, value: str | int, segment: str) -> None:
    answer = await api.get("/repos/{owner}/x", path={"owner": value})
    assert answer.json()["path"] == f"/v1/repos/{segment}/x"


@pytest.mark.parametrize("value", ["", ".", "..", "\ud800"])
async def test_a_path_value_that_is_no_segment_is_refused_before_anything_is_sent(value: str) -> None:
    def sent(request: httpx.Request) -> httpx.Response:
        pytest.fail("sent")

    service = HTTPClient(transport=httpx.MockTransport(sent))
    with pytest.raises(httpx.InvalidURL, match="'owner'"):
        await service.api("x", base_url="https://api.test").get("/{owner}", path={"owner": value})
    await service.close()


@pytest.mark.parametrize("path", [{}, {"owner": "a", "extra": "b"}])
async def test_a_template_and_its_values_must_agree(api: API, path: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="owner"):
        await api.get("/{owner}", path=path)


async def test_an_absolute_url_of_the_same_origin_is_called(api: API) -> None:
    answer = await api.get("https://api.test/v1/next?page=2")
    assert answer.json()["path"] == "/v1/next?page=2"


@pytest.mark.parametrize(
    "url", ["https://evil.test/", "http://api.test/", "https://api.test:8443/", "//evil.test/"]
)
async def test_another_origin_is_never_called_with_the_apis_credentials(api: API, url: str) -> None:
    with pytest.raises(httpx.InvalidURL):
        await api.get(url)


async def test_as_decodes_into_a_type(api: API) -> None:
    thing = await api.get("/thing", as_=Thing)
    assert thing == Thing("GET")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{", "$"),
        (b"", "$"),
        (b'{"name": 1}', "$.name"),
        (b'{"name": "a", "size": "big"}', "$.size"),
        (b"\xff\xfe", "$"),
        (b"[" * 100_000, "$"),
    ],
)
async def test_a_body_that_does_not_fit_is_an_invalid_response(body: bytes, path: str) -> None:
    service = HTTPClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
    with pytest.raises(InvalidResponse) as caught:
        await service.api("x", base_url="https://api.test").get("/", as_=Thing)
    assert (caught.value.api, caught.value.expected, caught.value.path) == ("x", "Thing", path)
    assert call_of(caught.value) is not None
    assert isinstance(caught.value, httpx.DecodingError)
    await service.close()


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "head", "options"])
async def test_each_verb_sends_its_method_and_the_apis_headers(api: API, verb: str) -> None:
    answer = await getattr(api, verb)("/x")
    seen = answer.json()
    assert (seen["name"], seen["headers"]["authorization"]) == (verb.upper(), "Bearer t")


@pytest.mark.parametrize(
    ("options", "content_type", "body"),
    [
        ({"json": {"a": 1}}, "application/json", '{"a":1}'),
        ({"data": {"a": "1"}}, "application/x-www-form-urlencoded", "a=1"),
        ({"content": b"raw", "headers": {"Content-Type": "text/plain"}}, "text/plain", "raw"),
        (
            {
                "json": [{"op": "remove", "path": "/a"}],
                "headers": {"Content-Type": "application/json-patch+json"},
            },
            "application/json-patch+json",
            '[{"op":"remove","path":"/a"}]',
        ),
    ],
)
async def test_bodies_of_every_kind_are_sent_with_their_type(
    service: HTTPClient, options: dict[str, Any], content_type: str, body: str
) -> None:
    api = service.api(
        "typed", base_url="https://api.test", headers={"Content-Type": "application/vnd.default"}
    )
    options = {**options, "headers": {"Content-Type": content_type, **options.get("headers", {})}}
    seen = (await api.patch("/x", **options)).json()
    assert seen["headers"]["content-type"] == content_type
    assert seen["body"] == body


async def test_files_are_uploaded(api: API) -> None:
    seen = (await api.post("/x", files={"f": ("a.txt", b"content")})).json()
    assert seen["headers"]["content-type"].startswith("multipart/form-data")
    assert "content" in seen["body"]


async def test_the_same_name_gives_the_same_api_and_other_arguments_are_refused(service: HTTPClient) -> None:
    first = service.api("x", base_url="https://api.test", headers={"A": "1"}, policy=Policy(deadline=3))
    again = service.api("x", base_url="https://api.test", headers={"A": "1"}, policy=Policy(deadline=3))
    assert first is again
    assert service.apis == {"x": first}
    with pytest.raises(ValueError, match="'x'"):
        service.api("x", base_url="https://api.test", headers={"A": "2"}, policy=Policy(deadline=3))


@pytest.mark.parametrize("base_url", ["api.test", "ftp://api.test", "/v1", ""])
def test_a_base_url_must_be_absolute_http(service: HTTPClient, base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        service.api("x", base_url=base_url)


def test_an_option_of_the_pool_is_refused(service: HTTPClient) -> None:
    with pytest.raises(TypeError, match="'verify'"):
        service.api("x", base_url="https://api.test", verify=False)


async def test_cookies_are_kept_for_each_api_alone(service: HTTPClient) -> None:
    one = service.api("one", base_url="https://api.test")
    two = service.api("two", base_url="https://api.test")
    await one.get("/")
    assert (await one.get("/")).json()["headers"]["cookie"] == "session=1"
    assert "cookie" not in (await two.get("/")).json()["headers"]
    assert "cookie" not in (await service.get("https://api.test/")).json()["headers"]
    await service.close()
    assert (await one.get("/")).json()["headers"]["cookie"] == "session=1"
    await service.close()


async def test_the_shared_clients_credentials_are_not_an_apis() -> None:
    service = HTTPClient(
        transport=httpx.MockTransport(echo), auth=("u", "p"), cookies={"c": "1"}, headers={"X-Team": "tux"}
    )
    seen = (await service.api("x", base_url="https://api.test").get("/")).json()
    assert "authorization" not in seen["headers"]
    assert "cookie" not in seen["headers"]
    assert seen["headers"]["x-team"] == "tux"
    await service.close()


async def test_an_api_works_again_after_the_service_was_closed(service: HTTPClient, api: API) -> None:
    await api.get("/")
    await service.close()
    assert (await api.get("/")).status_code == 200
    await service.close()


async def test_a_call_of_an_api_is_recorded_with_its_name(api: API) -> None:
    call = call_of(await api.get("/x", params={"token": "hunter2"}))
    assert call is not None
    assert (call.api, call.path, len(call.attempts)) == ("things", "/v1/x", 1)
    assert "hunter2" not in repr(call)


async def test_redirects_and_timeouts_can_be_set_for_one_call() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/moved":
            return httpx.Response(302, headers={"Location": "/here"})
        return httpx.Response(200, json=request.extensions["timeout"])

    service = HTTPClient(transport=httpx.MockTransport(answer))
    api = service.api("x", base_url="https://api.test", timeout=9)
    assert (await api.get("/moved", follow_redirects=False)).status_code == 302
    assert (await api.get("/moved")).json()["read"] == 9
    assert (await api.get("/moved", timeout=2)).json()["read"] == 2
    await service.close()


async def test_a_stream_tells_its_progress() -> None:
    async def parts() -> AsyncGenerator[bytes]:
        yield b"one"
        yield b"two"

    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"Content-Length": "6"}, content=parts())
    )
    service = HTTPClient(transport=transport)
    api = service.api("x", base_url="https://api.test")
    progress: list[tuple[int, int | None]] = []

    def note(received: int, total: int | None) -> None:
        progress.append((received, total))

    async with api.stream("GET", "/{x}", path={"x": "y"}, progress=note) as answer:
        body = await answer.aread()
    assert body == b"onetwo"
    assert progress == [(3, 6), (6, 6)]
    await service.close()

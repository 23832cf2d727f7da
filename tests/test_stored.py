"""What of an answer is kept, and for which requests: RFC 9111, sections 3.1 and 4.1."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from tux_http.caching.stored import OVERHEAD, Stored, storable_fields, varying


def stored(
    *headers: tuple[str, str], vary: tuple[tuple[str, str | None], ...] = (), body: bytes = b""
) -> Stored:
    return Stored(
        method="GET", status=200, headers=headers, body=body, requested_at=1.0, received_at=2.0, vary=vary
    )


def kept(headers: list[tuple[str, str]]) -> dict[str, str]:
    return dict(storable_fields(httpx.Headers(headers)))


def test_names_are_in_lower_case_and_lines_stay_apart_and_in_order() -> None:
    headers = httpx.Headers([("Link", "<a>"), ("ETag", '"1"'), ("link", "<b>")])
    assert storable_fields(headers) == (("link", "<a>"), ("etag", '"1"'), ("link", "<b>"))


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authentication-Info",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    ],
)
def test_what_belongs_to_a_connection_is_not_stored(name: str) -> None:
    assert kept([(name, "x"), ("X-Kept", "1")]) == {"x-kept": "1"}


def test_what_connection_names_is_not_stored() -> None:
    named = [("Connection", "close, X-Hop"), ("connection", " x-other ,,"), ("x-hop", "1"), ("X-Other", "2")]
    assert kept([*named, ("x-kept", "3")]) == {"x-kept": "3"}


@pytest.mark.parametrize("name", ["Cache-Control", "Vary"])
def test_connection_cannot_take_away_what_forbids_use(name: str) -> None:
    # RFC 9110, section 7.6.1: a sender must not name them
    assert kept([("connection", name), (name, "x")]) == {name.lower(): "x"}


@pytest.mark.parametrize("name", ["Set-Cookie", "Set-Cookie2", "Authentication-Info"])
def test_what_is_for_one_person_is_not_stored(name: str) -> None:
    assert kept([(name, "id=secret"), (name, "other=secret")]) == {}


def test_what_describes_the_coded_body_is_not_stored() -> None:
    assert kept([("content-encoding", "gzip"), ("content-length", "20"), ("content-type", "x")]) == {
        "content-type": "x"
    }


def test_bytes_beyond_ascii_are_kept_as_they_are() -> None:
    ((_, value),) = storable_fields(httpx.Headers([(b"x-name", "é".encode())]))
    assert value.encode("latin-1") == "é".encode()


def test_a_field_of_several_lines_is_one_list() -> None:
    answer = stored(("vary", "a"), ("age", "1"), ("vary", "b"))
    assert answer.field("vary") == "a, b"
    assert answer.field("expires") is None


def test_a_variant_answers_the_requests_that_it_was_made_for() -> None:
    french = stored(vary=(("accept-language", "fr"),))
    assert french.matches(httpx.Headers({"Accept-Language": "fr", "x": "1"}))
    assert not french.matches(httpx.Headers({"Accept-Language": "de"}))
    assert not french.matches(httpx.Headers())


def test_a_variant_of_no_field_answers_requests_without_it() -> None:
    plain = stored(vary=(("accept-language", None),))
    assert plain.matches(httpx.Headers())
    assert not plain.matches(httpx.Headers({"accept-language": "fr"}))
    assert not plain.matches(httpx.Headers({"accept-language": ""}))


def test_what_varies_by_everything_answers_nothing() -> None:
    assert not stored(vary=(("*", None),)).matches(httpx.Headers())  # RFC 9111, section 4.1


def test_what_vary_names_is_noted_once_and_sorted() -> None:
    headers = httpx.Headers([("b", "1"), ("b", "2")])
    assert varying(["B", " a", "b ", ""], headers) == (("a", None), ("b", "1, 2"))


def test_a_request_matches_what_was_noted_of_it() -> None:
    headers = httpx.Headers([("accept", "x"), ("accept", "y"), ("x-n", "1")])
    assert stored(vary=varying(["accept", "x-n", "x-none"], headers)).matches(headers)


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "X-Api-Key", "PRIVATE-TOKEN"])
def test_credentials_are_never_noted(name: str) -> None:
    assert varying([name], httpx.Headers({name: "secret"})) == ()


def test_its_size_is_of_all_its_parts() -> None:
    assert stored(("etag", '"1"'), body=b"12345").size == 5 + len('etag"1"') + OVERHEAD


def test_it_survives_being_written_and_read() -> None:
    answer = stored(("etag", '"1"'), vary=(("a", None), ("b", "1")), body=b"\x00\xff")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=Stored) == answer

from __future__ import annotations

import httpx
from hypothesis import given
from hypothesis import strategies as st

from tux_http.fields import fields_in, fields_of, forget

NAMES = st.sampled_from(["Vary", "vary", "X-RateLimit-Limit", "etag", "ETag", "Link"])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_fields_are_what_httpx_has_of_them(lines: list[tuple[str, str]]) -> None:
    headers = httpx.Headers(lines)
    assert fields_in(headers) == {name: headers[name] for name in headers}


def test_a_byte_that_is_no_text_harms_nothing() -> None:
    assert fields_in(httpx.Headers([(b"Server", b"caf\xe9")])) == {"server": "café"}


def test_fields_are_read_once_until_the_answer_is_its_callers() -> None:
    response = httpx.Response(200, headers={"ETag": '"one"'})
    assert fields_of(response) is fields_of(response)
    forget(response)
    assert response.extensions == {}
    response.headers["ETag"] = '"two"'
    assert fields_of(response) == {"etag": '"two"'}

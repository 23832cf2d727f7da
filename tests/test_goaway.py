"""However the bytes are cut, GOAWAYs come out and everything else goes through."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tux_http.transports.engine.goaway import GOAWAY, GoAway, GoAwayFilter


def frame(kind: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind]) + bytes(5) + payload


others = st.builds(frame, st.integers(0, 255).filter(lambda kind: kind != GOAWAY), st.binary(max_size=40))


def goaway(last: int, code: int, debug: bytes) -> bytes:
    return frame(GOAWAY, last.to_bytes(4) + code.to_bytes(4) + debug)


goaways = st.builds(
    goaway,
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=20),
)


@given(st.lists(st.one_of(others, goaways), max_size=12), st.data())
def test_any_cut_of_any_frames_gives_the_same(frames: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    sieve = GoAwayFilter()
    passed = b""
    found: list[GoAway] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        let_through, heard = sieve.feed(stream[start:end])
        passed += let_through
        found += heard
    assert passed == b"".join(each for each in frames if each[3] != GOAWAY)
    assert found == [
        GoAway(int.from_bytes(each[9:13]) & 0x7FFFFFFF, int.from_bytes(each[13:17]))
        for each in frames
        if each[3] == GOAWAY
    ]


def test_a_goaway_too_short_to_be_one_is_left_to_h2() -> None:
    broken = frame(GOAWAY, b"1234")
    assert GoAwayFilter().feed(broken) == (broken, [])

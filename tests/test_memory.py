"""The first place that is looked in."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stores import GITHUB, OTHER, WEATHER, answer
from tux_http.caching.memory import Held, Memory
from tux_http.caching.store import StoreStats

SIZE = answer().size


def held(body: bytes = b'{"stars": 1}') -> tuple[Held, ...]:
    return (Held(answer(body), 100.0),)


def test_what_is_put_is_found_in_its_order() -> None:
    memory, both = Memory(entries=10, size=10**6), (*held(b"1"), *held(b"2"))
    memory.put(GITHUB, both)
    assert memory.get(GITHUB) is both
    assert memory.get(OTHER) == ()
    memory.remove(GITHUB)
    memory.remove(GITHUB)
    assert memory.get(GITHUB) == ()


def test_what_was_not_used_for_longest_makes_room() -> None:
    memory = Memory(entries=2, size=10**6)
    memory.put(GITHUB, held())
    memory.put(OTHER, held())
    memory.get(GITHUB)
    memory.put(WEATHER, held())
    assert (memory.get(OTHER), bool(memory.get(GITHUB)), bool(memory.get(WEATHER))) == ((), True, True)


@pytest.mark.parametrize("bounds", [{"entries": 9, "size": SIZE * 2}, {"entries": 1, "size": 10**6}])
def test_what_is_larger_than_the_bounds_displaces_nothing_but_its_own_older_form(
    bounds: dict[str, int],
) -> None:
    memory = Memory(**bounds)
    memory.put(GITHUB, held())
    memory.put(OTHER, (*held(bytes(SIZE)), *held(bytes(SIZE))))
    assert memory.get(GITHUB)
    memory.put(GITHUB, (*held(bytes(SIZE)), *held(bytes(SIZE))))
    assert memory.get(GITHUB) == ()


def test_apis_are_counted_and_forgotten_apart() -> None:
    memory = Memory(entries=10, size=10**6)
    for key in (GITHUB, OTHER, WEATHER):
        memory.put(key, held())
    assert memory.stats() == [
        StoreStats(api="github", entries=2, size=2 * SIZE),
        StoreStats(api="weather", entries=1, size=SIZE),
    ]
    assert (memory.clear("git"), memory.clear("github"), memory.clear(), memory.stats()) == (0, 2, 1, [])


puts = st.tuples(st.sampled_from("abcdef"), st.lists(st.integers(0, 3000), max_size=4))


@given(steps=st.lists(st.one_of(puts, st.sampled_from("abcdef")), max_size=60))
def test_it_is_an_lru_within_its_bounds(steps: list[tuple[str, list[int]] | str]) -> None:
    memory, entries, size = Memory(entries=6, size=12_000), 6, 12_000
    model: OrderedDict[str, tuple[Held, ...]] = OrderedDict()

    def total() -> tuple[int, int]:
        kept = [each for one in model.values() for each in one]
        return len(kept), sum(each.stored.size for each in kept)

    for step in steps:
        if isinstance(step, str):
            assert memory.get(f"v1:a:{step}") == model.get(step, ())
            if step in model:
                model.move_to_end(step)
            continue
        name, lengths = step
        given_now = tuple(each for length in lengths for each in held(bytes(length)))
        memory.put(f"v1:a:{name}", given_now)
        model.pop(name, None)
        if given_now and len(given_now) <= entries and sum(each.stored.size for each in given_now) <= size:
            model[name] = given_now
        while total()[0] > entries or total()[1] > size:
            model.popitem(last=False)
        found = memory.stats()
        assert total() == ((found[0].entries, found[0].size) if found else (0, 0))
    for name in "abcdef":
        assert memory.get(f"v1:a:{name}") == model.get(name, ())

"""What the unfurls remember, on a clock of the test's own."""

from __future__ import annotations

from typing import Any

from tux_http.cogs.github.unfurl_memory import AGAIN_AFTER, Followed, Recent


def test_a_link_is_taken_once_in_half_an_hour() -> None:
    recent = Recent()
    assert AGAIN_AFTER == 1800
    assert recent.take(1, "a/b#1", 0.0)
    assert not recent.take(1, "a/b#1", 1.0)
    assert not recent.take(1, "a/b#1", 1799.9)
    assert recent.take(1, "a/b#1", 1800.0)
    assert not recent.take(1, "a/b#1", 3599.9)


def test_channels_and_links_are_apart() -> None:
    recent = Recent()
    assert recent.take(1, "a/b#1", 0.0)
    assert recent.take(2, "a/b#1", 0.0)
    assert recent.take(1, "a/b#2", 0.0)


def test_what_was_not_shown_is_given_back() -> None:
    recent = Recent()
    recent.take(1, "a/b#1", 0.0)
    recent.give_back(1, "a/b#1")
    recent.give_back(1, "never taken")
    assert recent.take(1, "a/b#1", 1.0)


def test_what_is_over_is_forgotten() -> None:
    recent = Recent()
    for number in range(100):
        recent.take(1, str(number), float(number))
    recent.take(2, "x", 1850.0)
    assert len(recent) == 100 - 51 + 1


def test_there_is_a_most_and_the_oldest_go() -> None:
    recent = Recent(most=3)
    for number in range(5):
        assert recent.take(1, str(number), 0.0)
    assert len(recent) == 3
    assert not recent.take(1, "4", 1.0)
    assert recent.take(1, "0", 1.0)


def test_messages_that_come_out_of_order_are_still_remembered() -> None:
    recent = Recent()
    recent.take(1, "a", 100.0)
    assert not recent.take(1, "a", 99.0)


class _Answer:
    """As much of a message as is looked at."""

    def __init__(self, id_: int) -> None:
        self.id = id_


def answer(id_: int) -> Any:
    return _Answer(id_)


def test_a_message_is_found_by_itself_and_by_its_answer() -> None:
    followed = Followed()
    message = followed.begin(1)
    assert followed.begin(1) is message
    assert followed.of_message(1) is message
    followed.answered(message, answer(7))
    assert followed.of_answer(7) is message
    followed.answered(message, answer(8))
    assert followed.of_answer(7) is None
    assert followed.of_answer(8) is message
    followed.answered(message, None)
    assert followed.of_answer(8) is None


def test_the_first_messages_are_forgotten_with_their_answers() -> None:
    followed = Followed(most=2)
    for number in (1, 2, 3):
        followed.answered(followed.begin(number), answer(number + 10))
    assert len(followed) == 2
    assert followed.of_message(1) is None
    assert followed.of_answer(11) is None
    assert followed.of_answer(13) is not None


def test_an_answer_to_a_message_that_is_forgotten_meanwhile_is_not_kept() -> None:
    followed = Followed(most=1)
    first = followed.begin(1)
    followed.begin(2)
    followed.answered(first, answer(7))
    assert followed.of_answer(7) is None

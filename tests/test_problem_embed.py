from __future__ import annotations

from datetime import UTC, datetime

from tux_http.problem_embed import COLOURS, ICONS, problem_embed
from tux_http.problems import InvalidInput, Problem, problem_of


def test_a_problem_is_an_embed_that_does_not_speak_by_colour_alone() -> None:
    shown = [
        problem_embed(
            Problem(code="x", title="Title", detail="Detail.", hint="Hint.", level=level),
            reference="a1b2c3d4",
        )
        for level in COLOURS
    ]
    assert [embed.title for embed in shown] == [f"{icon} Title" for icon in ICONS.values()]
    assert len({embed.colour for embed in shown}) == len(set(ICONS.values())) == 3
    assert shown[0].description == "Detail.\nHint."
    assert shown[0].footer.text == "Reference a1b2c3d4"


def test_a_time_is_shown_in_the_readers_own_clock_and_never_too_early() -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    told = Problem(code="x", title="T", detail="D.", hint="H.", retry_at=at)
    assert problem_embed(told, reference="r").description == "D.\nH.\nTry again <t:1772366401:R>."


def test_an_example_is_shown_as_it_is_to_be_typed() -> None:
    told = problem_of(InvalidInput("No **such** thing @everyone.", example="own_er/`name`"))
    description = problem_embed(told, reference="r").description or ""
    assert description == (
        "No \\*\\*such\\*\\* thing @\u200beveryone.\nChange it and try again. For example: `own_er/'name'`"
    )

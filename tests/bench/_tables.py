"""How the benches write what they found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table: the first column stands left, the others right."""
    lines = [list(columns), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    yield ""
    for first, *rest in lines:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])
    yield ""


def at_least(what: str, value: float, goal: float, unit: str = "") -> str:
    return _verdict(f"{what} at least {goal:g}{unit}", value, goal - value, unit)


def at_most(what: str, value: float, goal: float, unit: str = "") -> str:
    return _verdict(f"{what} at most {goal:g}{unit}", value, value - goal, unit)


def _verdict(goal: str, value: float, missing: float, unit: str) -> str:
    outcome = "reached" if missing <= 0 else f"missed by {missing:,.2f}{unit}"
    return f"goal: {goal}: {outcome} ({value:,.2f}{unit})"

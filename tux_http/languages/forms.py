"""How each language writes numbers and lists: what we need of Unicode's CLDR, which a test compares it with."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMS", "Form"]


class Form(NamedTuple):
    """`group` and `point` are those of numbers, `pair` is a list of two; longer ones have `comma` and `last`."""

    group: str
    point: str
    pair: str
    last: str
    comma: str = ", "


NARROW_SPACE: Final = "\u202f"

FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "en": Form(",", ".", "{} and {}", "{}, and {}"),
        "de": Form(".", ",", "{} und {}", "{} und {}"),
        "fr": Form(NARROW_SPACE, ",", "{} et {}", "{} et {}"),
        "es": Form(".", ",", "{} y {}", "{} y {}"),
        "pt_BR": Form(".", ",", "{} e {}", "{} e {}"),
        "ja": Form(",", ".", "{}、{}", "{}、{}", comma="、"),
    }
)
"""By the code of the language."""

"""The words that records of calls and circuits use, for people."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tux_http.languages import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ANSWERS", "REFUSERS", "STATES"]

STATES: Final[Mapping[str, str]] = MappingProxyType(
    {"closed": N_("closed"), "half-open": N_("half-open"), "open": N_("open")}
)
"""Of a breaker."""

REFUSERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "breaker": N_("by the breaker"),
        "quota": N_("by the quota"),
        "lane": N_("by the lane"),
        "guard": N_("by the guard"),
    }
)
"""By layer."""

ANSWERS: Final[Mapping[str, str]] = MappingProxyType(
    {"hit": N_("hit"), "miss": N_("miss"), "revalidated": N_("revalidated"), "stale": N_("stale")}
)
"""How the cache answered."""

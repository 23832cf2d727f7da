"""What processes tell each other of an upstream's limits: each value is something that one answer taught."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec

from tux_http.limits import Announced

__all__ = ["Moment", "News", "Paused", "Placed", "Told", "ends", "subject"]

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Told(msgspec.Struct, frozen=True, kw_only=True, tag="told", omit_defaults=True):
    """What is left of a quota; as `Announced`."""

    name: str
    remaining: int
    reset: Moment
    limit: int | None = None
    everywhere: bool = True

    @classmethod
    def of(cls, quota: Announced) -> Told:
        return cls(
            name=quota.name,
            remaining=quota.remaining,
            reset=quota.reset,
            limit=quota.limit,
            everywhere=quota.everywhere,
        )

    def announced(self) -> Announced:
        return Announced(**msgspec.structs.asdict(self))


class Paused(msgspec.Struct, frozen=True, kw_only=True, tag="paused", omit_defaults=True):
    """Until when everything is to wait, and the secondary limits met in a row by then."""

    until: Moment
    scope: str | None = None
    strikes: int = 0


class Placed(msgspec.Struct, frozen=True, kw_only=True, tag="placed"):
    """On which quotas the requests to a place count."""

    place: str
    names: tuple[str, ...]


News: TypeAlias = Told | Paused | Placed


def subject(news: News) -> str:
    """What it is about; of what has the same subject, the newest counts."""
    match news:
        case Told():
            return f"quota:{news.name}"
        case Paused():
            return "pause"
        case Placed():
            return f"place:{news.place}"


def ends(news: News) -> datetime | None:
    """When it is of no more use; None if it stays true."""
    match news:
        case Told():
            return news.reset
        case Paused():
            return news.until
        case Placed():
            return None

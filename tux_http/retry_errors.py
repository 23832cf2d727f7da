"""Why a press of Retry does nothing: raised at the press, and answered by the error layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord import app_commands

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["NotYours", "TooLate", "TooSoon"]


class NotYours(app_commands.CheckFailure):
    """Somebody else's command."""


class TooSoon(app_commands.AppCommandError):
    """The wait is not over. `retry_at` is aware."""

    def __init__(self, retry_at: datetime) -> None:
        super().__init__()
        self.retry_at = retry_at


class TooLate(app_commands.AppCommandError):
    """What was asked is not known any more."""

"""People whose Discord is in a language: simcord's are all American, and so are its servers to an interaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcord import interactions

if TYPE_CHECKING:
    import pytest


def speaking(locale: str, patch: pytest.MonkeyPatch) -> None:
    """From now on, whoever acts has Discord in a language; servers have that of their settings."""
    made = interactions.base_payload

    def base_payload(backend: Any, *, guild_id: int | None, **given: Any) -> tuple[Any, dict[str, Any]]:
        record, payload = made(backend, guild_id=guild_id, **given)
        payload["locale"] = locale
        if guild_id is not None:
            payload["guild_locale"] = backend.get_guild(guild_id).preferred_locale
        return record, payload

    patch.setattr(interactions, "base_payload", base_payload)

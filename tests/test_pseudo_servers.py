"""What `/github` says goes through the catalogues: in a pseudo-language, nothing readable is left beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, get_args

import discord
import pytest

from tests.pseudo_language import PSEUDO, unworded
from tux_http.cogs.github import check, servers
from tux_http.cogs.github.defaults import NOTHING_SET, GuildDefaults
from tux_http.cogs.github.reference import Reference
from tux_http.cogs.github.token_state import Kind, Quota, TokenState
from tux_http.permission_names import PERMISSIONS

DATA = Reference("data", "data")
FULL = GuildDefaults(
    repository=DATA, favourites=(DATA,) * 9, ephemeral=True, unfurls=True, channels={1: True, 2: False}
)


@pytest.mark.parametrize("known", [NOTHING_SET, FULL], ids=["nothing", "full"])
def test_the_settings_of_a_server(known: GuildDefaults) -> None:
    texts = [text for field in servers._fields(known, PSEUDO) for text in field]
    assert unworded(*(text.replace("data/data", "data") for text in texts)) == []
    assert len(texts) == 8


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_token_and_its_quotas(kind: Any) -> None:
    state = TokenState(
        kind=kind,
        scopes=("data",),
        permissions=("data",),
        lacks=("data",),
        expires_at=datetime(2026, 3, 1, tzinfo=UTC),
        quotas={"data": Quota(limit=2, remaining=1, reset=3)},
    )
    texts = [*check._token(state, PSEUDO), *check._quotas(state, PSEUDO)]
    assert unworded(*texts) == []
    assert len(texts) == 4
    assert set(check._KINDS) == set(get_args(Kind))


def test_missing_permissions() -> None:
    names = check._lacking(discord.Permissions.none(), None)
    assert {*check.NEEDED, *check.USEFUL} == set(names)
    assert set(names) <= set(PERMISSIONS)
    assert unworded(check._named(names, PSEUDO)) == []


@pytest.mark.parametrize("show", [True, False])
@pytest.mark.parametrize("place", [None, 1])
def test_what_is_said_of_links(show: bool, place: int | None) -> None:
    intents: Any = SimpleNamespace(intents=discord.Intents.none())
    cog = servers.Servers.__new__(servers.Servers)
    cog._bot = intents
    texts = list(cog._unfurls_said(show, place, PSEUDO))
    assert len(texts) == 1 + show
    assert unworded(*(text.replace("<#1>", "") for text in texts)) == []

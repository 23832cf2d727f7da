"""`/github` in the sandbox, where it is tried without a trace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tux_http.config import Settings
from tux_http.sandbox.upstream import SampleGitHub
from tux_http.sandbox.world import opened

pytestmark = pytest.mark.slow


async def test_what_is_set_in_the_sandbox_holds_there_and_goes_with_it() -> None:
    async with SampleGitHub() as github, opened(Settings(), upstream=github) as world:
        said = await world.member.send(world.channel, "/github default allthingslinux/tux")
        assert "allthingslinux/tux is meant now" in str(said.embeds[0].description)
        said = await world.member.send(world.channel, "/github visibility public:False")
        assert said.embeds[0].description == "Only the person who asks sees the answers now."
        card = await world.member.send(world.channel, "/repo")
        assert card.embeds[0].title == "allthingslinux/tux"
        assert card.flags.ephemeral
        card = await world.member.send(world.channel, "/repo public:true")
        assert not card.flags.ephemeral
        file = Path(world.bot.settings.github.database)
        assert file.exists()
    assert not file.parent.exists()
    assert not Path(os.environ["XDG_DATA_HOME"]).exists()


async def test_the_check_works_with_the_samples() -> None:
    async with SampleGitHub() as github, opened(Settings(), upstream=github) as world:
        said = await world.member.send(world.channel, "/github check")
        assert [str(field.name)[:1] for field in said.embeds[0].fields[:3]] == ["✅", "✅", "✅"]

"""What those who manage a server set for it with `/github`, and how the commands go by it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
import msgspec
import pytest

from tests.github_stage import (
    EXAMPLE,
    Access,
    Stage,
    Upstream,
    github,
    problem,
    settings_for,
    staged,
)
from tux_http.cogs.github.storage import MOST_FAVOURITES, GuildFile, path_of
from tux_http.config import BotSettings, GitHubSettings, PrivateAccess

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from simcord.actors import MemberActor
    from simcord.builders import ChannelHandle, GuildHandle, RoleHandle

    from tux_http.config import Settings

TUX = {"full_name": "allthingslinux/Tux", "name": "Tux", "html_url": "https://github.com/allthingslinux/Tux"}


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        served.has("/repos/allthingslinux/tux", EXAMPLE | TUX)
        served.has("/repos/allthingslinux/Tux", EXAMPLE | TUX)
        served.has("/repos/demo/private", EXAMPLE | {"full_name": "demo/private", "private": True})
        yield served


@dataclass
class Server:
    """A stage, and somebody who manages its server."""

    stage: Stage
    manager: MemberActor

    async def set(self, name: str, **options: Any) -> str:
        """What the one who manages is told, whom alone it is shown."""
        result = await self.manager.slash(self.stage.channel, f"github {name}", **options)
        assert result.response is not None
        assert result.response.ephemeral
        (embed,) = result.response.embeds
        return str(embed.description)

    async def settings(self) -> dict[str, str]:
        result = await self.manager.slash(self.stage.channel, "github settings")
        assert result.response is not None
        assert result.response.ephemeral
        return {str(field.name): str(field.value) for field in result.response.embeds[0].fields}


@contextlib.asynccontextmanager
async def server(
    settings: Settings, *, failing: bool = False, access: Access | None = None
) -> AsyncGenerator[Server]:
    async with staged(settings, failing=failing, access=access) as stage:
        guild = stage.member.guild
        managing = guild.create_role("managers", permissions=discord.Permissions(manage_guild=True))
        manager = guild.add_member(stage.env.create_user("bob"), roles=[managing])
        yield Server(stage, manager)


# The default repository.


async def test_the_default_repository_is_meant_where_none_is_named(upstream: Upstream) -> None:
    async with server(settings_for(upstream)) as here:
        said = await here.set("default", repository="https://github.com/allthingslinux/tux/issues")
        assert said == "allthingslinux/Tux is meant now where no repository is named."
        await here.stage.member.slash(here.stage.channel, "repo")
        by_slash = here.stage.seen()
        by_prefix = await here.stage.say("!repo")
        named = await here.stage.slash("octocat/Hello-World")
    assert by_slash.embeds[0].title == by_prefix.embeds[0].title == "allthingslinux/Tux"
    assert named.embeds[0].title == "octocat/Hello-World"


async def test_it_outlives_a_restart_of_the_bot(upstream: Upstream) -> None:
    settings = settings_for(upstream)
    async with server(settings) as here:
        await here.set("default", repository="allthingslinux/tux")
        guild = here.stage.member.guild.id
    with contextlib.closing(GuildFile(path_of(settings.github))) as file:
        assert file.load(guild)[0][0] == "allthingslinux/Tux"


async def test_it_is_taken_back_by_naming_none(upstream: Upstream) -> None:
    async with server(settings_for(upstream), failing=True) as here:
        await here.set("default", repository="allthingslinux/tux")
        assert await here.set("default") == "There is no default repository any more."
        await here.stage.member.slash(here.stage.channel, "repo")
        _, detail = problem(here.stage.seen())
        assert detail.startswith("Name a repository; this server has no default one.")
        assert "`allthingslinux/tux`" in detail


async def test_in_direct_messages_there_is_none(upstream: Upstream) -> None:
    async with server(settings_for(upstream), failing=True) as here:
        await here.set("default", repository="allthingslinux/tux")
        result = await here.stage.member.user.slash("repo")
    assert result.response is not None
    assert str(result.response.embeds[0].description).startswith("Name a repository.")


async def test_what_does_not_exist_does_not_become_the_default(upstream: Upstream) -> None:
    async with server(settings_for(upstream), failing=True) as here:
        await here.set("default", repository="allthingslinux/tux")
        result = await here.manager.slash(here.stage.channel, "github default", repository="demo/missing")
        assert result.response is not None
        assert "Nothing found" in str(result.response.embeds[0].title)
        assert (await here.settings())["Default repository"] == "allthingslinux/Tux"


async def test_what_is_private_does_not_become_the_default(upstream: Upstream) -> None:
    async with server(settings_for(upstream), failing=True) as here:
        for name in ("default", "favourites add"):
            result = await here.manager.slash(here.stage.channel, f"github {name}", repository="demo/private")
            assert result.response is not None
            assert "Nothing found" in str(result.response.embeds[0].title)
        assert (await here.settings())["Default repository"] == "none"


# Favourites.


async def test_favourites_are_added_listed_and_removed(upstream: Upstream) -> None:
    async with server(settings_for(upstream)) as here:
        assert await here.set("favourites list") == "There are no favourites yet."
        assert await here.set("favourites add", repository="allthingslinux/tux") == (
            "allthingslinux/Tux is a favourite now."
        )
        assert await here.set("favourites add", repository="allthingslinux/Tux") == (
            "allthingslinux/Tux is a favourite already."
        )
        await here.set("favourites add", repository="octocat/Hello-World")
        assert (await here.set("favourites list")).splitlines() == [
            "allthingslinux/Tux",
            "octocat/Hello-World",
        ]
        offered = await here.manager.autocomplete(
            here.stage.channel, "github favourites remove", "repository", "tux"
        )
        assert [choice["value"] for choice in offered] == ["allthingslinux/Tux"]
        said = await here.set("favourites remove", repository="ALLTHINGSLINUX/tux")
        assert said.endswith("is no favourite any more.")
        assert (await here.set("favourites remove", repository="a/b")) == "a/b was no favourite."
        assert await here.set("favourites list") == "octocat/Hello-World"


async def test_there_is_an_end_to_favourites(upstream: Upstream) -> None:
    settings = settings_for(upstream)
    async with server(settings, failing=True) as here:
        with contextlib.closing(GuildFile(path_of(settings.github))) as file:
            for number in range(MOST_FAVOURITES):
                file.add_favourite(here.stage.member.guild.id, f"a/{number}")
        result = await here.manager.slash(
            here.stage.channel, "github favourites add", repository="octocat/Hello-World"
        )
        assert result.response is not None
        detail = str(result.response.embeds[0].description)
    assert detail.startswith("A server can have 25 favourites; remove one first.")


# Who sees the answers.


async def test_answers_are_for_everybody_until_the_server_says_otherwise(upstream: Upstream) -> None:
    async with server(settings_for(upstream)) as here:
        assert not (await here.stage.slash("octocat/Hello-World")).flags.ephemeral
        assert await here.set("visibility", public=False) == "Only the person who asks sees the answers now."
        assert (await here.stage.slash("octocat/Hello-World")).flags.ephemeral
        assert not (await here.stage.say("!repo octocat/Hello-World")).flags.ephemeral
        assert await here.set("visibility", public=True) == "Everybody in the channel sees the answers now."
        assert not (await here.stage.slash("octocat/Hello-World")).flags.ephemeral


@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize("public", [True, False])
async def test_whoever_asks_has_the_last_word(upstream: Upstream, default: bool, public: bool) -> None:
    async with server(settings_for(upstream)) as here:
        await here.set("visibility", public=default)
        await here.stage.member.slash(
            here.stage.channel, "repo", repository="octocat/Hello-World", public=public
        )
        assert here.stage.seen().flags.ephemeral is not public


async def test_a_role_may_see_private_ones_where_only_its_member_sees_the_answer(upstream: Upstream) -> None:
    roles: list[RoleHandle] = []

    def of_a_role(guild: GuildHandle, _: ChannelHandle) -> tuple[PrivateAccess, ...]:
        roles.append(guild.create_role("staff"))
        return (PrivateAccess(guild=guild.id, roles=(roles[0].id,)),)

    async with server(settings_for(upstream), failing=True, access=of_a_role) as here:
        holder = here.stage.member.guild.add_member(here.stage.env.create_user("eve"), roles=roles)

        async def title(who: MemberActor, **options: Any) -> str:
            result = await who.slash(here.stage.channel, "repo", repository="demo/private", **options)
            assert result.response is not None
            return str(result.response.embeds[0].title)

        assert await title(holder, public=False) == "demo/private"
        assert "Nothing found" in await title(here.stage.member, public=False)
        assert "Nothing found" in await title(holder, public=True)
        assert "Nothing found" in await title(holder)
        await here.set("visibility", public=False)
        assert await title(holder) == "demo/private"
        card = here.stage.channel.history(viewer=holder.user)[-1]
        await holder.click(card, label="Refresh")
        shown = here.stage.channel.history(viewer=holder.user)[-1]
        assert (shown.embeds[0].title, shown.embeds[0].footer.text) == ("demo/private", "Refreshed")
        await here.stage.member.send(here.stage.channel, "!repo demo/private")
        assert "Nothing found" in problem(here.stage.channel.history()[-1])[0]


# Links in messages.


async def test_links_are_unfurled_by_the_channel_and_then_by_the_server(upstream: Upstream) -> None:
    async with server(settings_for(upstream)) as here:
        place = here.stage.channel
        assert await here.set("unfurl", show=True) == "Links to GitHub are shown as cards now."
        said = await here.set("unfurl", show=False, where=place)
        assert said == f"Links to GitHub in <#{place.id}> are left alone now."
        assert (await here.settings())["Links in messages"] == f"shown as cards\n<#{place.id}>: left alone"
        await here.set("unfurl", show=False)
        await here.set("unfurl", show=True, where=place)
        assert (await here.settings())["Links in messages"] == f"left alone\n<#{place.id}>: shown as cards"


# Who may.


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("settings", {}),
        ("default", {"repository": "octocat/Hello-World"}),
        ("favourites add", {"repository": "octocat/Hello-World"}),
        ("favourites remove", {"repository": "octocat/Hello-World"}),
        ("favourites list", {}),
        ("visibility", {"public": False}),
        ("unfurl", {"show": True}),
        ("check", {}),
    ],
)
async def test_only_those_who_manage_the_server_may(
    upstream: Upstream, name: str, options: dict[str, Any]
) -> None:
    async with server(settings_for(upstream), failing=True) as here:
        assert f"github {name}" not in here.stage.member.available_commands(here.stage.channel)
        assert f"github {name}" in here.manager.available_commands(here.stage.channel)
        arguments = " ".join(str(value) for value in options.values())
        message = await here.stage.say(f"!github {name} {arguments}")
        assert "Manage Server" in problem(message)[1]
        assert (await here.settings())["Favourites"] == "none"
        result = await here.stage.member.user.slash("repo", repository="octocat/Hello-World")
        assert result.response is not None
        assert f"github {name}" not in here.stage.member.user.available_commands()


async def test_typed_settings_are_confirmed_where_they_were_typed_and_shown_by_direct_message(
    upstream: Upstream,
) -> None:
    async with server(settings_for(upstream)) as here:
        direct = here.manager.user.dm_channel
        await here.manager.send(here.stage.channel, "!github default octocat/Hello-World")
        assert "octocat/Hello-World is meant now" in str(here.stage.seen().embeds[0].description)
        await here.manager.send(here.stage.channel, "!github")
        assert direct.history()[-1].embeds[0].title == "GitHub in this server"
        await here.manager.send(here.stage.channel, "!github favourites")
        assert direct.history()[-1].embeds[0].title == "Favourites"
        assert here.stage.channel.history()[-1].author.id == here.manager.id


async def test_a_file_that_cannot_be_written_is_answered_as_a_fault_of_ours(
    upstream: Upstream, tmp_path: Any
) -> None:
    (tmp_path / "servers.sqlite").mkdir()
    settings = msgspec.structs.replace(
        settings_for(upstream),
        bot=BotSettings(),
        github=GitHubSettings(database=str(tmp_path / "servers.sqlite")),
    )
    async with server(settings, failing=True) as here:
        result = await here.manager.slash(here.stage.channel, "github visibility", public=False)
        assert result.response is not None
        assert "Something went wrong on our side" in str(result.response.embeds[0].title)
        assert str(tmp_path) not in str(result.response.embeds[0].to_dict())
        assert (await here.stage.slash("octocat/Hello-World")).embeds[0].title == "octocat/Hello-World"

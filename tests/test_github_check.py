"""What the bot lacks, as `/github check` shows it and as the log says it at the start."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import discord
import httpx
import msgspec
import pytest
import simcord
from loguru import logger

from tests.app_stage import APP, INSTALLATION, app_upstream, private_key
from tests.github_stage import (
    EXAMPLE,
    EXTENSION,
    PlainBot,
    Stage,
    Upstream,
    github,
    problem,
    settings_for,
    staged,
)
from tux_http import HTTPClient
from tux_http.cogs.github.token_state import token_state
from tux_http.config import BotSettings, GitHubSettings, Settings
from tux_http.host import attach, detach
from tux_http.policy import HTTPSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from loguru import Record
    from simcord.actors import MemberActor
    from simcord.results import InteractionResult

TOKEN = "ghp_planted"
LIMITS: dict[str, Any] = {
    "resources": {
        "core": {"limit": 5000, "remaining": 4990, "reset": 4102444800, "used": 10},
        "search": {"limit": 30, "remaining": 30, "reset": 4102444800, "used": 0},
        "graphql": {"limit": 5000, "remaining": 5000, "reset": 4102444800, "used": 0},
    },
    "rate": {"limit": 5000, "remaining": 4990, "reset": 4102444800, "used": 10},
}


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        scopes: dict[str, Any] = {"X-OAuth-Scopes": "repo, read:org"}
        served.has("/rate_limit", LIMITS, **scopes)
        yield served


@contextlib.contextmanager
def heard() -> Generator[list[Record]]:
    records: list[Record] = []
    sink = logger.add(
        lambda message: records.append(message.record), filter="tux_http.cogs.github.check", level="INFO"
    )
    yield records
    logger.remove(sink)


def manager_of(stage: Stage) -> MemberActor:
    role = stage.member.guild.create_role("managers", permissions=discord.Permissions(manage_guild=True))
    return stage.member.guild.add_member(stage.env.create_user("bob"), roles=[role])


async def checked(stage: Stage, who: MemberActor) -> InteractionResult:
    return await who.slash(stage.channel, "github check")


def fields(result: InteractionResult) -> dict[str, str]:
    assert result.response is not None
    assert result.response.ephemeral
    return {str(field.name): str(field.value) for field in result.response.embeds[0].fields}


async def test_a_bot_that_lacks_nothing_hears_so(upstream: Upstream) -> None:
    async with staged(settings_for(upstream, token=TOKEN)) as stage:
        told = fields(await checked(stage, manager_of(stage)))
    assert list(told) == ["✅ Message content", "✅ Permissions", "✅ Token", "Quota"]
    assert told["✅ Message content"] == "on"
    assert told["✅ Permissions"] == "all that are needed"
    assert told["✅ Token"] == "a classic token; its scopes: repo, read:org"
    assert told["Quota"].splitlines() == [
        "core: 4,990 of 5,000 left, renewed <t:4102444800:R>",
        "search: 30 of 30 left, renewed <t:4102444800:R>",
    ]


async def test_what_the_channel_does_not_let_the_bot_do_is_named(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        denied = discord.PermissionOverwrite(embed_links=False, attach_files=False)
        closed = stage.member.guild.create_text_channel(
            "closed", overwrites={stage.member.guild.default_role: denied}
        )
        told = fields(await manager_of(stage).slash(closed, "github check"))
    assert told["⚠️ Permissions"] == "missing: Embed Links and Attach Files"


async def test_message_content_that_is_off_is_said_with_what_it_means(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), reads=False) as stage:
        told = fields(await checked(stage, manager_of(stage)))
        said = await manager_of(stage).slash(stage.channel, "github unfurl", show=True)
    assert told["⚠️ Message content"].startswith("off: links in messages are not seen")
    assert said.response is not None
    assert "not let read messages" in str(said.response.embeds[0].description)


async def test_without_a_token_that_is_said(upstream: Upstream) -> None:
    async with staged(settings_for(upstream)) as stage:
        told = fields(await checked(stage, manager_of(stage)))
    assert told["✅ Token"] == "none: public repositories only, and few requests an hour"


async def test_a_token_that_github_does_not_know_is_said(upstream: Upstream) -> None:
    upstream.has("/rate_limit", {"message": "Bad credentials"}, status=401)
    async with staged(settings_for(upstream, token=TOKEN)) as stage:
        told = fields(await checked(stage, manager_of(stage)))
    assert told["⚠️ Token"] == "not accepted: it is wrong, expired or revoked"
    assert "Quota" not in told


async def test_a_github_that_fails_is_answered_by_the_error_layer(upstream: Upstream) -> None:
    upstream.has("/rate_limit", {}, status=503)
    async with staged(settings_for(upstream), failing=True) as stage:
        manager = manager_of(stage)
        await checked(stage, manager)
        title, _ = problem(stage.channel.history(viewer=manager.user)[-1])
    assert "GitHub is unavailable" in title


async def test_operators_may_though_they_do_not_manage_the_server(upstream: Upstream) -> None:
    async with staged(settings_for(upstream), failing=True) as stage:
        stage.bot.owner_id = stage.member.id
        await stage.member.send(stage.channel, "!github check")
        (direct,) = stage.member.user.dm_channel.history()
        await stage.member.send(stage.channel, "!github settings")
        assert "Manage Server" in problem(stage.seen())[1]
    assert direct.embeds[0].title == "What the bot can do here"


# What a token is, by what GitHub says.


async def state(
    headers: dict[str, str], *, status: int = 200, body: Any = LIMITS, private: bool = False
) -> Any:
    answer = httpx.Response(status, headers=headers, content=json.dumps(body).encode())
    async with HTTPClient(transport=httpx.MockTransport(lambda _: answer)) as client:
        api = client.api("github", base_url="https://ghe.test/api/v3")
        return await token_state(api, has_token=True, private=private)


@pytest.mark.parametrize(
    ("has", "private", "lacks"),
    [("read:org", True, ("repo",)), ("repo", True, ()), ("", True, ("repo",)), ("", False, ())],
)
async def test_a_classic_token_needs_a_scope_for_private_repositories(
    has: str, private: bool, lacks: tuple[str, ...]
) -> None:
    found = await state({"X-OAuth-Scopes": has}, private=private)
    assert (found.kind, found.lacks) == ("scopes", lacks)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-01 08:00:00 UTC", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01 08:00:00 +0100", "2026-12-01T07:00:00+00:00"),
        ("2026-12-01 08:00:00", "2026-12-01T08:00:00+00:00"),
        ("2026-13-01 08:00:00 UTC", None),
        ("soon", None),
    ],
)
async def test_the_end_of_a_token_is_told(text: str, day: str | None) -> None:
    found = await state({"GitHub-Authentication-Token-Expiration": text})
    assert found.kind == "fine"
    assert (found.expires_at and found.expires_at.isoformat()) == day


async def test_a_server_without_limits_has_no_quota() -> None:
    found = await state({}, status=404, body={"message": "Rate limiting is not enabled."})
    assert (found.kind, dict(found.quotas)) == ("fine", {})


async def test_limits_without_names_are_none() -> None:
    assert dict((await state({}, body={})).quotas) == {}


async def test_github_enterprise_is_asked_below_its_base_path(upstream: Upstream) -> None:
    upstream.has("/api/v3/rate_limit", {"message": "Rate limiting is not enabled."}, status=404)
    upstream.has("/api/v3/repos/octocat/Hello-World", EXAMPLE)
    settings = settings_for(upstream, token=TOKEN)
    api = msgspec.structs.replace(settings.apis["github"], base_url=f"{upstream.url}/api/v3")
    async with staged(msgspec.structs.replace(settings, apis={"github": api})) as stage:
        manager = manager_of(stage)
        told = fields(await checked(stage, manager))
        said = await manager.slash(
            stage.channel, "github default", repository=f"{upstream.url}/octocat/Hello-World/pulls"
        )
        await stage.member.slash(stage.channel, "repo")
        assert stage.seen().embeds[0].title == "octocat/Hello-World"
    assert told["✅ Token"] == "a fine-grained token"
    assert "Quota" not in told
    assert said.response is not None
    assert {request.path for request in upstream.requests} == {"/api/v3/repos/octocat/Hello-World"}
    assert {request.headers["Authorization"] for request in upstream.requests} == {f"Bearer {TOKEN}"}


# At the start.


@contextlib.asynccontextmanager
async def started(
    settings: Settings, *, permissions: discord.Permissions | None = None
) -> AsyncGenerator[list[Record]]:
    """A bot in a server, that has come up."""
    bot = PlainBot(loads=False)
    async with HTTPClient() as client:
        attach(bot, "test", http=client, settings=settings)
        with heard() as log:
            async with simcord.run(bot) as env:
                guild = env.create_guild()
                if permissions is not None:
                    assert guild.me is not None
                    for role in guild.me.roles:
                        env.backend.edit_role(guild.id, role.id, {"permissions": permissions.value})
                    await env.settle()
                await bot.load()
                cog: Any = bot.get_cog("GitHub servers")
                await asyncio.wait({cog._check._task})
                yield log
                await bot.unload_extension(EXTENSION)
        await detach(bot, "test")


async def test_at_the_start_the_log_says_what_the_token_may_and_has_left(upstream: Upstream) -> None:
    async with started(settings_for(upstream, token=TOKEN)) as log:
        assert upstream.limits_asked == 1
    (line,) = log
    assert line["level"].name == "INFO"
    assert line["message"].startswith(
        "GitHub: the token is a classic token; its scopes: repo, read:org; core: 4,990"
    )
    assert TOKEN not in line["message"]


async def test_at_the_start_nobody_is_asked_without_a_token(upstream: Upstream) -> None:
    async with started(settings_for(upstream)) as log:
        assert upstream.limits_asked == 0
    (line,) = log
    assert "no token is set" in line["message"]


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (401, {}, "not accepted"),
        (503, {}, "could not be asked: HTTPStatusError"),
        (200, {"X-OAuth-Scopes": "gist"}, "it lacks repo"),
    ],
)
async def test_at_the_start_what_is_wrong_with_the_token_is_a_warning(
    upstream: Upstream, status: int, headers: dict[str, Any], said: str
) -> None:
    upstream.has("/rate_limit", LIMITS, status=status, **headers)
    settings = settings_for(upstream, token=TOKEN)
    allowed: Any = [{"guild": 1, "channels": [2]}]
    private = msgspec.convert({"allow_private": allowed}, GitHubSettings)
    async with started(msgspec.structs.replace(settings, github=private)) as log:
        pass
    (line,) = log
    assert line["level"].name == "WARNING"
    assert said in line["message"]


async def test_at_the_start_permissions_that_servers_do_not_give_are_counted(upstream: Upstream) -> None:
    few = discord.Permissions(view_channel=True, send_messages=True, read_message_history=True)
    async with started(settings_for(upstream), permissions=few) as log:
        pass
    said = [record["message"] for record in log if record["level"].name == "WARNING"]
    assert said == [
        f"GitHub: the bot lacks {name} in 1 of 1 server(s)" for name in ("Embed Links", "Attach Files")
    ]


async def test_an_apps_permissions_are_told_and_those_it_lacks() -> None:
    async with app_upstream() as upstream:
        upstream.has("/rate_limit", LIMITS)
        upstream.permissions = {"metadata": "read", "contents": "write", "issues": "read"}
        settings = Settings(
            bot=BotSettings(),
            apis={"github": msgspec.structs.replace(Settings().apis["github"], base_url=upstream.url)},
            http=HTTPSettings(trust_env=False),
            github=GitHubSettings(app_id=APP, installation_id=INSTALLATION),
            tokens={"github.app": private_key()},
        )
        async with staged(settings) as stage:
            told = fields(await checked(stage, manager_of(stage)))
    assert told["⚠️ Token"].replace("\\", "").splitlines() == [
        "of a GitHub App; its permissions: contents=write, issues=read, metadata=read",
        "it lacks pull_requests=read",
    ]

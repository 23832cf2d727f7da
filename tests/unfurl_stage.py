"""A server that wants links shown as cards, and a GitHub on loopback that knows what they lead to."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any, Final

import discord

from tests.github_stage import staged
from tests.issues_stage import A_PULL, AN_ISSUE, HELLO, furnish

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from simcord.actors import MemberActor

    from tests.github_stage import Access, Stage, Upstream
    from tux_http.config import Settings

SITE: Final = "https://github.com/octocat/Hello-World"
SHA: Final = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
GIST_ID: Final = "aa5a315d61ae9438b18d"
ADA: Final = {
    "login": "ada",
    "html_url": "https://github.com/ada",
    "avatar_url": "https://example.org/ada.png",
}
NOW: Final = "2025-01-01T00:00:00Z"

CODE: Final = "".join(f"def line_{number}(): ...\n" for number in range(1, 41))
"""A file of forty lines."""

FILE: Final[dict[str, Any]] = {
    "type": "file",
    "path": "src/a.py",
    "encoding": "base64",
    "content": base64.encodebytes(CODE.encode()).decode(),
    "html_url": f"{SITE}/blob/main/src/a.py",
}
COMMENT: Final[dict[str, Any]] = {"body": "Me too", "user": ADA, "created_at": NOW}
RELEASE: Final[dict[str, Any]] = {
    "tag_name": "v1.0.0",
    "name": "The first one",
    "html_url": f"{SITE}/releases/tag/v1.0.0",
    "body": "All is new",
    "published_at": NOW,
    "author": ADA,
}
COMMIT: Final[dict[str, Any]] = {
    "sha": SHA,
    "html_url": f"{SITE}/commit/{SHA}",
    "commit": {"message": "Fix all the bugs", "committer": {"name": "ada", "date": NOW}},
    "author": ADA,
    "stats": {"additions": 104, "deletions": 4},
    "files": [],
}
GIST: Final[dict[str, Any]] = {
    "html_url": f"https://gist.github.com/octocat/{GIST_ID}",
    "description": "Hello World in some languages",
    "public": True,
    "owner": ADA,
    "files": {
        "hello.rb": {"filename": "hello.rb", "content": "puts 'hi'\nputs 'ho'\n"},
        "hello.py": {"filename": "hello.py", "content": "print('hi')\nprint('ho')\n"},
    },
    "created_at": NOW,
}

ANSWERS: Final[dict[str, dict[str, Any]]] = {
    f"{HELLO}/issues/comments/5": COMMENT | {"html_url": f"{SITE}/issues/1#issuecomment-5"},
    f"{HELLO}/pulls/comments/6": COMMENT
    | {"html_url": f"{SITE}/pull/2#discussion_r6", "path": "src/a.py"}
    | {"diff_hunk": "@@ -1,4 +1,4 @@\n one\n two\n-three\n+drei\n four"},
    f"{HELLO}/pulls/2/reviews/7": {"body": "", "user": ADA, "state": "APPROVED", "submitted_at": NOW}
    | {"html_url": f"{SITE}/pull/2#pullrequestreview-7"},
    f"{HELLO}/comments/8": COMMENT | {"html_url": f"{SITE}/commit/{SHA}#commitcomment-8"},
    f"{HELLO}/releases/latest": RELEASE,
    f"{HELLO}/releases/tags/v1.0.0": RELEASE,
    f"{HELLO}/commits/{SHA}": COMMIT,
    f"{HELLO}/commits/{SHA}/check-runs": {"total_count": 0, "check_runs": []},
    f"{HELLO}/contents/src/a.py": FILE,
    f"/gists/{GIST_ID}": GIST,
}

LINKS: Final[dict[str, list[str]]] = {
    SITE: [HELLO],
    "octocat/Hello-World#1": [HELLO, AN_ISSUE],
    f"{SITE}/issues/1": [HELLO, AN_ISSUE],
    f"{SITE}/pull/2": [HELLO, A_PULL],
    f"{SITE}/issues/1#issuecomment-5": [HELLO, f"{HELLO}/issues/comments/5"],
    f"{SITE}/pull/2#discussion_r6": [HELLO, f"{HELLO}/pulls/comments/6"],
    f"{SITE}/pull/2#pullrequestreview-7": [HELLO, f"{HELLO}/pulls/2/reviews/7"],
    f"{SITE}/commit/{SHA}#commitcomment-8": [HELLO, f"{HELLO}/comments/8"],
    f"{SITE}/releases/latest": [HELLO, f"{HELLO}/releases/latest"],
    f"{SITE}/releases/tag/v1.0.0": [HELLO, f"{HELLO}/releases/tags/v1.0.0"],
    f"{SITE}/commit/{SHA}": [HELLO, f"{HELLO}/commits/{SHA}", f"{HELLO}/commits/{SHA}/check-runs"],
    f"{SITE}/blob/main/src/a.py#L3-L5": [HELLO, f"{HELLO}/contents/src/a.py"],
    f"https://gist.github.com/octocat/{GIST_ID}": [f"/gists/{GIST_ID}"],
    f"https://gist.github.com/octocat/{GIST_ID}#file-hello-py-L2": [f"/gists/{GIST_ID}"],
}
"""Every kind of link, and what GitHub is asked for it."""


def furnish_all(upstream: Upstream, **headers: Any) -> None:
    """What all of `LINKS` lead to."""
    furnish(upstream, **headers)
    for path, body in ANSWERS.items():
        upstream.has(path, body, **headers)


def manager(stage: Stage, **permissions: bool) -> MemberActor:
    """Somebody who may set what the server wants."""
    guild = stage.channel.guild
    assert guild is not None
    given = discord.Permissions(manage_guild=True, **permissions)
    role = guild.create_role("managers", permissions=given)
    return guild.add_member(stage.env.create_user("grace"), roles=[role])


@contextlib.asynccontextmanager
async def unfurling(
    settings: Settings, *, default: str | None = None, access: Access | None = None
) -> AsyncGenerator[Stage]:
    """The stage, where links are shown as cards, and numbers alone are of `default`."""
    async with staged(settings, access=access) as stage:
        grace = manager(stage)
        await grace.slash(stage.channel, "github unfurl", show=True)
        if default is not None:
            await grace.slash(stage.channel, "github default", repository=default)
        yield stage


def said(stage: Stage) -> list[discord.Message]:
    """What the bot says in the channel for all to see."""
    bot = stage.bot.user
    assert bot is not None
    return [
        message
        for message in stage.channel.history()
        if message.author.id == bot.id and not message.flags.ephemeral
    ]


def titles(message: discord.Message) -> list[str]:
    return [str(embed.title) for embed in message.embeds]


def described(message: discord.Message) -> str:
    """The description of the only card."""
    (embed,) = message.embeds
    return str(embed.description)

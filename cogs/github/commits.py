"""The command for commits, and the Refresh button of its card."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Self

import discord
from discord import app_commands
from discord.ext import commands

from tux_http.cogs.github.card_cog import REPOSITORY, CardCog, RefreshCard
from tux_http.cogs.github.commits_api import fetch_commit
from tux_http.cogs.github.commits_embeds import commit_card, commit_links
from tux_http.cogs.github.link_parsing import TAG, parse_link
from tux_http.cogs.github.links import AccountLink, CommitLink, FileLink, GistLink, NumberLink, ReleaseLink
from tux_http.cogs.github.reference import GITHUB, Reference, unwrapped
from tux_http.languages import N_
from tux_http.languages.commands import localised
from tux_http.problems import InvalidInput
from tux_http.refresh import Card

if TYPE_CHECKING:
    from typing import NoReturn

    from tux_http.cogs.github.card_cog import Showing

__all__ = ["Commits", "RefreshCommit", "parse_commit"]

COG: Final = "GitHub commits"

PREFIX: Final = "tux_http:commit:"

EXAMPLE: Final = "allthingslinux/tux 6dcb09b"

NEWEST: Final = "HEAD"
"""What git calls the last commit of a repository's default branch."""

_IN_PULL_REQUEST: Final = re.compile(r"/pull/\d{1,10}/(?:commits|changes)/(?P<sha>[0-9a-f]{7,64})\b")


class Commits(CardCog[CommitLink], name=COG):
    """Commits on GitHub."""

    @commands.hybrid_command(name=localised("commit"), description=localised("Shows a commit on GitHub."))
    @app_commands.rename(
        repository=localised("repository"), commit=localised("commit"), public=localised("public")
    )
    @app_commands.describe(
        repository=localised(
            "owner/name, owner/name@hash or a link; the server's default repository if left out"
        ),
        commit=localised("The commit's hash, or a branch or tag; the newest commit if it isn't given"),
        public=localised("Whether everybody sees the answer, or only you"),
    )
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def commit(
        self,
        ctx: commands.Context[Any],
        repository: str | None = None,
        commit: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Shows a commit on GitHub: its message, people, changes and checks. The newest one if none is given."""
        default = await self._default(ctx)
        asked = parse_commit(repository, commit, host=self._web_host, default=default)
        await self._show(ctx, asked, public=public)

    async def card(self, asked: CommitLink, showing: Showing) -> Card:
        found = await fetch_commit(
            self._api, asked, allow_private=showing.allow_private, revalidate=showing.revalidate
        )
        language = showing.language
        embed = commit_card(found, asked=asked, note=self._note(found.call, language), language=language)
        return Card(embed, RefreshCommit.under(commit_links(found, language), asked, language))


class RefreshCommit(RefreshCard[CommitLink], template=rf"{PREFIX}{REPOSITORY}@(?P<ref>{TAG.pattern})"):
    """Asks GitHub again for what was asked for: a commit, or whichever is the newest of a branch then."""

    cog = COG

    @staticmethod
    def id_of(asked: CommitLink) -> str:
        return f"{PREFIX}{asked.repository}@{asked.sha}"

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(CommitLink(Reference(match["owner"], match["name"]), match["ref"]))


def parse_commit(
    typed: str | None,
    commit: str | None = None,
    *,
    host: str = GITHUB,
    default: Reference | None = None,
) -> CommitLink:
    """Reads a commit from what a command was given.

    Args:
        typed: A repository, or an address of a commit, or of something that stands for one: a release, a file.
        commit: Its hash, or another name that git has for it, which goes before that of `typed`.
        host: Of web pages that may be named beside github.com's.
        default: The repository that is meant where none is named.

    Returns:
        Its `sha` may be a name; "HEAD" if there is none.

    Raises:
        InvalidInput: It names no repository, or no commit.
    """
    if typed is None and default is None:
        _refuse(N_("Whose repository? There is no default one here."))
    text = str(default) if typed is None else typed
    link = parse_link(text, host=host, default=default, example=EXAMPLE)
    if isinstance(link, GistLink | AccountLink):
        _refuse(N_("That does not lead to a repository or a commit."))
    if commit is not None:
        return CommitLink(link.repository, _name(unwrapped(commit)))
    if isinstance(link, NumberLink):
        return CommitLink(link.repository, _in_pull_request(text))
    match link:
        case CommitLink():
            return CommitLink(link.repository, link.sha)
        case FileLink():
            return CommitLink(link.repository, link.ref)
        case ReleaseLink(tag=str(tag)):
            return CommitLink(link.repository, tag)
        case _:
            return CommitLink(link.repository, NEWEST)


def _in_pull_request(typed: str) -> str:
    found = _IN_PULL_REQUEST.search(typed)
    if found is None:
        _refuse(N_("That does not lead to a repository or a commit."))
    return found["sha"]


def _name(text: str) -> str:
    if not TAG.fullmatch(text) or {"", ".", ".."} & {*text.split("/")}:
        _refuse(N_("That is not a commit: git has none with such a name."))
    return text


def _refuse(message: str) -> NoReturn:
    raise InvalidInput(message, example=EXAMPLE)

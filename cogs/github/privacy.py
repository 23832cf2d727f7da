"""Who may see private repositories: decided from where a command was given, before anything is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from discord.ext import commands

    from tux_http.config import PrivateAccess

__all__ = ["may_see_private"]


def may_see_private(
    target: commands.Context[Any] | discord.Interaction[Any] | discord.Message,
    allowed: Iterable[PrivateAccess],
    *,
    ephemeral: bool = False,
) -> bool:
    """Whether the answer to a command may be about something private.

    A channel that is named stands for all who read it, its threads included. A role stands for its member
    alone: it counts only where nobody else sees the answer. In direct messages nothing private is shown.

    Args:
        target: The command, the press of a button, or a message that is answered unasked.
        allowed: `settings.github.private_access`.
        ephemeral: Whether only the person who gave the command sees the answer; of a button's press,
            whether the message is such a one.
    """
    guild = _guild_id(target)
    entries = [entry for entry in allowed if entry.guild == guild]
    if not entries:
        return False
    if any(not _channels(target).isdisjoint(entry.channels) for entry in entries):
        return True
    person = target.user if isinstance(target, discord.Interaction) else target.author
    return ephemeral and any(not _roles(person).isdisjoint(entry.roles) for entry in entries)


def _guild_id(target: commands.Context[Any] | discord.Interaction[Any] | discord.Message) -> int | None:
    if isinstance(target, discord.Interaction):
        return target.guild_id
    return None if target.guild is None else target.guild.id


def _channels(target: commands.Context[Any] | discord.Interaction[Any] | discord.Message) -> set[int]:
    """The channel, and that of a thread."""
    channel = target.channel
    if channel is None:
        return set()
    above = {channel.parent_id} if isinstance(channel, discord.Thread) else set[int]()
    return {channel.id, *above}


def _roles(person: discord.User | discord.Member) -> set[int]:
    return {role.id for role in person.roles} if isinstance(person, discord.Member) else set()

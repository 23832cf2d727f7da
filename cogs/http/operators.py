"""Who is an operator: the application's owner, its team, or a member with one of the roles of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

if TYPE_CHECKING:
    from collections.abc import Collection

    from discord.ext import commands

__all__ = ["is_operator"]


async def is_operator(
    bot: commands.Bot | commands.AutoShardedBot, user: discord.User | discord.Member, roles: Collection[int]
) -> bool:
    """Whether a person may see how the service does.

    Args:
        bot: Its owner is asked of Discord once, and of a team those who may change the application.
        user: The person.
        roles: Ids. A role is known by its server's member only, and ids are unique to all of Discord.

    Raises:
        discord.HTTPException: The owner is not known yet, and Discord did not say.
    """
    if isinstance(user, discord.Member) and any(role.id in roles for role in user.roles):
        return True
    return await bot.is_owner(user)

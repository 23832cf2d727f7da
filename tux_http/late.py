"""An answer whose interaction is over goes to the channel, and mentions whom it is for."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import discord

from tux_http.discord_limits import CONTENT
from tux_http.excerpt import excerpt

__all__ = ["TOO_LATE", "is_too_late", "note_placeholder", "said_in_channel"]

TOO_LATE: Final = frozenset({10015, 10062, 50027})
"""Discord's codes for an interaction that takes no answer any more: unknown webhook, unknown interaction,
invalid webhook token (https://discord.com/developers/docs/topics/opcodes-and-status-codes#json)."""

_SAID: Final = "tux_http said in the channel"
_PLACEHOLDER: Final = "tux_http placeholder"
"""Keys of an interaction's `extras`."""


def is_too_late(exc: BaseException) -> bool:
    """Whether it says that an interaction takes no answer any more: after 3 s without one, or after 15 min."""
    return isinstance(exc, discord.HTTPException) and exc.code in TOO_LATE


def note_placeholder(interaction: discord.Interaction[Any], message_id: int | None) -> None:
    """Remembers the "thinking…" that everybody sees, which the interaction can't take away once it is over."""
    interaction.extras[_PLACEHOLDER] = message_id


async def said_in_channel(
    interaction: discord.Interaction[Any], content: str | None, options: dict[str, Any]
) -> discord.Message | None:
    """Sends what an interaction does not take any more to its channel, with a mention of its person.

    Args:
        interaction: Whose token is over.
        content: Text behind the mention.
        options: As `Messageable.send`; files can't be sent a second time, and are not.

    Returns:
        None if nothing was sent: the bot may not write there, or has done so for this interaction before.
    """
    channel = interaction.channel
    if (
        interaction.extras.get(_SAID)
        or "files" in options
        or not isinstance(channel, discord.abc.Messageable)
    ):
        return None
    if not _may_write(interaction):
        return None
    interaction.extras[_SAID] = True
    mention = interaction.user.mention
    allowed = discord.AllowedMentions(
        everyone=False, roles=False, users=[interaction.user], replied_user=False
    )
    sent: dict[str, Any] = {**options, "allowed_mentions": allowed}
    try:
        said = await channel.send(excerpt(f"{mention} {content}" if content else mention, CONTENT), **sent)
    except (discord.Forbidden, discord.NotFound):  # a user's own app, where the bot is not
        return None
    with contextlib.suppress(discord.DiscordException):
        await _without_placeholder(channel, interaction.extras.get(_PLACEHOLDER))
    return said


async def _without_placeholder(channel: discord.abc.Messageable, message_id: int | None) -> None:
    if message_id is None:
        return
    message = await channel.fetch_message(message_id)
    if message.flags.loading:  # otherwise the answer has taken its place
        await message.delete()


def _may_write(interaction: discord.Interaction[Any]) -> bool:
    """As far as Discord has told with the interaction; in direct messages it can only be tried."""
    if interaction.guild_id is None:
        return True
    here = interaction.app_permissions
    in_thread = isinstance(interaction.channel, discord.Thread)
    may_send = here.send_messages_in_threads if in_thread else here.send_messages
    return here.administrator or (here.view_channel and may_send and here.embed_links)

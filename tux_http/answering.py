"""`tell`: shows a failure to the person alone whose interaction met it, in whatever state the interaction is."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import discord

from tux_http.late import is_too_late, said_in_channel
from tux_http.replay import press_of
from tux_http.responding import TOKEN_LIVES
from tux_http.retries import Place, end_of

__all__ = ["tell"]

Interaction: TypeAlias = discord.Interaction[Any]

ALREADY_ACKNOWLEDGED: Final = 40060
"""Discord's code for a second response: https://discord.com/developers/docs/topics/opcodes-and-status-codes."""


async def tell(interaction: Interaction, embed: discord.Embed, view: discord.ui.View | None) -> Place | None:
    """Sends it for the person's eyes only; where the token is over, to the channel with a mention, once.

    Returns:
        Where it stands; None if it stands nowhere, or nobody knows where.

    Raises:
        discord.HTTPException: Discord refused it.
    """
    if interaction.type is discord.InteractionType.autocomplete:
        return None  # takes choices only
    try:
        return await _whisper(interaction, embed, view)
    except discord.HTTPException as exc:
        if not is_too_late(exc):
            raise
        options = {"embed": embed} if view is None else {"embed": embed, "view": view}
        said = await said_in_channel(interaction, None, options)
        if said is None:
            raise
    until = discord.utils.utcnow().timestamp() + TOKEN_LIVES
    return Place(said.id, until, channel_id=said.channel.id)


async def _whisper(
    interaction: Interaction, embed: discord.Embed, view: discord.ui.View | None
) -> Place | None:
    if not interaction.response.is_done():
        press = press_of(interaction)
        if press is not None and not press.response.is_done():
            await press.response.edit_message(embed=embed, view=view)
            return None if press.message is None else _placed(press, press.message.id)
        try:
            sent = await interaction.response.send_message(embed=embed, ephemeral=True, **_shown(view))
        except discord.HTTPException as exc:
            # An acknowledgement that Discord got, and we lost the receipt of.
            if exc.code != ALREADY_ACKNOWLEDGED:
                raise
        else:
            return None if sent.message_id is None else _placed(interaction, sent.message_id)
    return _placed(interaction, (await _follow_up(interaction, embed, view)).id)


async def _follow_up(
    interaction: Interaction, embed: discord.Embed, view: discord.ui.View | None
) -> discord.WebhookMessage:
    placeholder = await _public_placeholder(interaction)
    if placeholder is None:
        return await interaction.followup.send(embed=embed, ephemeral=True, wait=True, **_shown(view))
    # A follow-up would take the placeholder's place, and be as public; and one to a deleted placeholder was
    # refused at times (discord/discord-api-docs#2739). So it is filled, and goes when the answer is there.
    await placeholder.edit(content="…")
    try:
        return await interaction.followup.send(embed=embed, ephemeral=True, wait=True, **_shown(view))
    finally:
        await placeholder.delete()


async def _public_placeholder(interaction: Interaction) -> discord.WebhookMessage | None:
    """The "thinking…" of an interaction, if it still stands and everybody sees it."""
    if interaction.response.type is not discord.InteractionResponseType.deferred_channel_message:
        return None
    try:
        known = await interaction.original_response()  # discord.py keeps it, so that it may be an old state
        message = await interaction.followup.fetch_message(known.id)
    except discord.NotFound:
        return None
    return message if message.flags.loading and not message.flags.ephemeral else None


def _shown(view: discord.ui.View | None) -> dict[str, Any]:
    return {} if view is None else {"view": view}


def _placed(interaction: Interaction, message_id: int) -> Place:
    return Place(message_id, end_of(interaction), token=interaction.token)

"""Discord's permissions by the names that its settings show."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tux_http.languages import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PERMISSIONS"]

PERMISSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "add_reactions": N_("Add Reactions"),
        "administrator": N_("Administrator"),
        "attach_files": N_("Attach Files"),
        "ban_members": N_("Ban Members"),
        "bypass_slowmode": N_("Bypass Slowmode"),
        "change_nickname": N_("Change Nickname"),
        "connect": N_("Connect"),
        "create_events": N_("Create Events"),
        "create_expressions": N_("Create Expressions"),
        "create_instant_invite": N_("Create Invite"),
        "create_polls": N_("Create Polls"),
        "create_private_threads": N_("Create Private Threads"),
        "create_public_threads": N_("Create Public Threads"),
        "deafen_members": N_("Deafen Members"),
        "embed_links": N_("Embed Links"),
        "external_emojis": N_("Use External Emoji"),
        "external_stickers": N_("Use External Stickers"),
        "kick_members": N_("Kick Members"),
        "manage_channels": N_("Manage Channels"),
        "manage_emojis": N_("Manage Expressions"),
        "manage_emojis_and_stickers": N_("Manage Expressions"),
        "manage_events": N_("Manage Events"),
        "manage_expressions": N_("Manage Expressions"),
        "manage_guild": N_("Manage Server"),
        "manage_messages": N_("Manage Messages"),
        "manage_nicknames": N_("Manage Nicknames"),
        "manage_permissions": N_("Manage Permissions"),
        "manage_roles": N_("Manage Roles"),
        "manage_threads": N_("Manage Threads"),
        "manage_webhooks": N_("Manage Webhooks"),
        "mention_everyone": N_("Mention Everyone"),
        "moderate_members": N_("Time Out Members"),
        "move_members": N_("Move Members"),
        "mute_members": N_("Mute Members"),
        "pin_messages": N_("Pin Messages"),
        "priority_speaker": N_("Priority Speaker"),
        "read_message_history": N_("Read Message History"),
        "read_messages": N_("View Channels"),
        "request_to_speak": N_("Request to Speak"),
        "send_messages": N_("Send Messages"),
        "send_messages_in_threads": N_("Send Messages in Threads"),
        "send_polls": N_("Create Polls"),
        "send_tts_messages": N_("Send Text-to-Speech Messages"),
        "send_voice_messages": N_("Send Voice Messages"),
        "set_voice_channel_status": N_("Set Voice Channel Status"),
        "speak": N_("Speak"),
        "stream": N_("Video"),
        "use_application_commands": N_("Use Application Commands"),
        "use_embedded_activities": N_("Use Activities"),
        "use_external_apps": N_("Use External Apps"),
        "use_external_emojis": N_("Use External Emoji"),
        "use_external_sounds": N_("Use External Sounds"),
        "use_external_stickers": N_("Use External Stickers"),
        "use_soundboard": N_("Use Soundboard"),
        "use_voice_activation": N_("Use Voice Activity"),
        "view_audit_log": N_("View Audit Log"),
        "view_channel": N_("View Channels"),
        "view_creator_monetization_analytics": N_("View Monetization Analytics"),
        "view_guild_insights": N_("View Server Insights"),
    }
)
"""By discord.py's names, old ones too."""

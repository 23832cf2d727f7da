"""Running an application command once more from the press of a button.

discord.py has no public way: what a command is invoked with is in its interaction, and a press is another
kind of one. So the press is copied into the interaction of a command, and given to the tree as the gateway
does, so that checks, cooldowns, converters and error handlers see what they see of a typed command. What is
private of discord.py is touched here alone, and looked for at import.
"""

from __future__ import annotations

import copy
from typing import Any, Final, TypeAlias

import discord
import msgspec
from discord import app_commands
from discord.ext import commands

__all__ = ["LARGEST", "press_of", "replay", "request_of", "taking_its_place"]

Interaction: TypeAlias = discord.Interaction[Any]

LARGEST: Final = 64 * 1024
"""Bytes of a command's name and arguments, as JSON, that are kept. A menu on a long message can have more."""

_PRESS: Final = "tux_http press"
"""Key of an interaction's `extras`."""

_CACHED: Final = ("_cs_response", "_cs_namespace", "_cs_command", "_cs_command_id", "_cs_custom_id")
"""What discord.py has found out about an interaction, by its kind and data."""

_PRIVATE: Final = {
    discord.Interaction: (*_CACHED, "_baton", "_original_response"),
    app_commands.CommandTree: ("_call", "_dispatch_error"),
}


def _check() -> None:
    missing = [
        f"{cls.__name__}.{name}"
        for cls, names in _PRIVATE.items()
        for name in names
        if not hasattr(cls, name)
    ]
    if missing:
        raise ImportError(f"this discord.py ({discord.__version__}) has no {', '.join(missing)}")


_check()


def request_of(interaction: Interaction) -> bytes | None:
    """What a command was asked, with its arguments, as JSON.

    Returns:
        None for what is no command (a button, a modal), and for what is too large to be kept.
    """
    if interaction.type is not discord.InteractionType.application_command:
        return None
    request = msgspec.json.encode(interaction.data)
    return request if len(request) <= LARGEST else None


def press_of(interaction: Interaction) -> Interaction | None:
    """The press that an interaction goes back to, if it is to be answered in the place of the pressed message."""
    return interaction.extras.get(_PRESS)


def taking_its_place(press: Interaction) -> Interaction:
    """A press whose failure is shown in the place of the message that was pressed."""
    press.extras[_PRESS] = press
    return press


async def replay(press: Interaction, request: bytes) -> Interaction:
    """Runs a command as if the person who pressed had given it; its error handlers have run when this ends.

    Args:
        press: Of a button, not answered yet.
        request: Of the command: `request_of`.

    Returns:
        The command's interaction; its `response.is_done()` tells whether it was answered.

    Raises:
        commands.DisabledCommand: The bot has no such command now.
    """
    again = _as_command(press, msgspec.json.decode(request))
    if again.command is None:
        raise commands.DisabledCommand
    tree: Any = press.client.tree
    try:
        await tree._call(again)  # noqa: SLF001  # see the module's docstring
    except app_commands.AppCommandError as exc:
        await tree._dispatch_error(again, exc)  # noqa: SLF001
    return again


def _as_command(press: Interaction, data: Any) -> Interaction:
    again: Any = copy.copy(press)
    for name in _CACHED:
        if hasattr(again, name):
            delattr(again, name)
    again._baton = discord.utils.MISSING  # noqa: SLF001
    again._original_response = None  # noqa: SLF001
    again.type = discord.InteractionType.application_command
    again.data = data
    again.message = None
    again.command_failed = False
    again.extras = {_PRESS: press} if _PRESS in press.extras else {}
    return again

"""Running what failed once more from the press of a button.

discord.py has no public way: what a command is invoked with is in its interaction, and a press is another
kind of one. So the press is copied into an interaction of the kind that failed, and given to the tree, or to the
views, as the gateway does, so that checks, cooldowns, converters and error handlers see what they see of a
person's own. What is private of discord.py is touched here alone, and looked for at import.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any, Final, TypeAlias

import discord
import msgspec
from discord import app_commands
from discord.ext import commands
from discord.state import ConnectionState
from discord.ui.view import ViewStore

from tux_http.retry_errors import TooLate

__all__ = [
    "LARGEST",
    "is_repeated",
    "note_answering",
    "press_of",
    "replay",
    "request_of",
    "taking_its_place",
]

Interaction: TypeAlias = discord.Interaction[Any]

LARGEST: Final = 64 * 1024
"""Bytes of what was asked, as JSON, that are kept. A menu on a long message can have more."""

_PRESS: Final = "tux_http press"
_REPEATED: Final = "tux_http repeated"
_ANSWERING: Final = "tux_http answering"
"""Keys of an interaction's `extras`."""

_CACHED: Final = ("_cs_response", "_cs_namespace", "_cs_command", "_cs_command_id", "_cs_custom_id")
"""What discord.py has found out about an interaction, by its kind and data."""

_PRIVATE: Final = {
    discord.Interaction: (*_CACHED, "_baton", "_original_response"),
    app_commands.CommandTree: ("_call", "_dispatch_error"),
    ViewStore: ("dispatch_view", "dispatch_modal"),
}
_TASKS: Final = "_ViewStore__tasks"
_STORE: Final = "_view_store"


class _Request(msgspec.Struct, omit_defaults=True):
    """An interaction's type and data; `message_id` is of the message that a component stands under."""

    type: int
    data: msgspec.Raw
    message_id: int | None = None


def _check() -> None:
    missing = [
        f"{cls.__name__}.{name}"
        for cls, names in _PRIVATE.items()
        for name in names
        if not hasattr(cls, name)
    ]
    made: tuple[tuple[type, str], ...] = ((ViewStore, _TASKS), (ConnectionState, _STORE))
    missing += [f"{cls.__name__}.{name}" for cls, name in made if name not in _assigned(cls)]
    if missing:
        raise ImportError(f"this discord.py ({discord.__version__}) has no {', '.join(missing)}")


def _assigned(cls: type) -> set[str]:
    """The attributes that its instances get; they are not on the class."""
    return {
        name
        for method in vars(cls).values()
        for name in getattr(getattr(method, "__code__", None), "co_names", ())
    }


_check()


def note_answering(interaction: Interaction, *, in_place: bool) -> None:
    """Remembers that a component or a modal is answered by `responding`, which knows what to do the second time.

    One that is answered otherwise may edit its message, and would edit the error's when it is repeated.
    """
    interaction.extras[_ANSWERING] = "in place" if in_place else "anew"


def request_of(interaction: Interaction) -> bytes | None:
    """What was asked, with its arguments, values or texts, as JSON.

    Returns:
        None for what can't be run again as it was: autocompletion; a component or modal that is not answered by
        `responding`, or that is answered in the place of a message which the bot can't edit as itself, because
        its person alone sees it or the bot is not there; and what is too large to be kept.
    """
    if not _is_repeatable(interaction):
        return None
    message = interaction.message
    request = msgspec.json.encode(
        _Request(
            interaction.type.value,
            msgspec.Raw(msgspec.json.encode(interaction.data)),
            None if message is None else message.id,
        )
    )
    return request if len(request) <= LARGEST else None


def _is_repeatable(interaction: Interaction) -> bool:
    if interaction.type is discord.InteractionType.application_command:
        return True
    if interaction.type is discord.InteractionType.autocomplete:
        return False
    answering = interaction.extras.get(_ANSWERING)
    return answering == "anew" or (answering == "in place" and _is_bots_to_edit(interaction))


def _is_bots_to_edit(interaction: Interaction) -> bool:
    if interaction.message is None or interaction.message.flags.ephemeral:
        return False
    if interaction.guild_id is None:
        return not interaction.context.private_channel
    return interaction.client.get_guild(interaction.guild_id) is not None


def press_of(interaction: Interaction) -> Interaction | None:
    """The press that an interaction goes back to, if it is to be answered in the place of the pressed message."""
    return interaction.extras.get(_PRESS)


def is_repeated(interaction: Interaction) -> bool:
    """Whether it is a press of Retry in truth, so that Discord takes the error for the message it belongs to."""
    return _REPEATED in interaction.extras


def taking_its_place(press: Interaction) -> Interaction:
    """A press whose failure is shown in the place of the message that was pressed."""
    press.extras[_PRESS] = press
    return press


async def replay(
    press: Interaction, request: bytes, *, message: discord.Message | None = None
) -> Interaction:
    """Runs it as if the person who pressed had asked for it; its error handlers have run when this ends.

    Args:
        press: Of a button, not answered yet.
        request: Of what failed: `request_of`.
        message: The one that a component stands under, if it is at hand; it is asked for if not.

    Returns:
        The interaction that was run; its `response.is_done()` tells whether it was answered.

    Raises:
        commands.DisabledCommand: The bot has no such command now.
        TooLate: The component's message, its view or the modal are known no more.
    """
    asked = msgspec.json.decode(request, type=_Request)
    if asked.message_id is not None and message is None:
        message = await _fetched(press, asked.message_id)
    again = _again(press, asked, message)
    if again.type is discord.InteractionType.application_command:
        await _run_command(again)
    else:
        await _run_component(again)
    return again


async def _fetched(press: Interaction, message_id: int) -> discord.Message:
    channel = press.channel
    if not isinstance(channel, discord.abc.Messageable):
        raise TooLate
    try:
        return await channel.fetch_message(message_id)
    except (discord.Forbidden, discord.NotFound) as exc:
        raise TooLate from exc


async def _run_command(again: Interaction) -> None:
    if again.command is None:
        raise commands.DisabledCommand
    tree: Any = again.client.tree
    try:
        await tree._call(again)  # noqa: SLF001  # see the module's docstring
    except app_commands.AppCommandError as exc:
        await tree._dispatch_error(again, exc)  # noqa: SLF001


async def _run_component(again: Any) -> None:
    store: Any = getattr(again._state, _STORE)  # noqa: SLF001
    tasks: set[asyncio.Task[None]] = getattr(store, _TASKS)
    before = set(tasks)
    _dispatch(store, again)
    started = tasks - before
    if not started:
        raise TooLate
    await asyncio.wait(started)


def _dispatch(store: Any, again: Any) -> None:
    data = again.data
    if again.type is discord.InteractionType.component:
        store.dispatch_view(data["component_type"], data["custom_id"], again)
    else:
        store.dispatch_modal(data["custom_id"], again, data["components"], data.get("resolved", {}))


def _again(press: Interaction, asked: _Request, message: discord.Message | None) -> Interaction:
    again: Any = copy.copy(press)
    for name in _CACHED:
        if hasattr(again, name):
            delattr(again, name)
    again._baton = discord.utils.MISSING  # noqa: SLF001
    again._original_response = None  # noqa: SLF001
    again.type = discord.InteractionType(asked.type)
    again.data = msgspec.json.decode(asked.data)
    again.message = message
    again.command_failed = False
    again.extras = {_REPEATED: True, **({_PRESS: press} if _PRESS in press.extras else {})}
    return again

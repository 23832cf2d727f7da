"""The member that a person types as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import discord
import simcord
from discord import app_commands

if TYPE_CHECKING:
    from discord.ext import commands


class TypingMember(simcord.MemberActor):
    """A member whose `/repo owner/name` is a command, also when it is typed through and sent as a text.

    Discord's own composer takes a typed `/repo ` for the command; simcord's waits for Enter or Tab on its
    list of commands, and would send the whole line as a message.
    """

    def __init__(
        self,
        env: simcord.Env,
        guild: simcord.GuildHandle,
        user: simcord.UserHandle,
        *,
        bot: commands.AutoShardedBot,
    ) -> None:
        super().__init__(env, guild, user)
        self._bot = bot

    async def send(
        self, channel: simcord.ChannelHandle, content: str = "", **options: Any
    ) -> discord.Message:
        """Sends a message, or gives the command that it spells.

        Raises:
            simcord.SetupError: The bot did not answer the command.
            simcord.OptionError: The command takes other options.
        """
        command = self.spelled(channel, content)
        if command is None:
            return await super().send(channel, content, **options)
        result = await self.slash(channel, command.qualified_name, **_options_in(content, command))
        answers = [answer for answer in (result.response, *result.followups) if answer is not None]
        if not answers:
            raise simcord.SetupError(f"the bot did not answer {content}")
        return answers[-1].message

    def spelled(
        self, channel: simcord.ChannelHandle, text: str
    ) -> app_commands.Command[Any, ..., Any] | None:
        """The slash command that a text begins with, if it does."""
        for name in sorted(self.available_commands(channel), key=len, reverse=True):
            command = self._command(name)
            if f"{text} ".startswith(f"/{name} ") and isinstance(command, app_commands.Command):
                return cast("app_commands.Command[Any, ..., Any]", command)
        return None

    def _command(self, name: str) -> Any:
        """The command of a name, which may be a group's and a name in it: "http status"."""
        first, *rest = name.split()
        command = self._bot.tree.get_command(first)
        for part in rest:
            command = command.get_command(part) if isinstance(command, app_commands.Group) else None
        return command


BOOLEANS: Final = {"true": True, "false": False}


def _options_in(text: str, command: app_commands.Command[Any, ..., Any]) -> dict[str, Any]:
    """Words go to the command's options in their order, or by name; the last of them takes the rest.

    What is true or false is told by name alone: otherwise, it would take the words of a text before it.
    """
    kinds = {parameter.name: parameter.type for parameter in command.parameters}
    told = {name for name, kind in kinds.items() if kind is discord.AppCommandOptionType.boolean}
    words = text.removeprefix(f"/{command.qualified_name}").split()
    given: dict[str, Any] = {}
    for word in [each for each in words if each.partition(":")[0] in told]:
        name, _, value = word.partition(":")
        given[name] = BOOLEANS.get(value.lower(), value)
        words.remove(word)
    names = [name for name in kinds if name not in told]
    for name, word in zip(names, " ".join(words).split(maxsplit=max(len(names) - 1, 0)), strict=False):
        # `/repo name:owner/name` is how Discord shows a filled option.
        meant = next((each for each in names if word.startswith(f"{each}:")), name)
        given[meant] = word.removeprefix(f"{meant}:")
    return given

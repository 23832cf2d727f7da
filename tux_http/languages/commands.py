"""Names and descriptions of our commands in the languages of those who see them: discord.py's `Translator`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord import app_commands
from loguru import logger

from tux_http.languages.choice import language_for
from tux_http.languages.language import DOMAIN

if TYPE_CHECKING:
    import discord
    from discord.ext import commands

__all__ = ["CommandTranslator", "give_translator", "localised", "take_translator"]


def localised(text: str) -> app_commands.locale_str:
    """Marks a name, a description or a choice of a command of ours for the catalogues."""
    return app_commands.locale_str(text, domain=DOMAIN)


class CommandTranslator(app_commands.Translator):
    """Translates what is `localised`; the English names and descriptions stay what commands are made with.

    Another cog's `locale_str("member")` is its own affair: our word for a member need not be a name that
    Discord takes.
    """

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,  # noqa: ARG002  # every text means one thing
    ) -> str | None:
        """None where there is no other text than the English one."""
        if string.extras.get("domain") != DOMAIN:
            return None
        translated = language_for(locale).gettext(string.message)
        return None if translated == string.message else translated


async def give_translator(bot: commands.Bot | commands.AutoShardedBot) -> CommandTranslator | None:
    """Has a bot's commands translated.

    Returns:
        None if the bot has a translator already, which stays.
    """
    if bot.tree.translator is not None:
        logger.debug("the bot has a translator of its own; our commands go by it")
        return None
    translator = CommandTranslator()
    await bot.tree.set_translator(translator)
    return translator


async def take_translator(
    bot: commands.Bot | commands.AutoShardedBot, translator: CommandTranslator | None
) -> None:
    """Takes off what `give_translator` gave, unless another one has come in its place."""
    if translator is not None and bot.tree.translator is translator:
        await bot.tree.set_translator(None)

"""Which language: that of a locale of Discord's, and that of who reads an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tux_http.languages.language import ENGLISH, Language

if TYPE_CHECKING:
    import discord
    from discord.ext import commands

__all__ = ["COMPLETE", "language_for", "language_of"]

COMPLETE: Final = ("en", "de", "fr", "es", "pt_BR", "ja")
"""Codes of the languages that have every text; one whose catalogue lacks some is not offered."""

_OFFERED: Final = {code.partition("_")[0]: Language(code) for code in COMPLETE}


def language_for(locale: discord.Locale | str | None) -> Language:
    """The nearest that is offered: "en-GB" is "en", "es-419" is "es"; English where none is near."""
    base = str(locale or "").replace("_", "-").partition("-")[0].lower()
    return _OFFERED.get(base, ENGLISH)


def language_of(target: commands.Context[Any] | discord.Interaction[Any], *, public: bool) -> Language:
    """The language of those who read an answer.

    Args:
        target: What is answered.
        public: Whether everybody sees it: then it is the server's language, where there is a server, and
            otherwise its person's. Of a typed command's author Discord doesn't tell it; the server's stands in.
    """
    from discord import Interaction  # noqa: PLC0415  # the command line reads our texts, and need not wait for it

    interaction = target if isinstance(target, Interaction) else target.interaction
    if interaction is not None:
        return language_for((public and interaction.guild_locale) or interaction.locale)
    guild = target.guild
    return language_for(None if guild is None else guild.preferred_locale)

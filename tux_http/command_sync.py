"""Syncs the command tree with Discord, only when the commands changed since the last time.

Discord limits how often commands may be created (200 a day), and a sync of unchanged ones costs a
second of every start: https://discord.com/developers/docs/interactions/application-commands
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import discord
import platformdirs
from discord import app_commands
from loguru import logger

if TYPE_CHECKING:
    from pathlib import Path

    from discord.ext import commands

    Mode = Literal["auto", "always", "never"]


async def sync_commands(bot: commands.Bot | commands.AutoShardedBot, *, mode: Mode) -> bool:
    """Syncs the bot's global commands. A failure is logged: those that Discord has go on working.

    Args:
        bot: Logged in.
        mode: "auto" syncs when the commands differ from the stored digest of the last sync.

    Returns:
        Whether they were synced.
    """
    if mode == "never":
        return False
    try:
        return await _sync(bot, always=mode == "always")
    except (discord.DiscordException, aiohttp.ClientError, OSError) as exc:
        logger.error("the commands could not be synced: {}: {}", type(exc).__name__, _in_a_line(exc))
        return False


async def _sync(bot: commands.Bot | commands.AutoShardedBot, *, always: bool) -> bool:
    file = _digest_file(bot)
    digest = await _digest(bot)
    if not always and _read(file) == digest:
        logger.debug("the commands did not change since the last sync")
        return False
    synced = await bot.tree.sync()
    logger.info("synced {} command(s)", len(synced))
    _write(file, digest)
    return True


async def _digest(bot: commands.Bot | commands.AutoShardedBot) -> str:
    """Of what a sync would send, whatever the order the commands were added in."""
    payloads = [await _payload(command, bot.tree) for command in bot.tree.get_commands()]
    texts = sorted(json.dumps(payload, sort_keys=True) for payload in payloads)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


async def _payload(command: Any, tree: app_commands.CommandTree[Any]) -> dict[str, Any]:
    if tree.translator is None:
        return command.to_dict(tree)
    return await command.get_translated_payload(tree, tree.translator)


def _digest_file(bot: commands.Bot | commands.AutoShardedBot) -> Path:
    return platformdirs.user_state_path("tux-http") / f"commands-{bot.application_id}.sha256"


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _write(file: Path, digest: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(digest, encoding="ascii")
    except OSError as exc:
        logger.warning(
            "the next start will sync the commands again: {} can't be written ({})", file, exc.strerror
        )


def _in_a_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:500]

"""Run with the wheel installed and nothing of the checkout in reach: is it whole, and does it work?"""

from __future__ import annotations

import asyncio
import sys
import zipfile

import discord
import simcord
from discord.ext import commands

import tux_http

(wheel,) = sys.argv[1:]
names = zipfile.ZipFile(wheel).namelist()
tops = {name.split("/")[0] for name in names}
assert tops == {"tux_http", f"tux_http-{tux_http.__version__}.dist-info"}, tops
for needed in (
    "tux_http/py.typed",
    "tux_http/cogs/github/__init__.py",
    "tux_http/cogs/http/__init__.py",
    "tux_http/sandbox/data/repository.json",
    "tux_http/languages/catalogues/de/LC_MESSAGES/tux_http.mo",
    "tux_http/languages/catalogues/ja/LC_MESSAGES/tux_http.po",
):
    assert needed in names, needed


async def main() -> None:
    bot = commands.Bot(command_prefix="!", intents=discord.Intents.default())
    async with simcord.run(bot):
        await bot.load_extension("tux_http.ext")
        assert "tux_http.cogs.github" in bot.extensions
        assert bot.tree.get_command("repo") is not None
        assert bot.tree.get_command("http") is not None
        await bot.unload_extension("tux_http.ext")
        assert not bot.extensions
        assert bot.tree.get_command("repo") is None


asyncio.run(main())
print("the wheel holds only tux_http, and loads into a plain bot")

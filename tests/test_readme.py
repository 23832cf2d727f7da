"""The README's examples run as written, and its tables are those of the code."""

from __future__ import annotations

import itertools
import re
import sys
import tomllib
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import simcord
from discord.ext import commands

import tux_http
from tux_http import http_client
from tux_http.problems import table

if TYPE_CHECKING:
    import pytest
    from pytest_httpx import HTTPXMock

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(containing: str) -> str:
    (found,) = (code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if containing in code)
    return found


async def test_the_example_cog_runs_as_written(
    httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = example("class Jokes")
    assert len(code.splitlines()) < 40
    module = types.ModuleType("jokes")
    monkeypatch.setitem(sys.modules, "jokes", module)
    exec(compile(code, "jokes.py", "exec"), module.__dict__)  # noqa: S102  # that is the test
    httpx_mock.add_response(url="https://icanhazdadjoke.com/", json={"joke": "A *penguin* walks in."})
    bot = commands.Bot("!", intents=discord.Intents.default())
    async with simcord.run(bot) as env:
        await module.setup(bot)
        await bot.tree.sync()
        channel = env.create_guild().create_text_channel("general")
        member = env.guild.add_member(env.create_user("ada"))
        result = await member.slash(channel, "joke")
        assert result.response is not None
        assert result.response.embeds[0].description == r"A \*penguin\* walks in."
        await bot.remove_cog("Jokes")
        await module.teardown(bot)
        assert not http_client.is_open


async def test_the_example_button_shows_another_answer_in_place_and_how_old_it_is(
    httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("jokes")
    monkeypatch.setitem(sys.modules, "jokes", module)
    for code in (example("class Jokes"), example("class Another")):
        exec(compile(code, "jokes.py", "exec"), module.__dict__)  # noqa: S102  # that is the test
    old = {"Cache-Control": "max-age=1, stale-while-revalidate=0", "Age": "200"}
    httpx_mock.add_response(json={"joke": "Knock, knock."}, headers=old)
    httpx_mock.add_response(status_code=429, headers={"Retry-After": "60"})
    bot = commands.Bot("!", intents=discord.Intents.default())
    async with simcord.run(bot) as env:
        await module.setup(bot)
        channel = env.create_guild().create_text_channel("general")
        member = env.guild.add_member(env.create_user("ada"))
        place = bot.get_channel(channel.id)
        assert isinstance(place, discord.TextChannel)
        card = await place.send("Jokes", view=module.Another(bot.get_cog("Jokes")))
        for footer in (None, "3 min old — The joke shop limits us"):
            await member.click(card, label="Another one")
            (shown,) = channel.history()
            assert shown.embeds[0].description == "Knock, knock."
            assert shown.embeds[0].footer.text == footer
        await bot.remove_cog("Jokes")
        await module.teardown(bot)


async def test_the_five_lines_add_it_to_a_bot() -> None:
    names = {"commands": commands}
    exec(compile(example("class MyBot"), "bot.py", "exec"), names)  # noqa: S102  # that is the test
    kind: type[commands.Bot] = names["MyBot"]  # pyright: ignore[reportAssignmentType]
    bot = kind("!", intents=discord.Intents.default())
    async with simcord.run(bot):
        assert bot.tree.get_command("repo") is not None
        await bot.unload_extension("tux_http.ext")


async def test_the_example_without_discord_runs_as_written(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        url="https://api.github.com/zen", text="Keep it logically awesome.", is_reusable=True
    )
    code = example("from tux_http import HTTPClient, http_client")
    indented = "".join(f"    {line}\n" for line in code.splitlines())
    names: dict[str, Any] = {}
    exec(compile(f"async def main():\n{indented}    return body\n", "script.py", "exec"), names)  # noqa: S102  # same
    assert await names["main"]() == b"Keep it logically awesome."


def test_the_table_of_problems_is_the_codes() -> None:
    _, _, rest = README.partition("tux_http.problems.table() -->")
    shown, _, _ = rest.partition("</details>")
    rows = "".join(f"| `{code}` | {title} | {hint} |\n" for code, title, hint in table())
    wanted = f"\n\n| code | title | what to do |\n|---|---|---|\n{rows}\n"
    assert shown == wanted, f"README.md's table is to be:\n{wanted}"


def test_every_dependency_is_named_with_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = itertools.chain(project["dependencies"], *project["optional-dependencies"].values())
    names = {match[0] for entry in declared if (match := re.match(r"[\w.\-\[\]]+", entry))}
    missing = [name for name in names if f"`{name}`" not in README and not name.startswith("tux-http")]
    assert not missing


def test_all_is_sorted_and_is_what_the_package_offers() -> None:
    offered = {
        name
        for name, value in vars(tux_http).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    } | {"__version__"}
    assert tux_http.__all__ == sorted(tux_http.__all__)
    assert set(tux_http.__all__) == offered


def test_the_changelog_knows_the_version() -> None:
    assert f"## [{tux_http.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

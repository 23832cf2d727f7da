"""`/chaos`: has upstreams fail while one watches. A command of the sandbox alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import discord
import msgspec
from discord import app_commands
from discord.ext import commands

from tux_http.chaos import EVERY, FAULTS, ChaosError, parse
from tux_http.embeds import budget
from tux_http.problems import InvalidInput
from tux_http.responding import responding
from tux_http.sandbox.problems import PROBLEMS
from tux_http.transports.allowance import Book
from tux_http.transports.budget import Budget
from tux_http.transports.circuit import Circuits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tux_http.api import API
    from tux_http.chaos import Faults, Hits, Rule
    from tux_http.http_client import HTTPClient
    from tux_http.policy import Policy

CHOICES: Final = 25
LONGEST_NAME: Final = 100
"""https://discord.com/developers/docs/interactions/application-commands#application-command-object."""

EXAMPLES: Final = {
    "github:status=503": "GitHub is down; ask four times, and the bot leaves it alone",
    "github:limit,retry-after=40s": "the hourly limit is spent, for 40 s",
    "github:limit=secondary": "too many requests at once",
    "github:latency=4s": "each answer comes late",
    "github:status=503,ratio=0.5": "one call in two fails, and is tried again",
    "github:reset,times=1": "the connection breaks once",
    **{f"github:{fault}": f"a call {text}" for fault, text in FAULTS.items() if fault not in {"status", "limit"}},
    **{f"github:status={status}": f"a call is answered with {status}" for status in (401, 403, 404, 410, 451, 500)},
}  # fmt: skip
"""Rules to choose from, with what each shows."""

COLOUR: Final = discord.Colour(0x5865F2)


class Stage:
    """The service's faults, and all that must be forgotten so that the next command meets them.

    By themselves the sandbox's APIs have neither breaker nor quota, so that each sample fails for itself.
    An API that a rule is for has both, as it would outside.

    Args:
        http: The service; it must not have been opened yet.
        faults: Its rules at the start.
    """

    def __init__(self, http: HTTPClient, faults: Faults) -> None:
        http.faults = faults
        self._http = http
        self._faults = faults

    @property
    def counts(self) -> tuple[tuple[Rule, Hits], ...]:
        """Each rule in force with what it has done."""
        return self._faults.counts

    def read(self, text: str) -> tuple[Rule, ...]:
        """The rules in a text, for APIs that there are.

        Raises:
            ChaosError: It is wrong.
        """
        return parse(text, apis=self._http.apis)

    async def use(self, rules: Iterable[Rule]) -> None:
        """Puts these in place of the rules, for the next call of each API on."""
        self._faults.use(rules)
        await self.settle()

    async def settle(self) -> None:
        """Has each API begin anew, by the rules in force: no answer is stored, no limit and no outage is known."""
        self._http.shelf.memory.clear()
        await self._http.shelf.store.clear()
        for api in self._http.apis.values():
            await _begin_anew(api, _policy_of(api, self._faults.rules))


def _policy_of(api: API, rules: Iterable[Rule]) -> Policy:
    policy = api.policy
    if not any(rule.api in {api.name, EVERY} for rule in rules):
        return policy
    breaker = msgspec.structs.replace(policy.breaker, enabled=True)
    quota = msgspec.structs.replace(policy.quota, enabled=True)
    return msgspec.structs.replace(policy, breaker=breaker, quota=quota)


async def _begin_anew(api: API, policy: Policy) -> None:
    layers = api.layers
    layers.policy = policy
    layers.budget = Budget(policy.retry)
    layers.circuits = Circuits(policy.breaker)
    layers.book = Book(reserve=policy.quota.reserve, secondary_wait=policy.quota.secondary_wait)
    layers.clock = _now
    await api.aclose()  # the next call builds the pipeline of these


class Chaos(commands.GroupCog, group_name="chaos", group_description="Sandbox only: has upstreams fail."):
    """Has upstreams fail, for whoever wants to see what people are told then.

    Args:
        stage: What the commands change.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @app_commands.command(
        name="set", description="What happens to calls from now on. Stored answers are forgotten."
    )
    @app_commands.describe(rule="Such as github:status=503,ratio=0.5; several with ; between them")
    async def start(self, interaction: discord.Interaction[Any], rule: str) -> None:
        """Puts these rules in place of those before."""
        try:
            rules = self._stage.read(rule)
        except ChaosError as exc:
            raise InvalidInput(_sentences(exc.problems), example=_first_example()) from exc
        if not rules:
            raise InvalidInput("There is no rule in it.", example=_first_example())
        async with responding(interaction, ephemeral=True) as answer:
            await self._stage.use(rules)
            await answer(embed=self._card("Calls fail from now on"))

    @start.autocomplete("rule")
    async def _examples(self, _: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
        return _choices(((rule, f"{rule} — {text}") for rule, text in EXAMPLES.items()), current)

    @app_commands.command(description="The rules in force, and how often each has happened.")
    async def show(self, interaction: discord.Interaction[Any]) -> None:
        """Shows the rules."""
        async with responding(interaction, ephemeral=True) as answer:
            await answer(embed=self._card("Chaos"))

    @app_commands.command(description="Calls are left alone again. Stored answers are forgotten.")
    async def clear(self, interaction: discord.Interaction[Any]) -> None:
        """Takes all rules away."""
        async with responding(interaction, ephemeral=True) as answer:
            await self._stage.use(())
            await answer(embed=self._card("Calls are left alone"))

    @app_commands.command(
        description="Shows a problem that no upstream can cause, such as a missing permission."
    )
    @app_commands.describe(code="As in the README's table: cooldown, missing-permissions, …")
    async def problem(self, _: discord.Interaction[Any], code: str) -> None:
        """Raises what the problem is made of; the error layer shows it."""
        make = PROBLEMS.get(code.strip())
        if make is None:
            raise InvalidInput("There is no such problem here.", example=next(iter(PROBLEMS)))
        raise make()

    @problem.autocomplete("code")
    async def _codes(self, _: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
        return _choices(((code, code) for code in PROBLEMS), current)

    def _card(self, title: str) -> discord.Embed:
        lines = [_told(rule, hits) for rule, hits in self._stage.counts]
        text = "\n".join(lines) or "No rule is in force. `/chaos set` takes some."
        return budget(discord.Embed(title=title, description=text, colour=COLOUR))


def _now() -> float:
    # Not time.monotonic, which the layers know from before simcord put its own into the place of that.
    return asyncio.get_running_loop().time()


def _told(rule: Rule, hits: Hits) -> str:
    told = f"happened to {hits.done} of {hits.seen} calls" if hits.seen else "waits for a call"
    return f"`{rule}` — {told}"


def _sentences(problems: Iterable[str]) -> str:
    return " ".join(problem if problem.endswith("?") else f"{problem}." for problem in problems)


def _choices(pairs: Iterable[tuple[str, str]], current: str) -> list[app_commands.Choice[str]]:
    typed = current.strip().lower()
    found = [(value, name) for value, name in pairs if typed in name.lower()]
    return [app_commands.Choice(name=name[:LONGEST_NAME], value=value) for value, name in found[:CHOICES]]


def _first_example() -> str:
    return next(iter(EXAMPLES))

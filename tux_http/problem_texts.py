"""What people read when something fails, and which failure gets which words.

Everything here is data, in English; the other languages are in the catalogues (`tux_http/languages`), under
these texts. Placeholders: `{service}` and, at the start of a sentence, `{Service}` are the upstream's display
name; the others are facts that `problems.py` takes from the error (`{limit}`, `{permissions}`, `{parameter}`,
`{range}`, `{thing}`), in `detail` only.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from tux_http.languages import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TEXTS", "Level", "Text"]

Level: TypeAlias = Literal["info", "warning", "error"]


class Text(NamedTuple):
    """The words of one problem: a title, one sentence of what happened, one of what to do.

    The catalogues take them from here, as if each were in `N_()`.

    `level` is "info" where the person can put it right, "warning" where waiting or somebody else can,
    "error" where whoever runs the bot must. With `traceback`, the log shows where it came from.
    """

    title: str
    detail: str
    hint: str
    level: Level = "warning"
    traceback: bool = False


_TELL: Final = N_("Tell whoever runs this bot, with the reference below.")

TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        # The way to the service and back.
        "timeout": Text(
            "{Service} is taking too long",
            "{Service} did not answer in time.",
            "Try again in a minute; the delay is not on your side.",
        ),
        "deadline": Text(
            "{Service} is taking too long",
            "{Service} gave no complete answer within {limit}.",
            "Try again in a minute; the delay is not on your side.",
        ),
        "unreachable": Text(
            "{Service} can't be reached",
            "No connection to {service} could be made.",
            "It may be down. Try again in a few minutes.",
        ),
        "connection-lost": Text(
            "The connection broke off",
            "The connection to {service} broke off before the answer was complete.",
            "Try again; a second try often works.",
        ),
        "insecure": Text(
            "{Service} can't be trusted right now",
            "No safe connection to {service} could be made, so nothing was sent.",
            "Try again later. If it stays like this, tell whoever runs this bot.",
            "error",
        ),
        "proxy": Text(
            "The bot can't get online",
            "The bot's own way to the internet failed; {service} may be fine.",
            _TELL,
            "error",
        ),
        "request-failed": Text(
            "The request did not get through",
            "The request to {service} failed on the way.",
            "Try again in a minute.",
        ),
        "cannot-send": Text(
            "That can't be sent",
            "The request to {service} contains something that can't be sent.",
            "Try it with plain letters and digits. If it stays like this, tell whoever runs this bot.",
            "error",
            traceback=True,
        ),
        "busy": Text(
            "Too much at once",
            "The bot has more requests to make than it can handle right now.",
            "Try again in a few seconds.",
        ),
        "service-busy": Text(
            "Many people are asking {service}",
            "Too many requests to {service} are waiting already.",
            "Try again in a few seconds.",
        ),
        "service-down": Text(
            "{Service} is having trouble",
            "{Service} failed several times in a row, so the bot leaves it alone for a while.",
            "Try again in a few minutes.",
        ),
        # Addresses.
        "bad-address": Text(
            "That address doesn't work",
            "What was entered can't be turned into a web address.",
            "Check it for typing errors and try again.",
            "info",
        ),
        "blocked-address": Text(
            "That address is off limits",
            "It leads to a place that this bot must not visit.",
            "Use the address of a public website.",
            "info",
        ),
        "bad-characters": Text(
            "Some characters don't work here",
            "What was entered contains characters that can't be sent.",
            "Leave out unusual characters and try again.",
            "info",
        ),
        "moved": Text(
            "{Service} has moved this",
            "{Service} has it at another address now, which the bot could not follow.",
            "Check whether it was renamed, and try the new name.",
        ),
        "redirect-loop": Text(
            "{Service} sends us in circles",
            "{Service} pointed from one address to the next without an end.",
            "Try again later; the fault is on their side.",
        ),
        # Answers that can't be used.
        "garbled": Text(
            "{Service} broke off mid-sentence",
            "The answer from {service} did not arrive in one piece.",
            "Try again in a few minutes; the fault is not on your side.",
        ),
        "unreadable": Text(
            "{Service} sent an unreadable answer",
            "The answer from {service} was damaged or in a form that can't be read.",
            "Try again in a few minutes. If it stays like this, tell whoever runs this bot.",
        ),
        "unexpected-answer": Text(
            "{Service} answered in a new way",
            "The answer from {service} is not in the form that this bot knows.",
            "Try again later. If it stays like this, tell whoever runs this bot.",
            "error",
        ),
        "too-large": Text(
            "That answer is too big",
            "{Service} sent more than this bot takes at once ({limit}).",
            "Ask for something smaller.",
            "info",
        ),
        # Refusals, by status code.
        "not-signed-in": Text(
            "{Service} doesn't know this bot",
            "The bot's key for {service} is missing or no longer valid.",
            _TELL,
            "error",
        ),
        "forbidden": Text(
            "{Service} keeps this closed",
            "{Service} doesn't let this bot see it.",
            "Try something public, or ask whoever runs this bot for access.",
        ),
        "rate-limited": Text(
            "{Service} asks us to wait",
            "The bot has used up its requests to {service} for now.",
            "Wait until the limit is lifted, then try again.",
        ),
        "slow-down": Text(
            "{Service} asks us to slow down",
            "The bot sent {service} too many requests in a short time.",
            "Wait a minute or two, then try again.",
        ),
        "not-found": Text(
            "Nothing found",
            "{Service} has nothing by that name, or keeps it private.",
            "Check the spelling and try again.",
            "info",
        ),
        "gone": Text(
            "That is gone",
            "{Service} had it once and has removed it.",
            "Look for where it went, or pick something else.",
            "info",
        ),
        "not-accepted": Text(
            "{Service} can't work with that",
            "{Service} read the request but did not accept what was entered.",
            "Change what you entered and try again.",
            "info",
        ),
        "legal": Text(
            "Blocked for legal reasons",
            "{Service} may not show this, for legal reasons.",
            "Pick something else; trying again won't help.",
            "info",
        ),
        "refused": Text(
            "{Service} did not accept the request",
            "{Service} refused the request; the bot may have put it wrongly.",
            "Check what you entered. If it looks right, tell whoever runs this bot.",
        ),
        "service-error": Text(
            "{Service} has a problem",
            "Something went wrong inside {service}.",
            "Try again in a few minutes; the fault is on their side.",
        ),
        "bad-gateway": Text(
            "{Service} is partly down",
            "One part of {service} could not reach another.",
            "Try again in a few minutes; the fault is on their side.",
        ),
        "unavailable": Text(
            "{Service} is unavailable",
            "{Service} has too much to do or is being worked on.",
            "Try again in a few minutes; the fault is on their side.",
        ),
        # What a person typed.
        "invalid-input": Text(
            "That doesn't fit", "What was entered can't be used here.", "Change it and try again.", "info"
        ),
        "missing-argument": Text(
            "Something is missing", "The command also needs “{parameter}”.", "Add it and try again.", "info"
        ),
        "too-many-arguments": Text(
            "That is more than needed",
            "There is more text than the command can use.",
            "Shorten it and try again. Put text with spaces in double quotes.",
            "info",
        ),
        "bad-quotes": Text(
            "The quotation marks don't match",
            "A quotation mark is missing or in the wrong place.",
            "Put them in pairs around the text and try again.",
            "info",
        ),
        "out-of-range": Text(
            "That is outside the range",
            "What was entered must be {range}.",
            "Change it and try again.",
            "info",
        ),
        "no-such-thing": Text(
            "Not found on Discord",
            "There is no {thing} here that fits what was entered.",
            "Check the name, or pick from the list while typing.",
            "info",
        ),
        "unknown-command": Text(
            "No such command", "There is no command by that name.", "Type / to see the commands.", "info"
        ),
        # Who may use a command, where and when.
        "missing-permissions": Text(
            "You can't use this here",
            "The command is for people with these permissions: {permissions}.",
            "Ask a moderator of this server for help.",
            "info",
        ),
        "missing-role": Text(
            "You can't use this here",
            "The command is for people with a certain role.",
            "Ask a moderator of this server for help.",
            "info",
        ),
        "not-allowed": Text(
            "You can't use this here",
            "The command is not open to everyone or not in every place.",
            "Try another channel, or ask a moderator of this server.",
            "info",
        ),
        "owner-only": Text(
            "You can't use this",
            "The command is only for whoever runs this bot.",
            "There is nothing to do; the other commands are open to you.",
            "info",
        ),
        "server-only": Text(
            "This works in servers only",
            "The command can't be used in direct messages.",
            "Use it in a channel of a server.",
            "info",
        ),
        "direct-messages-only": Text(
            "This works in direct messages only",
            "The command can't be used in a server.",
            "Send it to the bot as a direct message.",
            "info",
        ),
        "age-restricted-only": Text(
            "This works in age-restricted channels only",
            "This channel isn't marked as age-restricted.",
            "Use the command in a channel that is.",
            "info",
        ),
        "cooldown": Text(
            "A short break is needed",
            "It was used just now, by you or somebody else.",
            "Wait until the break is over, then try again.",
            "info",
        ),
        "already-running": Text(
            "This is running already",
            "The command can't be run more often at the same time.",
            "Wait until the earlier one is done, then try again.",
            "info",
        ),
        "not-yours": Text(
            "This button isn't for you",
            "It repeats a command that somebody else gave.",
            "Give the command yourself.",
            "info",
        ),
        "too-soon": Text("Not yet", "The wait isn't over.", "Press the button again when it is.", "info"),
        "too-late": Text(
            "That took too long",
            "Discord keeps a command open for a limited time, and that is over.",
            "Give the command again.",
            "info",
        ),
        "disabled": Text(
            "This is switched off",
            "The command is switched off at the moment.",
            "Ask whoever runs this bot when it will be back.",
            "info",
        ),
        "outdated-command": Text(
            "This command has changed",
            "Discord still shows you an older form of the command.",
            "Restart Discord, or try again in a few minutes.",
        ),
        # Discord itself.
        "bot-missing-permissions": Text(
            "The bot lacks permissions",
            "The bot needs these permissions here: {permissions}.",
            "Ask a moderator to grant them, then try again.",
        ),
        "bot-missing-role": Text(
            "The bot lacks a role",
            "The bot needs a certain role for this.",
            "Ask a moderator to give it the role, then try again.",
        ),
        "discord-forbidden": Text(
            "Discord doesn't let the bot do that",
            "The bot may not see or do something that this needs.",
            "Ask a moderator to check the bot's permissions in this channel.",
        ),
        "discord-not-found": Text(
            "That is no longer there",
            "A message, channel or person that this needs is gone from Discord.",
            "Start over with the command.",
        ),
        "discord-refused": Text(
            "Discord did not take the answer",
            "The answer was ready, but Discord refused it.",
            "Try again. If it stays like this, tell whoever runs this bot.",
            "error",
            traceback=True,
        ),
        "discord-trouble": Text(
            "Discord is having trouble",
            "Discord did not answer the bot as it should.",
            "Try again in a few minutes.",
        ),
        "discord-busy": Text(
            "Discord asks us to slow down",
            "The bot did too much on Discord in a short time.",
            "Wait a little, then try again.",
        ),
        # Everything else.
        "internal": Text(
            "Something went wrong on our side",
            "The bot met an error that it was not prepared for.",
            "Try again. If it stays like this, tell whoever runs this bot, with the reference below.",
            "error",
            traceback=True,
        ),
    }
)

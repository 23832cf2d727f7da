"""The command line: `python -m tux_http`, installed as `tux-http` too."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from loguru import logger

from tux_http import log
from tux_http.chaos import VARIABLE as CHAOS_VARIABLE
from tux_http.chaos import ChaosError, Faults
from tux_http.chaos import parse as parse_rules
from tux_http.config import CONFIG_VARIABLE, ConfigError, Settings, load
from tux_http.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "parse"]

OK: Final = 0
FAILED: Final = 1
UNUSABLE: Final = 2

CONFIG_FILE: Final = Path("config.toml")
"""What is read from the working directory where no other file is named."""

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

MAX_PORT: Final = 65535

HOW_TO_START: Final = """\
DISCORD_TOKEN is not set: make an application at https://discord.com/developers/applications, reset and copy its \
token under Bot, and set DISCORD_TOKEN to it in the environment (or DISCORD_TOKEN_FILE to a file that holds it).
To try the commands without one: python -m tux_http sandbox
"""

DESCRIPTION: Final = "A Discord bot whose commands are answered by HTTP APIs."

EPILOG: Final = """\
examples:
  python -m tux_http sandbox                   try the commands in a browser; needs no token
  DISCORD_TOKEN=... python -m tux_http         run the bot
  python -m tux_http --config bot.toml --sync  with other settings, sending the commands to Discord anew
  python -m tux_http cache stats               how much of whose answers is stored

environment:
  DISCORD_TOKEN                the bot's token
  GITHUB_TOKEN                 GitHub's; each [apis.NAME] of the settings may have a NAME_TOKEN
  DISCORD_TOKEN_FILE, ...      names of files that hold the tokens, instead
  GITHUB_APP_KEY_FILE          the private key of the GitHub App that github.app_id names
  REDIS_URL                    the server of the cache, where the settings say "redis"
  TUX_HTTP_CONFIG              the file with the settings, where --config names none
  TUX_HTTP_CHAOS               faults on purpose: github:status=503,ratio=0.2; needs --allow-chaos, or the sandbox
  TUX_HTTP__SECTION__KEY       one setting, which wins over the file: TUX_HTTP__HTTP__TIMEOUTS__READ=5
  NO_COLOR                     no colours in the log

exit statuses:
  0  stopped (Ctrl-C, SIGTERM)    3  Discord refused the token
  1  failed; the log says why     4  a privileged intent is not enabled for the bot
  2  wrong usage or settings      5  Discord can't be reached
"""

WAYS_OUT: Final = "unset it, or start with --allow-chaos if that is what you want"

SANDBOX_EPILOG: Final = """\
examples:
  python -m tux_http sandbox --no-browser --port 8080
  python -m tux_http sandbox --screenshot card.png /repo allthingslinux/tux
"""

CACHE_EPILOG: Final = """\
examples:
  python -m tux_http cache stats
  python -m tux_http cache clear --api github
"""

SHAPE: Final[dict[str, Any]] = {
    "formatter_class": argparse.RawDescriptionHelpFormatter,
    "allow_abbrev": False,
    "argument_default": argparse.SUPPRESS,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; gives the process's exit status.

    Args:
        argv: The words after the program's name; those of the process if not given.
    """
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
    except SystemExit as exc:  # argparse has said why
        return int(exc.code or OK)
    try:
        return _run(options, _settings(options))
    except ConfigError as exc:
        sys.stderr.write(f"{exc}\n")
        return UNUSABLE
    except KeyboardInterrupt:  # before the command could listen for it
        return OK


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options, complete with defaults; those of the whole program may stand on both sides of the command.

    Raises:
        SystemExit: They are wrong, or ask for help or the version, which has been written.
    """
    return _parser().parse_args(argv, _defaults())


def _defaults() -> argparse.Namespace:
    # Here and not in the parsers: a subparser's defaults would overwrite what was said before the command.
    sandbox: dict[str, Any] = {"port": 0, "browser": True, "live": False, "screenshot": None}
    cache: dict[str, Any] = {"action": None, "api": None}
    running: dict[str, Any] = {"sync": False, "allow_chaos": False}
    return argparse.Namespace(command="run", config=None, log_level=None, **running, **sandbox, **cache)


def _parser() -> argparse.ArgumentParser:
    everywhere, running = _everywhere(), _running()
    parser = argparse.ArgumentParser(
        prog=_program(), description=DESCRIPTION, epilog=EPILOG, parents=[everywhere, running], **SHAPE
    )
    parser.add_argument("--version", action="version", version=f"tux-http {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="[run | sandbox | cache]")
    text = "run the bot (the default)"
    commands.add_parser("run", help=text, description=text, parents=[everywhere, running], **SHAPE)
    text = "try the commands in a browser: an offline Discord and a sample GitHub, no token"
    _add_sandbox_options(
        commands.add_parser(
            "sandbox", help=text, description=text, epilog=SANDBOX_EPILOG, parents=[everywhere], **SHAPE
        )
    )
    text = "look at the answers that are stored, or forget them"
    _add_cache_options(
        commands.add_parser(
            "cache", help=text, description=text, epilog=CACHE_EPILOG, parents=[everywhere], **SHAPE
        )
    )
    return parser


def _everywhere() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the settings; config.toml in the working directory if it is there",
    )
    parser.add_argument(
        "--log-level",
        type=str.upper,
        choices=LEVELS,
        metavar="LEVEL",
        help=f"{', '.join(LEVELS)}; wins over the settings",
    )
    return parser


def _running() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument(
        "--sync", action="store_true", help="send the commands to Discord even if they have not changed"
    )
    parser.add_argument(
        "--allow-chaos", action="store_true", help=f"let calls fail on purpose, as {CHAOS_VARIABLE} says"
    )
    return parser


def _add_sandbox_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=_port, metavar="N", help="of the page, on loopback; any free one if not given"
    )
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help="only print the page's address"
    )
    parser.add_argument(
        "--live", action="store_true", help="call the real APIs, with the tokens that are set"
    )
    parser.add_argument(
        "--screenshot",
        nargs="+",
        metavar=("FILE", "WORD"),
        help="write a picture of the answer to the command in the words after it, and end",
    )


def _add_cache_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("stats", "clear"), help="how much is stored; or forget it")
    parser.add_argument("--api", metavar="NAME", help="only the answers of this API, such as github")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {MAX_PORT}, got {text!r}")
    return int(text)


def _program() -> str:
    """How this was started, for the first line of the help."""
    return "tux-http" if Path(sys.argv[0]).stem == "tux-http" else "python -m tux_http"


def _settings(options: argparse.Namespace) -> Settings:
    named = options.config or os.environ.get(CONFIG_VARIABLE)
    file = Path(named) if named else CONFIG_FILE if CONFIG_FILE.exists() else None
    settings = load(file, os.environ)
    if options.log_level is None:
        return settings
    chosen = msgspec.structs.replace(settings.log, level=options.log_level)
    return msgspec.structs.replace(settings, log=chosen)


def _run(options: argparse.Namespace, settings: Settings) -> int:
    if options.command == "run" and "discord" not in settings.tokens:
        sys.stderr.write(HOW_TO_START)
        return UNUSABLE
    log.configure(settings.log, secrets=settings.secrets())
    try:
        return COMMANDS[options.command](options, settings)
    except ConfigError:
        raise
    except Exception as exc:  # noqa: BLE001  # Python's own report of it would not be redacted
        logger.opt(exception=exc).critical("stopped by an error that nobody expected")
        return FAILED


def _run_bot(options: argparse.Namespace, settings: Settings) -> int:
    from tux_http.process import run  # noqa: PLC0415  # discord.py takes its time, which --help has not

    faults = _faults()
    if faults.rules and not options.allow_chaos:
        raise ConfigError([f"{CHAOS_VARIABLE} is set, and would have calls fail on purpose; {WAYS_OUT}"])
    return run(settings, force_sync=options.sync, faults=faults)


def _faults() -> Faults:
    try:
        return Faults(parse_rules(os.environ.get(CHAOS_VARIABLE, "")))
    except ChaosError as exc:
        raise ConfigError(f"{CHAOS_VARIABLE}: {problem}" for problem in exc.problems) from exc


def _run_sandbox(options: argparse.Namespace, settings: Settings) -> int:
    from tux_http.sandbox import run  # noqa: PLC0415  # as above

    file, *words = options.screenshot or [""]
    return run(
        settings,
        port=options.port,
        browser=options.browser,
        live=options.live,
        screenshot=Path(file) if file else None,
        command=" ".join(words) or None,
        faults=_faults(),
    )


def _run_cache(options: argparse.Namespace, settings: Settings) -> int:
    from tux_http.cache_command import run  # noqa: PLC0415  # as above

    return run(settings.http.cache, action=options.action, api=options.api)


COMMANDS: Final = {"run": _run_bot, "sandbox": _run_sandbox, "cache": _run_cache}

"""config.toml and the environment -> frozen `Settings`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import httpx
import msgspec

from tux_http.app_key import TOKEN as APP_KEY
from tux_http.app_key import read_app_key
from tux_http.caching.address import VARIABLE as SERVER_VARIABLE
from tux_http.caching.address import passwords_in, problem_with_server
from tux_http.certificates import problem_with_file
from tux_http.config_loading import Draft, Problem
from tux_http.messages import Message, problems_with
from tux_http.policy import Breaker, CacheSettings, Caching, Caps, HTTPSettings, Lane, Policy, Quota, Retry
from tux_http.redaction import MARK, Redactor, is_sensitive

__all__ = [
    "CONFIG_VARIABLE",
    "DEFAULT_APIS",
    "APISettings",
    "BotSettings",
    "ConfigError",
    "GitHubSettings",
    "LogSettings",
    "MetricsSettings",
    "PrivateAccess",
    "Settings",
    "Tokens",
    "from_environment",
    "load",
    "token_variable",
]

CONFIG_VARIABLE = "TUX_HTTP_CONFIG"
"""The environment variable that names the file where none is named otherwise."""


MAX_PORT = 65535


class ConfigError(Exception):
    """The settings are wrong. `problems` has one line for each thing to put right."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Tokens(Mapping[str, str]):
    """Tokens by what they are for ("discord", "github", ...); its repr shows none of them."""

    def __init__(self, tokens: Mapping[str, str] | None = None) -> None:
        self._tokens = dict(tokens or {})

    def __getitem__(self, name: str) -> str:
        return self._tokens[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def __repr__(self) -> str:
        return f"Tokens({dict.fromkeys(self._tokens, MARK)})"


class BotSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `python -m tux_http` runs."""

    extensions: tuple[str, ...] = ("tux_http.cogs.github", "tux_http.cogs.http")
    prefix: str = "!"
    message_content: bool = False
    sync: Literal["auto", "always", "never"] = "auto"
    operators: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if any(role <= 0 for role in self.operators):
            raise ValueError(f"operators must be ids of roles, got {list(self.operators)}")


class APISettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[apis.NAME]` table: an upstream by name. `deadline` is in seconds."""

    base_url: str
    display_name: str = ""
    headers: dict[str, str] = {}
    deadline: float = 15.0
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    quota: Quota = Quota()
    lane: Lane = Lane()
    caps: Caps = Caps()
    caching: Caching = Caching()

    def __post_init__(self) -> None:
        _check_base_url(self.base_url)
        for name, value in self.headers.items():
            _check_header(name, value)
        self.policy()

    def __repr__(self) -> str:
        shown = msgspec.structs.asdict(self)
        shown["headers"] = {
            name: MARK if is_sensitive(name) else value for name, value in self.headers.items()
        }
        return f"APISettings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def policy(self) -> Policy:
        return Policy(
            deadline=self.deadline,
            retry=self.retry,
            breaker=self.breaker,
            quota=self.quota,
            lane=self.lane,
            caps=self.caps,
            caching=self.caching,
        )


def _check_base_url(text: str) -> None:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    parts = (url.userinfo, url.query, url.fragment)
    if url.scheme not in {"http", "https"} or not url.host or any(parts) or "?" in text or "#" in text:
        raise ValueError(
            "base_url must be an absolute http or https URL without user, password, query and fragment, "
            f"got {text!r}"
        )


def _check_header(name: str, value: str) -> None:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):  # token, RFC 9110, section 5.6.2
        raise ValueError(f"headers.{name} must be a header name, got {name!r}")
    if not value.isascii() or not value.isprintable():
        shown = MARK if is_sensitive(name) else repr(value)
        raise ValueError(f"headers.{name} must be printable ASCII text, got {shown}")


class PrivateAccess(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[github.allow_private]]` table: where in a server private repositories are shown; ids."""

    guild: int
    channels: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if any(each <= 0 for each in (self.guild, *self.channels, *self.roles)):
            raise ValueError("guild, channels and roles must be ids")
        if not self.channels and not self.roles:
            raise ValueError("it needs channels = [ID] or roles = [ID]: who of the server may see them")
        if self.guild in self.roles:
            raise ValueError("roles must name roles, not everybody: that one is the server itself")


class GitHubSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The GitHub cog. `app_id` is a GitHub App's id or client id; without one, a token is used, or none."""

    allow_private: bool | tuple[PrivateAccess, ...] = False
    app_id: int | str = ""
    installation_id: int = 0
    database: str = ""

    def __post_init__(self) -> None:
        if self.allow_private is True:
            raise ValueError(
                "allow_private must say who may see them: [[github.allow_private]] with guild = ID, "
                "and channels = [IDs] or roles = [IDs]; false is nobody"
            )
        if not re.fullmatch(r"[A-Za-z0-9._-]{0,64}", str(self.app_id)):
            raise ValueError(f"app_id must be a GitHub App's id or client id, got {self.app_id!r}")
        if self.installation_id < 0:
            raise ValueError(f"installation_id must be an id, or 0, got {self.installation_id}")

    @property
    def private_access(self) -> tuple[PrivateAccess, ...]:
        """Who may see private repositories; () is nobody."""
        return self.allow_private if isinstance(self.allow_private, tuple) else ()


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the log goes and how it looks."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["auto", "human", "json"] = "auto"


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where `python -m tux_http` serves its metrics, if it does."""

    enabled: bool = False
    host: str = "127.0.0.1"
    port: int = 9464

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("host must be a host's name or address; 0.0.0.0 is every address")
        if not 0 <= self.port <= MAX_PORT:
            raise ValueError(f"port must be from 0 to {MAX_PORT}, got {self.port}")


DEFAULT_APIS = {
    "github": APISettings(
        base_url="https://api.github.com",
        display_name="GitHub",
        headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    )
}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an operator can set. `tokens` comes from the environment only, keyed "discord", "github", ...

    Among them is the private key of a GitHub App, under `app_key.TOKEN`.
    """

    bot: BotSettings = BotSettings()
    http: HTTPSettings = HTTPSettings(cache=CacheSettings(store="sqlite"))
    apis: dict[str, APISettings] = msgspec.field(default_factory=lambda: {**DEFAULT_APIS})
    github: GitHubSettings = GitHubSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    messages: dict[str, Message] = {}
    tokens: Mapping[str, str] = Tokens()

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "tokens", Tokens(self.tokens))

    def secrets(self) -> tuple[str, ...]:
        """What no log may show: the tokens, the values of credential headers, the password of the cache."""
        headers = [header for api in self.apis.values() for header in api.headers.items()]
        of_headers = (value for name, value in headers if is_sensitive(name))
        return (*self.tokens.values(), *of_headers, *passwords_in(self.http.cache.url))


def from_environment() -> Settings:
    """The settings of a bot that is somebody else's: a file is read only if `TUX_HTTP_CONFIG` names one.

    Raises:
        ConfigError: They are wrong.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    return load(Path(named) if named else None, os.environ)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Reads a file, or none; what the environment says wins.

    Raises:
        ConfigError: With all problems at once.
    """
    draft = Draft(Settings(), blanks=[_BLANK_API, Message()], hidden=["tokens"], token_variable=_variable_for)
    if path is not None:
        draft.add_file(path)
    draft.add_environment(environ)
    settings: Settings = draft.settle()
    tokens, problems = _tokens(settings.apis, environ)
    problems += _add_app_key(settings.github, tokens, environ)
    settings, unusable = _with_server(settings, environ)
    problems = [
        *draft.problems,
        *_misnamed(draft, settings.apis),
        *_misworded(draft, settings.messages),
        *problems,
        *_certificates(settings, environ),
        *unusable,
    ]
    if problems:
        hide = Redactor([*tokens.values(), *passwords_in(settings.http.cache.url)])
        raise ConfigError(dict.fromkeys(problem.line(hide) for problem in problems))
    return msgspec.structs.replace(settings, tokens=tokens)


_BLANK_API = APISettings(base_url="https://api.invalid")


def token_variable(api: str) -> str:
    """The environment variable that an API's token is read from: `GITHUB_TOKEN` for `[apis.github]`."""
    return re.sub(r"[^A-Z0-9]", "_", api.upper()) + "_TOKEN"


def _variable_for(keys: tuple[str, ...]) -> str:
    match keys:
        case ("apis", name, *_):
            return token_variable(name)
        case ("http", "cache", *_):
            return SERVER_VARIABLE
        case _:
            return token_variable("discord")


def _misnamed(draft: Draft, apis: Iterable[str]) -> Iterator[Problem]:
    """APIs whose tokens would come from a variable that is not theirs, or can't be one."""
    owners = {token_variable("discord"): "the bot"}
    for name in apis:
        label, variable = draft.label(("apis", name)), token_variable(name)
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            yield Problem(f"{label} needs another name: letters, digits, - and _, and a letter first")
        elif variable in owners:
            yield Problem(f"{label} needs another name: {variable} is for {owners[variable]}")
        owners.setdefault(variable, f"apis.{name}")


def _misworded(draft: Draft, messages: Mapping[str, Message]) -> Iterator[Problem]:
    for code, problem in problems_with(messages):
        yield Problem(f"{draft.label(('messages', code))} {problem}")


def _certificates(settings: Settings, environ: Mapping[str, str]) -> Iterator[Problem]:
    """A file of certificates that nothing can be verified with: better told at the start than by each call."""
    if settings.http.trust_env and (problem := problem_with_file(environ)) is not None:
        yield Problem(problem)


def _with_server(settings: Settings, environ: Mapping[str, str]) -> tuple[Settings, list[Problem]]:
    """The settings with the address of the cache's server that the environment holds, which wins."""
    try:
        url = _token(SERVER_VARIABLE, environ)
    except ValueError as exc:
        return settings, [Problem(str(exc))]
    if url:
        cache = msgspec.structs.replace(settings.http.cache, url=url)
        http = msgspec.structs.replace(settings.http, cache=cache)
        settings = msgspec.structs.replace(settings, http=http)
    problem = problem_with_server(settings.http.cache)
    return settings, [] if problem is None else [Problem(problem)]


def _tokens(apis: Iterable[str], environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    found: dict[str, str] = {}
    problems: list[Problem] = []
    owners = {token_variable(name): name for name in ("discord", *apis)}
    for variable, name in owners.items():
        try:
            token = _token(variable, environ)
        except ValueError as exc:
            problems.append(Problem(str(exc)))
        else:
            found.update({name: token} if token else {})
    return found, problems


def _add_app_key(
    github: GitHubSettings, tokens: dict[str, str], environ: Mapping[str, str]
) -> Iterator[Problem]:
    """The private key of the GitHub App, if there is one, joins the tokens."""
    if not github.app_id:
        return
    if "github" in tokens:
        yield Problem(f"github.app_id and {token_variable('github')} are both set; keep one")
    try:
        tokens[APP_KEY] = read_app_key(environ)
    except ValueError as exc:
        yield Problem(str(exc))


def _token(variable: str, environ: Mapping[str, str]) -> str:
    """The token in a variable, or in the file that `<variable>_FILE` names; "" if neither is set."""
    token, file = environ.get(variable, "").strip(), environ.get(f"{variable}_FILE", "")
    if token and file:
        raise ValueError(f"{variable} and {variable}_FILE are both set; keep one")
    source = f"{variable}_FILE" if file else variable
    if file:
        token = _read_token(file, source)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"{source} must hold one token of printable ASCII characters, without spaces")
    return token


def _read_token(file: str, source: str) -> str:
    # The name is not shown: whoever mixes the variables up has the token there.
    try:
        token = Path(file).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{source} names a file that is not text") from None
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not a file name"
        raise ValueError(f"{source} names a file that can't be read: {reason}") from None
    if not token:
        raise ValueError(f"{source} names an empty file")
    return token

"""TOML and environment variables -> msgspec structs, with every problem found and named as it was written."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, Union, cast, get_args, get_origin

import msgspec

from tux_http.caching.address import passwords_in
from tux_http.redaction import contains_token, is_sensitive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    Keys = tuple[str, ...]

__all__ = ["PREFIX", "Draft", "Problem"]

PREFIX: Final = "TUX_HTTP__"
"""What the environment variables that are settings begin with."""

LONGEST: Final = 60
"""Characters of a wrong value that are shown."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right: what is wrong, and the value that was found, if one was."""

    text: str
    got: str | None = None

    def line(self, hide: Callable[[str], str]) -> str:
        """One line; what `hide` hides is hidden before the value is cut, or a part of it would stay."""
        text = hide(self.text)
        if self.got is not None:
            got = hide(self.got)
            text += f", got {got if len(got) <= LONGEST else got[: LONGEST - 1] + '…'}"
        return " ".join(text.splitlines())


class _Source(Protocol):
    def label(self, keys: Keys) -> str:
        """Where a value is from, and its key as written there."""
        ...

    def spell(self, keys: Keys) -> str:
        """How this key would be written there."""
        ...


@dataclass(frozen=True, slots=True)
class _File:
    name: str

    def label(self, keys: Keys) -> str:
        return f"{self.name}: {self.spell(keys)}"

    def spell(self, keys: Keys) -> str:
        return _dotted(keys)


@dataclass(frozen=True, slots=True)
class _Variable:
    """`keys` is what the variable's name stands for; its value may be a table of more."""

    name: str
    keys: Keys

    def label(self, keys: Keys) -> str:
        rest = keys[len(self.keys) :]
        return f"{self.name}: {_dotted(rest)}" if rest else self.name

    def spell(self, keys: Keys) -> str:
        rest = keys[len(self.keys) :]
        return _dotted(rest) if rest else PREFIX + "__".join(keys).upper().replace("-", "_")


def _dotted(keys: Keys) -> str:
    return ".".join(key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key) for key in keys)


@dataclass(frozen=True, slots=True)
class _Change:
    """A new value for a struct's field, or for one key of a field that is a table of texts."""

    field: str
    key: str | None
    value: Any
    label: str

    def is_about(self, message: str) -> str | None:
        """The rest of a struct's message about this value: "read must be positive" -> " must be positive"."""
        subject = self.field if self.key is None else f"{self.field}.{self.key}"
        rest = message[len(subject) :]
        return rest if message.casefold().startswith(subject.casefold()) and rest[:1] in {" ", ""} else None


class Draft:
    """Settings in the making: what files and variables say, over a struct of defaults.

    Args:
        base: The defaults. Its fields, and those of the structs in it, are the settings.
        blanks: A struct for each type that may occur under names of the operator's choice; stands in for
            its required fields.
        hidden: Fields of `base` that are no settings.
        token_variable: The variable that a token belongs in which was found under these keys.
    """

    def __init__(
        self,
        base: msgspec.Struct,
        *,
        blanks: Iterable[msgspec.Struct] = (),
        hidden: Iterable[str] = (),
        token_variable: Callable[[Keys], str],
    ) -> None:
        self.problems: list[Problem] = []
        self._base = base
        self._blanks = {type(blank): blank for blank in blanks}
        self._hidden = frozenset(hidden)
        self._token_variable = token_variable
        self._values: dict[Keys, tuple[Any, str]] = {}
        self._tables: dict[Keys, str] = {}

    def add_file(self, path: Path) -> None:
        """Reads a TOML file. Secrets in it are refused: files get copied, shown and committed."""
        text = ""
        try:
            text = path.read_bytes().decode("utf-8-sig")
            tree = tomllib.loads(text)
        except OSError as exc:
            self._problem(f"{path} can't be read: {exc.strerror}")
        except UnicodeDecodeError as exc:
            self._problem(f"{path} must be UTF-8 text; byte {exc.start + 1} is not")
        except (ValueError, RecursionError) as exc:
            self._problem(f"{path}: {_position(exc, text)}")
        else:
            source = _File(str(path))
            self._read(type(self._base), self._without_secrets(tree, (), source), (), source)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Reads the variables that begin with `PREFIX`, in any case; they win over what was read before."""
        for name, text in environ.items():
            if name.upper().startswith(PREFIX):
                self._read_variable(name, text)

    def settle(self) -> Any:
        """The struct of defaults with everything read; not to be used if there are problems."""
        return self._built(self._base, ())

    def label(self, keys: Keys) -> str:
        """Where a table was first written, and its name there."""
        return self._tables.get(keys, _dotted(keys))

    def _problem(self, text: str, got: object = msgspec.UNSET) -> None:
        self.problems.append(Problem(text, None if got is msgspec.UNSET else _shown(got)))

    def _without_secrets(self, tree: dict[str, Any], at: Keys, source: _Source) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, value in tree.items():
            keys = (*at, key)
            if is_sensitive(key) or _has_token(value):
                variable = self._token_variable(keys)
                self._problem(
                    f"{source.label(keys)} must not be in a file: set {variable} in the environment, "
                    f"or {variable}_FILE to the name of a file that holds it"
                )
            else:
                inner = _table(value)
                kept[key] = value if inner is None else self._without_secrets(inner, keys, source)
        return kept

    def _read(self, kind: Any, value: Any, at: Keys, source: _Source) -> None:
        if not _is_table(kind):
            self._read_value(kind, value, at, source)
            return
        self._tables.setdefault(at, source.label(at))
        table = _table(value)
        if table is None:
            self._problem(f"{source.label(at)} must be a table", value)
            return
        for key, item in table.items():
            keys = (*at, key)
            member = self._member(kind, keys)
            if member is None:
                self._unknown(kind, keys, source)
            else:
                self._read(member, item, keys, source)

    def _read_value(self, kind: Any, value: Any, at: Keys, source: _Source) -> None:
        try:
            converted = msgspec.convert(value, kind)
        except msgspec.ValidationError as exc:
            if "`$[" in str(exc) and _expected(kind).endswith("a table"):
                what, _, place = str(exc).partition(" - at `$")
                self._problem(f"{source.label(at)}{place.rstrip('`')}: {what[:1].lower()}{what[1:]}")
            else:
                self._problem(f"{source.label(at)} must be {_expected(kind)}", value)
        else:
            self._values[at] = (converted, source.label(at))

    def _read_variable(self, name: str, text: str) -> None:
        kind: Any = type(self._base)
        at: Keys = ()
        for part in name[len(PREFIX) :].split("__"):
            holder, at = kind, (*at, self._key_of(kind, part, at))
            kind = self._member(holder, at)
            if kind is None:
                self._unknown(holder, at, _Variable(name, at))
                return
            self._tables.setdefault(at, _Variable(name, at).spell(at))
        self._read(kind, _parsed(kind, text), at, _Variable(name, at))

    def _key_of(self, kind: Any, part: str, at: Keys) -> str:
        """The key that a part of a variable's name means: names have neither case nor hyphens there."""
        lowered = part.lower()
        if _is_struct(kind):
            return lowered
        if not _is_struct(_item(kind)):
            return lowered.replace("_", "-")  # headers
        names = self._names(getattr(self._base, at[-1], {}), at)
        return next((name for name in names if name.lower().replace("-", "_") == lowered), lowered)

    def _member(self, kind: Any, keys: Keys) -> Any:
        """The type of what lies under these keys' last one in a table of this kind; None if nothing may."""
        if not _is_table(kind) or (len(keys) == 1 and keys[0] in self._hidden):
            return None
        return _fields(kind).get(keys[-1]) if _is_struct(kind) else _item(kind)

    def _unknown(self, kind: Any, keys: Keys, source: _Source) -> None:
        *above, wrong = keys
        known = (
            [name for name in _fields(kind) if above or name not in self._hidden] if _is_struct(kind) else []
        )
        if is_sensitive(wrong):
            hint = f"; set {self._token_variable(keys)} instead"
        elif near := difflib.get_close_matches(wrong, known, n=1):
            hint = f"; did you mean {source.spell((*above, near[0]))}?"
        else:
            hint = f"; known are {', '.join(known)}" if known else ""
        self._problem(f"{source.label(keys)} is not a setting{hint}")

    def _names(self, known: Mapping[str, Any], at: Keys) -> list[str]:
        return list(dict.fromkeys([*known, *(keys[-1] for keys in self._tables if keys and keys[:-1] == at)]))

    def _built(self, base: Any, at: Keys) -> Any:
        tables: dict[str, Any] = {}
        changes: list[_Change] = []
        for name, kind in _fields(type(base)).items():
            keys = (*at, name)
            if _is_struct(kind):
                tables[name] = self._built(getattr(base, name), keys)
            elif _is_struct(_item(kind)):
                tables[name] = self._built_named(_item(kind), getattr(base, name), keys)
            else:
                changes += self._changes(keys)
        return self._changed(msgspec.structs.replace(base, **tables), changes)

    def _built_named(self, kind: Any, known: Mapping[str, Any], at: Keys) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for name in self._names(known, at):
            keys = (*at, name)
            if name not in known:
                self._miss(kind, keys)
            built[name] = self._built(known.get(name, self._blanks.get(kind)), keys)
        return built

    def _miss(self, kind: Any, at: Keys) -> None:
        for field in msgspec.structs.fields(kind):
            if field.required and (*at, field.name) not in self._values:
                self._problem(f"{self.label(at)} needs {field.name}")

    def _changes(self, at: Keys) -> list[_Change]:
        """What was given for a field, or for the keys of a field that is a table of texts."""
        found = [(keys, given) for keys, given in self._values.items() if keys[: len(at)] == at]
        return [_Change(at[-1], keys[-1] if keys != at else None, *given) for keys, given in found]

    def _changed(self, base: Any, changes: list[_Change]) -> Any:
        try:
            return _applied(base, changes)
        except ValueError as exc:
            wrong = [error for change in changes if (error := _error_of(base, change))]
            self.problems += wrong or [_problem_with(changes, exc)]
            return base


def _error_of(base: Any, change: _Change) -> Problem | None:
    try:
        _applied(base, [change])
    except ValueError as exc:
        return _problem_with([change], exc)
    return None


def _problem_with(changes: list[_Change], exc: ValueError) -> Problem:
    message, _, got = str(exc).partition(", got ")
    for change in changes:
        if (rest := change.is_about(message)) is not None:
            return Problem(change.label + rest, got or None)
    return Problem(f"{changes[0].label}: {message}", got or None)


def _applied(base: Any, changes: list[_Change]) -> Any:
    values: dict[str, Any] = {}
    for change in changes:
        values[change.field] = (
            change.value
            if change.key is None
            else _with_key(values.get(change.field, getattr(base, change.field)), change.key, change.value)
        )
    return msgspec.structs.replace(base, **values)


def _with_key(table: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The table with one key more, or another value for it; headers are the same in any case."""
    known = next((known for known in table if known.casefold() == key.casefold()), key)
    return {**table, known: value}


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _item(kind: Any) -> Any:
    """What a `dict[str, item]` holds."""
    return get_args(kind)[1] if get_origin(kind) is dict else None


def _is_table(kind: Any) -> bool:
    return _is_struct(kind) or get_origin(kind) is dict


def _fields(kind: Any) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def _table(value: Any) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _has_token(value: Any) -> bool:
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return any(_has_token([*table.values()] if (table := _table(item)) else item) for item in items)
    return isinstance(value, str) and (contains_token(value) or bool(passwords_in(value)))


def _position(exc: Exception, text: str) -> str:
    """From tomllib's "Invalid value (at line 2, column 5)" to "line 2, column 5: Invalid value"."""
    found = re.fullmatch(r"(.*) \(at (.*)\)", str(exc), re.DOTALL)
    if found is None:  # nested too deeply, or a number of thousands of digits
        return f"not TOML: {exc}"
    place = f"line {text.count(chr(10)) + 1}, column {len(text) - text.rfind(chr(10))}"
    return f"{place if found[2] == 'end of document' else found[2]}: {found[1]}"


def _parsed(kind: Any, text: str) -> Any:
    """A variable's text as the TOML value it stands for, or as it is where it stands for none."""
    if kind is str or get_origin(kind) is Literal:
        return text
    if get_origin(kind) in {tuple, list} and not text.lstrip().startswith("["):
        return [_parsed(get_args(kind)[0], part.strip()) for part in text.split(",") if part.strip()]
    try:
        tree = tomllib.loads(f"value = {text.lower() if text.lower() in {'true', 'false'} else text}")
    except ValueError:
        return text
    return tree["value"] if len(tree) == 1 else text


def _expected(kind: Any) -> str:
    """What a value must be, in the operator's words."""
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(_shown(choice) for choice in arguments)
    if origin in {tuple, list}:
        return f"a list, each item {_expected(arguments[0])}"
    if origin in {Union, types.UnionType}:
        return " or ".join(_expected(each) for each in arguments if each is not type(None))
    return words.get(kind, "a table")


def _shown(value: Any) -> str:
    """A value as it would be written in TOML, or nearly so."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"  # pyright: ignore[reportUnknownArgumentType]  # TOML
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return str(value)

"""Benchmarks, apart from the test run: `python -m tests.bench` lists them.

A bench is a module in this folder whose name does not begin with an underscore, and that fits `Bench`.
Nothing else is to be done to register it.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence


class Bench(Protocol):
    """What a bench's module offers. The first line of its docstring says in the list what it measures."""

    __doc__: str | None

    SHORT: Sequence[str]
    """Arguments of a run of seconds, by which the tests see that the bench still works."""

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, arguments: Namespace) -> Iterator[str]:
        """Measures, and yields lines of its report as soon as they are known."""
        ...


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> Bench:
    return cast("Bench", import_module(f"{__name__}.{name}"))


def summary_of(bench: Bench) -> str:
    return (bench.__doc__ or "").partition("\n")[0].rstrip(".")

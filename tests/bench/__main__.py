"""`python -m tests.bench [NAME] [options]`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.bench import load, names, summary_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    benches = {name: load(name) for name in names()}
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Runs a benchmark, or lists them. Figures compare within one run on one machine only.",
    )
    commands = parser.add_subparsers(dest="name", metavar="NAME", title="benches")
    for name, bench in benches.items():
        summary = summary_of(bench)
        bench.add_arguments(commands.add_parser(name, help=summary, description=f"{summary}."))
    given = parser.parse_args(arguments)
    if given.name is None:
        _write(*(f"{name:12} {summary_of(bench)}" for name, bench in benches.items()))
        return 0
    for line in benches[given.name].run(given):
        _write(line)
    return 0


def _write(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

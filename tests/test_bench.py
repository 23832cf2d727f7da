"""The benches work, so that they are there when they are needed. What they measure is not looked at here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import load, names, summary_of
from tests.bench.__main__ import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.bench", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603  # our own


@pytest.mark.parametrize("name", names())
def test_a_short_run_ends_with_a_report(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, *load(name).SHORT]) == 0
    assert "tux_http" in capsys.readouterr().out


@pytest.mark.parametrize("cached", [[], ["--cached"]])
def test_a_soak_counts_what_it_did_in_a_table(cached: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--requests", "80", "--warm-up", "40", "--http", "1.1", "--only", "tux_http", *cached]
    assert main(["soak", *options]) == 0
    (row,) = (
        line.split() for line in capsys.readouterr().out.splitlines() if line.lstrip().startswith("tux_http ")
    )
    name, requests, failed, *_, sockets, tasks = row
    assert (name, requests, failed) == ("tux_http", "80", "0")
    assert (sockets, tasks) == ("0,", "0")  # nothing is left once the client is closed


def test_all_benches_are_listed_and_explained() -> None:
    listed = bench()
    assert "soak" in names()
    assert [line.split()[0] for line in listed.splitlines()] == names()
    assert all(summary_of(load(name)) in listed for name in names())
    assert "soak" in bench("--help")
    assert "--requests" in bench("soak", "--help")


def test_an_unknown_bench_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["swim"])
    assert ended.value.code == 2
    assert "swim" in capsys.readouterr().err

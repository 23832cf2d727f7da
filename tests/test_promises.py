"""Each promise in docs/promises.md is held by tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = "docs/promises.md"
READERS = ["For members", "For operators", "For developers"]


def promises() -> dict[str, list[str]]:
    """By reader: the items of each section's list, each as one line."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^## ", (ROOT / PAGE).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        reader, _, text = section.partition("\n")
        items = re.findall(r"^- (.+?)(?=^- |^$|\Z)", text, flags=re.MULTILINE | re.DOTALL)
        found[reader] = [" ".join(item.split()) for item in items]
    return found


def references(promise: str) -> list[tuple[str, str]]:
    """The file and name of each test that a promise names, in backticks."""
    return re.findall(r"`(tests/\w+\.py)::(\w+)`", promise)


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests that pytest would collect from a file, parameters aside."""
    path = ROOT / file
    if not path.exists():
        return frozenset()
    module = ast.parse(path.read_text(encoding="utf-8"))
    functions = (
        node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    machines = (  # hypothesis: TestX = Machine.TestCase
        target.id
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    )
    return frozenset(name for name in (*functions, *machines) if name.lower().startswith("test"))


ALL = [promise for items in promises().values() for promise in items]


def test_there_are_promises_for_every_reader() -> None:
    assert [reader for reader, items in promises().items() if items] == READERS


@pytest.mark.parametrize("promise", ALL, ids=lambda promise: promise[:60])
def test_each_promise_is_held_by_tests_that_exist(promise: str) -> None:
    named = references(promise)
    assert named, "the promise names no test"
    missing = [f"{file}::{name}" for file, name in named if name not in names_in(file)]
    assert not missing


def test_every_test_that_the_page_mentions_belongs_to_a_promise() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert page.count("::") == sum(len(references(promise)) for promise in ALL)


def test_the_readme_leads_to_the_page() -> None:
    assert f"]({PAGE})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_test_that_is_not_there_would_be_noticed() -> None:
    assert "test_the_readme_leads_to_the_page" in names_in("tests/test_promises.py")
    assert "test_that_nobody_wrote" not in names_in("tests/test_promises.py")
    assert not names_in("tests/test_of_nothing.py")
    assert references("It works (`tests/test_a.py::test_b`).") == [("tests/test_a.py", "test_b")]

"""docs/faults.md is true: every row names tests, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADER = ["fault", "promise", "tests"]
FAULTS = 20
"""Rows that the table has at least: a row may be split, none may go."""


def rows() -> dict[str, list[str]]:
    """Return the tests that each row names, by its fault."""
    lines = [line for line in (ROOT / "docs" / "faults.md").read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == HEADER
    return {fault: re.findall(r"`([^` ]+)`", tests) for fault, _, tests in cells[2:]}


def defined_in(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_no_row_is_missing() -> None:
    assert len(rows()) >= FAULTS


@pytest.mark.parametrize("fault", rows())
def test_every_row_names_tests_that_exist(fault: str) -> None:
    named = rows()[fault]
    assert named, "no test"
    for test in named:
        path, _, name = test.partition("::")
        assert (ROOT / path).is_file(), f"{path} does not exist"
        assert name in defined_in(ROOT / path), f"{path} has no test {name}"

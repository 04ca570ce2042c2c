"""What a method's cached results depend on: the meaning of some source files, and some libraries."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[3]
LIBRARIES = ("optuna", "numpy", "scipy", "cmaes")


@cache
def fingerprint(patterns: tuple[str, ...]) -> str:
    """Return a hash of the Python files that match, below the repository's root, and of the libraries' versions."""
    files = [file for pattern in patterns for file in sorted(ROOT.glob(pattern))]
    meanings = (meaning(file.read_text()) for file in files)
    return hashlib.sha256("\n".join([*_libraries(), *meanings]).encode()).hexdigest()[:12]


def meaning(source: str) -> str:
    """Return a program without comments, docstrings and layout: none of them changes what it computes."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(line: ast.AST) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _libraries() -> Iterable[str]:
    return (f"{library}=={version(library)}" for library in LIBRARIES)

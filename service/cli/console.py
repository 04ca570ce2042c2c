"""Where the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.markup import escape

from service.client import ApiProblem
from studies.errors import InvalidStudy

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
"""Lines are never cut: the terminal wraps them, and a pipe gets them whole. ``train.py:train:`` has no tram in it."""


def show(renderable: RenderableType) -> None:
    """Print a panel or a table, laid out for the width of the terminal."""
    out.print(renderable, soft_wrap=False)


def complain(error: Exception) -> None:
    """Print what went wrong, and every fault of a document on a line of its own."""
    err.print(f"[bold red]stagetune:[/] {escape(str(error))}")
    faults = error.faults if isinstance(error, ApiProblem | InvalidStudy) else ()
    for fault in faults:
        err.print(f"  - {escape(fault)}")

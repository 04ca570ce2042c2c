"""Measures how good the settings are that a search finds, against other searches at equal budget.

Simulated searches on curves that are known beforehand: LCBench's surrogate and two tables of real training, or
synthetic curves where the data is missing. Results are kept, so that a rerun computes only what is new.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from tests.bench.quality.cache import Cache
from tests.bench.quality.campaign import run_missing
from tests.bench.quality.cases import Case, Grid
from tests.bench.quality.methods import METHODS
from tests.bench.quality.suite import Suite

DATA = Path("../shared/data")
OUT = Path("stagetune-data/bench-quality")


def main(words: Sequence[str] | None = None) -> None:
    asked = _arguments().parse_args(words)
    suite = Suite(asked.data, every_task=asked.all_tasks, synthetic=asked.quick)
    console = Console()
    if suite.missing:
        console.print(suite.missing)
    cache, grid = Cache(asked.out / "cache"), _grid(asked, suite)
    if not asked.report_only:
        _run(grid.cases(), suite, cache, asked.processes, console)


def _run(cases: Sequence[Case], suite: Suite, cache: Cache, processes: int, console: Console) -> None:
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("searches")
        for done, total in run_missing(cases, suite, cache, processes):
            progress.update(task, completed=done, total=total)


def _grid(asked: argparse.Namespace, suite: Suite) -> Grid:
    methods = {name: METHODS[name].traits for name in asked.methods}
    if asked.quick:
        return Grid(methods, [*suite.load()], (5,), (1, 4), ("good",), seeds=2)
    return Grid(methods, [*suite.load()], asked.budgets, asked.slots, asked.defaults, asked.seeds)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.quality", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, help="where results are kept (default: %(default)s)")
    parser.add_argument("--all-tasks", action="store_true", help="the tasks of LCBench kept for judging too")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS], metavar="METHOD")
    parser.add_argument("--budgets", nargs="+", type=int, default=[10, 20, 40], help="in full trainings")
    parser.add_argument("--slots", nargs="+", type=int, default=[1, 8], help="runs at once")
    parser.add_argument("--defaults", nargs="+", choices=("good", "random"), default=["good", "random"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a small grid on synthetic curves, in seconds")
    parser.add_argument("--report-only", action="store_true", help="run nothing, report what is known")
    return parser


if __name__ == "__main__":
    main()

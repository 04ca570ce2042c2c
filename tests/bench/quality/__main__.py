"""Measures how good the settings are that a search finds, against other searches at equal budget.

Simulated searches on curves that are known beforehand: LCBench's surrogate and two tables of real training, or
synthetic curves where the data is missing. Results are kept, so that a rerun computes only what is new.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from tests.bench.quality.cache import Cache
from tests.bench.quality.campaign import known, run_missing
from tests.bench.quality.cases import Case, Grid
from tests.bench.quality.figure import svg
from tests.bench.quality.ledger import Trajectory
from tests.bench.quality.methods import COMMON, METHODS
from tests.bench.quality.printing import markdown
from tests.bench.quality.report import Table, table
from tests.bench.quality.standings import Results, Yardstick, best_found
from tests.bench.quality.suite import Suite
from tests.bench.quality.task import Scale, Task
from tests.bench.quality.versions import fingerprint

DATA = Path("../shared/data")
SCALE_SOURCES = (*COMMON, "tests/bench/quality/optimum.py")
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
    found = known(cache, grid.methods)
    results = Results(found, _yardsticks(suite, cache, found))
    _report([table(results, grid, where) for where in grid.conditions()], asked.out)


def _report(tables: Sequence[Table], out: Path) -> None:
    text = markdown(tables)
    print(text)  # noqa: T201
    (out / "report.md").write_text(text + "\n")
    (out / "report.json").write_text(json.dumps([asdict(found) for found in tables], indent=1) + "\n")
    alike = [each for each in tables if each.rows and each.conditions.slots == tables[0].conditions.slots]
    drawn = [each for each in alike if each.conditions.defaults == tables[0].conditions.defaults]
    if drawn:
        (out / "report.svg").write_text(svg(drawn))


def _yardsticks(suite: Suite, cache: Cache, found: Mapping[Case, Trajectory]) -> Mapping[str, Yardstick]:
    """Return what the tasks are measured by: the best known result is the best that any search has found, too."""
    tasks = suite.load()
    scales = _scales(tasks, cache)
    best = best_found(found)
    return {
        name: Yardstick(
            task.family, task.epochs, replace(scales[name], best=max(scales[name].best, best.get(name, -math.inf)))
        )
        for name, task in tasks.items()
    }


def _scales(tasks: Mapping[str, Task], cache: Cache) -> Mapping[str, Scale]:
    """Return the scale of each task; to climb to the best known result takes a while and is kept."""
    version = fingerprint(SCALE_SOURCES)
    there = cache.scales(version)
    scales = {**there, **{name: task.scale for name, task in tasks.items() if name not in there}}
    cache.keep_scales(scales, version)
    return scales


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

"""How the methods stand under some conditions: regrets, ranks, and what part of the budget matches the best peer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tests.bench.quality.cases import Case, Conditions, Grid
from tests.bench.quality.ledger import Trajectory
from tests.bench.quality.task import Scale

FRACTIONS = (0.25, 0.5, 1.0)
"""Shares of the budget at which methods are compared."""

GRAIN = np.arange(1, 101) / 100
"""Shares of the budget at which curves are drawn."""

NOTHING_YET = 1.0
"""Regret before the first epoch has ended: nothing is known, as of a median random configuration."""

Regrets = Mapping[str, NDArray[np.float64]]
"""By task: regret of each seed at each share of `GRAIN`, shape [seeds, 100]."""


@dataclass(frozen=True)
class Yardstick:
    """What a trajectory on a task is measured by: epochs of a full training, and the scale of results."""

    family: str
    epochs: int
    scale: Scale


class Results:
    """Everything that has been run, by what it answers for."""

    def __init__(self, found: Mapping[Case, Trajectory], yardsticks: Mapping[str, Yardstick]) -> None:
        self._found = found
        self._yardsticks = yardsticks
        self._largest: dict[tuple[str, str, int, str, int], Case] = {}
        for case in sorted(found):
            self._largest[_place(case)] = case

    def regrets(self, grid: Grid, method: str, where: Conditions) -> Regrets | None:
        """Return the regrets of a method on every task by the seeds that were run; None where a task has none."""
        by_task = {task: self._on_task(grid, method, task, where) for task in grid.tasks}
        known = {task: np.array(rows) for task, rows in by_task.items() if rows}
        return known if len(known) == len(grid.tasks) else None

    def families(self, tasks: Iterable[str]) -> Mapping[str, list[str]]:
        """Return the tasks of each family."""
        found: dict[str, list[str]] = {}
        for task in tasks:
            found.setdefault(self._yardsticks[task].family, []).append(task)
        return found

    def _on_task(self, grid: Grid, method: str, task: str, where: Conditions) -> list[list[float]]:
        runs = (self._run(grid, grid.case(method, task, where, seed), where.budget) for seed in range(grid.seeds))
        return [self._curve(task, run, where.budget) for run in runs if run]

    def _run(self, grid: Grid, case: Case, budget: int) -> Trajectory | None:
        """Return the search of a case; where the method plans with no budget, any that was given enough begins so."""
        if grid.methods[case.method].knows_budget:
            return self._found.get(case)
        largest = self._largest.get(_place(case))
        return self._found[largest] if largest and largest.budget >= budget else None

    def _curve(self, task: str, run: Trajectory, budget: int) -> list[float]:
        yardstick = self._yardsticks[task]
        results = (run.at(share * budget * yardstick.epochs) for share in GRAIN)
        return [NOTHING_YET if result is None else yardstick.scale.regret(result) for result in results]


def _place(case: Case) -> tuple[str, str, int, str, int]:
    return case.method, case.task, case.slots, case.defaults, case.seed


def best_found(found: Mapping[Case, Trajectory]) -> Mapping[str, float]:
    """Return the best result of any search by task."""
    best: dict[str, float] = {}
    for case, run in found.items():
        best[case.task] = max(best.get(case.task, -np.inf), *run.results)
    return best


# --- summaries ---------------------------------------------------------------------------------------------------


def task_means(regrets: Regrets) -> NDArray[np.float64]:
    """Return the mean over seeds on each task, [tasks, 100]."""
    return np.array([rows.mean(axis=0) for rows in regrets.values()])


def at(curve: NDArray[np.float64], fractions: Sequence[float] = FRACTIONS) -> tuple[float, ...]:
    """Return the values of a curve over `GRAIN` at some shares of the budget."""
    return tuple(float(curve[round(fraction * len(GRAIN)) - 1]) for fraction in fractions)


def mean_ranks(means: Mapping[str, NDArray[np.float64]]) -> Mapping[str, tuple[float, ...]]:
    """Return each method's rank, 1 the best, by its mean on a task, averaged over tasks, at each of `FRACTIONS`."""
    columns = [round(fraction * len(GRAIN)) - 1 for fraction in FRACTIONS]
    table = np.array([curves[:, columns] for curves in means.values()])
    ranks = rankdata(table, axis=0).mean(axis=1)
    return {method: tuple(map(float, row)) for method, row in zip(means, ranks, strict=True)}


def share_to_match(curve: NDArray[np.float64], target: float) -> float | None:
    """Return the share of the budget from which on a mean curve stays at or below `target`; None if it never does."""
    above = np.flatnonzero(curve > target)
    first = int(above[-1]) + 1 if above.size else 0
    return float(GRAIN[first]) if first < len(GRAIN) else None

"""What the bench found, as values: one table for each of the conditions. Printing and drawing come after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.bench.quality.cases import Conditions, Grid
from tests.bench.quality.significance import holm, interval, signed_rank
from tests.bench.quality.standings import Regrets, Results, at, mean_ranks, share_to_match, task_means

OWN = ("guided_search", "guide")
"""Stagetune's own strategies, the first the one that is to be proved; all others are peers."""

ALL = "all"


@dataclass(frozen=True)
class Row:
    """How one method stands.

    Attributes:
        seeds: the fewest of any task.
        regret: mean normalised regret at 25, 50 and 100 % of the budget, by family of tasks and over all tasks.
        by_task: the same at the end, by task.
        interval: 95 % bootstrap interval of the regret over all tasks at the end.
        rank: mean rank among all methods at 25, 50 and 100 %.
        p: that it is as good as the strategy to be proved, by task means at the end, Holm-corrected; None for itself.
        curve: mean regret over all tasks at each percent of the budget.
    """

    method: str
    seeds: int
    regret: Mapping[str, tuple[float, ...]]
    by_task: Mapping[str, float]
    interval: tuple[float, float]
    rank: tuple[float, ...]
    p: float | None
    curve: tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """How the methods stand under some conditions, best final regret first.

    Attributes:
        proved: the strategy that the others are compared with, None where neither was run.
        best_peer: of the peers the one with the lowest final regret.
        matched_at: the share of the budget at which `proved` has matched it for good; None if never.
        missing: methods that have not been run on every task.
    """

    conditions: Conditions
    rows: tuple[Row, ...]
    proved: str | None
    best_peer: str | None
    matched_at: float | None
    missing: tuple[str, ...]


def table(results: Results, grid: Grid, where: Conditions) -> Table:
    """Return the table of some conditions by what has been run."""
    asked = {method: results.regrets(grid, method, where) for method in grid.methods}
    known = {method: regrets for method, regrets in asked.items() if regrets}
    rows = _rows(results, grid, known)
    proved = next((method for method in OWN if method in known), None)
    best_peer = next((row for row in rows if row.method not in OWN), None)
    own = next((row for row in rows if row.method == proved), None)
    matched = share_to_match(np.array(own.curve), best_peer.curve[-1]) if own and best_peer else None
    missing = tuple(method for method in asked if method not in known)
    return Table(where, rows, proved, best_peer.method if best_peer else None, matched, missing)


def _rows(results: Results, grid: Grid, known: Mapping[str, Regrets]) -> tuple[Row, ...]:
    means = {method: task_means(regrets) for method, regrets in known.items()}
    ranks = mean_ranks(means) if means else {}
    p_values = _p_values(means)
    families = {**results.families(grid.tasks), ALL: list(grid.tasks)}
    rows = (
        Row(
            method=method,
            seeds=min(len(rows) for rows in regrets.values()),
            regret={name: at(_mean_of(regrets, tasks)) for name, tasks in families.items()},
            by_task={task: float(rows[:, -1].mean()) for task, rows in regrets.items()},
            interval=interval([rows[:, -1] for rows in regrets.values()]),
            rank=ranks[method],
            p=p_values.get(method),
            curve=tuple(map(float, means[method].mean(axis=0))),
        )
        for method, regrets in known.items()
    )
    return tuple(sorted(rows, key=lambda row: row.curve[-1]))


def _mean_of(regrets: Regrets, tasks: list[str]) -> NDArray[np.float64]:
    return np.asarray(task_means({task: regrets[task] for task in tasks}).mean(axis=0))


def _p_values(means: Mapping[str, NDArray[np.float64]]) -> Mapping[str, float]:
    proved = next((method for method in OWN if method in means), None)
    if proved is None:
        return {}
    others = {method: curves for method, curves in means.items() if method != proved}
    return holm({method: signed_rank(means[proved][:, -1], curves[:, -1]) for method, curves in others.items()})

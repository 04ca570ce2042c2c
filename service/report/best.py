"""The best trials of a study as a table to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.figures.readings import trial_score
from service.format import number, scalar, words
from studies.contract.study_file import Metric, StageKind
from studies.contract.views import TrialView
from studies.core.schedules import describe

MOST = 50
"""Trials of the table."""

MOST_PARAMS = 6
"""Hyperparameters with a column of their own: a sheet of paper has room for no more."""


@dataclass(frozen=True)
class BestTable:
    """The table, best first.

    Attributes:
        columns: names of the cells of each row.
        shared: what all of these trials have in common, and therefore no column: ``momentum 0.9``.
        left_out: hyperparameters that had no room.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shared: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def best_table(trials: Sequence[TrialView], metric: Metric, stages: Sequence[StageKind]) -> BestTable:
    """Return `trials`, best first; a trial's stage is a number, counted from 1 in the order of `stages`."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    varied = [name for name in names if len(trials) == 1 or len({str(trial.params.get(name)) for trial in trials}) > 1]
    shown = varied[:MOST_PARAMS]
    return BestTable(
        columns=("trial", words(metric.name), *(words(name) for name in shown), "schedule", "steps", "seed", "stage"),
        rows=tuple((*_row(trial, metric, shown), str(stages.index(trial.stage) + 1)) for trial in trials),
        shared=tuple(f"{words(name)} {scalar(trials[0].params[name])}" for name in names if name not in varied),
        left_out=tuple(words(name) for name in varied[MOST_PARAMS:]),
    )


def _row(trial: TrialView, metric: Metric, names: Sequence[str]) -> tuple[str, ...]:
    return (
        f"#{trial.number}",
        number(trial_score(trial, metric)),
        *(scalar(trial.params[name]) if name in trial.params else "" for name in names),
        describe(trial.schedule),
        number(trial.num_steps),
        number(trial.seed),
    )

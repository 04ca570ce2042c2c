"""The best trials of a study as a table to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.figures.readings import trial_score
from service.format import number, scalar, stage_title, words
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.core.schedules import describe

MOST = 50
"""Trials of the table."""

MOST_PARAMS = 8
"""Hyperparameters with a column of their own: a sheet of paper has room for no more."""


@dataclass(frozen=True)
class BestTable:
    """``columns`` name the cells of each row; ``left_out`` are hyperparameters that had no room."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...] = ()


def best_table(trials: Sequence[TrialView], metric: Metric) -> BestTable:
    """Return `trials`, best first; hyperparameters that are the same for all of them come last, or not at all."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    names.sort(key=lambda name: len({trial.params.get(name) for trial in trials}) <= 1)  # stable: their order else
    shown, left_out = names[:MOST_PARAMS], names[MOST_PARAMS:]
    columns = ("trial", words(metric.name), *(words(name) for name in shown), "schedule", "steps", "seed", "stage")
    rows = tuple(_row(trial, metric, shown) for trial in trials)
    return BestTable(columns, rows, tuple(words(name) for name in left_out))


def _row(trial: TrialView, metric: Metric, names: Sequence[str]) -> tuple[str, ...]:
    return (
        f"#{trial.number}",
        number(trial_score(trial, metric)),
        *(scalar(trial.params[name]) if name in trial.params else "" for name in names),
        describe(trial.schedule),
        number(trial.num_steps),
        number(trial.seed),
        stage_title(trial.stage),
    )

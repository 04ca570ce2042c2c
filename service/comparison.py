"""Trials side by side, as rows: what they differ in, what is the same, and who did best by which metric. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from service.format import MISSING, duration, memory, number, scalar, words
from service.pages.packs import speed
from service.usage import pace, peak_memory, place, seconds_trained, steps_done
from studies.contract.base import Scalar
from studies.contract.permission import in_words
from studies.contract.study_file import BuiltinObjective, Objective
from studies.contract.views import MetricSummary, StudyView, TrialDetail
from studies.core.schedules import describe
from studies.core.snapshot import LOSS

Direction = Literal["maximize", "minimize"]

_BY_LAST_WORD: Final[Mapping[str, Direction]] = {
    "loss": "minimize",
    "error": "minimize",
    "perplexity": "minimize",
    "accuracy": "maximize",
    "f1": "maximize",
    "auc": "maximize",
    "precision": "maximize",
    "recall": "maximize",
}
"""Which way is better, by the last word of a metric's name, where no study says so."""


@dataclass(frozen=True)
class Member:
    """A trial that is compared, with its study."""

    study: StudyView
    trial: TrialDetail


@dataclass(frozen=True)
class Cell:
    """``best`` marks the trial, or the trials, that did best in the row."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A line of the table, with a cell for each trial. ``note`` says how the values were taken."""

    name: str
    cells: tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True)
class Settings:
    """Settings that differ, one row each, and those that are the same in all, by name."""

    differing: tuple[Row, ...]
    same: tuple[tuple[str, str], ...]


# --- settings ----------------------------------------------------------------------------------------------------


def settings(members: Sequence[Member]) -> Settings:
    """Return what the trials were run with: hyperparameters first, then schedule, steps, seed and the study's own."""
    columns = [_settings_of(member) for member in members]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [(name, _told_apart([column.get(name, MISSING) for column in columns])) for name in names]
    return Settings(
        differing=tuple(Row(name, tuple(map(Cell, texts))) for name, texts in rows if len(set(texts)) > 1),
        same=tuple((name, texts[0]) for name, texts in rows if len(set(texts)) == 1),
    )


def _told_apart(values: Sequence[Scalar]) -> list[str]:
    """Return values in words, in full where the words of different ones would be the same."""
    said = [scalar(value) for value in values]
    return [str(value) for value in values] if len(set(values)) > len(set(said)) else said


def _settings_of(member: Member) -> dict[str, Scalar]:
    trial, spec = member.trial, member.study.spec
    return {
        **{words(name): value for name, value in trial.params.items()},
        "schedule": describe(trial.schedule),
        "steps": number(trial.num_steps),
        "seed": str(trial.seed),
        "optimizer": spec.optimizer,
        "precision": spec.precision,
        "objective": objective_words(spec.objective),
    }


def objective_words(objective: Objective) -> str:
    """Return what is trained: ``small_cnn on digits``, ``train.py:train`` or the command."""
    if isinstance(objective, BuiltinObjective):
        return f"{objective.args.model} on {objective.args.dataset}"
    return in_words(objective)


# --- metrics -----------------------------------------------------------------------------------------------------


def metric_names(members: Sequence[Member]) -> tuple[str, ...]:
    """Return the metrics that any of the trials has: those that the studies are judged by first, then the loss."""
    first = [member.study.spec.metric.name for member in members]
    reported = {name for member in members for name in member.trial.metrics}
    return tuple(name for name in dict.fromkeys([*first, LOSS, *sorted(reported)]) if name in reported)


def direction(name: str, members: Sequence[Member]) -> Direction | None:
    """Return which way a metric is better; None where that is not known, or the studies do not agree."""
    metrics = [member.study.spec.metric for member in members]
    said = {metric.direction for metric in metrics if metric.name == name}
    if said:
        return said.pop() if len(said) == 1 else None
    return _BY_LAST_WORD.get(name.rpartition("_")[2])


def metric_rows(members: Sequence[Member]) -> tuple[Row, ...]:
    """Return a row a metric: its best value in each trial where a best is known, otherwise its last."""
    return tuple(_metric_row(name, members) for name in metric_names(members))


_TAKEN: Final[Mapping[Direction | None, tuple[str, Callable[[MetricSummary], float]]]] = {
    "maximize": ("highest", lambda summary: summary.maximum),
    "minimize": ("lowest", lambda summary: summary.minimum),
    None: ("last", lambda summary: summary.last),
}


def _metric_row(name: str, members: Sequence[Member]) -> Row:
    way = direction(name, members)
    note, take = _TAKEN[way]
    summaries = [member.trial.metrics.get(name) for member in members]
    values = [None if summary is None else take(summary) for summary in summaries]
    best = best_of(values, way)
    cells = (Cell(number(value), value is not None and value == best) for value in values)
    return Row(words(name), tuple(cells), note)


def best_of(values: Sequence[float | None], way: Direction | None) -> float | None:
    """Return the best finite value, None where there are not two to choose from or no way is better."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if way is None or len(finite) < 2:  # noqa: PLR2004 - a single one is no contest
        return None
    return max(finite) if way == "maximize" else min(finite)


# --- the run -----------------------------------------------------------------------------------------------------


def run_rows(members: Sequence[Member], now: float) -> tuple[Row, ...]:
    """Return how each trial was run: how far it came, how long that took, where, and what it needed."""
    trials = [member.trial for member in members]
    rows = (
        _row("steps done", [f"{number(steps_done(trial))} of {number(trial.num_steps)}" for trial in trials]),
        _row("time trained", [duration(seconds_trained(trial, now)) for trial in trials]),
        _row("speed", [speed(pace(trial)) for trial in trials]),
        _row("peak memory", [memory(peak_memory(trial)) for trial in trials]),
        _row("device", [place(trial) for trial in trials]),
    )
    return tuple(row for row in rows if any(cell.text != MISSING for cell in row.cells))


def _row(name: str, texts: Sequence[str]) -> Row:
    return Row(name, tuple(Cell(text or MISSING) for text in texts))

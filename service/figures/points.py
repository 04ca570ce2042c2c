"""Trials of a guided search as points: the score of each, the part it plays, and the best so far with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from service.figures.drawing import Table
from service.figures.evidence import chosen_trial
from service.figures.labels import escape, trial_label
from service.figures.palette import Palette
from service.figures.readings import better, trial_score
from service.figures.series import by_number
from service.format import count, number, words
from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.storage.port import Scores

Role = Literal["chosen", "finished", "stopped", "under way"]

SYMBOLS: dict[Role, str] = {"chosen": "star", "finished": "circle", "stopped": "x-thin", "under way": "circle-open"}
"""A shape for each part that a trial plays, so that colour alone says nothing."""


@dataclass(frozen=True)
class PointRow:
    """A trial as a point. ``steps`` are those it has reported, ``best`` the best finished score up to and with it."""

    trial: TrialView
    score: float
    steps: int
    role: Role
    best: float | None


@dataclass(frozen=True)
class PointData:
    """A stage's trials by number; ``before`` is the score that the stage began with, None where it is the first.

    ``asked`` is how many trials the stage has, where the rows are only a choice of them; otherwise None.
    """

    metric: Metric
    rows: tuple[PointRow, ...]
    before: float | None
    asked: int | None = None

    @property
    def best(self) -> PointRow | None:
        known = [row for row in self.rows if row.score == row.best]
        return known[-1] if known else None


def point_data(
    trials: Sequence[TrialView],
    metric: Metric,
    decision: Decision | None,
    before: float | None = None,
    asked: int | None = None,
) -> PointData:
    """Return the trials that have a score, with the best so far at each."""
    rows: list[PointRow] = []
    best = before
    for trial in by_number(trials):
        score = trial_score(trial, metric)
        if score is None:
            continue
        role = role_of(trial, chosen_trial(decision))
        if role in ("chosen", "finished"):
            best = score if best is None else better(best, score, metric)
        rows.append(PointRow(trial, score, trial.metrics[metric.name].last_step, role, best))
    return PointData(metric, tuple(rows), before, asked)


def records(scores: Scores, metric: Metric) -> list[int]:
    """Return the numbers of the trials that were the best when they ended, in order."""
    if not len(scores.numbers):
        return []
    heights = scores.scores if metric.direction == "maximize" else -scores.scores
    best = np.maximum.accumulate(heights)
    return [int(number) for number in scores.numbers[np.append(True, best[1:] > best[:-1])]]


def role_of(trial: TrialView, chosen: str | None) -> Role:
    if trial.id == chosen:
        return "chosen"
    if trial.state is TrialState.COMPLETED:
        return "finished"
    return "stopped" if trial.state.ended else "under way"


def role_colors(palette: Palette) -> dict[Role, str]:
    return {
        "chosen": palette.winner,
        "finished": palette.muted,
        "stopped": palette.warning,
        "under way": palette.series[2],
    }


def why(trial: TrialView) -> str:
    """Return why a trial ended as it did, for hovering; empty where there is nothing to say."""
    return f"<br>{escape(trial.ended_because)}" if trial.ended_because else ""


def points(rows: Sequence[PointRow], palette: Palette, x: Sequence[Any], y: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a trace a role, so that the legend names them; a click on a point leads to its trial."""
    traces = []
    for role, color in role_colors(palette).items():
        chosen = [index for index, row in enumerate(rows) if row.role == role]
        if not chosen:
            continue
        shown = [rows[index] for index in chosen]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": role,
                "x": [x[index] for index in chosen],
                "y": [y[index] for index in chosen],
                "text": [f"{escape(trial_label(row.trial))}: {number(row.score)}{why(row.trial)}" for row in shown],
                "customdata": [row.trial.id for row in shown],
                "marker": {
                    "symbol": SYMBOLS[role],
                    "color": color,
                    "size": 14 if role == "chosen" else 8,
                    "line": {"color": color, "width": 1.6},
                },
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    return traces


def points_sentence(data: PointData, noun: str) -> str:
    stopped = sum(row.role == "stopped" for row in data.rows)
    some = count(len(data.rows), noun) if data.asked is None else f"{len(data.rows)} of {count(data.asked, noun)}"
    said = f"{some}, {stopped} of them stopped early" if stopped else some
    if data.best is None:
        return f"{said}."
    return f"{said}; the best finished one came to {words(data.metric.name)} {number(data.best.score)}."


def points_table(data: PointData) -> Table:
    rows = tuple(
        (f"#{row.trial.number}", row.trial.key, number(row.score), f"{row.steps:,}", row.role, row.trial.ended_because)
        for row in data.rows
    )
    return Table(("trial", "key", words(data.metric.name), "steps", "part", "why it ended"), rows)

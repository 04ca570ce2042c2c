"""The stages of a guided search as points: how far every rate climbed, every probe, every point of the joint search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from service.figures.batch_momentum import trial_score
from service.figures.drawing import Drawing, Table
from service.figures.evidence import chosen_trial
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout, vertical_mark
from service.figures.palette import Palette
from service.figures.series import by_number
from service.format import count, number, words
from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.storage.port import Scores

Role = Literal["chosen", "finished", "stopped", "under way"]

_SMALL, _LARGE = 8, 13


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
        role = _role(trial, chosen_trial(decision))
        if role in ("chosen", "finished"):
            best = score if best is None else _better(best, score, metric)
        rows.append(PointRow(trial, score, trial.metrics[metric.name].last_step, role, best))
    return PointData(metric, tuple(rows), before, asked)


def records(scores: Scores, metric: Metric) -> list[int]:
    """Return the numbers of the trials that were the best when they ended, in order."""
    if not len(scores.numbers):
        return []
    heights = scores.scores if metric.direction == "maximize" else -scores.scores
    best = np.maximum.accumulate(heights)
    return [int(number) for number in scores.numbers[np.append(True, best[1:] > best[:-1])]]


def _role(trial: TrialView, chosen: str | None) -> Role:
    if trial.id == chosen:
        return "chosen"
    if trial.state is TrialState.COMPLETED:
        return "finished"
    return "stopped" if trial.state.ended else "under way"


def _better(first: float, second: float, metric: Metric) -> float:
    return max(first, second) if metric.direction == "maximize" else min(first, second)


# --- drawings ----------------------------------------------------------------------------------------------------


def rungs_drawing(data: PointData, palette: Palette) -> Drawing:
    """Return every rate at the score and the step it came to."""
    if not data.rows:
        return Drawing("No rate has been evaluated yet.")
    points = _points(data, palette, [float(row.trial.params["lr"]) for row in data.rows], [r.steps for r in data.rows])
    points["hovertemplate"] = "%{text}<br>climbed to step %{y:,}<extra></extra>"
    figure = {
        "data": [points],
        "layout": layout(palette, xaxis=axis(palette, "learning rate", "log"), yaxis=axis(palette, "steps climbed")),
    }
    top = max(row.steps for row in data.rows)
    high = [row for row in data.rows if row.steps == top]
    return Drawing(f"{len(high)} of {count(len(data.rows), 'rate')} climbed to step {top:,}.", figure, _table(data))


def probes_drawing(data: PointData, palette: Palette) -> Drawing:
    """Return every probe at its score, beside the score that the stage began with."""
    if not data.rows:
        return Drawing("No probe has been evaluated yet.")
    points = _points(data, palette, [row.score for row in data.rows], [escape(row.trial.key) for row in data.rows])
    shapes, notes = ([], []) if data.before is None else vertical_mark(palette, data.before, "before")
    figure = {
        "data": [points],
        "layout": layout(
            palette,
            xaxis=axis(palette, escape(words(data.metric.name))),
            yaxis=axis(palette, "", "category", autorange="reversed"),
            shapes=shapes,
            annotations=notes,
        ),
    }
    return Drawing(_sentence(data, "probe"), figure, _table(data))


def search_drawing(data: PointData, palette: Palette) -> Drawing:
    """Return every point of a search at its score, and the best so far as a line."""
    if not data.rows:
        return Drawing("No point has been evaluated yet.")
    numbers = [row.trial.number for row in data.rows]
    best = {
        "type": "scatter",
        "mode": "lines",
        "x": numbers,
        "y": [row.best for row in data.rows],
        "line": {"color": palette.winner, "width": 1.5, "shape": "hv"},
        "hoverinfo": "skip",
    }
    points = _points(data, palette, numbers, [row.score for row in data.rows])
    figure = {
        "data": [best, points],
        "layout": layout(palette, xaxis=axis(palette, "trial"), yaxis=axis(palette, escape(words(data.metric.name)))),
    }
    return Drawing(_sentence(data, "point"), figure, _table(data))


def _points(data: PointData, palette: Palette, x: Sequence[Any], y: Sequence[Any]) -> dict[str, Any]:
    colors = {
        "chosen": palette.winner,
        "finished": palette.muted,
        "stopped": palette.context,
        "under way": palette.warning,
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "text": [f"{escape(trial_label(row.trial))}: {number(row.score)}, {row.role}" for row in data.rows],
        "customdata": [row.trial.id for row in data.rows],
        "marker": {
            "color": [colors[row.role] for row in data.rows],
            "size": [_LARGE if row.role == "chosen" else _SMALL for row in data.rows],
        },
        "hovertemplate": "%{text}<extra></extra>",
    }


def _sentence(data: PointData, noun: str) -> str:
    stopped = sum(row.role == "stopped" for row in data.rows)
    some = count(len(data.rows), noun) if data.asked is None else f"{len(data.rows)} of {count(data.asked, noun)}"
    said = f"{some}, {stopped} of them stopped early"
    if data.best is None:
        return f"{said}."
    return f"{said}; the best finished one came to {words(data.metric.name)} {number(data.best.score)}."


def _table(data: PointData) -> Table:
    rows = tuple(
        (f"#{row.trial.number}", row.trial.key, number(row.score), f"{row.steps:,}", row.role) for row in data.rows
    )
    return Table(("trial", "key", words(data.metric.name), "steps", "state"), rows)

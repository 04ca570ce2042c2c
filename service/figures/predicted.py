"""What the search's own model expects of each point without having seen it, against what came: can it be trusted?

Leave-one-out predictions of the Gaussian process of `studies.core.search`, on the finished runs alone: the usual check
of a surrogate model. What it expected at the time is not kept, nor is it told here what runs had shown on their way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from service.figures.drawing import Drawing, Table
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.points import SYMBOLS, role_colors, role_of
from service.figures.readings import bounds, trial_score
from service.format import count, number, words
from studies.contract.states import TrialState
from studies.contract.study_file import Metric, StudySpec
from studies.contract.views import TrialView
from studies.core.search.gaussian_process import Values, condition, fit
from studies.core.search.lengths import full_length
from studies.core.search.space import FORM, START, space_of
from studies.core.stats import Z

FEWEST = 8
"""Finished points below which a model's check says nothing."""

MOST = 80
"""Latest finished points that are checked: the model's cost grows with their cube."""


@dataclass(frozen=True)
class PredictedRow:
    """A point: what came, what the model expects without it, and two standard deviations of that."""

    trial: TrialView
    observed: float
    expected: float
    spread: float
    chosen: bool


@dataclass(frozen=True)
class PredictedData:
    """The latest finished points by number; none where they are fewer than `FEWEST`. ``finished`` counts them."""

    metric: Metric
    rows: tuple[PredictedRow, ...]
    finished: int


def predicted_data(trials: Sequence[TrialView], spec: StudySpec, chosen: str | None = None) -> PredictedData:
    """Return the finished full runs among `trials` with what the model expects of each."""
    done = [trial for trial in sorted(trials, key=lambda trial: trial.number) if _is_full(trial, spec)]
    kept = done[-MOST:]
    raw = [score for trial in kept if (score := trial_score(trial, spec.metric)) is not None]
    values = np.clip(raw, *bounds(raw, spec.metric)) if raw else np.empty(0)
    if len(kept) < FEWEST or np.ptp(values) == 0 or not len(space_of(spec)):
        return PredictedData(spec.metric, (), len(done))
    expected, spreads = _expected(kept, values, spec)
    rows = tuple(
        PredictedRow(trial, float(score), float(mean), float(spread), trial.id == chosen)
        for trial, score, mean, spread in zip(kept, values, expected, spreads, strict=True)
    )
    return PredictedData(spec.metric, rows, len(done))


def _is_full(trial: TrialView, spec: StudySpec) -> bool:
    whole = trial.num_steps >= full_length(spec, trial.params)
    space = space_of(spec)
    optional = {FORM, START, *space.conditional}
    placed = all(each.name in trial.params for each in space.dimensions if each.name not in optional)
    return trial.state is TrialState.COMPLETED and whole and placed and trial_score(trial, spec.metric) is not None


def _expected(trials: Sequence[TrialView], values: Values, spec: StudySpec) -> tuple[Values, Values]:
    """Return what the model expects of each run without it, and two standard deviations, in the metric's unit."""
    space = space_of(spec)
    points = np.array([space.point(t.params, t.schedule, full_length(spec, t.params)) for t in trials])
    centre, scale = float(values.mean()), float(values.std())
    features, standard = space.features(points), (values - centre) / scale
    mean, deviation = _checked(features.tobytes(), features.shape[1], standard.tobytes())
    return centre + scale * mean, Z * scale * deviation


@lru_cache(maxsize=64)
def _checked(features: bytes, width: int, values: bytes) -> tuple[Values, Values]:
    """Return leave-one-out predictions by the observations' own bytes: nothing is computed twice, nothing is stale."""
    inputs, known = np.frombuffer(features).reshape(-1, width), np.frombuffer(values)
    return condition(inputs, known, fit(inputs, known)).leave_one_out(known)


# --- drawing -----------------------------------------------------------------------------------------------------


def predicted_drawing(data: PredictedData, palette: Palette) -> Drawing:
    """Return each point at what was expected of it and what came; on the diagonal the model was right."""
    if not data.rows:
        few = f"{count(data.finished, 'finished point')} so far"
        return Drawing(f"The model cannot be checked yet: it takes {FEWEST} finished points that differ; {few}.")
    ends = [value for row in data.rows for value in (row.expected, row.observed)]
    name = escape(words(data.metric.name))
    figure = {
        "data": [_diagonal(min(ends), max(ends), palette), _dots(data, palette)],
        "layout": layout(
            palette, xaxis=axis(palette, f"expected {name}"), yaxis=axis(palette, f"best {name} of the run")
        ),
    }
    return Drawing(_sentence(data), figure, _table(data))


def _diagonal(low: float, high: float, palette: Palette) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [low, high],
        "y": [low, high],
        "line": {"color": palette.muted, "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _dots(data: PredictedData, palette: Palette) -> dict[str, Any]:
    roles = [role_of(row.trial, row.trial.id if row.chosen else None) for row in data.rows]
    colors = [role_colors(palette)[role] for role in roles]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row.expected for row in data.rows],
        "y": [row.observed for row in data.rows],
        "error_x": {
            "type": "data",
            "array": [row.spread for row in data.rows],
            "color": palette.context,
            "thickness": 1,
            "width": 0,
        },
        "text": [f"{escape(trial_label(row.trial))}: {number(row.observed)}" for row in data.rows],
        "customdata": [row.trial.id for row in data.rows],
        "marker": {
            "symbol": [SYMBOLS[role] for role in roles],
            "color": colors,
            "size": [14 if role == "chosen" else 8 for role in roles],
        },
        "hovertemplate": "%{text}<br>expected %{x:.4~g}<extra></extra>",
    }


def _sentence(data: PredictedData) -> str:
    errors = [abs(row.observed - row.expected) for row in data.rows]
    inside = sum(error <= row.spread for error, row in zip(errors, data.rows, strict=True))
    return (
        f"Each point as the model would expect it from the others alone: half of them came within "
        f"{number(float(np.median(errors)), 2)}, {inside} of {len(data.rows)} within two standard deviations."
    )


def _table(data: PredictedData) -> Table:
    rows = tuple(
        (f"#{row.trial.number}", number(row.expected), number(row.spread, 2), number(row.observed)) for row in data.rows
    )
    return Table(("trial", "expected", "two standard deviations", words(data.metric.name)), rows)

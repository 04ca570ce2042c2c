"""The live curves of a study: a few trials told apart, all others as one grey trace behind them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.figures.background import background
from service.figures.drawing import Drawing, Table
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.readings import trial_score
from service.figures.series import Series, points_each, series, smoothed
from service.figures.traces import context, faint, line
from service.format import count, number, words
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.core.snapshot import Curve
from studies.storage.port import Thinned

MOST_HIGHLIGHTED = 30
BEST_SHOWN = 3
FEW = 7
"""So many curves can be told apart by colour: then none needs to be grey."""


@dataclass(frozen=True)
class CurveLook:
    """What the reader chose: the metric, smoothing from 0 to 100, and a log scale for either axis."""

    metric: str
    smooth: int = 0
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class LiveRow:
    trial: TrialView
    curve: Series
    raw: Series
    score: float | None


@dataclass(frozen=True)
class LiveData:
    """The curves of a metric.

    Attributes:
        highlighted: the best few and those that run now, best first.
        behind: everything else that is shown, as one series; `others` says of how many trials.
        asked: how many trials the study has, where those behind are only a choice of them; otherwise None.
        sound_range: lowest and highest value of the trials that did not diverge, where some did; otherwise None.
    """

    look: CurveLook
    best: TrialView | None
    highlighted: tuple[LiveRow, ...]
    behind: Series
    others: int
    asked: int | None = None
    sound_range: tuple[float, float] | None = None


def live_data(
    shown: Sequence[TrialView],
    curves: Mapping[str, Curve],
    thinned: Sequence[Thinned],
    metric: Metric,
    look: CurveLook,
    *,
    asked: int | None = None,
) -> LiveData:
    """Return the curves of `look.metric`.

    Args:
        shown: trials to be told apart, at most `MOST_HIGHLIGHTED`.
        curves: their whole curves.
        thinned: curves of others, and maybe of the same, to stand behind them.
        metric: the study's own, by which the best are known.
        look: what the reader chose.
        asked: as in `LiveData`.
    """
    ranked = sorted((trial for trial in shown if trial.id in curves), key=lambda trial: _worst_last(trial, metric))
    ids = {trial.id for trial in ranked}
    others = [item for item in thinned if item.trial_id not in ids and len(item.curve)]
    points = points_each(len(others) + 2 * len(ranked))
    best = ranked[0] if ranked and trial_score(ranked[0], metric) is not None else None
    return LiveData(
        look=look,
        best=best,
        highlighted=tuple(_row(trial, curves[trial.id], metric, look, points) for trial in ranked),
        behind=background([item.curve for item in others], look.smooth),
        others=len(others),
        asked=asked,
        sound_range=_sound_range(
            [(trial.state, curves[trial.id]) for trial in ranked] + [(item.state, item.curve) for item in others]
        ),
    )


def _row(trial: TrialView, curve: Curve, metric: Metric, look: CurveLook, points: int) -> LiveRow:
    return LiveRow(trial, smoothed(curve, look.smooth, points), series(curve, points), trial_score(trial, metric))


def _sound_range(drawn: Sequence[tuple[TrialState, Curve]]) -> tuple[float, float] | None:
    """Return the range that no diverging curve stretches; None where none diverged, or all did."""
    sound = [curve.values for state, curve in drawn if state is not TrialState.DIVERGED]
    values = np.concatenate(sound) if sound else np.empty(0)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(sound) < len(drawn) and values.size else None


def _worst_last(trial: TrialView, metric: Metric) -> tuple[float, int]:
    score = trial_score(trial, metric)
    if score is None:
        return float("inf"), trial.number
    return (-score if metric.direction == "maximize" else score), trial.number


def live_drawing(data: LiveData, palette: Palette) -> Drawing:
    """Return the live curves; smoothed lines keep the raw one faint behind them."""
    name = words(data.look.metric)
    if not data.highlighted and not data.others:
        return Drawing(f"No trial has reported {name} yet; curves appear here as soon as one does.")
    figure = {
        "data": [*context(data.behind, palette), *_highlights(data, palette)],
        "layout": layout(
            palette,
            xaxis=axis(palette, "step", "log" if data.look.log_x else "linear"),
            uirevision=f"{data.look.metric} {data.look.log_x} {data.look.log_y}",
            yaxis=axis(palette, escape(name), "log" if data.look.log_y else "linear", **_range(data)),
        ),
    }
    return Drawing(_sentence(data), figure, _table(data))


def _range(data: LiveData) -> dict[str, Any]:
    """Return the range of the sound curves for the value axis, in the axis's own units; empty to fit everything."""
    if data.sound_range is None:
        return {}
    low, high = data.sound_range
    if not data.look.log_y:
        margin = 0.04 * (high - low) or 1.0
        return {"range": [low - margin, high + margin]}
    return {"range": [math.log10(low * 0.9), math.log10(high * 1.1)]} if low > 0 else {}


def _highlights(data: LiveData, palette: Palette) -> list[dict[str, Any]]:
    traces = []
    name = words(data.look.metric)
    for index, row in reversed(list(enumerate(data.highlighted))):
        color = palette.series[index % len(palette.series)]
        if data.look.smooth:
            traces.append(faint(row.raw, color))
        width = 3 if row.trial is data.best else 1.7
        dash = "dot" if row.trial.state is TrialState.DIVERGED else "solid"
        label = trial_label(row.trial)
        traces.append(line(row.curve, label, color, trial_id=row.trial.id, metric=name, width=width, dash=dash))
    return traces


def _sentence(data: LiveData) -> str:
    total = len(data.highlighted) + data.others
    some = count(total, "trial") if data.asked is None else f"{total:,} of {count(data.asked, 'trial')}"
    said = f"{words(data.look.metric).capitalize()} over steps of {some}"
    if data.best:
        said += f"; the thick line is the best so far, #{data.best.number}"
    chosen = "" if data.asked is None else ", evenly chosen"
    return said + (f"; {data.others} in grey{chosen}." if data.others else ".")


def _table(data: LiveData) -> Table:
    rows = tuple(
        (trial_label(row.trial), row.trial.state.value, number(_last(row.raw)), number(row.score))
        for row in data.highlighted
    )
    return Table(("trial", "state", f"last {words(data.look.metric)}", "score"), rows)


def _last(points: Series) -> float | None:
    return points.finite[-1] if points.finite else None

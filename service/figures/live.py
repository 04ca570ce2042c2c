"""The live curves of a study: a few trials told apart, all others as one grey trace behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from service.figures.axes import TITLES, Ruler
from service.figures.background import background
from service.figures.drawing import Drawing, Table
from service.figures.drawn import NOTHING_KNOWN, CurveLook, DrawnCurve, draw_curve, over, unit_of
from service.figures.labels import differing, escape, short_label
from service.figures.layout import axis, layout, value_range
from service.figures.names import name_on_line
from service.figures.palette import Palette
from service.figures.readings import trial_score
from service.figures.series import Series, points_each
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

COLORS: Final = 7
"""Colours that tell lines apart."""

DASHES: Final = ("solid", "dash", "dashdot", "longdash", "longdashdot")
"""What tells lines of one colour apart; a dotted one has diverged."""


@dataclass(frozen=True)
class LiveRow:
    trial: TrialView
    shown: DrawnCurve
    score: float | None


@dataclass(frozen=True)
class LiveData:
    """The curves of a metric.

    Attributes:
        highlighted: the best few, those that run now and those that are selected, best first.
        behind: everything else that is shown, as one series; `others` says of how many trials.
        asked: how many trials the study has, where those behind are only a choice of them; otherwise None.
        sound_range: lowest and highest value of the trials that did not diverge, where some did; otherwise None.
        unplaced: trials that are left out because their place on the axis is not known.
        unit: what positions on the axis are divided by, and the words for it: times are told in minutes or hours.
    """

    look: CurveLook
    best: TrialView | None
    highlighted: tuple[LiveRow, ...]
    behind: Series
    others: int
    asked: int | None = None
    sound_range: tuple[float, float] | None = None
    unplaced: int = 0
    unit: tuple[float, str] = (1.0, "")


def live_data(
    shown: Sequence[TrialView],
    curves: Mapping[str, Curve],
    thinned: Sequence[Thinned],
    metric: Metric,
    look: CurveLook,
    *,
    asked: int | None = None,
    rulers: Mapping[str, Ruler] | None = None,
) -> LiveData:
    """Return the curves of `look.metric`.

    Args:
        shown: trials to be told apart, at most `MOST_HIGHLIGHTED`.
        curves: their whole curves.
        thinned: curves of others, and maybe of the same, to stand behind them. They are known by their steps alone,
            so that none stands there over any other axis.
        metric: the study's own, by which the best are known.
        look: what the reader chose.
        asked: as in `LiveData`.
        rulers: what the steps of those told apart are measured by, by trial id.
    """
    ranked = sorted((trial for trial in shown if trial.id in curves), key=lambda trial: _worst_last(trial, metric))
    ids = {trial.id for trial in ranked}
    over_steps = look.axis == "step"
    others = [item for item in thinned if over_steps and item.trial_id not in ids and len(item.curve)]
    known = {trial.id: (rulers or {}).get(trial.id, NOTHING_KNOWN) for trial in ranked}
    unit = unit_of(look.axis, [(curves[trial.id], known[trial.id]) for trial in ranked])
    behind = background([item.curve for item in others], look.smooth)
    points = points_each(2 * len(ranked), spent=len(behind))
    placed = [(trial, draw_curve(curves[trial.id], look, points, known[trial.id], unit[0])) for trial in ranked]
    rows = tuple(LiveRow(trial, found, trial_score(trial, metric)) for trial, found in placed if found)
    return LiveData(
        look=look,
        best=rows[0].trial if rows and rows[0].score is not None else None,
        highlighted=rows,
        behind=behind,
        others=len(others),
        asked=asked,
        sound_range=_sound_range(
            [(trial.state, curves[trial.id]) for trial in ranked] + [(item.state, item.curve) for item in others]
        ),
        unplaced=len(ranked) - len(rows),
        unit=unit,
    )


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
        return Drawing(_nothing(data, name))
    figure = {
        "data": [*context(data.behind, palette), *_highlights(data, palette)],
        "layout": layout(
            palette,
            xaxis=axis(palette, over(data.look.axis, data.unit[1])),
            yaxis=axis(palette, escape(name), **_range(data)),
        ),
    }
    return Drawing(_sentence(data), figure, _table(data), refines=True)


def _nothing(data: LiveData, name: str) -> str:
    if data.unplaced:
        return f"How many {_over(data)} the trials have behind them is not known: draw them over steps."
    return f"No trial has reported {name} yet; curves appear here as soon as one does."


def _over(data: LiveData) -> str:
    return {"step": "steps", "epoch": "epochs"}.get(data.look.axis, TITLES[data.look.axis])


def _range(data: LiveData) -> dict[str, Any]:
    """Return the range of the sound curves for the value axis; empty to fit everything."""
    return {} if data.sound_range is None else {"range": value_range(*data.sound_range)}


def _highlights(data: LiveData, palette: Palette) -> list[dict[str, Any]]:
    """Return the lines that are told apart, the best and the selected last, which is on top."""
    names = differing(row.trial for row in data.highlighted)
    ranked = [*reversed(data.highlighted)]
    rows = sorted(ranked, key=lambda row: row.trial.number in data.look.select)
    raw = [_raw(row, names, palette) for row in rows] if data.look.smooth else []
    return [*raw, *(_told_apart(row, data, names, palette) for row in rows), *_names(data, palette)]


def _names(data: LiveData, palette: Palette) -> list[dict[str, Any]]:
    """Return the numbers of the best and of the selected, on their lines."""
    named = [row for row in data.highlighted if row.trial is data.best or row.trial.number in data.look.select]
    return [
        trace
        for place, row in enumerate(named)
        for trace in name_on_line(row.shown.curve, f"#{row.trial.number}", _color(row, palette), place, len(named))
    ]


def _raw(row: LiveRow, names: Sequence[str], palette: Palette) -> dict[str, Any]:
    return faint(row.shown.raw, _color(row, palette), short_label(row.trial, names), trial_id=row.trial.id)


def _told_apart(row: LiveRow, data: LiveData, names: Sequence[str], palette: Palette) -> dict[str, Any]:
    return line(
        row.shown.curve,
        short_label(row.trial, names),
        _color(row, palette),
        trial_id=row.trial.id,
        metric=words(data.look.metric),
        over=over(data.look.axis, data.unit[1]),
        width=3 if row.trial is data.best else 1.7,
        dash=_dash(row),
    )


def _color(row: LiveRow, palette: Palette) -> str:
    """Return a colour that stays with the trial, whichever others come and go."""
    return palette.series[row.trial.number % COLORS]


def _dash(row: LiveRow) -> str:
    rounds = row.trial.number // COLORS
    return "dot" if row.trial.state is TrialState.DIVERGED else DASHES[rounds % len(DASHES)]


def _sentence(data: LiveData) -> str:
    total = len(data.highlighted) + data.others
    some = count(total, "trial") if data.asked is None else f"{total:,} of {count(data.asked, 'trial')}"
    said = f"{words(data.look.metric).capitalize()} over {_over(data)} of {some}"
    if data.best:
        said += f"; the thick line is the best so far, #{data.best.number}"
    chosen = "" if data.asked is None else ", evenly chosen"
    said += f"; {data.others} in grey{chosen}" if data.others else ""
    said += "" if data.look.axis == "step" else "; all the others stand over steps"
    return said + (
        f"; {data.unplaced} left out, whose {TITLES[data.look.axis]} is not known." if data.unplaced else "."
    )


def _table(data: LiveData) -> Table:
    names = differing(row.trial for row in data.highlighted)
    rows = tuple(
        (short_label(row.trial, names), row.trial.state.value, number(_last(row.shown.raw)), number(row.score))
        for row in data.highlighted
    )
    return Table(("trial", "state", f"last {words(data.look.metric)}", "score"), rows)


def _last(points: Series) -> float | None:
    return points.finite[-1] if points.finite else None

"""Stage 3: the shapes of the schedules above the dev curves that they gave, on one axis of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.conclusions import evidence_number
from service.figures.drawing import Drawing, Table
from service.figures.evidence import chosen_trial
from service.figures.labels import trial_label
from service.figures.layout import Marks, axis, layout, vertical_mark
from service.figures.palette import Palette
from service.figures.series import Series, by_number, points_each, series
from service.figures.traces import line
from service.format import count, number, words
from studies.contract.decision import Decision
from studies.contract.schedule import Schedule
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.core.schedules import HALF, describe, factors, half_lr_step
from studies.core.snapshot import Curve

_SHAPE_POINTS = 601
_BETWEEN = 0.66
"""Height at which the shapes end and the dev curves begin, as a share of the figure."""
_NAMED = 8
"""Most schedules that the legend names: beyond, hovering does."""
_SETTLED = 0.25
"""Share of the steps before which a dev curve only climbs: the axis is fitted to what comes after it."""


@dataclass(frozen=True)
class DecayRow:
    """A schedule that was tried: its shape (factor of the peak rate over steps) and the dev curve it gave.

    ``half_step`` is where its rate has come down to half; by the old peak it should have (guide, stage 3).
    """

    trial: TrialView
    words: str
    shape: Series
    dev: Series
    chosen: bool
    half_step: int | None = None


@dataclass(frozen=True)
class DecayData:
    """``old_peak`` is the step at which the undecayed run was best, None before the decision."""

    metric: Metric
    rows: tuple[DecayRow, ...]
    old_peak: float | None


def decay_data(
    trials: Sequence[TrialView], dev: Mapping[str, Curve], metric: Metric, decision: Decision | None
) -> DecayData:
    """Return the schedules of `trials` (the stage's own, and the undecayed run that they are compared with)."""
    chosen = chosen_trial(decision)
    points = points_each(len(trials))
    rows = tuple(
        DecayRow(
            trial=trial,
            words=describe(trial.schedule),
            shape=_shape(trial),
            dev=series(dev.get(trial.id, Curve.empty()), points),
            chosen=trial.id == chosen,
            half_step=half_lr_step(trial.schedule),
        )
        for trial in by_number(trials)
    )
    return DecayData(metric, rows, evidence_number(decision, "old_peak_step"))


def _shape(trial: TrialView) -> Series:
    steps = np.unique(np.linspace(0, trial.num_steps, _SHAPE_POINTS).round().astype(np.int64))
    values = factors(trial.schedule, steps)
    return Series(tuple(steps.tolist()), tuple(np.asarray(values, float).tolist()))


def decay_drawing(data: DecayData, palette: Palette) -> Drawing:
    """Return the shapes above their dev curves, with the old peak and the half-rate line (guide, stage 3)."""
    if not data.rows:
        return Drawing("No schedule has been tried yet.")
    shapes, notes = _marks(data, palette)
    name = words(data.metric.name)
    figure = {
        "data": _traces(data, palette),
        "layout": layout(
            palette,
            xaxis=axis(palette, "step", anchor="y", rangemode="tozero"),
            yaxis=axis(palette, name, domain=[0, _BETWEEN - 0.04], **_dev_range(data)),
            yaxis2=axis(palette, "share of peak rate", domain=[_BETWEEN + 0.04, 1], anchor="x", range=[-0.04, 1.08]),
            shapes=shapes,
            annotations=notes,
            showlegend=len({row.words for row in data.rows}) <= _NAMED,
        ),
    }
    return Drawing(_sentence(data, name), figure, _table(data))


def _sentence(data: DecayData, name: str) -> str:
    schedules = count(len({row.words for row in data.rows}), "schedule")
    said = f"{schedules} in {count(len(data.rows), 'trial')}, above the {name} that each gave"
    if data.old_peak is None or not any(row.half_step for row in data.rows):
        return f"{said}."
    early = {row.words for row in data.rows if row.half_step is not None and row.half_step <= data.old_peak}
    halved = f"{len(early)} of them {'has' if len(early) == 1 else 'have'} halved the rate by the old peak"
    return f"{said}; {halved} (diamonds)."


def _traces(data: DecayData, palette: Palette) -> list[dict[str, Any]]:
    colors = _colors(data, palette)
    first = {row.words: index for index, row in reversed(list(enumerate(data.rows)))}
    chosen = {row.words for row in data.rows if row.chosen}
    traces: list[dict[str, Any]] = []
    for index, (row, color) in enumerate(zip(data.rows, colors, strict=True)):
        group = {"name": _short(row.trial.schedule, chosen=row.words in chosen), "legendgroup": row.words}
        shape, dev = _pair(row, color, words(data.metric.name))
        traces += [{**shape, **group, "showlegend": first[row.words] == index}, {**dev, **group, "showlegend": False}]
    return traces + [
        _half_mark(data.rows[index], colors[index]) for index in sorted(first.values()) if data.rows[index].half_step
    ]


def _pair(row: DecayRow, color: str, metric: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a schedule's shape, and the dev curve that it gave."""
    look: dict[str, Any] = {"trial_id": row.trial.id, "width": 3 if row.chosen else 1.6}
    label = f"{row.words} — {trial_label(row.trial)}"
    shape = line(row.shape, label, color, metric="share of peak rate", **look)
    shape["line"]["shape"] = "hv"  # a rate holds until it is computed again
    return {**shape, "yaxis": "y2"}, line(row.dev, label, color, metric=metric, **look)


def _short(schedule: Schedule, *, chosen: bool) -> str:
    name = "no decay" if schedule.kind == "constant" else f"{schedule.kind} from {number(schedule.start)}"
    return f"{name}, chosen" if chosen else name


def _half_mark(row: DecayRow, color: str) -> dict[str, Any]:
    """Return a diamond where a schedule has come down to half its peak rate."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row.half_step],
        "y": [HALF],
        "yaxis": "y2",
        "legendgroup": row.words,
        "showlegend": False,
        "marker": {"symbol": "diamond", "size": 10, "color": color},
        "hovertemplate": "half the rate at step %{x:,}<extra></extra>",
    }


def _dev_range(data: DecayData) -> dict[str, Any]:
    """Return the range of the settled parts of all dev curves; empty where there are none."""
    values = [
        value
        for row in data.rows
        for step, value in zip(row.dev.steps, row.dev.values, strict=True)
        if value is not None and step >= _SETTLED * row.trial.num_steps
    ]
    if not values:
        return {}
    margin = 0.08 * (max(values) - min(values)) or 0.01
    return {"range": [min(values) - margin, max(values) + margin]}


def _colors(data: DecayData, palette: Palette) -> list[str]:
    """Return a colour a row, the same for the seeds of one schedule: the chosen stands out, no decay is grey."""
    chosen = {row.words for row in data.rows if row.chosen}
    undecayed = {row.words for row in data.rows if row.trial.schedule.kind == "constant"} - chosen
    others = [name for name in dict.fromkeys(row.words for row in data.rows) if name not in chosen | undecayed]
    spare = palette.series[1:]
    colors = {name: spare[index % len(spare)] for index, name in enumerate(others)}
    colors |= dict.fromkeys(undecayed, palette.muted) | dict.fromkeys(chosen, palette.winner)
    return [colors[row.words] for row in data.rows]


def _marks(data: DecayData, palette: Palette) -> Marks:
    half = {
        "type": "line",
        "xref": "paper",
        "yref": "y2",
        "x0": 0,
        "x1": 1,
        "y0": HALF,
        "y1": HALF,
        "line": {"color": palette.muted, "width": 1, "dash": "dot"},
    }
    name = _note(palette, "half the rate", x=0, y=HALF)
    if data.old_peak is None:
        return [half], [name]
    lines, notes = vertical_mark(palette, data.old_peak, f"old peak {number(data.old_peak)}", side="left")
    return [half, *lines], [name, *({**note, "y": _BETWEEN, "yanchor": "middle"} for note in notes)]


def _note(palette: Palette, text: str, *, x: float, y: float) -> dict[str, Any]:
    place = {"xref": "paper", "yref": "y2", "x": x, "y": y, "xanchor": "left", "yanchor": "top", "xshift": 5}
    return {**place, "text": text, "showarrow": False, "font": {"color": palette.muted, "size": 11.5}}


def _table(data: DecayData) -> Table:
    rows = tuple(
        (f"#{row.trial.number}", row.words, str(row.trial.seed), row.trial.state.value, number(_last(row.dev)))
        for row in data.rows
    )
    return Table(("trial", "schedule", "seed", "state", f"last {words(data.metric.name)}"), rows)


def _last(points: Series) -> float | None:
    return points.finite[-1] if points.finite else None

"""A user-defined search's runs, each as far as it came: where a pruner stopped them, and why on hover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from service.figures.background import background
from service.figures.drawing import Drawing
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.points import PointData, PointRow, points, points_table
from service.figures.series import points_each, series
from service.figures.traces import context, line
from service.format import count, number, words
from studies.core.curves import minmax_thin
from studies.core.snapshot import Curve


@dataclass(frozen=True)
class StopRow:
    """A run with its curve, and the last value that it had."""

    point: PointRow
    curve: Curve
    last: float


@dataclass(frozen=True)
class StopData:
    """The runs that have reported a number; `asked` as in `PointData`."""

    points: PointData
    rows: tuple[StopRow, ...]

    @property
    def stopped(self) -> tuple[StopRow, ...]:
        return tuple(row for row in self.rows if row.point.role == "stopped")


def stop_data(data: PointData, dev: Mapping[str, Curve]) -> StopData:
    """Return the runs with the curves of the study's metric, thinned to what a figure of so many can show."""
    known = [(row, dev[row.trial.id]) for row in data.rows if row.trial.id in dev]
    most = points_each(len(known))
    rows = [_row(point, curve, most) for point, curve in known if np.isfinite(curve.values).any()]
    return StopData(data, tuple(rows))


def _row(point: PointRow, curve: Curve, most: int) -> StopRow:
    last = curve.values[np.isfinite(curve.values)][-1]
    return StopRow(point, minmax_thin(curve, most), float(last))


def stops_drawing(data: StopData, palette: Palette) -> Drawing:
    """Return all curves in grey, the chosen one before them, and a mark at the end of each."""
    if not data.rows:
        return Drawing("No run has been evaluated yet.")
    name = words(data.points.metric.name)
    chosen = [row for row in data.rows if row.point.role == "chosen"]
    steps, ends = [row.point.steps for row in data.rows], [row.last for row in data.rows]
    figure = {
        "data": [
            *context(background([row.curve for row in data.rows if row not in chosen]), palette),
            *(_chosen(row, palette, name) for row in chosen),
            *points([row.point for row in data.rows], palette, steps, ends),
        ],
        "layout": layout(
            palette,
            xaxis=axis(palette, "step", rangemode="tozero"),
            yaxis=axis(palette, escape(name)),
            showlegend=True,
        ),
    }
    return Drawing(_sentence(data), figure, points_table(data.points))


def _chosen(row: StopRow, palette: Palette, name: str) -> dict[str, object]:
    shown = series(row.curve, points_each(1))
    trial = row.point.trial
    return line(shown, trial_label(trial), palette.winner, trial_id=trial.id, metric=name, width=3)


def _sentence(data: StopData) -> str:
    runs = count(len(data.rows), "run")
    if not data.stopped:
        return f"{runs}, none of them stopped early."
    spared = sum(row.point.trial.num_steps - row.point.steps for row in data.stopped)
    half = float(np.median([row.point.steps for row in data.stopped]))
    return (
        f"{len(data.stopped)} of {runs} stopped early, half of them by step {number(half)}: "
        f"{count(spared, 'step')} were not trained."
    )

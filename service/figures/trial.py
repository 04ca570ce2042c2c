"""One metric of one trial, with its schedule where the metric is the learning rate's own business."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from service.figures.axes import TITLES, Ruler
from service.figures.drawing import Drawing, Table
from service.figures.drawn import NOTHING_KNOWN, CurveLook, DrawnCurve, draw_curve, over, unit_of
from service.figures.labels import escape
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.series import Series
from service.figures.traces import faint, line
from service.format import count, number, words
from studies.contract.views import TrialView
from studies.core.snapshot import Curve

_POINTS = 1_600


@dataclass(frozen=True)
class TrialCurve:
    """A metric of a trial: the curve as drawn, None where its place on the axis is not known.

    ``unit`` is what positions on the axis are divided by, and the words for it; ``total`` all points that there are.
    """

    trial: TrialView
    look: CurveLook
    shown: DrawnCurve | None
    total: int
    unit: tuple[float, str] = (1.0, "")

    @property
    def curve(self) -> Series:
        return self.shown.curve if self.shown else Series((), ())


_EXACT = "lr"
"""A metric without noise: smoothing would only round the corners of the schedule."""


def trial_curve_data(trial: TrialView, curve: Curve, look: CurveLook, by: Ruler = NOTHING_KNOWN) -> TrialCurve:
    """Return the curve of `look.metric`, smoothed where it is noisy; its steps are measured by `by`."""
    look = replace(look, smooth=0) if look.metric == _EXACT else look
    unit = unit_of(look.axis, [(curve, by)])
    return TrialCurve(trial, look, draw_curve(curve, look, _POINTS, by, unit[0]), len(curve), unit)


def trial_curve_drawing(data: TrialCurve, palette: Palette) -> Drawing:
    name = words(data.look.metric)
    if data.shown is None or not data.curve.finite:
        return Drawing(_nothing(data, name))
    color = palette.winner
    title = over(data.look.axis, data.unit[1])
    raw = [faint(data.shown.raw, color)] if data.look.smooth else []
    figure = {
        "data": [*raw, line(data.curve, f"#{data.trial.number}", color, metric=name, over=title, width=1.8)],
        "layout": layout(palette, xaxis=axis(palette, title), yaxis=axis(palette, escape(name), **_range(data))),
    }
    last = data.curve.finite[-1]
    sentence = f"{name.capitalize()} over {count(data.total, 'point')}, last {number(last)}."
    return Drawing(sentence, figure, _table(data, title), refines=True)


def _range(data: TrialCurve) -> dict[str, Any]:
    """Return a range from 0 for the rate, whose curve may be flat; empty to fit the curve."""
    if data.look.metric != _EXACT:
        return {}
    return {"range": [0, 1.1 * (max(data.curve.finite) or 1.0)]}


def _nothing(data: TrialCurve, name: str) -> str:
    if data.total and data.shown is None:
        return f"The {TITLES[data.look.axis]} of this trial is not known: draw its {name} over steps."
    if data.total:
        return f"{name.capitalize()} has {count(data.total, 'point')}, all NaN or infinite: there is no line to draw."
    return f"This trial has not reported {name} yet."


def _table(data: TrialCurve, title: str) -> Table:
    """Return about 20 rows, evenly chosen: enough to follow the curve without seeing it."""
    stride = max(1, len(data.curve) // 20)
    points = list(zip(data.curve.steps, data.curve.values, strict=True))[::stride]
    return Table(
        (title, words(data.look.metric)), tuple((number(s), "NaN" if v is None else number(v)) for s, v in points)
    )

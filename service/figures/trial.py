"""One metric of one trial, with its schedule where the metric is the learning rate's own business."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from service.figures.drawing import Drawing, Table
from service.figures.labels import escape
from service.figures.layout import axis, layout
from service.figures.live import CurveLook
from service.figures.palette import Palette
from service.figures.series import Series, series, smoothed
from service.figures.traces import faint, line
from service.format import count, number, words
from studies.contract.views import TrialView
from studies.core.snapshot import Curve

_POINTS = 1_600


@dataclass(frozen=True)
class TrialCurve:
    """A metric of a trial: the curve as drawn, and the raw one behind it where it is smoothed."""

    trial: TrialView
    look: CurveLook
    curve: Series
    raw: Series | None
    total: int


_EXACT = "lr"
"""A metric without noise: smoothing would only round the corners of the schedule."""


def trial_curve_data(trial: TrialView, curve: Curve, look: CurveLook) -> TrialCurve:
    """Return the curve of `look.metric`, smoothed where it is noisy."""
    look = replace(look, smooth=0) if look.metric == _EXACT else look
    raw = series(curve, _POINTS) if look.smooth else None
    return TrialCurve(trial, look, smoothed(curve, look.smooth, _POINTS), raw, len(curve))


def trial_curve_drawing(data: TrialCurve, palette: Palette) -> Drawing:
    name = words(data.look.metric)
    if not data.curve.finite:
        return Drawing(_nothing(data, name))
    color = palette.winner
    raw = [faint(data.raw, color)] if data.raw else []
    figure = {
        "data": [*raw, line(data.curve, f"#{data.trial.number}", color, metric=name, width=1.8)],
        "layout": layout(
            palette,
            uirevision=f"{data.look.log_x} {data.look.log_y}",
            xaxis=axis(palette, "step", "log" if data.look.log_x else "linear"),
            yaxis=axis(palette, escape(name), "log" if data.look.log_y else "linear", **_range(data)),
        ),
    }
    last = data.curve.finite[-1]
    sentence = f"{name.capitalize()} over {count(data.total, 'point')}, last {number(last)}."
    return Drawing(sentence, figure, _table(data))


def _range(data: TrialCurve) -> dict[str, Any]:
    """Return a range from 0 for the rate, whose curve may be flat; empty to fit the curve."""
    if data.look.metric != _EXACT or data.look.log_y:
        return {}
    return {"range": [0, 1.1 * (max(data.curve.finite) or 1.0)]}


def _nothing(data: TrialCurve, name: str) -> str:
    if data.total:
        return f"{name.capitalize()} has {count(data.total, 'point')}, all NaN or infinite: there is no line to draw."
    return f"This trial has not reported {name} yet."


def _table(data: TrialCurve) -> Table:
    """Return about 20 rows, evenly chosen: enough to follow the curve without seeing it."""
    stride = max(1, len(data.curve) // 20)
    points = list(zip(data.curve.steps, data.curve.values, strict=True))[::stride]
    return Table(
        ("step", words(data.look.metric)), tuple((number(s), "NaN" if v is None else number(v)) for s, v in points)
    )

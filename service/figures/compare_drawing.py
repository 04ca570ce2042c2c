"""The drawing of compared curves: lines with their names on them, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from service.figures.axes import TITLES, Axis
from service.figures.compare import CompareData, CompareLine, style
from service.figures.drawing import Drawing, Table
from service.figures.labels import escape
from service.figures.layout import axis as axis_of
from service.figures.layout import layout
from service.figures.palette import Palette
from service.figures.series import Series
from service.figures.traces import faint, line
from service.format import count, number, words
from studies.contract.states import TrialState


def compare_drawing(data: CompareData, palette: Palette) -> Drawing:
    name = words(data.look.metric)
    if not any(drawn.curve.finite for drawn in data.lines):
        return Drawing(_nothing(data, name))
    title = TITLES[data.axis] + (f" ({data.unit[1]})" if data.unit[1] else "")
    figure = {
        "data": [trace for drawn in data.lines for trace in _traces(drawn, data, palette)],
        "layout": layout(
            palette,
            uirevision=f"{data.look.metric} {data.axis} {data.look.log_x} {data.look.log_y}",
            xaxis=axis_of(palette, title, "log" if data.look.log_x else "linear"),
            yaxis=axis_of(palette, escape(name), "log" if data.look.log_y else "linear", **_range(data)),
        ),
    }
    return Drawing(_sentence(data, name), figure, _table(data, name))


def _range(data: CompareData) -> dict[str, Any]:
    """Return the range of the curves that are sound, where others diverged; empty to fit them all."""
    sound = [drawn for drawn in data.lines if drawn.of.trial.state is not TrialState.DIVERGED]
    values = [value for drawn in sound for value in drawn.raw.finite]
    if len(sound) == len(data.lines) or not values:
        return {}
    low, high = min(values), max(values)
    if not data.look.log_y:
        margin = 0.04 * (high - low) or 1.0
        return {"range": [low - margin, high + margin]}
    return {"range": [math.log10(low * 0.9), math.log10(high * 1.1)]} if low > 0 else {}


def _traces(drawn: CompareLine, data: CompareData, palette: Palette) -> list[dict[str, Any]]:
    """Return the raw curve, faint, the curve as it is told apart, and its name on it."""
    color, dash = palette.series[style(drawn.place)[0]], style(drawn.place)[1]
    curve = _in_unit(drawn.curve, data.unit[0])
    main = line(curve, f"{drawn.of.name} · {drawn.of.label}", color, trial_id=drawn.of.trial.id, width=2, dash=dash)
    main["hovertemplate"] = (
        f"%{{meta.label}}<br>{TITLES[data.axis]} %{{x:,.4~g}}{_after(data.unit[1])} · "
        f"{escape(words(data.look.metric))} %{{y:.4~g}}<extra></extra>"
    )
    raw = [faint(_in_unit(drawn.raw, data.unit[0]), color)] if data.look.smooth else []
    return [*raw, main, *_name_on_line(curve, drawn, data, color)]


def _after(unit: str) -> str:
    return f" {unit}" if unit else ""


def _in_unit(points: Series, unit: float) -> Series:
    return points if unit == 1.0 else Series(tuple(step / unit for step in points.steps), points.values)


def _name_on_line(points: Series, drawn: CompareLine, data: CompareData, color: str) -> list[dict[str, Any]]:
    """Return the trial's name as a text on its line; each trial's stands further right than the one before."""
    share = (drawn.place + 1) / (max(each.place for each in data.lines) + 2)
    at = index_at(points, share, log=data.look.log_x)
    if at is None:
        return []
    return [
        {
            "type": "scatter",
            "mode": "text",
            "x": [points.steps[at]],
            "y": [points.values[at]],
            "text": [escape(drawn.of.name)],
            "textposition": "top center",
            "textfont": {"color": color, "size": 12},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]


def index_at(points: Series, share: float, *, log: bool = False) -> int | None:
    """Return the index of the drawn point that is nearest to `share` (0 to 1) of the curve's width, None for none."""
    usable = [
        index for index, value in enumerate(points.values) if value is not None and (not log or points.steps[index] > 0)
    ]
    if not usable:
        return None
    place: Callable[[float], float] = math.log if log else float
    first, last = place(points.steps[usable[0]]), place(points.steps[usable[-1]])
    wanted = first + share * (last - first)
    return min(usable, key=lambda index: abs(place(points.steps[index]) - wanted))


# --- in words ----------------------------------------------------------------------------------------------------


def _sentence(data: CompareData, name: str) -> str:
    said = [f"{name.capitalize()} of {count(len(data.lines), 'trial')} over {_axis_words(data.axis)}."]
    best = _best(data)
    if best:
        said.append(f"{'Highest' if data.maximize else 'Lowest'} is {best[0]} at {number(best[1])}.")
    return " ".join([*said, *_left_out(data, name)])


def _axis_words(axis: Axis) -> str:
    return {"step": "steps", "epoch": "epochs"}.get(axis, TITLES[axis])


def _best(data: CompareData) -> tuple[str, float] | None:
    """Return who has the best value of the raw curves, and that value."""
    found = [(drawn.of.name, drawn.raw.finite) for drawn in data.lines if drawn.raw.finite]
    if data.maximize is None or len(found) < 2:  # noqa: PLR2004 - a single one is no contest
        return None
    extreme = max if data.maximize else min
    return extreme(((name, extreme(values)) for name, values in found), key=lambda each: each[1])


def _left_out(data: CompareData, name: str) -> list[str]:
    said = []
    if data.silent:
        said.append(f"{_listed(data.silent)} {_has(data.silent)} not reported {name}.")
    if data.unmeasured:
        said.append(f"Left out: {_listed(data.unmeasured)}, {_UNKNOWN.get(data.axis, '')}.")
    return said


_UNKNOWN: Final[Mapping[Axis, str]] = {
    "samples": "whose batch size is not known",
    "epoch": "of which it is not known how many samples an epoch has (a metric named epoch would say it)",
    "time": "which no worker has taken yet",
}


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _nothing(data: CompareData, name: str) -> str:
    said = _left_out(data, name)
    if data.lines:
        said.append(f"What is there of {name} is NaN or infinite: there is no line to draw.")
    return " ".join(said) or "No trial is chosen yet: add some, and their curves are drawn here on one axis."


def _table(data: CompareData, name: str) -> Table:
    columns = (
        "trial",
        "what differs",
        f"last {name}",
        f"lowest {name}",
        f"highest {name}",
        f"{TITLES[data.axis]} at its end",
    )
    return Table(columns, tuple(_table_row(drawn, data) for drawn in data.lines))


def _table_row(drawn: CompareLine, data: CompareData) -> tuple[str, ...]:
    values = np.asarray(drawn.raw.finite or (np.nan,), np.float64)
    end = f"{number(drawn.raw.steps[-1] / data.unit[0])}{_after(data.unit[1])}"
    found = (values[-1], values.min(), values.max())
    return (drawn.of.name, drawn.of.label, *(number(float(value)) for value in found), end)

"""The drawing of compared curves: lines with their names on them, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from service.figures.axes import TITLES, Axis
from service.figures.compare import CompareData, CompareLine, style
from service.figures.drawing import Drawing, Table
from service.figures.drawn import over
from service.figures.labels import escape
from service.figures.layout import axis as axis_of
from service.figures.layout import layout, value_range
from service.figures.names import name_on_line
from service.figures.palette import Palette
from service.figures.traces import faint, line
from service.format import count, number, words
from studies.contract.states import TrialState


def compare_drawing(data: CompareData, palette: Palette) -> Drawing:
    name = words(data.look.metric)
    if not any(drawn.curve.finite for drawn in data.lines):
        return Drawing(_nothing(data, name))
    figure = {
        "data": [trace for drawn in data.lines for trace in _traces(drawn, data, palette)],
        "layout": layout(
            palette,
            xaxis=axis_of(palette, over(data.look.axis, data.unit[1])),
            yaxis=axis_of(palette, escape(name), **_range(data)),
        ),
    }
    return Drawing(_sentence(data, name), figure, _table(data, name), refines=True)


def _range(data: CompareData) -> dict[str, Any]:
    """Return the range of the curves that are sound, where others diverged; empty to fit them all."""
    sound = [drawn for drawn in data.lines if drawn.of.trial.state is not TrialState.DIVERGED]
    values = [value for drawn in sound for value in drawn.raw.finite]
    if len(sound) == len(data.lines) or not values:
        return {}
    return {"range": value_range(min(values), max(values))}


def _traces(drawn: CompareLine, data: CompareData, palette: Palette) -> list[dict[str, Any]]:
    """Return the raw curve, faint, the curve as it is told apart, and its name on it."""
    color, dash = palette.series[style(drawn.place)[0]], style(drawn.place)[1]
    main = line(
        drawn.curve,
        f"{drawn.of.name} · {drawn.of.label}",
        color,
        trial_id=drawn.of.trial.id,
        metric=words(data.look.metric),
        over=over(data.look.axis, data.unit[1]),
        dash=dash,
    )
    raw = [faint(drawn.raw, color, drawn.of.name, trial_id=drawn.of.trial.id)] if data.look.smooth else []
    places = max(each.place for each in data.lines) + 1
    return [*raw, main, *name_on_line(drawn.curve, drawn.of.name, color, drawn.place, places)]


# --- in words ----------------------------------------------------------------------------------------------------


def _sentence(data: CompareData, name: str) -> str:
    said = [f"{name.capitalize()} of {count(len(data.lines), 'trial')} over {_axis_words(data.look.axis)}."]
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
        said.append(f"Left out: {_listed(data.unmeasured)}, {_UNKNOWN.get(data.look.axis, '')}.")
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
        f"{TITLES[data.look.axis]} at its end",
    )
    return Table(columns, tuple(_table_row(drawn, data) for drawn in data.lines))


def _table_row(drawn: CompareLine, data: CompareData) -> tuple[str, ...]:
    values = np.asarray(drawn.raw.finite or (np.nan,), np.float64)
    end = f"{number(drawn.raw.steps[-1])} {data.unit[1]}".strip()
    found = (values[-1], values.min(), values.max())
    return (drawn.of.name, drawn.of.label, *(number(float(value)) for value in found), end)

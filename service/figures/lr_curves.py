"""Stage 1: the loss curves of all rates, the winner coloured, with the steps that decide how long runs are."""

from __future__ import annotations

import math
from typing import Any, Literal

from service.figures.drawing import Drawing
from service.figures.labels import trial_label
from service.figures.layout import Marks, axis, layout, vertical_mark
from service.figures.lr_sweep import Role, SweepData, sweep_table
from service.figures.palette import Palette
from service.figures.traces import faint, line
from service.format import TIMES, count, number

_LOSS_TITLE = "training loss, smoothed"

_NOTE_PIXELS = 20
"""From the name of one mark down to that of the next: lines that stand close have theirs below each other."""


def lr_curves_drawing(data: SweepData, palette: Palette) -> Drawing:
    """Return all loss curves: the winner coloured, its convergence step and 1.5x mark on it (guide, stage 1)."""
    if not any(row.raw.finite for row in data.rows):
        return Drawing("No trial of the sweep has reported a loss yet; the curves appear here as they come in.")
    shapes, notes = _step_marks(data, palette)
    figure = {
        "data": [*_curve_traces(data, palette), *_dots(data, palette)],
        "layout": layout(
            palette,
            xaxis=axis(palette, "step", rangemode="tozero"),
            yaxis=_loss_axis(data, palette),
            shapes=shapes,
            annotations=notes,
            showlegend=True,
        ),
    }
    return Drawing(_curves_sentence(data), figure, sweep_table(data))


def _curve_traces(data: SweepData, palette: Palette) -> list[dict[str, Any]]:
    looks: dict[Role, tuple[str, float, str]] = {
        "other": (palette.context, 1.4, "solid"),
        "diverged": (palette.warning, 1.6, "dot"),
        "weighed": (palette.series[2], 1.8, "solid"),
        "chosen": (palette.winner, 3, "solid"),
    }
    names: dict[Role, str] = {"other": "other rates", "diverged": "diverged", "weighed": "close behind"}
    traces = []
    for role, (color, width, dash) in looks.items():
        for index, row in enumerate(data.in_role(role)):
            curve = row.raw if role == "diverged" else row.smooth
            trace = line(
                curve, trial_label(row.trial), color, trial_id=row.trial.id, metric="loss", width=width, dash=dash
            )
            trace["name"] = names.get(role, f"chosen, lr {number(row.lr)}")
            traces.append({**trace, "legendgroup": role, "showlegend": index == 0})
            if role == "chosen":
                traces.append({**faint(row.raw, color), "legendgroup": role})
    return traces


def _loss_axis(data: SweepData, palette: Palette) -> dict[str, Any]:
    """Return a log axis (linear where a loss is not positive) that no diverging curve can stretch."""
    sound = [value for row in data.rows if row.role != "diverged" for value in row.smooth.finite]
    values = sound or [row.raw.finite[0] for row in data.rows if row.raw.finite]
    if min(values) <= 0:
        return axis(palette, _LOSS_TITLE)
    low, high = math.log10(min(values) * 0.85), math.log10(max(values) * 1.4)
    return axis(palette, _LOSS_TITLE, "log", range=[low, high])


def _step_marks(data: SweepData, palette: Palette) -> Marks:
    """Return the marks at the convergence step and at ``num_steps``, their names on the side that has room."""
    longest = max(row.raw.steps[-1] for row in data.rows if len(row.raw))
    lines: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for name, step in _marked(data):
        side: Literal["left", "right"] = "right" if step < longest / 2 else "left"
        line_there, note = vertical_mark(palette, step, f"{name} {number(step)}", side=side)
        lines += line_there
        notes.append({**note[0], "yshift": -_NOTE_PIXELS * len(notes)})
    return lines, notes


def _marked(data: SweepData) -> list[tuple[str, float]]:
    """Return the steps that decided, by name; none before the decision, or where the curve has not converged."""
    if data.converged is None:
        return []
    times = (data.num_steps or 0.0) / max(data.converged, data.plateau or 0.0)
    marks = [
        ("loss flat at", data.converged),
        ("dev flat at", data.plateau),
        (f"{number(times, 2)}{TIMES} is", data.num_steps),
    ]
    return [(name, step) for name, step in marks if step is not None]


def _dots(data: SweepData, palette: Palette) -> list[dict[str, Any]]:
    """Return the decisive steps as dots on the winner's own curve, as far as it goes."""
    curve = data.chosen.smooth if data.chosen else None
    steps = [step for _, step in _marked(data) if curve and len(curve) and step <= curve.steps[-1]]
    if curve is None or not steps:
        return []
    places = [min(range(len(curve)), key=lambda at, step=step: abs(curve.steps[at] - step)) for step in steps]  # type: ignore[misc]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [curve.steps[place] for place in places],
            "y": [curve.values[place] for place in places],
            "marker": {"color": palette.paper, "size": 9, "line": {"color": palette.winner, "width": 2.5}},
            "legendgroup": "chosen",
            "showlegend": False,
            "hoverinfo": "skip",
        }
    ]


def _curves_sentence(data: SweepData) -> str:
    diverged = len(data.in_role("diverged"))
    said = f"Training loss of {count(len(data.rows), 'trial')} over steps"
    if data.chosen:
        said += f"; the chosen learning rate {number(data.chosen.lr)} ends at {number(data.chosen.final_loss)}"
    return said + (f"; {diverged} diverged." if diverged else ".")

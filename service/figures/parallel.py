"""Parallel coordinates: every trial as a line over the hyperparameters that varied, on to what it came to.

Drawn as ordinary lines: Plotly's own kind needs WebGL and code made at run time, which a strict content security
policy forbids, and its lines can be neither clicked nor read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from service.figures.drawing import Drawing, Table
from service.figures.labels import LONGEST_NAME, LONGEST_TICK, clipped, escape
from service.figures.layout import layout
from service.figures.palette import Palette
from service.figures.parameters import ParameterAxis, axes, strongest, values_of
from service.figures.readings import bounds, rank
from service.format import count, number, params, scalar, words
from studies.contract.states import TrialState
from studies.contract.study_file import Metric, StudySpec
from studies.storage.port import TrialResult

BEST_SHOWN = 3
MOST_TABLE = 50
"""Most trials in the table behind the figure, the best first."""

_SHADES: Final = (0.5, 0.75)
"""Places on the palette's scale of the middling and the better third."""

_DIVERGED = -0.09
"""Where a trial that diverged ends, below the axis of the metric."""


@dataclass(frozen=True)
class ParallelRow:
    """A trial: its place on every axis in [0, 1], the metric's last; below zero where it diverged."""

    result: TrialResult
    places: tuple[float, ...]


@dataclass(frozen=True)
class ParallelData:
    """Trials worst first.

    Attributes:
        axes: hyperparameters that varied; `left_out` counts those for which there is no room.
        low, high: ends of the metric's axis; far worse scores stand at its end.
        asked: how many trials the study has, where the rows are only a choice of them; otherwise None.
    """

    metric: Metric
    axes: tuple[ParameterAxis, ...]
    rows: tuple[ParallelRow, ...]
    low: float
    high: float
    left_out: int
    asked: int | None


def parallel_data(results: Collection[TrialResult], spec: StudySpec, asked: int | None = None) -> ParallelData:
    """Return the trials that came to a score or diverged."""
    told = [result for result in results if result.score is not None or result.state is TrialState.DIVERGED]
    found = axes(told, spec)
    shown = strongest(found, told)
    scores = [result.score for result in told if result.score is not None]
    low, high = bounds(scores, spec.metric) if scores else (0.0, 1.0)
    ranked = sorted(told, key=lambda result: rank(result.score, spec.metric))
    rows = tuple(ParallelRow(result, _places(result, shown, low, high)) for result in ranked)
    return ParallelData(spec.metric, tuple(shown), rows, low, high, len(found) - len(shown), asked)


def _places(result: TrialResult, shown: Sequence[ParameterAxis], low: float, high: float) -> tuple[float, ...]:
    if result.score is None:
        height = _DIVERGED
    else:
        height = (min(max(result.score, low), high) - low) / (high - low) if high > low else 0.5
    return (*(axis.place(result) for axis in shown), height)


# --- drawing -----------------------------------------------------------------------------------------------------


def parallel_drawing(data: ParallelData, palette: Palette, selected: Collection[int] = ()) -> Drawing:
    """Return the lines, shaded by how good they are, the best and the `selected` trials on top."""
    if not data.rows:
        return Drawing("No trial has come to a result yet; each will be a line here.")
    if not data.axes:
        return Drawing("All trials so far have the same hyperparameters: there is nothing to set side by side.")
    figure = {
        "data": _traces(data, palette, selected),
        "layout": layout(
            palette,
            xaxis=_hidden([-0.35, len(data.axes) + 0.5]),
            yaxis=_hidden([-0.14 if any(row.places[-1] < 0 for row in data.rows) else -0.04, 1.08])
            | {"fixedrange": True},
            dragmode=False,  # nothing to zoom into; with both axes fixed Plotly would take no clicks either
            margin={"l": 20, "r": 20, "t": 40, "b": 12},
            shapes=[_upright(place, palette) for place in range(len(data.axes) + 1)],
            annotations=_names(data, palette),
            showlegend=True,
        ),
    }
    return Drawing(_sentence(data), figure, _table(data), rows=raw_rows(data))


def _hidden(extent: list[float]) -> dict[str, Any]:
    return {"range": extent, "visible": False}


def _upright(place: int, palette: Palette) -> dict[str, Any]:
    ends = {"x0": place, "x1": place, "y0": 0, "y1": 1}
    return {
        "type": "line",
        "xref": "x",
        "yref": "y",
        "layer": "below",
        **ends,
        "line": {"color": palette.muted, "width": 1},
    }


def _names(data: ParallelData, palette: Palette) -> list[dict[str, Any]]:
    notes = []
    for place, axis in enumerate(data.axes):
        notes.append(_title(place, axis.title, palette))
        notes += [_tick(place, height, text, palette) for height, text in axis.ticks]
    place = len(data.axes)
    notes.append(_title(place, words(data.metric.name), palette))
    if any(row.result.score is not None for row in data.rows):
        notes += [_tick(place, share, number(_score(data, share)), palette, side="left") for share in (0.0, 0.5, 1.0)]
    if any(row.places[-1] < 0 for row in data.rows):
        notes.append(_tick(place, _DIVERGED, "diverged", palette, side="left"))
    return notes


def _score(data: ParallelData, share: float) -> float:
    return data.low + share * (data.high - data.low)


def _title(place: int, text: str, palette: Palette) -> dict[str, Any]:
    font = {"color": palette.ink, "size": 12.5}
    return {
        "x": place,
        "y": 1,
        "yshift": 16,
        "text": escape(clipped(text, LONGEST_NAME)),
        "showarrow": False,
        "font": font,
    }


def _tick(place: int, height: float, text: str, palette: Palette, side: str = "right") -> dict[str, Any]:
    return {
        "x": place,
        "y": height,
        "xanchor": side,
        "xshift": -5 if side == "right" else 5,
        "text": escape(clipped(text, LONGEST_TICK)),
        "showarrow": False,
        "font": {"color": palette.muted, "size": 11},
        "bgcolor": palette.paper,
        "borderpad": 1,
    }


def _traces(data: ParallelData, palette: Palette, selected: Collection[int]) -> list[dict[str, Any]]:
    diverged = [row for row in data.rows if row.result.score is None]
    scored = [row for row in data.rows if row.result.score is not None]
    best, others = scored[-BEST_SHOWN:], scored[:-BEST_SHOWN]
    thirds = [list(part) for part in np.array_split(np.arange(len(others)), 3)]
    names = ("worse third", "middle third", "better third")
    colors = (palette.context, *(_shade(palette, share) for share in _SHADES))
    traces = [_lines(data, diverged, "diverged", palette.warning, dash="dot")]
    for name, color, part in zip(names, colors, thirds, strict=True):
        traces.append(_lines(data, [others[index] for index in part], name, color))
    traces.append(_lines(data, best, f"best {len(best)}", palette.winner, width=3))
    marked = [row for row in data.rows if row.result.number in selected]
    traces.append(_lines(data, marked, "selected", palette.series[1], width=3))
    return [trace for trace in traces if trace["x"]]


def _shade(palette: Palette, share: float) -> str:
    """Return the colour of the palette's scale at or above a place."""
    return next(color for place, color in palette.scale if place >= share)


def _lines(
    data: ParallelData, rows: Sequence[ParallelRow], name: str, color: str, *, width: float = 1, dash: str = "solid"
) -> dict[str, Any]:
    """Return all of some trials as one trace with a gap behind each: hundreds of traces would make the browser slow."""
    steps = [*range(len(data.axes) + 1), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [step for _ in rows for step in steps],
        "y": [place for row in rows for place in (*(round(place, 4) for place in row.places), None)],
        "text": [_label(row.result, data) for row in rows for _ in steps],
        "customdata": [row.result.id for row in rows for _ in steps],
        "line": {"color": color, "width": width, "dash": dash},
        "opacity": 1 if width > 1 else 0.75,
        "connectgaps": False,
        "hovertemplate": "%{text}<extra></extra>",
    }


def _label(result: TrialResult, data: ParallelData) -> str:
    came = "diverged" if result.score is None else f"{words(data.metric.name)} {number(result.score)}"
    return escape(f"#{result.number} · {params(_told(result, data))} · {came}")


def _told(result: TrialResult, data: ParallelData) -> dict[str, object]:
    values = values_of(result)
    return {axis.name: values[axis.name] for axis in data.axes}


def _sentence(data: ParallelData) -> str:
    some = count(len(data.rows), "trial") if data.asked is None else f"{len(data.rows)} of {count(data.asked, 'trial')}"
    named = [axis.title for axis in data.axes]
    said = f"{some} over {', '.join(named)} and {words(data.metric.name)}"
    if data.left_out:
        said += f"; {count(data.left_out, 'more hyperparameter')} made less of a difference"
    scores = [row.result.score for row in data.rows if row.result.score is not None]
    far = sum(not data.low <= score <= data.high for score in scores)
    return f"{said}; {count(far, 'far worse one')} at the edge." if far else f"{said}."


def _table(data: ParallelData) -> Table:
    shown = sorted(data.rows, key=lambda row: -rank(row.result.score, data.metric))[:MOST_TABLE]
    rows = tuple(
        (
            f"#{row.result.number}",
            *(scalar(value) for value in _told(row.result, data).values()),
            number(row.result.score),
        )
        for row in shown
    )
    return Table(("trial", *(axis.title for axis in data.axes), words(data.metric.name)), rows)


def raw_rows(data: ParallelData) -> tuple[tuple[object, ...], ...]:
    """Return the trials with the values that they took, for a spreadsheet."""
    header = ("trial", *(axis.name for axis in data.axes), data.metric.name, "state")
    results = sorted((row.result for row in data.rows), key=lambda result: result.number)
    return (header, *((r.number, *_told(r, data).values(), r.score, r.state.value) for r in results))

"""A whole Plotly figure as one SVG picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.svg.axis import Trace
from service.svg.bars import bars
from service.svg.frame import Frame, frame
from service.svg.grid import grid, names
from service.svg.heat import ROOM, SPARE, heat_map, scale_beside
from service.svg.key import key
from service.svg.legend import height, legend, rows
from service.svg.markup import coordinate, element
from service.svg.notes import notes, shapes
from service.svg.on_page import LEGEND_ABOVE, page_frame
from service.svg.scale import Scale
from service.svg.scatter import scatter


@dataclass(frozen=True)
class Size:
    """Of a picture, in pixels: also the proportions in which it grows and shrinks."""

    width: float
    height: float


WIDE, NARROW = Size(760, 360), Size(360, 320)
"""For a page or a sheet of paper, and for a telephone: with the same size of words, they are two pictures."""

_NAMES_BEYOND = 24.0
"""Pixels by which the name of a point may stand out of the plot."""

_MUTED = "#646871"

_KINDS: dict[str, Callable[[Trace, Scale, Scale], str]] = {
    "scatter": scatter,
    "scattergl": scatter,
    "bar": bars,
    "heatmap": heat_map,
}


class Undrawable(ValueError):
    """A figure has a trace of a kind that there is no picture of: show its sentence and its table."""


def picture(figure: dict[str, Any], size: Size = WIDE) -> str:
    """Return a figure, drawn with the light palette, as SVG that follows the page's colour scheme.

    The element says nothing to screen readers: the sentence of its `Drawing` stands beside it.

    Raises:
        Undrawable: a trace is of another kind than `_KINDS` has.
    """
    traces = _traces(figure)
    spare = ROOM if _scaled(traces) else 0.0
    return _svg(traces, figure["layout"], size, frame(traces, figure["layout"], size.width, size.height, spare))


def still(figure: dict[str, Any], size: Size) -> str:
    """Return a figure as `picture` does, but with its legend, and all of it where Plotly puts it.

    Raises:
        Undrawable: as of `picture`.
    """
    traces, layout = _traces(figure), figure["layout"]
    entries = rows(key(figure), size.width - layout["margin"]["l"] - layout["margin"]["r"])
    spare = SPARE if _scaled(traces) else 0.0
    found = page_frame(traces, layout, (size.width, size.height), spare, height(entries))
    foot = found.top - LEGEND_ABOVE * (found.bottom - found.top)
    return _svg(traces, layout, size, found, legend(entries, found.left, foot, _color(layout)))


def _svg(traces: list[Trace], layout: dict[str, Any], size: Size, found: Frame, more: str = "") -> str:
    color, scaled = _color(layout), _scaled(traces)
    return element(
        "svg",
        grid(found),
        shapes(layout, found, "below"),
        *(_trace(trace, found) for trace in traces),
        shapes(layout, found, "above"),
        notes(layout, found),
        names(found, color),
        scale_beside(scaled, found, color) if scaled else "",
        more,
        viewBox=f"0 0 {size.width:g} {size.height:g}",
        aria_hidden="true",
    )


def _traces(figure: dict[str, Any]) -> list[Trace]:
    return [_plain(trace) for trace in figure["data"] if trace.get("visible", True) is True]


def _scaled(traces: list[Trace]) -> Trace | None:
    """Return the trace whose colours have a scale beside the plot, None without one."""
    return next((trace for trace in traces if trace["type"] == "heatmap" and trace.get("showscale", True)), None)


def _color(layout: dict[str, Any]) -> str:
    return str(layout.get("font", {}).get("color", _MUTED))


def _plain(trace: Trace) -> Trace:
    kind = trace.get("type", "scatter")
    if kind not in _KINDS:
        raise Undrawable(f"there is no picture of {kind} traces")
    return {**trace, "type": "scatter" if kind == "scattergl" else kind}


def _trace(trace: Trace, found: Frame) -> str:
    """Return a trace, curves cut off at the edges of their axes; marks may stand out as far as they are wide."""
    x, y = found.of(trace)
    drawn = _KINDS[trace["type"]](trace, x, y)
    if trace["type"] != "scatter":
        return drawn
    mode = trace.get("mode", "lines")
    beyond = _NAMES_BEYOND if "text" in mode else 9.0 if "markers" in mode else 2.0
    left, top = min(x.start, x.end) - beyond, min(y.start, y.end) - beyond
    wide, high = abs(x.end - x.start) + 2 * beyond, abs(y.end - y.start) + 2 * beyond
    box = " ".join(coordinate(part) for part in (left, top, wide, high))
    return element("svg", drawn, x=left, y=top, width=wide, height=high, viewBox=box)

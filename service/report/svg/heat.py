"""Heat maps: a cell a pair, its words in whatever ink is read best on it, and the scale beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from service.format import number
from service.report.svg.frame import TEXT, Frame, Trace
from service.report.svg.labels import lines, plain
from service.report.svg.markup import element, words
from service.report.svg.scale import Scale
from service.report.svg.shades import between, shade, words_on

ROOM = 62.0
"""Pixels beside a heat map that the scale of its colours takes."""

_STEPS = 24
_LINE = 1.25
"""Height of a line of a cell's words as a share of their size."""

Cells = Sequence[Sequence[float | None]]


def heat_map(trace: Trace, x: Scale, y: Scale) -> str:
    low, high = _range(trace)
    drawn = []
    for row, (name, values) in enumerate(zip(trace["y"], trace["z"], strict=False)):
        for column, value in enumerate(values):
            box = _box(x, y, trace["x"][column], name, float(trace.get("xgap", 0)), float(trace.get("ygap", 0)))
            if box and value is not None:
                drawn.append(_cell(trace, box, (row, column), _share(trace, value, low, high)))
    return element("g", *drawn)


def _range(trace: Trace) -> tuple[float, float]:
    values = [value for row in trace["z"] for value in row if value is not None and math.isfinite(value)] or [0.0]
    return float(trace.get("zmin", min(values))), float(trace.get("zmax", max(values)))


def _share(trace: Trace, value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 1.0
    return 1 - share if trace.get("reversescale") else share


Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""


def _box(x: Scale, y: Scale, column: object, row: object, xgap: float, ygap: float) -> Box | None:
    """Return the cell of a pair: half a step to either side of it."""
    a, b = x.unit(column), y.unit(row)
    if a is None or b is None:
        return None
    xs, ys = sorted((x.pixel(a - 0.5), x.pixel(a + 0.5))), sorted((y.pixel(b - 0.5), y.pixel(b + 0.5)))
    return xs[0] + xgap / 2, ys[0] + ygap / 2, xs[1] - xs[0] - xgap, ys[1] - ys[0] - ygap


def _cell(trace: Trace, box: Box, at: tuple[int, int], share: float) -> str:
    ground = between(trace["colorscale"], share)
    said = plain(_at(trace.get("hovertext"), at))
    size = {"x": box[0], "y": box[1], "width": box[2], "height": box[3], "rx": 3.0}
    title = [element("title", words(said))] if said else []
    rect = element("rect", *title, fill=ground.light, style=ground.css("fill"), **size)
    ink = words_on(ground)
    font = float(trace.get("textfont", {}).get("size", TEXT))
    said_here = _lines(lines(_at(trace.get("text"), at)), box, font)
    return rect + element("g", said_here, fill=ink.light, style=ink.css("fill"), font_size=font, text_anchor="middle")


def _at(table: object, at: tuple[int, int]) -> object:
    return table[at[0]][at[1]] if isinstance(table, list) else ""


def _lines(said: Sequence[str], box: Box, size: float) -> str:
    x, middle = box[0] + box[2] / 2, box[1] + box[3] / 2
    first = middle - (len(said) - 1) * size * _LINE / 2 + size * 0.36
    return "".join(
        element("text", words(line), x=x, y=first + index * size * _LINE) for index, line in enumerate(said) if line
    )


def scale_beside(trace: Trace, found: Frame, ink: str) -> str:
    """Return the scale of a heat map's colours, best on top, with its ends named."""
    low, high = _range(trace)
    left, tall = found.right + 14, (found.bottom - found.top) / _STEPS
    steps = "".join(
        element(
            "rect",
            x=left,
            y=found.bottom - (index + 1) * tall,
            width=8.0,
            height=tall + 0.5,
            fill=(color := between(trace["colorscale"], (index + 0.5) / _STEPS)).light,
            style=color.css("fill"),
        )
        for index in range(_STEPS)
    )
    ends = (high, low) if trace.get("reversescale") else (low, high)
    said = "".join(
        element("text", words(number(value, 3)), x=left + 13, y=y)
        for value, y in zip(ends, (found.bottom, found.top + 9), strict=True)
    )
    title = plain(trace.get("colorbar", {}).get("title", {}).get("text", ""))
    said += element("text", words(title), x=left + 8, y=found.top - 9, text_anchor="end") if title else ""
    return steps + element("g", said, fill=shade(ink).light, style=shade(ink).css("fill"), font_size=TEXT - 1)

"""Heat maps: a cell a pair, its words in whatever ink is read best on it, and the scale beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from service.format import number
from service.svg.axis import TEXT, Trace
from service.svg.extent import cell_ends
from service.svg.frame import Frame
from service.svg.labels import lines, plain
from service.svg.markup import coordinate, element, words
from service.svg.on_page import TITLE_TEXT
from service.svg.scale import Scale
from service.svg.shades import Shade, between, shade, words_on

ROOM = 62.0
"""Pixels beside a heat map that the scale of its colours takes."""

SPARE = 102.0
"""The same on a page, where the scale's title stands beside it: what Plotly takes with numbers of four digits."""

_STEPS = 24
_FAINT = 0.15
_LINE = 1.25
"""Height of a line of a cell's words as a share of their size."""


class Box(NamedTuple):
    """A cell in pixels, named as SVG names it."""

    x: float
    y: float
    width: float
    height: float


def heat_map(trace: Trace, x: Scale, y: Scale) -> str:
    columns = _edges(x, trace["x"], float(trace.get("xgap", 0)))
    rows = _edges(y, trace["y"], float(trace.get("ygap", 0)))
    drawn = [
        _cell(trace, Box(left, top, wide, high), (row, column))
        for row, (top, high) in enumerate(rows)
        for column, (left, wide) in enumerate(columns)
    ]
    return element("g", *drawn)


def _range(trace: Trace) -> tuple[float, float]:
    values = [value for row in trace["z"] for value in row if value is not None and math.isfinite(value)] or [0.0]
    return float(trace.get("zmin", min(values))), float(trace.get("zmax", max(values)))


def _share(trace: Trace, value: float) -> float:
    low, high = _range(trace)
    if high <= low:
        return 1.0
    share = (value - low) / (high - low)
    return 1 - share if trace.get("reversescale") else share


def _edges(scale: Scale, names: Sequence[object], gap: float) -> list[tuple[float, float]]:
    """Return where the cells of each name begin and how long they are: from halfway to halfway, less the gap."""
    units = [unit for name in names if (unit := scale.unit(name)) is not None]
    ends = [sorted(scale.pixel(end) for end in cell_ends(unit, units)) for unit in units]
    return [(first + gap / 2, last - first - gap) for first, last in ends]


def _cell(trace: Trace, box: Box, at: tuple[int, int]) -> str:
    """Return a cell in its colour with its words on it; only an outline where it has no value."""
    value = trace["z"][at[0]][at[1]]
    if value is None:
        line = between(trace["colorscale"], _FAINT)
        return element("rect", fill="none", stroke=line.light, style=line.css("stroke"), rx=3.0, **box._asdict())
    ground = between(trace["colorscale"], _share(trace, value))
    said = plain(_at(trace.get("hovertext"), at))
    title = [element("title", words(said))] if said else []
    rect = element("rect", *title, fill=ground.light, style=ground.css("fill"), rx=3.0, **box._asdict())
    return rect + _said_in(trace, box, at, words_on(ground))


def _said_in(trace: Trace, box: Box, at: tuple[int, int], ink: Shade) -> str:
    font = float(trace.get("textfont", {}).get("size", TEXT))
    said = _lines(lines(_at(trace.get("text"), at)), box, font)
    return element("g", said, fill=ink.light, style=ink.css("fill"), font_size=font, text_anchor="middle")


def _at(table: object, at: tuple[int, int]) -> object:
    return table[at[0]][at[1]] if isinstance(table, list) else ""


def _lines(said: Sequence[str], box: Box, size: float) -> str:
    x, middle = box.x + box.width / 2, box.y + box.height / 2
    first = middle - (len(said) - 1) * size * _LINE / 2 + size * 0.36
    return "".join(
        element("text", words(line), x=x, y=first + index * size * _LINE) for index, line in enumerate(said) if line
    )


def scale_beside(trace: Trace, found: Frame, ink: str) -> str:
    """Return the scale of a heat map's colours, best on top, with its ends named."""
    low, high = _range(trace)
    left, tall = found.right + (17 if found.turned else 14), (found.bottom - found.top) / _STEPS
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
    said += _title(plain(trace.get("colorbar", {}).get("title", {}).get("text", "")), left, found)
    return steps + element("g", said, fill=shade(ink).light, style=shade(ink).css("fill"), font_size=TEXT - 1)


def _title(title: str, left: float, found: Frame) -> str:
    """Return the title of the scale that begins at `left`: above it, or turned beside its numbers."""
    if not title:
        return ""
    if not found.turned:
        return element("text", words(title), x=left + 8, y=found.top - 9, text_anchor="end")
    place = f"translate({coordinate(left + 56)} {coordinate((found.top + found.bottom) / 2)}) rotate(90)"
    return element("text", words(title), transform=place, text_anchor="middle", font_size=TITLE_TEXT)

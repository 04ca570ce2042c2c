"""Marks of points: their form, size and colour, each saying on hover what it stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from service.svg.curves import Place, Point
from service.svg.labels import plain
from service.svg.markup import coordinate, element, words
from service.svg.shades import Shade, between, shade

Look = dict[str, Any]
"""Plotly's ``marker``: a property is one value for all marks, or a list of one for each."""

USUAL = "#646871"
"""Colour of what names none: that of secondary text."""

_HOLLOW = "-open"
_THIN = ("x-thin", "cross-thin", "line-ns", "line-ew")
_CROSS = ((-1, -0.6), (-0.6, -1), (0, -0.4), (0.6, -1), (1, -0.6), (0.4, 0))
_CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle-up": ((0, -1.1), (1, 0.8), (-1, 0.8)),
    "triangle-down": ((0, 1.1), (1, -0.8), (-1, -0.8)),
    "star": tuple(
        (radius * math.sin(turn * math.pi / 5), -radius * math.cos(turn * math.pi / 5))
        for turn, radius in enumerate((1.15, 0.5) * 5)
    ),
    "x": (*_CROSS, *((-a, -b) for a, b in _CROSS)),
    "x-thin": ((-0.8, -0.8), (0.8, 0.8), (0, 0), (-0.8, 0.8), (0.8, -0.8), (0, 0)),
    "cross-thin": ((-1, 0), (1, 0), (0, 0), (0, -1), (0, 1), (0, 0)),
    "line-ns": ((0, -1), (0, 1)),
    "line-ew": ((-1, 0), (1, 0)),
}
"""Outlines of marks around (0, 0) as shares of the radius; ``y`` grows downwards."""


def each(value: Any, index: int) -> Any:
    """Return what a property is for one point: Plotly takes one value for all, or a list."""
    if isinstance(value, list | tuple):
        return value[index] if index < len(value) else None
    return value


def markers(points: Sequence[Point], look: Look, texts: Any = None) -> str:
    """Return a mark at each of `points`; `texts` say on hover what they stand for."""
    drawn = [
        mark(point, look, index, plain(each(texts, index))) for index, point in enumerate(points) if point is not None
    ]
    opacity = look.get("opacity", 1)
    return element("g", *drawn, opacity=None if opacity == 1 or isinstance(opacity, list) else f"{opacity:g}")


def mark(place: Place, look: Look, index: int = 0, said: str = "") -> str:
    """Return one mark, the one at `index` of those that `look` describes."""
    symbol = str(each(look.get("symbol"), index) or "circle")
    size = float(each(look.get("size"), index) or 6)
    title = [element("title", words(said))] if said else []
    drawn = _paint(look, index, hollow=symbol.endswith(_HOLLOW) or symbol in _THIN)
    form = symbol.removesuffix(_HOLLOW)
    if form not in _CORNERS:
        return element("circle", *title, cx=place[0], cy=place[1], r=size / 2, **drawn)
    return element("path", *title, d=_form(form, place, size / 2), **drawn)


def shade_of(look: Look, index: int = 0) -> Shade:
    """Return the colour of one mark: a name, or a number on the marks' own scale of colours."""
    color = each(look.get("color"), index)
    if isinstance(color, str):
        return shade(color)
    if not isinstance(color, int | float) or not look.get("colorscale"):
        return shade(USUAL)
    numbers = [c for c in look["color"] if isinstance(c, int | float) and math.isfinite(c)]
    low, high = float(look.get("cmin", min(numbers))), float(look.get("cmax", max(numbers)))
    share = (color - low) / (high - low) if high > low else 1.0
    return between(look["colorscale"], 1 - share if look.get("reversescale") else share)


def _paint(look: Look, index: int, *, hollow: bool) -> dict[str, Any]:
    color = shade_of(look, index)
    if hollow:
        return {"fill": "none", "stroke": color.light, "style": color.css("stroke"), "stroke_width": 1.6}
    edge = look.get("line", {})
    name, wide = each(edge.get("color"), index), float(each(edge.get("width"), index) or 0)
    if not isinstance(name, str) or not wide:
        return {"fill": color.light, "style": color.css("fill")}
    rim = shade(name)
    style = f"{color.css('fill')};{rim.css('stroke')}"
    return {"fill": color.light, "stroke": rim.light, "style": style, "stroke_width": wide}


def _form(form: str, center: Place, radius: float) -> str:
    x, y = center
    corners = (f"{coordinate(x + a * radius)} {coordinate(y + b * radius)}" for a, b in _CORNERS[form])
    return f"M{'L'.join(corners)}Z"

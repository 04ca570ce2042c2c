"""Scatter traces: their line, their marks, the errors of their points, the ground below them, words at points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.svg.axis import TEXT, Trace
from service.svg.curves import Point, area, outline, path
from service.svg.labels import lines, plain
from service.svg.markers import USUAL, each, markers
from service.svg.markup import coordinate, element, words
from service.svg.scale import Scale
from service.svg.shades import shade

DASHES = {"dot": "3 3", "dash": "9 9", "dashdot": "9 3 3 3", "longdash": "15 15", "longdashdot": "15 3 3 3"}
"""Lengths of dashes and gaps, as Plotly has them of lines up to three pixels wide."""

_INK = "#22252b"


def scatter(trace: Trace, x: Scale, y: Scale) -> str:
    points = places(trace.get("x") or (), trace.get("y") or (), x, y)
    mode = trace.get("mode", "lines")
    parts = [_ground(trace, points, y), whiskers(trace, x, y)]
    parts += [_line(trace, points)] if "lines" in mode else []
    parts += [markers(points, trace.get("marker", {}), _hover(trace))] if "markers" in mode else []
    parts += [_texts(trace, points)] if "text" in mode else []
    opacity = float(trace.get("opacity", 1))
    return element("g", *parts, opacity=None if opacity == 1 else f"{opacity:g}")


def places(xs: Sequence[Any], ys: Sequence[Any], x: Scale, y: Scale) -> list[Point]:
    """Return where points lie in pixels, None for those that lie nowhere."""
    found = ((x.at(a), y.at(b)) for a, b in zip(xs, ys, strict=False))
    return [None if a is None or b is None else (a, b) for a, b in found]


def _hover(trace: Trace) -> Any:
    return trace.get("hovertext") if "text" in trace.get("mode", "") else trace.get("text")


def _line(trace: Trace, points: Sequence[Point]) -> str:
    look, meta = trace.get("line", {}), trace.get("meta")
    color = shade(look.get("color", USUAL))
    said = plain(meta.get("label")) if isinstance(meta, dict) else ""
    dash = DASHES.get(look.get("dash", "solid"))
    return element(
        "path",
        *([element("title", words(said))] if said else []),
        d=path(points, look.get("shape", "linear")),
        fill="none",
        stroke=color.light,
        style=color.css("stroke"),
        stroke_width=float(look.get("width", 2)),
        stroke_dasharray=dash,
        stroke_linejoin="round",
        stroke_linecap=None if dash else "round",
        class_="curve",
    )


def _ground(trace: Trace, points: Sequence[Point], y: Scale) -> str:
    """Return the ground below a curve, or the inside of a closed one."""
    fill, color = trace.get("fill"), trace.get("fillcolor")
    if fill not in ("tozeroy", "toself") or not isinstance(color, str):
        return ""
    zero = y.at(0)
    drawn = outline(points) if fill == "toself" else area(points, y.start if zero is None else zero)
    return element("path", d=drawn, fill=shade(color).light, style=shade(color).css("fill"))


def _texts(trace: Trace, points: Sequence[Point]) -> str:
    font = trace.get("textfont", {})
    color = shade(font["color"] if isinstance(font.get("color"), str) else _INK)
    drawn = [
        _text(each(trace.get("text"), index), point, str(each(trace.get("textposition"), index) or ""))
        for index, point in enumerate(points)
        if point is not None
    ]
    size = font.get("size", TEXT)
    wide = float(each(size, 0) or TEXT)
    return element("g", *drawn, fill=color.light, style=color.css("fill"), font_size=wide, class_="textpoint")


def _text(label: object, place: tuple[float, float], position: str) -> str:
    anchor, aside = ("start", 8.0) if "right" in position else ("end", -8.0) if "left" in position else ("middle", 0.0)
    below = -9.0 if "top" in position else 17.0 if "bottom" in position else 4.0
    return element("text", words(" ".join(lines(label))), x=place[0] + aside, y=place[1] + below, text_anchor=anchor)


def whiskers(trace: Trace, x: Scale, y: Scale) -> str:
    """Return the errors of a trace's points as lines, symmetric unless ``arrayminus`` says how long they are below."""
    return "".join(
        _whiskers(trace, letter, x, y) for letter in "xy" if (trace.get(f"error_{letter}") or {}).get("array")
    )


def _whiskers(trace: Trace, letter: str, x: Scale, y: Scale) -> str:
    said = trace[f"error_{letter}"]
    above = said["array"]
    below = said.get("arrayminus", above)
    drawn = ""
    for a, b, more, less in zip(trace["x"], trace["y"], above, below, strict=False):
        if more is None or less is None or a is None or b is None:
            continue
        ends = [(a - less, b), (a + more, b)] if letter == "x" else [(a, b - less), (a, b + more)]
        pixels = places([end[0] for end in ends], [end[1] for end in ends], x, y)
        drawn += "".join(
            f"{step}{coordinate(p[0])} {coordinate(p[1])}" for step, p in zip("ML", pixels, strict=True) if p
        )
    color = shade(_whisker_color(trace, said))
    wide = float(said.get("thickness", 1.5))
    return element("path", d=drawn, stroke=color.light, style=color.css("stroke"), stroke_width=wide, fill="none")


def _whisker_color(trace: Trace, said: dict[str, Any]) -> str:
    named = (said.get("color"), trace.get("marker", {}).get("color"))
    return next((color for color in named if isinstance(color, str)), USUAL)

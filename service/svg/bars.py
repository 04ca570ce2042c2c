"""Bars, upright or lying, on a scale of categories or of numbers."""

from __future__ import annotations

from itertools import pairwise

from service.svg.axis import TEXT, Trace
from service.svg.labels import lines, plain
from service.svg.markers import each, shade_of
from service.svg.markup import element, words
from service.svg.scale import Scale
from service.svg.scatter import whiskers
from service.svg.shades import shade

_SHARE = 0.72
"""Share of its place that a bar takes."""


def bars(trace: Trace, x: Scale, y: Scale) -> str:
    """Return the bars of a trace, each with its ``text`` behind its end."""
    lying = trace.get("orientation") == "h"
    along, across = (x, y) if lying else (y, x)
    lengths, places = (trace["x"], trace["y"]) if lying else (trace["y"], trace["x"])
    thick = _thickness(across, places)
    drawn = []
    for index, (length, place) in enumerate(zip(lengths, places, strict=False)):
        base = each(trace.get("base"), index) or 0
        start = along.at(base) if along.kind != "log" else along.start
        end, middle = along.at(length + base if length is not None else None), across.at(place)
        if start is None or end is None or middle is None:
            continue
        drawn.append(_bar(trace, index, (start, end), middle, thick, lying=lying))
    return element("g", *drawn, whiskers(trace, x, y))


def _thickness(across: Scale, places: list[object]) -> float:
    """Return how thick bars may be: most of the way from one to the next."""
    found = sorted({at for place in places if (at := across.at(place)) is not None})
    whole = abs(across.end - across.start)
    least = min((b - a for a, b in pairwise(found)), default=whole / max(1, len(across.names)))
    return min(_SHARE * least, 26.0)


def _bar(trace: Trace, index: int, ends: tuple[float, float], middle: float, thick: float, *, lying: bool) -> str:
    low, long = min(ends), abs(ends[1] - ends[0])
    box = (low, middle - thick / 2, long, thick) if lying else (middle - thick / 2, low, thick, long)
    color = shade_of(trace.get("marker", {}), index)
    said = plain(each(trace.get("hovertext"), index))
    rect = element(
        "rect",
        *([element("title", words(said))] if said else []),
        x=box[0],
        y=box[1],
        width=box[2],
        height=box[3],
        rx=2.0,
        fill=color.light,
        style=color.css("fill"),
    )
    label = " ".join(lines(each(trace.get("text"), index)))
    return rect + (_label(label, ends[1], middle, lying=lying) if label else "")


def _label(label: str, end: float, middle: float, *, lying: bool) -> str:
    x, y, anchor = (end + 6, middle + 4, "start") if lying else (middle, end - 6, "middle")
    ink = shade("#22252b")
    return element(
        "text", words(label), x=x, y=y, text_anchor=anchor, font_size=TEXT, fill=ink.light, style=ink.css("fill")
    )

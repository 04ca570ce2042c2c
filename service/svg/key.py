"""What the colours of a figure mean: its legend as entries, for whoever sets them in words beside the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service.svg.labels import plain
from service.svg.markers import USUAL, mark
from service.svg.markup import element
from service.svg.scatter import DASHES
from service.svg.shades import shade

_WIDE, HIGH = 26.0, 12.0
"""Size of a sample in pixels."""


@dataclass(frozen=True)
class Entry:
    """A line of the legend: ``sample`` is a small SVG of how it is drawn."""

    sample: str
    label: str


def key(figure: dict[str, Any]) -> tuple[Entry, ...]:
    """Return the legend of a Plotly figure, each name once; empty where the layout asks for none."""
    if not figure["layout"].get("showlegend"):
        return ()
    found: dict[str, Entry] = {}
    for trace in figure["data"]:
        label = plain(trace.get("name"))
        if label and trace.get("showlegend", True) and trace["type"] != "heatmap":
            found.setdefault(label, Entry(_sample(trace), label))
    return tuple(found.values())


def _sample(trace: dict[str, Any]) -> str:
    mode = trace.get("mode", "lines") if trace["type"] == "scatter" else "markers"
    drawn = _line(trace) if "lines" in mode else ""
    if "markers" in mode:
        look = dict(trace.get("marker", {})) | ({"symbol": "square", "size": 10} if trace["type"] == "bar" else {})
        drawn += mark((_WIDE / 2, HIGH / 2), look)
    return element("svg", drawn, viewBox=f"0 0 {_WIDE:g} {HIGH:g}", width=_WIDE, height=HIGH, aria_hidden="true")


def _line(trace: dict[str, Any]) -> str:
    look = trace.get("line", {})
    color = shade(look.get("color", USUAL))
    return element(
        "path",
        d=f"M1 {HIGH / 2:g}H{_WIDE - 1:g}",
        stroke=color.light,
        style=color.css("stroke"),
        stroke_width=float(look.get("width", 2)),
        stroke_dasharray=DASHES.get(look.get("dash", "solid")),
    )

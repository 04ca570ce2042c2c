"""The frame that Plotly gives a figure, so that a still picture stands where the plot will be that takes its place.

Plotly begins with the layout's ``margin`` and makes it wider where the names of ticks and the titles of axes need more
(``automargin``), and for a legend that stands above the plot: then with `PAD` to spare. Sizes are Plotly's own.
"""

from __future__ import annotations

from collections.abc import Iterable

from service.svg.axis import TEXT, Axis, Trace
from service.svg.frame import Frame, Said, longest_name, plan
from service.svg.labels import width
from service.svg.scale import Scale

PAD = 12.0
"""Pixels between the edge and whatever made a margin wider."""

NAMES_ASIDE = 3.0
"""Pixels from an axis to the names of its ticks."""

NAMES_HIGH = 15.0
"""Height of these names below a flat axis."""

STANDOFF = 8.0
"""Pixels from there to the title."""

TITLE_TEXT = 14.0
"""Size of titles in pixels: 1.2 times that of ticks, rounded."""

CAPITALS = 0.7
"""Height of capitals as a share of the size: what is reckoned for a title of one line."""

LEGEND_ABOVE = 0.02
"""Height above the plot at which a legend stands, as a share of the plot's."""

_FEWEST, _MOST = 4, 9
_FLAT, _CLOSE = 80.0, 40.0
"""Pixels from one tick to the next, at least about: on a flat axis, and on an upright or a logarithmic one."""


def page_frame(traces: list[Trace], layout: Said, size: tuple[float, float], spare: float, legend: float) -> Frame:
    """Return the frame for `traces` in a picture of a size.

    Args:
        traces: as they are drawn.
        layout: with its ``margin``.
        size: width and height of the picture in pixels.
        spare: pixels on the right that are taken by the scale of a heat map.
        legend: height of the legend in pixels, 0 without one.
    """
    (wide, high), found, margin = size, plan(traces, layout), layout["margin"]
    flat = found.axes("x", margin["l"], wide - margin["r"], _ticks)
    bottom = high - max(margin["b"], max(map(_below, flat.values()), default=0.0))
    top = max(margin["t"], (legend + PAD + LEGEND_ABOVE * bottom) / (1 + LEGEND_ABOVE) if legend else 0.0)
    upright = found.axes("y", bottom, top, _ticks)
    left = max(margin["l"], _beside(axis for axis in upright.values() if not axis.right and _outside(axis, flat)))
    on_right = _beside(axis for axis in upright.values() if axis.right)
    right = wide - max(margin["r"], spare, on_right, max(map(_half_a_name, flat.values()), default=0.0))
    return Frame(left, right, top, bottom, found.axes("x", left, right, _ticks) | upright, turned=True)


def _ticks(scale: Scale) -> int:
    """Return about how many ticks there are on an axis."""
    between = _CLOSE if scale.start > scale.end or scale.kind == "log" else _FLAT
    return int(min(max(scale.length / between, _FEWEST), _MOST)) + 1


def _below(axis: Axis) -> float:
    """Return the room that a flat axis takes below the plot."""
    if not axis.said.get("visible", True):
        return 0.0
    named = axis.said.get("showticklabels", True)
    return (NAMES_ASIDE + NAMES_HIGH if named else 0.0) + _titled(axis) + PAD


def _half_a_name(axis: Axis) -> float:
    """Return the room on the right that the name of a tick takes at the end of a flat axis."""
    at_end = [tick for tick in axis.ticks() if axis.scale.end - axis.scale.pixel(tick.at) < 1]
    return max((width(tick.label, TEXT) / 2 + PAD for tick in at_end), default=0.0)


def _beside(axes: Iterable[Axis]) -> float:
    """Return the room that upright axes take beside the plot."""
    return max((longest_name([axis]) + NAMES_ASIDE + _titled(axis) + PAD for axis in axes), default=0.0)


def _titled(axis: Axis) -> float:
    return STANDOFF + CAPITALS * TITLE_TEXT if axis.title else 0.0


def _outside(axis: Axis, flat: dict[str, Axis]) -> bool:
    """Return whether an upright axis stands at the edge of the plotted area: others stand between two plots."""
    return any(flat[name].said.get("domain", (0, 1))[0] == 0 for name in axis.partners if name in flat)

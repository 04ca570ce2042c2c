"""The frame of a picture: where its axes lie, with their grid, ticks and titles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from service.report.svg.labels import fitted, plain, width
from service.report.svg.markup import coordinate, element, words
from service.report.svg.scale import Scale, scale_of
from service.report.svg.shades import shade
from service.report.svg.ticks import Tick

Trace = dict[str, Any]
TEXT = 12.0
"""Size of ticks and titles in pixels."""

_AXIS = re.compile(r"[xy]axis\d*")
_PERCENT = re.compile(r"\.\d%")
_LEFT, _RIGHT, _BOTTOM = 14.0, 18.0, 26.0
_TITLE = 20.0
_WIDEST = 0.36
"""Share of the picture that the names of a vertical axis may take."""
_BAR_ROOM = 1.06
"""By how much an axis is longer than its longest bar, for the words behind that."""

_LINES_X, _LINES_Y = 84.0, 46.0
"""Pixels from one tick to the next, at least about."""


@dataclass(frozen=True)
class Axis:
    """An axis of the layout.

    Attributes:
        id: ``x``, ``y``, ``y2``, ...
        said: its part of the layout.
        scale: in pixels of the picture.
        partners: ids of the axes of the other direction that it stands on.
    """

    id: str
    said: dict[str, Any]
    scale: Scale
    partners: frozenset[str] = frozenset()

    @property
    def upright(self) -> bool:
        return self.id.startswith("y")

    @property
    def right(self) -> bool:
        return self.said.get("side") == "right"

    def ticks(self) -> tuple[Tick, ...]:
        """Return its ticks, the axis's own where it names them."""
        if not self.said.get("visible", True):
            return ()
        if "tickvals" in self.said:
            return tuple(self._own_ticks())
        length = abs(self.scale.end - self.scale.start)
        found = self.scale.ticks(max(3, round(length / (_LINES_Y if self.upright else _LINES_X))))
        return tuple(self._named(tick) for tick in found if self.scale.shows(tick.at))

    def _named(self, tick: Tick) -> Tick:
        """Return a tick with its name in the axis's own form, where that is a percentage."""
        form = str(self.said.get("tickformat", ""))
        return Tick(tick.at, format(tick.at, form)) if _PERCENT.fullmatch(form) else tick

    def _own_ticks(self) -> Iterator[Tick]:
        values = self.said["tickvals"]
        for value, text in zip(values, self.said.get("ticktext", values), strict=False):
            unit = self.scale.unit(value)
            if unit is not None and self.scale.shows(unit):
                yield Tick(unit, plain(text))

    @property
    def title(self) -> str:
        said = self.said.get("title", "") if self.said.get("visible", True) else ""
        return plain(said.get("text", "") if isinstance(said, dict) else said)


@dataclass(frozen=True)
class Frame:
    """The plotted area in pixels, and its axes by id."""

    left: float
    right: float
    top: float
    bottom: float
    axes: Mapping[str, Axis]

    def scale(self, axis: str) -> Scale:
        return self.axes[axis].scale

    def of(self, trace: Trace) -> tuple[Scale, Scale]:
        """Return the scales that a trace is drawn on."""
        return self.scale(trace.get("xaxis", "x")), self.scale(trace.get("yaxis", "y"))


def frame(traces: list[Trace], layout: dict[str, Any], wide: float, high: float, spare: float) -> Frame:
    """Return the frame for `traces` in a picture of `wide` times `high` pixels, `spare` of them kept free on the right.

    The upright axes are laid out first: the names of their ticks say how much room they take on the left.
    """
    said = {key.replace("axis", ""): value for key, value in layout.items() if _AXIS.fullmatch(key)}
    used = {trace.get(f"{letter}axis", letter) for trace in traces for letter in "xy"}
    scales = {name: _scale(name, said.get(name, {}), traces, layout) for name in sorted(used | said.keys())}
    top = 10.0 + _TITLE * any(_titled(said.get(name, {})) for name in scales if name.startswith("y"))
    bottom = high - _BOTTOM - _TITLE * any(_titled(said.get(name, {})) for name in scales if name.startswith("x"))
    partners = {name: _partners(name, traces, said) for name in scales}

    def axes(letter: str, start: float, end: float) -> dict[str, Axis]:
        return {
            name: Axis(name, said.get(name, {}), _placed(scale, said.get(name, {}), start, end), partners[name])
            for name, scale in scales.items()
            if name.startswith(letter)
        }

    upright = axes("y", bottom, top)
    left = _LEFT + _names_width([axis for axis in upright.values() if not axis.right], wide)
    right = wide - _RIGHT - spare - _names_width([axis for axis in upright.values() if axis.right], wide)
    return Frame(left, right, top, bottom, axes("x", left, right) | upright)


def _partners(name: str, traces: list[Trace], said: dict[str, dict[str, Any]]) -> frozenset[str]:
    """Return the axes that are drawn together with one: those of its traces, and the one that it is anchored to."""
    letter, other = name[0], "y" if name.startswith("x") else "x"
    used = {trace.get(f"{other}axis", other) for trace in traces if trace.get(f"{letter}axis", letter) == name}
    return frozenset(used | ({said[name]["anchor"]} if "anchor" in said.get(name, {}) else set()))


def _titled(said: dict[str, Any]) -> bool:
    return bool(Axis("x", said, Scale("linear", 0, 1)).title)


def _scale(name: str, said: dict[str, Any], traces: list[Trace], layout: dict[str, Any]) -> Scale:
    letter = name[0]
    own = [trace for trace in traces if trace.get(f"{letter}axis", letter) == name]
    values = [value for trace in own for value in _extent(trace, letter)]
    values += _marked(name, layout, log=said.get("type") == "log")
    only_lines = all(trace["type"] == "scatter" and "markers" not in trace.get("mode", "lines") for trace in own)
    heat = any(trace["type"] == "heatmap" for trace in own)
    return scale_of(said, values, 0.0 if heat or (only_lines and letter == "x") else 0.05)


def _marked(name: str, layout: dict[str, Any], *, log: bool) -> list[object]:
    """Return the values that shapes and annotations point at: an axis reaches as far as they do, as Plotly's does."""
    letter = name[0]
    shapes = [said for said in layout.get("shapes", ()) if said.get(f"{letter}ref", letter) == name]
    notes = [said for said in layout.get("annotations", ()) if said.get(f"{letter}ref", letter) == name]
    places = [said[letter] for said in notes if isinstance(said.get(letter), int | float)]
    values = [said[end] for said in shapes for end in (f"{letter}0", f"{letter}1")]
    return values + [10.0**place if log else place for place in places]


def _extent(trace: Trace, letter: str) -> list[object]:
    """Return the values that an axis has to show of a trace: for the length of bars also where they begin."""
    values = list(trace.get(letter) or ())
    lengthwise = "x" if trace.get("orientation") == "h" else "y"
    if trace["type"] == "bar" and letter == lengthwise:
        values += [0.0, *([_BAR_ROOM * max(v for v in values if v is not None)] if trace.get("text") else [])]
    placed = trace["type"] == "heatmap" or (trace["type"] == "bar" and letter != lengthwise)
    if placed and all(isinstance(value, int | float) for value in values):
        values += [end for value in values for end in cell_ends(value, values)]
    errors = (trace.get(f"error_{letter}") or {}).get("array") or ()
    pairs = [(v, e) for v, e in zip(values, errors, strict=False) if v is not None and e is not None]
    return values + [end for value, error in pairs for end in (value - error, value + error)]


def cell_ends(value: float, all_values: Sequence[float]) -> tuple[float, float]:
    """Return where the cell of a heat map, or the place of a bar, begins and ends: half the least step aside."""
    places = sorted(set(all_values))
    half = min((b - a for a, b in pairwise(places)), default=1.0) / 2
    return value - half, value + half


def _placed(scale: Scale, said: dict[str, Any], start: float, end: float) -> Scale:
    """Return the scale in its ``domain``: the share of the way from `start` to `end` that is its own."""
    low, high = said.get("domain", (0, 1))
    return scale.between(start + low * (end - start), start + high * (end - start))


def _names_width(axes: list[Axis], wide: float) -> float:
    shown = [axis for axis in axes if axis.said.get("showticklabels", True)]
    longest = max((width(tick.label, TEXT) for axis in shown for tick in axis.ticks()), default=0.0)
    return min(longest, _WIDEST * wide) + 8.0


# --- drawing -----------------------------------------------------------------------------------------------------


def grid(found: Frame) -> str:
    """Return the grid lines of all axes and the lines that they stand on."""
    return "".join(_grid(axis, found) for axis in found.axes.values())


def _grid(axis: Axis, found: Frame) -> str:
    color = shade(axis.said.get("gridcolor", "#e9e5dc"))
    places = [axis.scale.pixel(tick.at) for tick in axis.ticks()] if axis.said.get("showgrid", True) else []
    if axis.said.get("showline") and not axis.upright:
        places.append(axis.scale.start)
    low, high = _across(axis, found)
    path = "".join(
        f"M{coordinate(low)} {coordinate(at)}H{coordinate(high)}"
        if axis.upright
        else f"M{coordinate(at)} {coordinate(low)}V{coordinate(high)}"
        for at in places
    )
    return element("path", d=path, stroke=color.light, style=color.css("stroke"), fill="none") if path else ""


def _across(axis: Axis, found: Frame) -> tuple[float, float]:
    """Return from where to where the lines of an axis go: over all that it stands on."""
    scales = [found.scale(name) for name in axis.partners if name in found.axes]
    ends = [end for scale in scales for end in (scale.start, scale.end)]
    whole = (found.left, found.right) if axis.upright else (found.top, found.bottom)
    return (min(ends), max(ends)) if ends else whole


def names(found: Frame, color: str) -> str:
    """Return what the axes say: their ticks, and their titles (an upright one's stands above it, to be read)."""
    said = "".join(_tick_names(axis, found) + _title(axis, found) for axis in found.axes.values())
    return element("g", said, fill=shade(color).light, style=shade(color).css("fill"), font_size=TEXT)


def _tick_names(axis: Axis, found: Frame) -> str:
    if not axis.said.get("showticklabels", True):
        return ""
    ticks = axis.ticks() if axis.upright else _apart(axis)
    return "".join(_tick_name(axis, tick, found) for tick in ticks)


def _apart(axis: Axis) -> list[Tick]:
    """Return the ticks of a flat axis whose names do not run into the one before."""
    kept: list[Tick] = []
    free = float("-inf")
    for tick in sorted(axis.ticks(), key=lambda tick: axis.scale.pixel(tick.at)):
        half = width(tick.label, TEXT) / 2
        at = axis.scale.pixel(tick.at)
        if at - half >= free:
            kept.append(tick)
            free = at + half + 6
    return kept


def _tick_name(axis: Axis, tick: Tick, found: Frame) -> str:
    at = axis.scale.pixel(tick.at)
    if not axis.upright:
        return element("text", words(tick.label), x=at, y=_across(axis, found)[1] + 17, text_anchor="middle")
    left, right = _across(axis, found)
    x, anchor = (right + 7, "start") if axis.right else (left - 7, "end")
    room = left - 10 if not axis.right else float("inf")
    return element("text", words(fitted(tick.label, TEXT, room)), x=x, y=at + 4, text_anchor=anchor)


def _title(axis: Axis, found: Frame) -> str:
    if not axis.title:
        return ""
    if not axis.upright:
        y = _across(axis, found)[1] + 17 + _TITLE
        return element("text", words(axis.title), x=axis.scale.end, y=y, text_anchor="end", class_="title")
    left, right = _across(axis, found)
    x, anchor = (right, "end") if axis.right else (0.0 if left == found.left else left, "start")
    return element("text", words(axis.title), x=x, y=axis.scale.end - 9, text_anchor=anchor, class_="title")

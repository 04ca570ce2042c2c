"""What is drawn of axes: grid lines, the names of ticks, titles (an upright axis's above it, or turned beside it)."""

from __future__ import annotations

from service.svg.axis import TEXT, Axis
from service.svg.frame import TITLE, Frame, longest_name
from service.svg.labels import fitted, width
from service.svg.markup import coordinate, element, words
from service.svg.on_page import CAPITALS, NAMES_ASIDE, NAMES_HIGH, STANDOFF, TITLE_TEXT
from service.svg.shades import shade
from service.svg.ticks import Tick


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
    """Return what the axes say: their ticks and their titles."""
    title = _turned_title if found.turned else _title
    said = "".join(_tick_names(axis, found) + title(axis, found) for axis in found.axes.values())
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
        y = _across(axis, found)[1] + 17 + TITLE
        return element("text", words(axis.title), x=axis.scale.end, y=y, text_anchor="end", class_="title")
    left, right = _across(axis, found)
    x, anchor = (right, "end") if axis.right else (0.0 if left == found.left else left, "start")
    return element("text", words(axis.title), x=x, y=axis.scale.end - 9, text_anchor=anchor, class_="title")


def _turned_title(axis: Axis, found: Frame) -> str:
    """Return the title as Plotly sets it: in the middle of its axis, turned beside an upright one."""
    if not axis.title:
        return ""
    middle = (axis.scale.start + axis.scale.end) / 2
    if not axis.upright:
        y = _across(axis, found)[1] + NAMES_ASIDE + NAMES_HIGH + STANDOFF + CAPITALS * TITLE_TEXT
        return element("text", words(axis.title), x=middle, y=y, text_anchor="middle", font_size=TITLE_TEXT)
    left, right = _across(axis, found)
    away = longest_name([axis]) + NAMES_ASIDE + STANDOFF
    x, turn = (right + away, 90) if axis.right else (left - away, -90)
    place = f"translate({coordinate(x)} {coordinate(middle)}) rotate({turn})"
    return element("text", words(axis.title), transform=place, text_anchor="middle", font_size=TITLE_TEXT)

"""What a layout adds to its traces: shapes (marks, regions, frames of cells) and annotations."""

from __future__ import annotations

from typing import Any

from service.svg.axis import TEXT
from service.svg.frame import Frame
from service.svg.labels import lines, width
from service.svg.markers import USUAL
from service.svg.markup import coordinate, element, words
from service.svg.scale import Scale
from service.svg.scatter import DASHES
from service.svg.shades import shade

Said = dict[str, Any]

_ANCHORS = {"left": "start", "center": "middle", "right": "end"}
_DROPS = {"top": 0.85, "middle": 0.35, "bottom": -0.25}
"""How far below its place a line of words has its foot, as a share of its size, by Plotly's anchor."""

_LINE = 1.25


def shapes(layout: Said, found: Frame, layer: str) -> str:
    """Return the layout's shapes of a layer, ``below`` or ``above`` the traces."""
    return "".join(_shape(said, found) for said in layout.get("shapes", ()) if said.get("layer", "above") == layer)


def _inside(x: float, y: float, found: Frame) -> bool:
    """Return whether a place is one that the axes reach: Plotly shows nothing beyond."""
    return found.left - 1 <= x <= found.right + 1 and found.top - 1 <= y <= found.bottom + 1


def _shape(said: Said, found: Frame) -> str:
    x0, x1 = (_of_shape(said[end], said.get("xref", "x"), found) for end in ("x0", "x1"))
    y0, y1 = (_of_shape(said[end], _upright(said.get("yref", "y")), found) for end in ("y0", "y1"))
    look = _look(said)
    if said.get("type") == "line" and not (_inside(x0, y0, found) and _inside(x1, y1, found)):
        return ""
    if said.get("type") == "line":
        drawn = f"M{coordinate(x0)} {coordinate(y0)}L{coordinate(x1)} {coordinate(y1)}"
        return element("path", d=drawn, **look)
    left, top = max(min(x0, x1), found.left - 1), max(min(y0, y1), found.top - 1)
    wide, high = min(max(x0, x1), found.right + 1) - left, min(max(y0, y1), found.bottom + 1) - top
    if wide <= 0 or high <= 0:
        return ""
    return element("rect", x=left, y=top, width=wide, height=high, rx=3.0, **look)


def _look(said: Said) -> dict[str, Any]:
    line = said.get("line", {})
    stroke, fill = shade(line.get("color", USUAL)), said.get("fillcolor")
    ground = shade(fill) if isinstance(fill, str) and fill != "rgba(0,0,0,0)" else None
    wide = float(line.get("width", 1))
    styles = [stroke.css("stroke")] if wide else []
    styles += [ground.css("fill")] if ground else []
    return {
        "fill": ground.light if ground else "none",
        "stroke": stroke.light if wide else None,
        "stroke_width": wide or None,
        "stroke_dasharray": DASHES.get(line.get("dash", "solid")),
        "style": ";".join(styles),
    }


def _of_shape(value: Any, reference: str, found: Frame) -> float:
    """Return the pixel of a shape's corner: on a log axis it is a value, otherwise in the axis's units."""
    scale, whole = _scale(reference, found)
    if whole:
        return _share_of(scale, float(value))
    at = scale.at(value) if scale.kind == "log" or isinstance(value, str) else scale.pixel(float(value))
    return scale.start if at is None else at


def _of_note(value: Any, reference: str, found: Frame) -> float:
    """Return the pixel of an annotation: on a log axis it is a logarithm."""
    scale, whole = _scale(reference, found)
    if whole:
        return _share_of(scale, float(value))
    at = scale.at(value) if isinstance(value, str) else scale.pixel(float(value))
    return scale.start if at is None else at


def _scale(reference: str, found: Frame) -> tuple[Scale, bool]:
    """Return what a reference means, and whether it counts in shares of the whole rather than in values."""
    name, _, domain = reference.partition(" ")
    if name in found.axes:
        return found.scale(name), bool(domain)
    upright = name.startswith("y") or name == _PAPER_Y
    ends = (found.bottom, found.top) if upright else (found.left, found.right)
    return Scale("linear", 0, 1, *ends), True


_PAPER_Y = "paper-y"


def _share_of(scale: Scale, share: float) -> float:
    return scale.start + share * (scale.end - scale.start)


# --- annotations -------------------------------------------------------------------------------------------------


def notes(layout: Said, found: Frame) -> str:
    return "".join(_note(said, found) for said in layout.get("annotations", ()) if said.get("visible", True))


def _note(said: Said, found: Frame) -> str:
    font = said.get("font", {})
    size, color = float(font.get("size", TEXT)), shade(font.get("color", "#22252b"))
    x = _of_note(said.get("x", 0), said.get("xref", "x"), found)
    y = _of_note(said.get("y", 0), _upright(said.get("yref", "y")), found)
    if not _inside(x, y, found):
        return ""
    x, y = x + float(said.get("xshift", 0)), y - float(said.get("yshift", 0))
    text = lines(said.get("text"))
    anchor = _anchor(said, x, max((width(line, size) for line in text), default=0.0), found)
    foot = _foot(said, y, len(text), size)
    drawn = "".join(
        element("text", words(line), x=x, y=foot + index * size * _LINE, text_anchor=_ANCHORS[anchor])
        for index, line in enumerate(text)
    )
    return element("g", drawn, fill=color.light, style=color.css("fill"), font_size=size, class_="note")


def _upright(reference: str) -> str:
    return _PAPER_Y if reference == "paper" else reference


def _anchor(said: Said, x: float, wide: float, found: Frame) -> str:
    """Return the side on which words begin: as said, or the other one where they would leave the picture."""
    anchor: str = said.get("xanchor", "auto")
    if anchor not in _ANCHORS:
        anchor = "center"
    if anchor == "left" and x + wide > found.right + 12:
        return "right"
    return "left" if anchor == "right" and x - wide < 0 else anchor


def _foot(said: Said, y: float, rows: int, size: float) -> float:
    anchor = said.get("yanchor", "middle")
    anchor = anchor if anchor in _DROPS else "middle"
    above = {"top": 0.0, "middle": (rows - 1) / 2, "bottom": rows - 1.0}[anchor]
    return y + size * (_DROPS[anchor] - above * _LINE)

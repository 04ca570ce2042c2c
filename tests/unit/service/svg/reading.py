"""Reading pictures back: parsed as XML, so that every test also says that they are well formed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from service.figures.layout import axis, layout
from service.figures.palette import LIGHT
from service.svg import WIDE, Size, picture

Element = ElementTree.Element
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def figure(
    *traces: dict[str, Any], x: dict[str, Any] | None = None, y: dict[str, Any] | None = None, **more: Any
) -> Any:
    axes = {"xaxis": axis(LIGHT, "step", **(x or {})), "yaxis": axis(LIGHT, "loss", **(y or {}))}
    return {"data": list(traces), "layout": layout(LIGHT, **axes, **more)}


def line(*values: float | None, **more: Any) -> dict[str, Any]:
    """A curve at steps 0, 1, ..."""
    look = {"line": {"color": LIGHT.winner, "width": 2}}
    return {"type": "scatter", "mode": "lines", "x": list(range(len(values))), "y": list(values), **look, **more}


def drawn(found: Any, size: Size = WIDE) -> Element:
    return ElementTree.fromstring(picture(found, size))


def texts(root: Element) -> list[str]:
    return [element.text or "" for element in root.iter("text")]


def coordinates(element: Element) -> Iterator[float]:
    """Yield every number of the element's geometry."""
    for name in ("x", "y", "cx", "cy", "d"):
        yield from (float(number) for number in _NUMBER.findall(element.get(name, "")))


def points(element: Element) -> list[tuple[float, float]]:
    """Return the corners of a path of M and L."""
    numbers = [float(number) for number in _NUMBER.findall(element.get("d", ""))]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def curve(root: Element) -> Element:
    """Return the only line of winner's colour."""
    (found,) = [path for path in root.iter("path") if path.get("stroke") == LIGHT.winner]
    return found

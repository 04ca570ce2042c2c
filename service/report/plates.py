"""The figures of a report: each drawn for a page and for a telephone, with its legend, its sentence and its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from service.figures.drawing import Drawing, Figure, Table
from service.svg import NARROW, WIDE, Size, Undrawable, key, picture


@dataclass(frozen=True)
class Sample:
    """A line of a legend: how it is drawn, and what it stands for."""

    drawn: Markup
    label: str


@dataclass(frozen=True)
class Plate:
    """A figure.

    Attributes:
        sentence: stands for it; where there is nothing to draw, it says why.
        wide: SVG, empty where there is nothing to draw.
        narrow: the same for a telephone; empty where it would be too crowded there.
    """

    title: str
    sentence: str
    wide: Markup
    narrow: Markup
    key: tuple[Sample, ...]
    table: Table


_TALL = 90.0
"""Pixels that a figure is higher for every further part of it."""


def plate(title: str, drawing: Drawing) -> Plate:
    """Return `drawing`, which was made with the light palette, as a plate."""
    entries = key(drawing.figure) if drawing.figure else ()
    return Plate(
        title=title,
        sentence=drawing.sentence,
        wide=_drawn(drawing, WIDE),
        narrow=Markup() if drawing.figure and _crowded(drawing.figure["layout"]) else _drawn(drawing, NARROW),
        key=tuple(Sample(Markup(entry.sample), entry.label) for entry in entries),  # noqa: S704 - markup of ours
        table=drawing.table,
    )


def _drawn(drawing: Drawing, size: Size) -> Markup:
    """Return the picture as markup: `service.svg` escapes every word and every attribute in it."""
    if drawing.figure is None:
        return Markup()
    parts = {tuple(said.get("domain", (0, 1))) for said in _axes(drawing.figure["layout"], "yaxis")}
    try:
        return Markup(picture(drawing.figure, Size(size.width, size.height + _TALL * (len(parts) - 1))))  # noqa: S704 - as said above
    except Undrawable:
        return Markup()


def _crowded(layout: Figure) -> bool:
    """Return whether a figure has more axes beside one another than a telephone is wide."""
    return len(_axes(layout, "xaxis")) > 1 or any(not said.get("visible", True) for said in _axes(layout, "xaxis"))


def _axes(layout: Figure, kind: str) -> list[Figure]:
    return [said for name, said in layout.items() if name.startswith(kind)]

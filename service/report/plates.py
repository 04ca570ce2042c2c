"""The figures of a report: each drawn for a page and for a telephone, with its legend, its sentence and its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from service.figures.drawing import Drawing, Table
from service.report.svg import NARROW, WIDE, Size, Undrawable, key, picture


@dataclass(frozen=True)
class Sample:
    """A line of a legend: how it is drawn, and what it stands for."""

    drawn: Markup
    label: str


@dataclass(frozen=True)
class Plate:
    """A figure. ``wide`` and ``narrow`` are SVG, empty where there is nothing to draw; ``sentence`` then says why."""

    title: str
    sentence: str
    wide: Markup
    narrow: Markup
    key: tuple[Sample, ...]
    table: Table


_TALL = 90.0
"""Pixels that a figure of two parts is higher than others."""


def plate(title: str, drawing: Drawing) -> Plate:
    """Return `drawing`, which was made with the light palette, as a plate."""
    entries = key(drawing.figure) if drawing.figure else ()
    return Plate(
        title=title,
        sentence=drawing.sentence,
        wide=_drawn(drawing, WIDE),
        narrow=_drawn(drawing, NARROW),
        key=tuple(Sample(Markup(entry.sample), entry.label) for entry in entries),  # noqa: S704 - markup of ours
        table=drawing.table,
    )


def _drawn(drawing: Drawing, size: Size) -> Markup:
    """Return the picture as markup: `service.report.svg` escapes every word and every attribute in it."""
    if drawing.figure is None:
        return Markup()
    tall = _TALL if "yaxis2" in drawing.figure["layout"] else 0.0
    try:
        return Markup(picture(drawing.figure, Size(size.width, size.height + tall)))  # noqa: S704 - as said above
    except Undrawable:
        return Markup()

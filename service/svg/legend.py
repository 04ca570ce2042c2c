"""The legend above a plot, as Plotly lays it out: in one row where there is room, otherwise in columns of one width."""

from __future__ import annotations

from collections.abc import Sequence

from service.svg.axis import TEXT
from service.svg.key import HIGH, Entry
from service.svg.labels import width
from service.svg.markup import element, words
from service.svg.shades import shade

ROW = 19.0
"""Height of a row."""

_GAP = 5.0
_TEXT_AT = 40.0
"""Where the words of an entry begin."""

Rows = tuple[tuple[tuple[float, Entry], ...], ...]
"""Entries by row, each with its place from the left."""


def rows(entries: Sequence[Entry], room: float) -> Rows:
    """Return how entries stand in `room` pixels."""
    widths = [_TEXT_AT + width(entry.label, TEXT) + _GAP for entry in entries]
    if sum(widths) <= room:
        return (tuple((sum(widths[:place]), entry) for place, entry in enumerate(entries)),) if entries else ()
    column = max(widths)
    fit = max(1, int(room / column))
    return tuple(
        tuple((place * column, entry) for place, entry in enumerate(entries[first : first + fit]))
        for first in range(0, len(entries), fit)
    )


def height(found: Rows) -> float:
    """Return how high the legend is, 0 where it is empty."""
    return len(found) * ROW + 2 * _GAP if found else 0.0


def legend(found: Rows, left: float, bottom: float, color: str) -> str:
    """Return the legend that ends at `bottom`."""
    top = bottom - height(found) + _GAP
    drawn = "".join(
        _entry(entry, left + at, top + (row + 0.5) * ROW) for row, some in enumerate(found) for at, entry in some
    )
    return element("g", drawn, fill=shade(color).light, style=shade(color).css("fill"), font_size=TEXT)


def _entry(entry: Entry, x: float, middle: float) -> str:
    sample = element("g", entry.sample, transform=f"translate({x + _GAP:g} {middle - HIGH / 2:g})")
    return sample + element("text", words(entry.label), x=x + _TEXT_AT, y=middle + 4)

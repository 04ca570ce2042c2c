"""Mean regret over the budget as an SVG picture: one panel for each budget."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from tests.bench.quality.printing import conditions
from tests.bench.quality.report import OWN, Row, Table

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, LABELS = 330, 300, 48, 34, 40, 118
"""Of a panel, in pixels; labels stand at its right."""

COLOURS = {"guided_search": "#d6336c", "guide": "#f08c00"}
PEER, BEST_PEERS, OTHER = "#1c7ed6", 3, "#ced4da"
LINE_HEIGHT = 13
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def svg(tables: Sequence[Table]) -> str:
    """Return the picture of some tables, side by side, on one logarithmic axis of regret."""
    width = (WIDTH + LABELS) * len(tables)
    values = [value for table in tables for row in table.rows for value in row.curve if value > 0]
    scale = _Scale(max(min(values), TICKS[0] / 2), min(max(values), TICKS[-1]))
    panels = "".join(
        f'<g transform="translate({index * (WIDTH + LABELS)} 0)">{"".join(_panel(table, scale))}</g>'
        for index, table in enumerate(tables)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>{panels}</svg>\n'
    )


class _Scale:
    def __init__(self, low: float, high: float) -> None:
        self.low, self._span = low, math.log(high / low)

    def y(self, regret: float) -> float:
        share = math.log(max(regret, self.low) / self.low) / self._span
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(1.0, share))


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT) * share


def _panel(table: Table, scale: _Scale) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="18" font-weight="bold">{escape(conditions(table.conditions))}</text>'
    yield from _axes(table, scale)
    shown = [*OWN, *[row.method for row in table.rows if row.method not in OWN][:BEST_PEERS]]
    grey = [row for row in table.rows if row.method not in shown]
    named = [row for row in table.rows if row.method in shown]
    yield from (_line(row, scale, OTHER, 1.0) for row in grey)
    yield from (_line(row, scale, _colour(row), 2.2) for row in named)
    yield from _labels(named, scale)


def _axes(table: Table, scale: _Scale) -> Iterator[str]:
    for tick in TICKS:
        if scale.y(tick) > TOP and tick >= scale.low:
            y = scale.y(tick)
            yield f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e9ecef"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
    for share in (0.25, 0.5, 1.0):
        trainings = f"{share * table.conditions.budget:g}"
        yield f'<text x="{_x(share):.1f}" y="{HEIGHT - 24}" text-anchor="middle">{trainings}</text>'
    yield f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 8}" text-anchor="middle">budget consumed, in full trainings</text>'
    yield f'<text x="12" y="{HEIGHT / 2}" transform="rotate(-90 12 {HEIGHT / 2})" text-anchor="middle">regret</text>'


def _line(row: Row, scale: _Scale, colour: str, width: float) -> str:
    points = (f"{_x((i + 1) / len(row.curve)):.1f},{scale.y(value):.1f}" for i, value in enumerate(row.curve))
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _labels(rows: Sequence[Row], scale: _Scale) -> Iterator[str]:
    """Name the lines at their ends, from the top down, moved apart where they would overlap."""
    y = -math.inf
    for row in sorted(rows, key=lambda row: scale.y(row.curve[-1])):
        y = max(y + LINE_HEIGHT, scale.y(row.curve[-1]) + 4)
        yield f'<text x="{WIDTH + 6}" y="{y:.1f}" fill="{_colour(row)}">{escape(row.method)}</text>'


def _colour(row: Row) -> str:
    return COLOURS.get(row.method, PEER)

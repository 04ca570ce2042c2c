"""The joint search: every point at its score with the best so far, and what the model expected of each."""

from __future__ import annotations

from service.figures.drawing import Drawing
from service.figures.labels import escape
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.points import PointData, points, points_sentence, points_table
from service.figures.readings import bounds
from service.format import count, words


def search_drawing(data: PointData, palette: Palette) -> Drawing:
    """Return every point of a search at its score, and the best so far as a line."""
    if not data.rows:
        return Drawing("No point has been evaluated yet.")
    numbers = [row.trial.number for row in data.rows]
    low, high = bounds([row.score for row in data.rows], data.metric)
    best = {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "x": numbers,
        "y": [row.best for row in data.rows],
        "line": {"color": palette.winner, "width": 1.5, "shape": "hv"},
        "hoverinfo": "skip",
    }
    figure = {
        "data": [best, *points(data.rows, palette, numbers, [min(max(r.score, low), high) for r in data.rows])],
        "layout": layout(
            palette,
            xaxis=axis(palette, "trial"),
            yaxis=axis(palette, f"best {escape(words(data.metric.name))} of the run"),
            showlegend=True,
        ),
    }
    far = sum(not low <= row.score <= high for row in data.rows)
    edge = f" {count(far, 'far worse one')} {'stands' if far == 1 else 'stand'} at the edge." if far else ""
    return Drawing(points_sentence(data, "point") + edge, figure, points_table(data))

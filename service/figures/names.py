"""Names on lines: what tells curves apart where neither colour nor dash does, without a legend to look back to."""

from __future__ import annotations

from typing import Any

from service.figures.labels import escape
from service.figures.series import Series


def name_on_line(points: Series, name: str, color: str, place: int, places: int) -> list[dict[str, Any]]:
    """Return `name` as a text on its line, not yet escaped; nothing where there is no point to stand on.

    Lines often end in the same place: each of so many `places` stands further right than the one before.
    """
    at = index_at(points, (place + 1) / (places + 1))
    if at is None:
        return []
    return [
        {
            "type": "scatter",
            "mode": "text",
            "x": [points.steps[at]],
            "y": [points.values[at]],
            "text": [escape(name)],
            "textposition": "top center",
            "textfont": {"color": color, "size": 12},
            "cliponaxis": False,
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]


def index_at(points: Series, share: float) -> int | None:
    """Return the index of the drawn point that is nearest to `share` (0 to 1) of the curve's width, None for none."""
    usable = [index for index, value in enumerate(points.values) if value is not None]
    if not usable:
        return None
    first, last = points.steps[usable[0]], points.steps[usable[-1]]
    wanted = first + share * (last - first)
    return min(usable, key=lambda index: abs(points.steps[index] - wanted))

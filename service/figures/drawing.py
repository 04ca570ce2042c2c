"""What a figure route answers with: the Plotly figure, the sentence that stands for it, and the table behind it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Figure = dict[str, Any]
"""A Plotly figure as plain JSON data: ``{"data": [...], "layout": {...}}``."""


@dataclass(frozen=True)
class Table:
    """The numbers behind a figure, ready to read: for screen readers, and for whoever wants to copy them."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Drawing:
    """A figure with its text alternative. ``figure`` is None where there is nothing to draw; ``sentence`` says why."""

    sentence: str
    figure: Figure | None = None
    table: Table = Table()


def to_json(drawing: Drawing) -> str:
    """Return `drawing` as JSON.

    Raises:
        ValueError: a NaN or an infinity got into the figure (`series.gaps` makes them null).
    """
    table = {"columns": drawing.table.columns, "rows": drawing.table.rows}
    whole = {"sentence": drawing.sentence, "figure": drawing.figure, "table": table}
    return json.dumps(whole, allow_nan=False, separators=(",", ":"))

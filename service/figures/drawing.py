"""What a figure route answers with: the Plotly figure, the sentence that stands for it, and the table behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.figures.scales import scales_of

Figure = dict[str, Any]
"""A Plotly figure as plain JSON data: ``{"data": [...], "layout": {...}}``."""


@dataclass(frozen=True)
class Table:
    """The numbers behind a figure, ready to read: for screen readers, and for whoever wants to copy them."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Drawing:
    """A figure with its text alternative.

    Attributes:
        sentence: what the figure shows, or why there is none.
        figure: None where there is nothing to draw.
        table: the numbers behind it.
        refines: asked again with ``from`` and ``to`` of its horizontal axis, it has more points between them.
        rows: a header and what the figure is drawn from in full precision, for a spreadsheet; empty where its marks
            say that themselves (`service.figures.rows`).
    """

    sentence: str
    figure: Figure | None = None
    table: Table = Table()
    refines: bool = False
    rows: tuple[tuple[object, ...], ...] = ()


def trials_of(drawing: Drawing) -> set[str]:
    """Return the ids of the trials that marks of the figure stand for: ``meta.trial`` of a trace, or ``customdata``."""
    traces = drawing.figure["data"] if drawing.figure else []
    found = {trace.get("meta", {}).get("trial", "") for trace in traces}
    for trace in traces:
        found.update(_texts(trace.get("customdata", ())))
    return found - {""}


def _texts(nested: Any) -> Iterator[str]:
    """Yield the texts of lists within lists."""
    for item in nested:
        if isinstance(item, str):
            yield item
        elif isinstance(item, list | tuple):
            yield from _texts(item)


def to_json(drawing: Drawing, numbers: Mapping[str, int] | None = None, still: str = "") -> str:
    """Return `drawing` as JSON; `numbers` are those of the trials in it, by id, `still` is its picture as SVG.

    Raises:
        ValueError: a NaN or an infinity got into the figure (`series.gaps` makes them null).
    """
    whole = {
        "sentence": drawing.sentence,
        "figure": drawing.figure,
        "table": {"columns": drawing.table.columns, "rows": drawing.table.rows},
        "trials": dict(numbers or {}),
        "scales": {name: vars(scale) for name, scale in scales_of(drawing.figure).items()},
        "refines": drawing.refines,
        "still": still,
    }
    return json.dumps(whole, allow_nan=False, separators=(",", ":"))

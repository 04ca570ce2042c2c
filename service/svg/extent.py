"""How far an axis reaches: over all that its traces, shapes and annotations show on it, as Plotly's own does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from service.svg.axis import Trace
from service.svg.scale import Scale, scale_of

_PADDING = 0.055
"""Share of the range between what an axis shows and its ends: a twentieth of its length, as Plotly leaves."""

_BAR_ROOM = 1.06
"""By how much an axis is longer than its longest bar, for the words behind that."""


def scale_for(name: str, said: dict[str, Any], traces: list[Trace], layout: dict[str, Any]) -> Scale:
    letter = name[0]
    own = [trace for trace in traces if trace.get(f"{letter}axis", letter) == name]
    tight = [value for trace in own if _reaches_ends(trace, letter) for value in _extent(trace, letter)]
    padded = [value for trace in own if not _reaches_ends(trace, letter) for value in _extent(trace, letter)]
    (tight if letter == "x" else padded).extend(_marked(name, layout, log=said.get("type") == "log"))
    return scale_of(said, padded, _PADDING, tight)


def _reaches_ends(trace: Trace, letter: str) -> bool:
    """Return whether a trace may reach to the ends of its axis: cells do, and lines on an axis that lies flat."""
    only_line = trace["type"] == "scatter" and trace.get("mode", "lines") == "lines"
    return trace["type"] == "heatmap" or (only_line and letter == "x")


def _marked(name: str, layout: dict[str, Any], *, log: bool) -> list[object]:
    """Return the values that shapes and annotations point at: an axis reaches as far as they do, as Plotly's does."""
    letter = name[0]
    shapes = [said for said in layout.get("shapes", ()) if said.get(f"{letter}ref", letter) == name]
    notes = [said for said in layout.get("annotations", ()) if said.get(f"{letter}ref", letter) == name]
    places = [said[letter] for said in notes if isinstance(said.get(letter), int | float)]
    values = [said[end] for said in shapes for end in (f"{letter}0", f"{letter}1")]
    return values + [10.0**place if log else place for place in places]


def _extent(trace: Trace, letter: str) -> list[object]:
    """Return the values that an axis has to show of a trace: for the length of bars also where they begin."""
    values = list(trace.get(letter) or ())
    lengthwise = "x" if trace.get("orientation") == "h" else "y"
    if trace["type"] == "bar" and letter == lengthwise:
        values += [0.0, *([_BAR_ROOM * max(v for v in values if v is not None)] if trace.get("text") else [])]
    placed = trace["type"] == "heatmap" or (trace["type"] == "bar" and letter != lengthwise)
    if placed and all(isinstance(value, int | float) for value in values):
        values += [end for value in values for end in cell_ends(value, values)]
    errors = (trace.get(f"error_{letter}") or {}).get("array") or ()
    pairs = [(v, e) for v, e in zip(values, errors, strict=False) if v is not None and e is not None]
    return values + [end for value, error in pairs for end in (value - error, value + error)]


def cell_ends(value: float, all_values: Sequence[float]) -> tuple[float, float]:
    """Return where the cell of a heat map, or the place of a bar, begins and ends: half the least step aside."""
    places = sorted(set(all_values))
    half = min((b - a for a, b in pairwise(places)), default=1.0) / 2
    return value - half, value + half

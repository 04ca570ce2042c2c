"""What a figure is drawn from, as rows in full precision: read off its traces, whatever figure it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from itertools import zip_longest
from typing import Any

from service.figures.drawing import Drawing

Row = tuple[object, ...]

_TAG = re.compile(r"<[^>]*>")


def figure_rows(drawing: Drawing, numbers: Mapping[str, int]) -> Iterator[Row]:
    """Yield a header, and then a row for each mark of the figure; None where there is a gap.

    Curves and points have columns ``trial, series`` and their coordinates, cells of a heat map their value as well,
    lines of parallel coordinates a column a dimension. Where a figure has nothing of these it is its table; where it
    brings rows of its own, those.

    Args:
        drawing: the figure.
        numbers: of the trials in it, by id.
    """
    if drawing.rows:
        yield from drawing.rows
        return
    traces = drawing.figure["data"] if drawing.figure else []
    layout = drawing.figure["layout"] if drawing.figure else {}
    titles = [_title(layout, axis, axis[0]) for axis in ("xaxis", "yaxis")]
    if any("z" in trace for trace in traces):
        yield ("trial", *titles, "value")
        yield from (row for trace in traces if "z" in trace for row in _cells(trace, numbers))
    elif any("x" in trace and "y" in trace for trace in traces):
        yield ("trial", "series", *titles)
        yield from (row for trace in traces if trace.get("mode") != "text" for row in _points(trace, numbers))
    elif any("dimensions" in trace for trace in traces):
        yield from _lines(next(trace for trace in traces if "dimensions" in trace), numbers)
    else:
        yield drawing.table.columns
        yield from drawing.table.rows


def _title(layout: Mapping[str, Any], axis: str, otherwise: str) -> str:
    return _plain(layout.get(axis, {}).get("title", {}).get("text") or otherwise)


def _plain(text: object) -> str:
    """Return what Plotly shows of a text."""
    return unescape(_TAG.sub(" ", str(text)))


def _points(trace: Mapping[str, Any], numbers: Mapping[str, int]) -> Iterator[Row]:
    meta = trace.get("meta") or {}
    whole, series = (
        numbers.get(meta.get("trial") or meta.get("behind", "")),
        _plain(meta.get("label") or trace.get("name") or ""),
    )
    for x, y, own in zip_longest(trace.get("x", ()), trace.get("y", ()), _flat(trace.get("customdata", ()))):
        yield (_number(own, numbers, whole), series, x, y)


def _cells(trace: Mapping[str, Any], numbers: Mapping[str, int]) -> Iterator[Row]:
    owners = trace.get("customdata") or [()] * len(trace["z"])
    for y, values, own in zip(trace["y"], trace["z"], owners, strict=True):
        for x, value, trial in zip_longest(trace["x"], values, own):
            yield (_number(trial, numbers), x, y, value)


def _lines(trace: Mapping[str, Any], numbers: Mapping[str, int]) -> Iterator[Row]:
    dimensions = trace["dimensions"]
    yield ("trial", *(_plain(dimension.get("label", "")) for dimension in dimensions))
    owners = _flat(trace.get("customdata", ()))
    for own, *values in zip_longest(owners, *(dimension["values"] for dimension in dimensions)):
        yield (_number(own, numbers), *values)


def _flat(owners: Sequence[Any]) -> list[Any]:
    """Return what each mark stands for: the first of several things that are known of it."""
    return [owner[0] if isinstance(owner, list | tuple) and owner else owner for owner in owners]


def _number(owner: Any, numbers: Mapping[str, int], otherwise: int | None = None) -> int | None:
    return numbers.get(owner, otherwise) if isinstance(owner, str) else otherwise

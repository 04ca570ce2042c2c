"""How a figure is answered: as JSON for the page, as CSV for a spreadsheet. One way for the figures of all pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from fastapi import Response
from fastapi.responses import StreamingResponse

from service.export import csv_line
from service.figures.drawing import Drawing, to_json, trials_of
from service.figures.rows import figure_rows
from service.pages.stills import still_of
from service.svg import Size
from studies.storage.port import StudyStore

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 100

LINES_AT_ONCE = 2_000


def as_json(drawing: Drawing, store: StudyStore | None = None, still: Size | None = None) -> Response:
    """Answer with the figure, and with a picture of it if one of a size is asked for.

    From `store` come the numbers of the trials in it, by which they are selected.
    """
    numbers = store.trial_numbers(trials_of(drawing)) if store else None
    text = to_json(drawing, numbers, still_of(drawing, still))
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})


def as_csv(drawing: Drawing, store: StudyStore, name: str) -> Response:
    """Answer with what the figure is drawn from as a file; `name` may hold anything."""
    safe = _UNSAFE.sub("-", name)[:_LONGEST_NAME].strip("-.") or "figure"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{safe}.csv"'}
    pieces = _pieces(drawing, store.trial_numbers(trials_of(drawing)))
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


def _pieces(drawing: Drawing, numbers: Mapping[str, int]) -> Iterator[str]:
    """Yield the lines, `LINES_AT_ONCE` together: each piece is a turn of its own on a thread."""
    lines = (csv_line(["" if cell is None else str(cell) for cell in row]) for row in figure_rows(drawing, numbers))
    while piece := "".join(islice(lines, LINES_AT_ONCE)):
        yield piece

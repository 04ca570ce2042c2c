"""A study as a file: its trials as CSV for a spreadsheet, or everything as one JSON document. Streamed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from studies.contract.views import StudyView, TrialView
from studies.storage.port import StudyStore

PAGE = 500
FIXED = ("number", "id", "stage", "key", "state", "num_steps", "seed", "schedule", "reason", "ended_because")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def all_trials(store: StudyStore, study_id: str) -> Iterator[TrialView]:
    """Yield a study's trials in order of number, page by page."""
    after: int | None = None
    while True:
        page = store.list_trials(study_id, after, PAGE)
        yield from page.trials
        after = page.next_after
        if after is None:
            return


def json_lines(store: StudyStore, study: StudyView) -> Iterator[str]:
    """Yield one JSON document ``{study, decisions, trials}`` in pieces."""
    decisions = ",".join(record.model_dump_json() for record in store.decisions(study.id))
    yield f'{{"study":{study.model_dump_json()},"decisions":[{decisions}],"trials":['
    separator = "\n"
    for trial in all_trials(store, study.id):
        yield separator + trial.model_dump_json()
        separator = ",\n"
    yield "\n]}\n"


def csv_lines(store: StudyStore, study: StudyView) -> Iterator[str]:
    """Yield a header and a line per trial; ``params.*`` and ``metrics.*`` columns are those that any trial has."""
    params, metrics = _columns(all_trials(store, study.id))
    header = [*FIXED, *(f"params.{name}" for name in params)]
    header += [f"metrics.{name}.{part}" for name in metrics for part in ("last", "minimum", "maximum")]
    yield csv_line(header)
    for trial in all_trials(store, study.id):
        yield csv_line(_cells(trial, params, metrics))


def neutral(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: ``'`` before ``= + - @``, unless it is a number."""
    if cell.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def _columns(trials: Iterator[TrialView]) -> tuple[Sequence[str], Sequence[str]]:
    params: set[str] = set()
    metrics: set[str] = set()
    for trial in trials:
        params |= trial.params.keys()
        metrics |= trial.metrics.keys()
    return sorted(params), sorted(metrics)


def _cells(trial: TrialView, params: Sequence[str], metrics: Sequence[str]) -> list[str]:
    cells = [str(getattr(trial, name)) for name in FIXED if name != "schedule"]
    cells.insert(FIXED.index("schedule"), trial.schedule.kind)
    cells += [str(trial.params.get(name, "")) for name in params]
    for name in metrics:
        summary = trial.metrics.get(name)
        cells += [""] * 3 if summary is None else [str(x) for x in (summary.last, summary.minimum, summary.maximum)]
    return cells


def csv_line(cells: Sequence[str]) -> str:
    """Return a line of CSV in which no cell is a formula (see `neutral`)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([neutral(cell) for cell in cells])
    return text.getvalue()

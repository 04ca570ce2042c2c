"""A study as a file: its trials as CSV for a spreadsheet, or everything as one JSON document. Streamed."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable, Iterator, Sequence

from studies.contract.trial_query import Param, Term, TrialQuery
from studies.contract.views import StudyView, TrialView
from studies.core.query import Vocabulary, reader, term_text
from studies.storage.port import StudyStore

PAGE = 500
FIXED = ("number", "id", "stage", "key", "state", "num_steps", "seed", "schedule", "reason", "ended_because")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Trials = Callable[[], Iterator[TrialView]]
"""The trials of a file, from the first one again with each call."""


def all_trials(store: StudyStore, study_id: str) -> Iterator[TrialView]:
    """Yield a study's trials in order of number, page by page."""
    after: int | None = None
    while True:
        page = store.list_trials(study_id, after, PAGE)
        yield from page.trials
        after = page.next_after
        if after is None:
            return


def numbered_trials(store: StudyStore, study_id: str, numbers: Sequence[int]) -> Iterator[TrialView]:
    """Yield the trials with these numbers in this order, page by page, as they are when their page is read."""
    for start in range(0, len(numbers), PAGE):
        wanted = numbers[start : start + PAGE]
        found = {trial.number: trial for trial in store.trials_numbered(study_id, wanted)}
        yield from (found[number] for number in wanted if number in found)


def asked_for(store: StudyStore, study_id: str, query: TrialQuery | None) -> Trials:
    """Return the trials that `query` asks for, all of them where there is none. Which they are is settled at once."""
    if query is None:
        return lambda: all_trials(store, study_id)
    numbers = store.find_numbers(study_id, query)
    return lambda: numbered_trials(store, study_id, numbers)


def json_lines(store: StudyStore, study: StudyView, trials: Trials) -> Iterator[str]:
    """Yield one JSON document ``{study, decisions, trials}`` in pieces."""
    decisions = ",".join(record.model_dump_json() for record in store.decisions(study.id))
    yield f'{{"study":{study.model_dump_json()},"decisions":[{decisions}],"trials":['
    separator = "\n"
    for trial in trials():
        yield separator + trial.model_dump_json()
        separator = ",\n"
    yield "\n]}\n"


def csv_lines(trials: Trials) -> Iterator[str]:
    """Yield a header and a line per trial; ``params.*`` and ``metrics.*`` columns are those that any trial has."""
    params, metrics = _columns(trials())
    header = [*FIXED, *(f"params.{name}" for name in params)]
    header += [f"metrics.{name}.{part}" for name in metrics for part in ("last", "minimum", "maximum")]
    yield csv_line(header)
    for trial in trials():
        yield csv_line(_cells(trial, params, metrics))


def chosen_csv_lines(trials: Trials, terms: Sequence[Term], vocabulary: Vocabulary) -> Iterator[str]:
    """Yield a header and a line per trial with these columns, named as a filter names them."""
    now = time.time()
    yield csv_line([term_text(term, vocabulary) for term in terms])
    for trial in trials():
        value = reader(trial, now)
        yield csv_line(
            [_cell(trial.params.get(term.name) if isinstance(term, Param) else value(term)) for term in terms]
        )


def neutral(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: ``'`` before ``= + - @``, unless it is a number."""
    if cell.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def csv_line(cells: Sequence[str]) -> str:
    """Return a line of CSV in which no cell is a formula (see `neutral`)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([neutral(cell) for cell in cells])
    return text.getvalue()


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


def _cell(value: object) -> str:
    """Return a value as text: whole numbers without a point, nothing where there is none."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004 (exact up to here)
        return str(int(value))
    return "" if value is None else str(value)

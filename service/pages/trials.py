"""The trial table of a study's page: filtered, sorted and cut into pages by the store."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep, StudyId
from service.format import count
from service.pages.page_route import PageRoute
from service.pages.rendering import page
from service.pages.table_state import ROW_CHOICES, ROWS, TableState, TableStateDep
from service.pages.trial_columns import (
    Cell,
    ChoiceGroup,
    cell,
    chosen_terms,
    default_terms,
    groups,
    is_numeric,
    title,
)
from service.pages.trial_help import Help, Mistake, filter_help, mistake
from service.trial_queries import Asked, vocabulary_with
from studies.contract.trial_query import Fact, Measure, Order, Term, TrialQuery
from studies.contract.views import StudyView, TrialPage, TrialView
from studies.core.query import Vocabulary, parse_filter, reader, term_text
from studies.errors import InvalidFilter
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)

Way = Literal["first", "previous", "next", "last"]


@dataclass(frozen=True)
class Column:
    """A column. ``sort`` is the query of the table sorted by it; ``sorted`` says how it is sorted by it now."""

    title: str
    numeric: bool
    sort: str
    sorted: Literal["", "ascending", "descending"]


@dataclass(frozen=True)
class TrialRow:
    trial: TrialView
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class PageLink:
    """A step to another page; ``query`` is None where there is none."""

    way: Way
    query: str | None


@dataclass(frozen=True)
class TrialsContext:
    """A page of trials.

    Attributes:
        state: what the address says; what it says and cannot be is left out.
        found: how many trials there are, in words, of how many.
        span: which of them are shown, in words.
        choices: all columns; usual: the names of those that are shown where nobody chose, with commas.
        unchosen: the query of the table with the usual columns.
        unfiltered: the query of the table without a filter.
        csv_shown: the query of a file with what is shown, of all pages; csv_all: with all columns.
        nothing: why there is no row, where there is none.
    """

    study_id: str
    state: TableState
    mistake: Mistake | None
    columns: tuple[Column, ...]
    rows: tuple[TrialRow, ...]
    found: str
    span: str
    steps: tuple[PageLink, ...]
    row_choices: tuple[int, ...]
    choices: tuple[ChoiceGroup, ...]
    usual: str
    unchosen: str
    unfiltered: str
    csv_shown: str
    csv_all: str
    help: Help
    nothing: str


def trials_context(store: StudyStore, study: StudyView, state: TableState) -> TrialsContext:
    """Return the table as `state` asks for it; a filter that cannot be read is not used, and its mistake is told."""
    params = store.known_params(study.id)
    vocabulary = vocabulary_with(store, study, params)
    chosen = chosen_terms(state.columns, vocabulary)
    state = _possible(state if chosen else replace(state, columns=""), vocabulary)
    query, wrong = _read(state.asked, vocabulary)
    found, state = _found(store, study.id, query, state)
    usual = default_terms(study, params, vocabulary)
    shown = chosen or usual
    total = found.total or 0
    return TrialsContext(
        study_id=study.id,
        state=state,
        mistake=wrong,
        columns=tuple(_column(term, query.order, state, vocabulary) for term in (Fact("number"), *shown)),
        rows=_rows(found.trials, shown),
        found=_found_words(total, study.progress.trials, filtered=query.filter is not None),
        span=_span(state, total),
        steps=_steps(state, total),
        row_choices=ROW_CHOICES,
        choices=groups(vocabulary, shown),
        usual=_names(usual, vocabulary),
        unchosen=replace(state, columns="").query(),
        unfiltered=state.filtered("").query(),
        csv_shown=_file(state, _names((Fact("number"), *shown), vocabulary)),
        csv_all=_file(state, ""),
        help=filter_help(study, params, vocabulary, state),
        nothing=_nothing(study, filtered=query.filter is not None) if not found.trials else "",
    )


# --- what is asked -----------------------------------------------------------------------------------------------


def _possible(state: TableState, vocabulary: Vocabulary) -> TableState:
    """Return `state` without an order that cannot be read, as after its hyperparameter is gone."""
    try:
        state.asked.read_order(vocabulary)
    except InvalidFilter:
        return replace(state, asked=Asked(state.asked.filter))
    return state


def _read(asked: Asked, vocabulary: Vocabulary) -> tuple[TrialQuery, Mistake | None]:
    order = asked.read_order(vocabulary)
    try:
        return TrialQuery(parse_filter(asked.filter, vocabulary), order), None
    except InvalidFilter as error:
        return TrialQuery(None, order), mistake(asked.filter, error)


def _found(store: StudyStore, study_id: str, query: TrialQuery, state: TableState) -> tuple[TrialPage, TableState]:
    """Return the page asked for, the last one where that lies behind it."""
    found = store.find_trials(study_id, replace(query, offset=(state.page - 1) * state.rows, limit=state.rows))
    last = _pages(found.total or 0, state.rows)
    if state.page <= last:
        return found, state
    state = replace(state, page=last)
    return store.find_trials(study_id, replace(query, offset=(last - 1) * state.rows, limit=state.rows)), state


def _pages(total: int, rows: int) -> int:
    return max(1, math.ceil(total / rows))


# --- what is shown -----------------------------------------------------------------------------------------------


def _rows(trials: Sequence[TrialView], shown: Sequence[Term]) -> tuple[TrialRow, ...]:
    now = time.time()
    return tuple(
        TrialRow(trial, tuple(cell(trial, term, value) for term in shown))
        for trial, value in ((trial, reader(trial, now)) for trial in trials)
    )


def _column(term: Term, order: Order, state: TableState, vocabulary: Vocabulary) -> Column:
    """Return a column; a click on it sorts by it, the best first, and a second click the other way round."""
    is_sorted = term == order.term
    best_last = isinstance(term, Measure) and term.metric == vocabulary.metric.name and vocabulary.best_part == "max"
    descending = not order.descending if is_sorted else best_last
    name = "" if term == Fact("number") else term_text(term, vocabulary)
    how: Literal["", "ascending", "descending"] = "descending" if order.descending else "ascending"
    return Column(
        "Trial" if term == Fact("number") else title(term, vocabulary),
        is_numeric(term) and term != Fact("number"),
        state.sorted(name, "desc" if descending else "asc").query(),
        how if is_sorted else "",
    )


def _found_words(total: int, trials: int, *, filtered: bool) -> str:
    return f"{total:,} of {count(trials, 'trial')}" if filtered else count(total, "trial")


def _span(state: TableState, total: int) -> str:
    first = (state.page - 1) * state.rows
    last = min(total, first + state.rows)
    return f"{first + 1:,} to {last:,}" if last > first else ""


def _steps(state: TableState, total: int) -> tuple[PageLink, ...]:
    """Return the ways to other pages, none where there is one alone."""
    last = _pages(total, state.rows)
    if last == 1:
        return ()
    here = state.page
    ways: dict[Way, int] = {"first": 1, "previous": here - 1, "next": here + 1, "last": last}
    return tuple(
        PageLink(way, replace(state, page=to).query() if to != here and 1 <= to <= last else None)
        for way, to in ways.items()
    )


def _names(terms: Sequence[Term], vocabulary: Vocabulary) -> str:
    return ",".join(term_text(term, vocabulary) for term in terms)


def _file(state: TableState, columns: str) -> str:
    """Return the query of a file with all trials that the table has, not its page alone."""
    query = replace(state, page=1, rows=ROWS, columns=columns).query()
    return f"?format=csv&{query[1:]}" if query else "?format=csv"


def _nothing(study: StudyView, *, filtered: bool) -> str:
    if filtered and study.progress.trials:
        return "No trial matches. Trials without the value asked for, such as a metric not reported yet, never do."
    if study.state.ended:
        return "This study ended before its first trial."
    return "No trial yet: the first ones appear as soon as the first stage opens."


@router.get("/studies/{study_id}/parts/trials", name="study_trials")
def study_trials(request: Request, store: StoreDep, study_id: StudyId, state: TableStateDep) -> HTMLResponse:
    return page(request, "parts/trials.html", trials_context(store, store.get_study(study_id), state))

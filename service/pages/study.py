"""``/studies/{id}``: the story first, then the curves as they come, then every trial."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep, StudyId
from service.figures.axes import TITLES, Axis
from service.format import sentence
from service.pages.page_route import PageRoute
from service.pages.reading import commands, in_order
from service.pages.rendering import page
from service.pages.selection import SelectionContext, selection_context
from service.pages.story import StageCard, story, told_of
from service.pages.study_list import ChosenLine, StageMark, best_values, chosen_line, size_words, stage_line
from service.selection import Selection
from studies.contract.states import StudyCommand
from studies.contract.views import StudyView, TrialView
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)

ROWS = 100
MOST_ROWS = 1_000


@dataclass(frozen=True)
class HeaderContext:
    """The top of the page. ``percent`` is the share of the trials asked for that have ended."""

    study: StudyView
    reason: str
    commands: tuple[StudyCommand, ...]
    stages: tuple[StageMark, ...]
    chosen: ChosenLine | None
    best: tuple[tuple[str, str], ...]
    best_number: int | None
    size: str
    percent: int
    now: float


@dataclass(frozen=True)
class TrialRow:
    """A row of the trial table. ``score`` is the best value of the study's metric."""

    trial: TrialView
    score: float | None
    steps: int


@dataclass(frozen=True)
class TrialsContext:
    """A page of trials. ``param_names`` are the table's columns.

    Attributes:
        more: the query that shows more trials, empty on the last page.
        back: whether there are trials before the first row.
    """

    metric: str
    param_names: tuple[str, ...]
    rows: tuple[TrialRow, ...]
    more: str
    back: bool


@dataclass(frozen=True)
class StoryContext:
    study_id: str
    cards: tuple[StageCard, ...]


@dataclass(frozen=True)
class ControlsContext:
    """What can be chosen for the live curves: the metrics by name, the study's own first, and what they stand over."""

    metrics: tuple[str, ...]
    axes: tuple[tuple[Axis, str], ...] = tuple(TITLES.items())


@dataclass(frozen=True)
class StudyContext:
    study: StudyView
    header: HeaderContext
    story: StoryContext
    controls: ControlsContext
    trials: TrialsContext
    selection: SelectionContext


def header_context(study: StudyView, best_number: int | None) -> HeaderContext:
    progress = study.progress
    return HeaderContext(
        study=study,
        reason=sentence(study.reason or study.waiting_because),
        commands=tuple(commands(study.state)),
        stages=stage_line(study.stages),
        chosen=chosen_line(study),
        best=best_values(study),
        best_number=best_number,
        size=size_words(study.size),
        percent=round(100 * progress.trials_ended / progress.trials) if progress.trials else 0,
        now=time.time(),
    )


def trials_context(store: StudyStore, study: StudyView, after: int | None, limit: int) -> TrialsContext:
    found = store.list_trials(study.id, after, limit)
    names = dict.fromkeys(name for trial in found.trials for name in trial.params)
    return TrialsContext(
        metric=study.spec.metric.name,
        param_names=tuple(names),
        rows=tuple(_row(trial, study) for trial in found.trials),
        more="" if found.next_after is None else _more(after, found.next_after, limit),
        back=after is not None,
    )


def _more(after: int | None, next_after: int, limit: int) -> str:
    """Return the query for a longer table, or for the next one where this is as long as a table may get."""
    if limit >= MOST_ROWS:
        return f"?after={next_after}&limit={MOST_ROWS}"
    grown = min(MOST_ROWS, limit + 2 * ROWS)
    return f"?limit={grown}" if after is None else f"?after={after}&limit={grown}"


def _row(trial: TrialView, study: StudyView) -> TrialRow:
    own = trial.metrics.get(study.spec.metric.name)
    maximize = study.spec.metric.direction == "maximize"
    score = None if own is None else own.maximum if maximize else own.minimum
    steps = max((summary.last_step for summary in trial.metrics.values()), default=0)
    return TrialRow(trial, score, steps)


def _header(store: StudyStore, study: StudyView) -> HeaderContext:
    best = study.best.trial_id if study.best else ""
    return header_context(study, store.trial_numbers([best]).get(best))


def _story(store: StudyStore, study: StudyView) -> StoryContext:
    return StoryContext(study.id, story(study, store.trial_numbers(told_of(study))))


def _controls(store: StudyStore, study: StudyView) -> ControlsContext:
    return ControlsContext(tuple(in_order(store.metric_names(study.id), study)))


@router.get("/studies/{study_id}", name="study")
def study_page(request: Request, store: StoreDep, study_id: StudyId, selection: Selection) -> HTMLResponse:
    study = store.get_study(study_id)
    context = StudyContext(
        study=study,
        header=_header(store, study),
        story=_story(store, study),
        controls=_controls(store, study),
        trials=trials_context(store, study, None, ROWS),
        selection=selection_context(store, study_id, selection),
    )
    return page(request, "study.html", context)


@router.get("/studies/{study_id}/parts/header", name="study_header")
def study_header(request: Request, store: StoreDep, study_id: StudyId) -> HTMLResponse:
    return page(request, "parts/study_header.html", _header(store, store.get_study(study_id)))


@router.get("/studies/{study_id}/parts/story", name="study_story")
def study_story(request: Request, store: StoreDep, study_id: StudyId) -> HTMLResponse:
    return page(request, "parts/story.html", _story(store, store.get_study(study_id)))


@router.get("/studies/{study_id}/parts/controls", name="study_controls")
def study_controls(request: Request, store: StoreDep, study_id: StudyId) -> HTMLResponse:
    return page(request, "parts/controls.html", _controls(store, store.get_study(study_id)))


@router.get("/studies/{study_id}/parts/trials", name="study_trials")
def study_trials(
    request: Request,
    store: StoreDep,
    study_id: StudyId,
    after: Annotated[int | None, Query(ge=-1)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = ROWS,
) -> HTMLResponse:
    study = store.get_study(study_id)
    return page(request, "parts/trials.html", trials_context(store, study, after, limit))

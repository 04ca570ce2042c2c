"""``/studies/{id}``: the story first, then the curves as they come, then every trial."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep, StudyId
from service.figures.axes import TITLES, Axis
from service.format import sentence
from service.pages.glance import (
    ChosenLine,
    Fact,
    StageMark,
    best_values,
    chosen_line,
    facts,
    size_words,
    stage_line,
)
from service.pages.page_route import PageRoute
from service.pages.reading import commands, in_order
from service.pages.rendering import page
from service.pages.selection import SelectionContext, selection_context
from service.pages.story import StageCard, story, told_of
from service.pages.study_filter import address
from service.pages.table_state import TableStateDep
from service.pages.trials import TrialsContext, trials_context
from service.selection import Selection
from studies.contract.states import StudyCommand
from studies.contract.study_query import StudyQuery
from studies.contract.views import StudyView
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)


@dataclass(frozen=True)
class HeaderContext:
    """The top of the page. ``percent`` is the share of the trials asked for that have ended.

    ``tags`` come with the address of the list of studies that have them.
    """

    study: StudyView
    reason: str
    commands: tuple[StudyCommand, ...]
    stages: tuple[StageMark, ...]
    facts: tuple[Fact, ...]
    tags: tuple[tuple[str, str], ...]
    owned: str
    chosen: ChosenLine | None
    best: tuple[tuple[str, str], ...]
    best_number: int | None
    size: str
    percent: int
    now: float


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
        commands=tuple(commands(study)),
        stages=stage_line(study.stages),
        facts=facts(study),
        tags=tuple((tag, address(StudyQuery(tags=(tag,)))) for tag in study.tags),
        owned=address(StudyQuery(owner=study.owner)),
        chosen=chosen_line(study),
        best=best_values(study),
        best_number=best_number,
        size=size_words(study.size),
        percent=round(100 * progress.trials_ended / progress.trials) if progress.trials else 0,
        now=time.time(),
    )


def _header(store: StudyStore, study: StudyView) -> HeaderContext:
    best = study.best.trial_id if study.best else ""
    return header_context(study, store.trial_numbers([best]).get(best))


def _story(store: StudyStore, study: StudyView) -> StoryContext:
    return StoryContext(study.id, story(study, store.trial_numbers(told_of(study))))


def _controls(store: StudyStore, study: StudyView) -> ControlsContext:
    return ControlsContext(tuple(in_order(store.metric_names(study.id), study)))


@router.get("/studies/{study_id}", name="study")
def study_page(
    request: Request, store: StoreDep, study_id: StudyId, selection: Selection, table: TableStateDep
) -> HTMLResponse:
    study = store.get_study(study_id)
    context = StudyContext(
        study=study,
        header=_header(store, study),
        story=_story(store, study),
        controls=_controls(store, study),
        trials=trials_context(store, study, table),
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

"""``/``: all studies, newest first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep
from service.format import number, sentence, stage_title, words
from service.pages.page_route import PageRoute
from service.pages.rendering import page
from service.pages.story import Tense, tense
from studies.contract.states import StudyState
from studies.contract.views import Progress, StageView, StudySummary

router = APIRouter(route_class=PageRoute)


@dataclass(frozen=True)
class StageMark:
    """A stage on the stage line."""

    title: str
    tense: Tense
    words: str


@dataclass(frozen=True)
class StudyRow:
    id: str
    name: str
    state: StudyState
    reason: str
    stages: tuple[StageMark, ...]
    best: tuple[tuple[str, str], ...]
    progress: Progress
    updated_at: float


@dataclass(frozen=True)
class StudyListContext:
    studies: tuple[StudyRow, ...]
    base_url: str
    now: float


def stage_line(stages: Sequence[StageView]) -> tuple[StageMark, ...]:
    return tuple(StageMark(stage_title(s.kind), tense(s.state), words(s.state.value)) for s in stages)


def best_values(study: StudySummary) -> tuple[tuple[str, str], ...]:
    """Return the best trial's metrics as pairs of name and value, the study's own first; empty before any result."""
    metrics = study.best.metrics if study.best else {}
    return tuple((words(name), number(value)) for name, value in metrics.items())


def _row(study: StudySummary) -> StudyRow:
    return StudyRow(
        id=study.id,
        name=study.name,
        state=study.state,
        reason=sentence(study.reason),
        stages=stage_line(study.stages),
        best=best_values(study),
        progress=study.progress,
        updated_at=study.updated_at,
    )


def _context(request: Request, store: StoreDep) -> StudyListContext:
    rows = tuple(_row(study) for study in store.list_studies())
    return StudyListContext(rows, str(request.base_url).rstrip("/"), time.time())


@router.get("/", name="study_list")
def study_list(request: Request, store: StoreDep) -> HTMLResponse:
    return page(request, "study_list.html", _context(request, store))


@router.get("/parts/studies", name="study_list_part")
def study_list_part(request: Request, store: StoreDep) -> HTMLResponse:
    return page(request, "parts/study_list.html", _context(request, store))

"""``/``: all studies, newest first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.conclusions import chosen, seeds_words
from service.dependencies import StoreDep
from service.format import count, memory, number, params, sentence, stage_title, words
from service.pages.page_route import PageRoute
from service.pages.rendering import page
from service.pages.story import Tense, tense
from studies.contract.states import StudyState
from studies.contract.views import Progress, StageView, StudySize, StudySummary
from studies.core.schedules import describe

router = APIRouter(route_class=PageRoute)

MOST_STUDIES = 1_000
"""Most studies of the page, the newest."""


@dataclass(frozen=True)
class StageMark:
    """A stage on the stage line."""

    title: str
    tense: Tense
    words: str


@dataclass(frozen=True)
class ChosenLine:
    """What a study has chosen so far; ``score`` is empty where its metric was not measured."""

    score: str
    seeds: str
    what: str


@dataclass(frozen=True)
class StudyRow:
    id: str
    name: str
    state: StudyState
    reason: str
    stages: tuple[StageMark, ...]
    chosen: ChosenLine | None
    best: tuple[tuple[str, str], ...]
    progress: Progress
    size: str
    updated_at: float


@dataclass(frozen=True)
class StudyListContext:
    studies: tuple[StudyRow, ...]
    base_url: str
    now: float


def stage_line(stages: Sequence[StageView]) -> tuple[StageMark, ...]:
    return tuple(StageMark(stage_title(s.kind), tense(s.state), words(s.state.value)) for s in stages)


def best_values(study: StudySummary) -> tuple[tuple[str, str], ...]:
    """Return the best trial's metrics as pairs of name and value, the study's own first; empty before any result.

    What is reported of a hyperparameter, such as the rate of every step, stands with the parameters already.
    """
    if study.best is None:
        return ()
    metrics = {name: value for name, value in study.best.metrics.items() if name not in study.best.params}
    return tuple((words(name), number(value)) for name, value in metrics.items())


def chosen_line(study: StudySummary) -> ChosenLine | None:
    """Return the chosen configuration in words, None before the first decision."""
    found = chosen(study)
    if found is None:
        return None
    score = "" if found.score is None else number(found.score)
    shape = f"{describe(found.schedule)} · {count(found.num_steps, 'step')}"
    return ChosenLine(score, seeds_words(found.seeds), f"{params(found.params)} · {shape}")


def size_words(size: StudySize) -> str:
    """Return what a study has left behind, in words."""
    return f"{count(size.points, 'point')}, {memory(size.bytes)}"


def _row(study: StudySummary) -> StudyRow:
    return StudyRow(
        id=study.id,
        name=study.name,
        state=study.state,
        reason=sentence(study.reason),
        stages=stage_line(study.stages),
        chosen=chosen_line(study),
        best=best_values(study),
        progress=study.progress,
        size=size_words(study.size),
        updated_at=study.updated_at,
    )


def _context(request: Request, store: StoreDep) -> StudyListContext:
    rows = tuple(_row(study) for study in store.list_studies(MOST_STUDIES))
    return StudyListContext(rows, str(request.base_url).rstrip("/"), time.time())


@router.get("/", name="study_list")
def study_list(request: Request, store: StoreDep) -> HTMLResponse:
    return page(request, "study_list.html", _context(request, store))


@router.get("/parts/studies", name="study_list_part")
def study_list_part(request: Request, store: StoreDep) -> HTMLResponse:
    return page(request, "parts/study_list.html", _context(request, store))

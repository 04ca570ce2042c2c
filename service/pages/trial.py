"""``/trials/{id}``: one trial: what it is, how it differs from its parent, its curves, attempts, diagnosis and log."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep, TrialId
from service.figures.axes import TITLES, Axis
from service.format import scalar, sentence, stage_title, words
from service.pages.packs import trained
from service.pages.page_route import PageRoute
from service.pages.reading import in_order
from service.pages.rendering import page
from studies.contract.views import AttemptView, MetricSummary, StudyView, TrialDetail, TrialView
from studies.core.diagnosis import Finding, diagnose
from studies.core.schedules import describe
from studies.core.snapshot import LOSS
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)

TRAIN_ACCURACY = "train_accuracy"
DEV_ACCURACY = "dev_accuracy"


@dataclass(frozen=True)
class ParamRow:
    """A hyperparameter, and what the parent had in its place (None where it is the same or there is no parent)."""

    name: str
    value: str
    was: str | None


@dataclass(frozen=True)
class AttemptRow:
    """An attempt; ``trained`` says how, "" where that is not known."""

    attempt: AttemptView
    seconds: float | None
    error: str
    trained: str


@dataclass(frozen=True)
class TrialContext:
    study: StudyView
    trial: TrialDetail
    stage: str
    reason: str
    ended_because: str
    params: tuple[ParamRow, ...]
    schedule: str
    parent: TrialView | None
    attempts: tuple[AttemptRow, ...]
    findings: tuple[Finding, ...]
    metrics: tuple[str, ...]
    summaries: tuple[tuple[str, MetricSummary], ...]
    axes: tuple[tuple[Axis, str], ...] = tuple(TITLES.items())


def param_rows(trial: TrialView, parent: TrialView | None) -> tuple[ParamRow, ...]:
    """Return the trial's configuration, each value beside its parent's where that differs."""
    rows = []
    for name, value in trial.params.items():
        before = parent.params.get(name) if parent else None
        differs = parent is not None and before != value
        rows.append(ParamRow(words(name), scalar(value), _before(before) if differs else None))
    return tuple(rows)


def _before(value: object) -> str:
    return "not set" if value is None else scalar(value)


def error_text(attempt: AttemptView) -> str:
    """Return the child's own error record as text: its traceback if it has one, otherwise all it says."""
    if not attempt.error:
        return ""
    trace = attempt.error.get("traceback")
    return trace if isinstance(trace, str) else json.dumps(attempt.error, indent=2, default=str)


def trial_context(store: StudyStore, trial_id: str) -> TrialContext:
    trial = store.get_trial(trial_id)
    study = store.get_study(trial.study_id)
    parent = store.get_trial(trial.parent_id) if trial.parent_id else None
    names = in_order(trial.metrics, study)
    return TrialContext(
        study=study,
        trial=trial,
        stage=stage_title(trial.stage),
        reason=sentence(trial.reason),
        ended_because=sentence(trial.ended_because),
        params=param_rows(trial, parent),
        schedule=describe(trial.schedule),
        parent=parent,
        attempts=tuple(_attempt(attempt) for attempt in trial.attempts),
        findings=_findings(store, study, trial),
        metrics=tuple(name for name in names if name in trial.metrics) or (LOSS,),
        summaries=tuple((words(name), trial.metrics[name]) for name in names if name in trial.metrics),
    )


def _attempt(attempt: AttemptView) -> AttemptRow:
    seconds = None if attempt.ended_at is None else attempt.ended_at - attempt.started_at
    return AttemptRow(attempt, seconds, error_text(attempt), trained(attempt))


def _findings(store: StudyStore, study: StudyView, trial: TrialView) -> tuple[Finding, ...]:
    dev = store.curve(trial.id, study.spec.metric.name) if study.spec.metric.name == DEV_ACCURACY else None
    return diagnose(store.curve(trial.id, LOSS), store.curve(trial.id, TRAIN_ACCURACY), dev)


@router.get("/trials/{trial_id}", name="trial")
def trial_page(request: Request, store: StoreDep, trial_id: TrialId) -> HTMLResponse:
    return page(request, "trial.html", trial_context(store, trial_id))


@router.get("/trials/{trial_id}/parts/summary", name="trial_summary")
def trial_summary(request: Request, store: StoreDep, trial_id: TrialId) -> HTMLResponse:
    return page(request, "parts/trial_summary.html", trial_context(store, trial_id))

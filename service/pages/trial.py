"""``/trials/{id}``: one trial: what it is, how it differs from its parent, its curves, attempts, diagnosis and log."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep, TrialId
from service.figures.axes import TITLES, Axis
from service.format import duration, memory, number, scalar, sentence, stage_title, words
from service.metric_groups import MetricGroup, metric_groups
from service.pages.packs import speed, trained
from service.pages.page_route import PageRoute
from service.pages.reading import in_order
from service.pages.rendering import page
from service.seeds import Seeds, seeds_of
from service.usage import pace, peak_memory, place, seconds_trained, steps_done
from studies.contract.permission import how_to_allow
from studies.contract.study_file import BuiltinObjective
from studies.contract.views import AttemptView, MetricSummary, StudyView, TrialDetail, TrialView
from studies.core.diagnosis import Finding, diagnose
from studies.core.schedules import describe
from studies.core.snapshot import LOSS
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)

TRAIN_ACCURACY = "train_accuracy"
DEV_ACCURACY = "dev_accuracy"
MOST_SEEDS = 30
"""Trials of one configuration that are listed: as many as can be compared."""

FEW_PARAMS = 12
"""Hyperparameters that are shown at once; of the others those that differ from the parent's, the rest folded."""


@dataclass(frozen=True)
class ParamRow:
    """A setting, and what the parent had in its place (None where it is the same or there is no parent)."""

    name: str
    value: str
    was: str | None


@dataclass(frozen=True)
class AttemptRow:
    """An attempt; ``trained`` says how, ``facts`` how fast and in how much memory, "" where that is not known."""

    attempt: AttemptView
    seconds: float | None
    error: str
    trained: str
    facts: str


@dataclass(frozen=True)
class SummaryContext:
    """What changes while the trial runs.

    Attributes:
        params: its settings; more_params: those that can wait, where there are many.
        usage: what it took, as names and words: steps, time, speed, memory, device.
        seeds: it and its repeats with other seeds, None where there are none.
        groups: its metrics, to be drawn when they come into view.
    """

    study: StudyView
    trial: TrialDetail
    reason: str
    ended_because: str
    params: tuple[ParamRow, ...]
    more_params: tuple[ParamRow, ...]
    parent: TrialView | None
    usage: tuple[tuple[str, str], ...]
    seeds: Seeds | None
    attempts: tuple[AttemptRow, ...]
    findings: tuple[Finding, ...]
    groups: tuple[MetricGroup, ...]
    summaries: tuple[tuple[str, MetricSummary], ...]
    axes: tuple[tuple[Axis, str], ...] = tuple(TITLES.items())


@dataclass(frozen=True)
class TrialContext:
    """The page: what stands around the summary.

    Attributes:
        before, after: the neighbours by number, None at either end.
        again: the command that runs the trial again, up to the server's address.
        events: the command that writes it for TensorBoard, likewise.
    """

    summary: SummaryContext
    stage: str
    before: TrialView | None
    after: TrialView | None
    again: str
    events: str

    @property
    def study(self) -> StudyView:
        return self.summary.study

    @property
    def trial(self) -> TrialDetail:
        return self.summary.trial


# --- in rows and words -------------------------------------------------------------------------------------------


def by_weight(rows: Sequence[ParamRow]) -> tuple[tuple[ParamRow, ...], tuple[ParamRow, ...]]:
    """Return the rows that are shown at once, and those that can wait: beyond the first few, what has not changed."""
    later = rows[FEW_PARAMS:]
    shown = (*rows[:FEW_PARAMS], *(row for row in later if row.was is not None))
    return shown, tuple(row for row in later if row.was is None)


def run_rows(trial: TrialView, parent: TrialView | None) -> tuple[ParamRow, ...]:
    """Return schedule, steps and seed, each beside the parent's where that differs."""
    before = _run_settings(parent) if parent else {}
    own = _run_settings(trial).items()
    return tuple(ParamRow(name, text, before[name] if before.get(name, text) != text else None) for name, text in own)


def _run_settings(trial: TrialView) -> dict[str, str]:
    return {"schedule": describe(trial.schedule), "steps": number(trial.num_steps), "seed": str(trial.seed)}


def param_rows(trial: TrialView, parent: TrialView | None) -> tuple[ParamRow, ...]:
    """Return the trial's hyperparameters; what the parent alone has comes last: it was taken away."""
    own = [_param_row(name, value, parent) for name, value in trial.params.items()]
    gone = [name for name in (parent.params if parent else ()) if name not in trial.params]
    return (*own, *(ParamRow(words(name), "not set", _value(parent.params[name])) for name in gone if parent))


def _param_row(name: str, value: object, parent: TrialView | None) -> ParamRow:
    before = parent.params.get(name) if parent else None
    return ParamRow(words(name), scalar(value), _value(before) if parent is not None and before != value else None)


def _value(value: object) -> str:
    return "not set" if value is None else scalar(value)


def error_text(attempt: AttemptView) -> str:
    """Return the child's own error record as text: its traceback if it has one, otherwise all it says."""
    if not attempt.error:
        return ""
    trace = attempt.error.get("traceback")
    return trace if isinstance(trace, str) else json.dumps(attempt.error, indent=2, default=str)


def usage_words(trial: TrialDetail, now: float) -> tuple[tuple[str, str], ...]:
    """Return what the trial took, by name: what is not known is left out."""
    taken = peak_memory(trial)
    seconds = seconds_trained(trial, now)
    said = (
        ("Steps", f"{number(steps_done(trial))} of {number(trial.num_steps)}"),
        ("Trained for", "" if seconds is None else duration(seconds)),
        ("Speed", speed(pace(trial))),
        ("Peak memory", "" if taken is None else memory(taken)),
        ("Device", place(trial)),
    )
    return tuple((name, text) for name, text in said if text)


def reproduce_command(study: StudyView, trial: TrialView) -> str:
    """Return the command that runs the trial again alone; code of the user's own is allowed by name."""
    objective = study.spec.objective
    allowed = "" if isinstance(objective, BuiltinObjective) else f" {how_to_allow(objective)}"
    return f"stagetune reproduce {study.name}/{trial.number}{allowed}"


def _attempt(attempt: AttemptView) -> AttemptRow:
    seconds = None if attempt.ended_at is None else attempt.ended_at - attempt.started_at
    peak = attempt.peak_memory_bytes
    facts = (speed(attempt.samples_per_second), "" if peak is None else f"{memory(peak)} at its peak")
    return AttemptRow(attempt, seconds, error_text(attempt), trained(attempt), " · ".join(filter(None, facts)))


# --- contexts ----------------------------------------------------------------------------------------------------


def summary_context(store: StudyStore, trial: TrialDetail, now: float) -> SummaryContext:
    study = store.get_study(trial.study_id)
    parent = store.get_trial(trial.parent_id) if trial.parent_id else None
    names = [name for name in in_order(trial.metrics, study) if name in trial.metrics]
    shown, folded = by_weight(param_rows(trial, parent))
    return SummaryContext(
        study=study,
        trial=trial,
        reason=sentence(trial.reason),
        ended_because=sentence(trial.ended_because),
        params=(*shown, *run_rows(trial, parent)),
        more_params=folded,
        parent=parent,
        usage=usage_words(trial, now),
        seeds=seeds_of(trial, store.same_configuration(trial.id, MOST_SEEDS), study.spec.metric),
        attempts=tuple(_attempt(attempt) for attempt in trial.attempts),
        findings=_findings(store, study, trial),
        groups=metric_groups(names or [LOSS]),
        summaries=tuple((words(name), trial.metrics[name]) for name in names),
    )


def _findings(store: StudyStore, study: StudyView, trial: TrialView) -> tuple[Finding, ...]:
    dev = store.curve(trial.id, study.spec.metric.name) if study.spec.metric.name == DEV_ACCURACY else None
    return diagnose(store.curve(trial.id, LOSS), store.curve(trial.id, TRAIN_ACCURACY), dev)


def trial_context(store: StudyStore, trial_id: str) -> TrialContext:
    trial = store.get_trial(trial_id)
    summary = summary_context(store, trial, time.time())
    around = store.trials_numbered(trial.study_id, [trial.number - 1, trial.number + 1])
    return TrialContext(
        summary=summary,
        stage=stage_title(trial.stage),
        before=next((other for other in around if other.number < trial.number), None),
        after=next((other for other in around if other.number > trial.number), None),
        again=reproduce_command(summary.study, trial),
        events=f"stagetune tensorboard {summary.study.name} --trial {trial.number}",
    )


@router.get("/trials/{trial_id}", name="trial")
def trial_page(request: Request, store: StoreDep, trial_id: TrialId) -> HTMLResponse:
    return page(request, "trial.html", trial_context(store, trial_id))


@router.get("/trials/{trial_id}/parts/summary", name="trial_summary")
def trial_summary(request: Request, store: StoreDep, trial_id: TrialId) -> HTMLResponse:
    return page(request, "parts/trial_summary.html", summary_context(store, store.get_trial(trial_id), time.time()))

"""What a study found, as data: the report that `run`, `demo`, `watch` and `show` print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from studies.contract.decision import Candidate, Decision
from studies.contract.states import StageState, StudyState
from studies.contract.views import StageView, StudyView
from studies.core.schedules import describe

STAGE_TITLES = {
    "lr_sweep": "learning rate and number of steps",
    "batch_momentum": "batch size and momentum",
    "decay_schedule": "learning-rate decay",
}


@dataclass(frozen=True)
class StageReport:
    """A stage's conclusion. ``before`` and ``after`` are the study's metric of the incoming and the chosen best."""

    kind: str
    title: str
    state: StageState
    choice: Mapping[str, Any]
    reason: str
    what_would_flip_it: str
    before: float | None
    after: float | None
    warnings: tuple[str, ...]
    trials: int


@dataclass(frozen=True)
class Report:
    """A study in one look.

    Attributes:
        chosen: the configuration that the last decision carries on: every hyperparameter, ``num_steps`` and
            ``schedule`` in words; empty before the first decision.
        metrics: of the best trial.
    """

    study_id: str
    name: str
    state: StudyState
    reason: str
    waiting_because: str
    metric: str
    trials: int
    steps: int
    chosen: Mapping[str, Any]
    best_trial_id: str | None
    metrics: Mapping[str, float]
    stages: tuple[StageReport, ...]
    dashboard: str


def build_report(study: StudyView, dashboard: str = "") -> Report:
    """Return the report of a study as it stands."""
    best = study.best
    return Report(
        study_id=study.id,
        name=study.name,
        state=study.state,
        reason=study.reason,
        waiting_because=study.waiting_because,
        metric=study.spec.metric.name,
        trials=study.progress.trials_ended,
        steps=study.progress.steps,
        chosen=_chosen(study),
        best_trial_id=best.trial_id if best else None,
        metrics=dict(best.metrics) if best else {},
        stages=tuple(_stage_report(stage) for stage in study.stages),
        dashboard=dashboard,
    )


def exit_code(state: StudyState) -> int:
    """Return what the process should say of a study that has ended: 0 completed, 1 failed or cancelled."""
    return 0 if state == StudyState.COMPLETED else 1


def _chosen(study: StudyView) -> dict[str, Any]:
    decided = [stage.decision for stage in study.stages if stage.decision and stage.decision.candidates]
    if decided:
        return _configuration(decided[-1].candidates[0])
    return dict(study.best.params) if study.best else {}


def _configuration(candidate: Candidate) -> dict[str, Any]:
    return {**candidate.params, "num_steps": candidate.num_steps, "schedule": describe(candidate.schedule)}


def _stage_report(stage: StageView) -> StageReport:
    decision = stage.decision
    return StageReport(
        kind=stage.kind,
        title=STAGE_TITLES[stage.kind],
        state=stage.state,
        choice=decision.choice if decision else {},
        reason=decision.reason if decision else "",
        what_would_flip_it=decision.what_would_flip_it if decision else "",
        before=_number(decision, "dev_before"),
        after=_number(decision, "dev_after"),
        warnings=decision.warnings if decision else (),
        trials=stage.trials_ended,
    )


def _number(decision: Decision | None, key: str) -> float | None:
    value = decision.evidence.get(key) if decision else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)

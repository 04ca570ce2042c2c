"""What a study found, as data: the report that `run`, `demo`, `watch` and `show` print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.conclusions import Chosen, Gain, choice_values, chosen, gain
from studies.contract.states import StageState, StudyState
from studies.contract.views import BestTrial, StageView, StudyView

STAGE_TITLES = {
    "lr_sweep": "learning rate and number of steps",
    "batch_momentum": "batch size and momentum",
    "decay_schedule": "learning-rate decay",
    "lr_halving": "learning rate by successive halving",
    "decay_probes": "late learning-rate decay",
    "parameter_probes": "one hyperparameter at a time",
    "search": "search",
    "joint_search": "joint search",
    "confirm": "confirmation with new seeds",
}


@dataclass(frozen=True)
class StageReport:
    """A stage's conclusion; ``choice`` is empty and ``gain`` None without a decision."""

    kind: str
    title: str
    state: StageState
    choice: Mapping[str, Any]
    reason: str
    what_would_flip_it: str
    gain: Gain | None
    warnings: tuple[str, ...]
    trials: int


@dataclass(frozen=True)
class Report:
    """A study in one look.

    Attributes:
        chosen: the configuration that the last decision carries on, None before the first.
        best: the single run with the best value of the metric, which luck may have helped: it need not be of the
            chosen configuration.
    """

    study_id: str
    name: str
    state: StudyState
    reason: str
    waiting_because: str
    metric: str
    trials: int
    steps: int
    chosen: Chosen | None
    best: BestTrial | None
    stages: tuple[StageReport, ...]
    dashboard: str


def build_report(study: StudyView, dashboard: str = "") -> Report:
    """Return the report of a study as it stands."""
    return Report(
        study_id=study.id,
        name=study.name,
        state=study.state,
        reason=study.reason,
        waiting_because=study.waiting_because,
        metric=study.spec.metric.name,
        trials=study.progress.trials_ended,
        steps=study.progress.steps,
        chosen=chosen(study),
        best=study.best,
        stages=tuple(_stage_report(stage) for stage in study.stages),
        dashboard=dashboard,
    )


def exit_code(state: StudyState) -> int:
    """Return what the process should say of a study that has ended: 0 completed, 1 failed or cancelled."""
    return 0 if state == StudyState.COMPLETED else 1


def _stage_report(stage: StageView) -> StageReport:
    decision = stage.decision
    return StageReport(
        kind=stage.kind,
        title=STAGE_TITLES[stage.kind],
        state=stage.state,
        choice=choice_values(decision) if decision else {},
        reason=decision.reason if decision else "",
        what_would_flip_it=decision.what_would_flip_it if decision else "",
        gain=gain(stage.kind, decision) if decision else None,
        warnings=decision.warnings if decision else (),
        trials=stage.trials_ended,
    )

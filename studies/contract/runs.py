"""From a trial to what has to be run for it: one rule for leases, and for whoever runs it again alone."""

from __future__ import annotations

from typing import Protocol

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.study_file import StageKind, StudySpec
from studies.contract.worker_protocol import RunSpec


class Configured(Protocol):
    """A trial, as it is stored or as it is shown."""

    @property
    def id(self) -> str: ...
    @property
    def study_id(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def stage(self) -> StageKind: ...
    @property
    def params(self) -> Params: ...
    @property
    def schedule(self) -> Schedule: ...
    @property
    def num_steps(self) -> int: ...
    @property
    def seed(self) -> int: ...


def run_of(trial: Configured, spec: StudySpec) -> RunSpec:
    """Return the run of a trial of the study `spec`. The same run on the same kind of device gives the same curve."""
    return RunSpec(
        trial_id=trial.id,
        trial_number=trial.number,
        study_id=trial.study_id,
        study_name=spec.name,
        stage=trial.stage,
        objective=spec.objective,
        metric=spec.metric,
        optimizer=spec.optimizer,
        params=dict(trial.params),
        schedule=trial.schedule,
        num_steps=trial.num_steps,
        seed=trial.seed,
        evaluate_every=spec.evaluate_every,
        precision=spec.precision,
        stall_timeout=spec.stall_timeout,
    )

"""What a stage starts from, and which earlier runs it may take over instead of running them again."""

from __future__ import annotations

from collections.abc import Collection

from studies.contract.base import Params
from studies.contract.decision import Candidate
from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.contract.study_file import MOMENTUM_OPTIMIZERS, StudySpec
from studies.core.context import Context, StageT
from studies.core.judging import configuration
from studies.core.snapshot import Trial

DEFAULT_LR = 0.01
"""The rate that suits most nets (M)."""


def has_momentum(spec: StudySpec) -> bool:
    return spec.optimizer in MOMENTUM_OPTIMIZERS


def default_params(spec: StudySpec, lr: float) -> Params:
    """Return a whole configuration where no stage has chosen yet: every hyperparameter by name."""
    params: Params = {"lr": lr, "batch_size": spec.defaults.batch_size, "weight_decay": spec.defaults.weight_decay}
    return {**params, "momentum": spec.defaults.momentum} if has_momentum(spec) else params


def start(context: Context[StageT]) -> Candidate:
    """Return the best candidate of the stage before; for a first stage the defaults, at full length and undecayed."""
    if context.incoming:
        return context.incoming[0]
    params = default_params(context.spec, DEFAULT_LR)
    return Candidate(trial_id="", params=params, schedule=Schedule(), num_steps=context.spec.budget.steps)


def reusable(context: Context[StageT], configurations: Collection[object]) -> tuple[Trial, ...]:
    """Return completed runs of earlier stages that have one of these configurations, length and schedule included."""
    return tuple(
        trial
        for trial in context.snapshot.trials
        if trial.stage != context.stage.kind
        and trial.state is TrialState.COMPLETED
        and configuration(trial) in configurations
    )

"""How the configurations of a guided search stand: those with a finished run of full length, of whatever stage."""

from __future__ import annotations

from dataclasses import dataclass

from studies.contract.states import TrialState
from studies.core.contest import judged_by, measure
from studies.core.context import Context, StageT
from studies.core.judging import Contender, Measure, Reading, by_mean, contenders, upto
from studies.core.remembering import once
from studies.core.search.lengths import full_length
from studies.core.snapshot import Curve, Trial


@dataclass(frozen=True)
class Standing:
    """The finished configurations best first by their means, and what they are judged by."""

    order: tuple[Contender, ...]
    judged_by: str

    @property
    def best(self) -> Contender:
        return self.order[0]


@once
def standing(context: Context[StageT]) -> Standing:
    """Return how all that has finished stands, earlier stages included."""
    return _among(context, finished(context))


@once
def standing_before(context: Context[StageT]) -> Standing:
    """Return how it stood when the stage began."""
    return _among(context, tuple(trial for trial in finished(context) if trial.stage != context.stage.kind))


def _among(context: Context[StageT], runs: tuple[Trial, ...]) -> Standing:
    name = judged_by(context, runs)
    group = contenders(runs, measure(context, name), identity, lambda trial: trial.stage != "confirm")
    return Standing(tuple(by_mean(group)), name)


def finished(context: Context[StageT]) -> tuple[Trial, ...]:
    """Return the runs of full length of configurations that have diverged with no seed."""
    lost = {identity(trial) for trial in context.snapshot.trials if trial.state is TrialState.DIVERGED}
    return tuple(trial for trial in context.snapshot.trials if is_full(context, trial) and identity(trial) not in lost)


def is_full(context: Context[StageT], trial: Trial) -> bool:
    """Return whether a run has completed its full length; one that rests at a rung has not."""
    return trial.state is TrialState.COMPLETED and trial.num_steps >= full_length(context.spec, trial.params)


def identity(trial: Trial) -> object:
    """Return what the runs of one configuration have in common, however far they went."""
    return tuple(sorted(trial.params.items())), trial.schedule


def reader(context: Context[StageT]) -> Measure:
    """Return how runs are read now: by the study's metric, or by the loss where it was never reported."""
    known = [trial for trial in context.snapshot.trials if trial.state is not TrialState.WAITING]
    return measure(context, judged_by(context, known))


def read_at(trial: Trial, step: int, measure: Measure) -> Reading | None:
    """Return what a run said up to and with `step`."""
    return measure(_cut(trial, step))


def _cut(trial: Trial, step: int) -> Trial:
    if trial.num_steps <= step:
        return trial
    return Trial(
        trial.id,
        trial.number,
        trial.key,
        trial.stage,
        trial.params,
        trial.schedule,
        step,
        trial.seed,
        trial.state,
        curves={name: _until(curve, step=step) for name, curve in trial.curves.items()},
    )


@once
def _until(curve: Curve, *, step: int) -> Curve:
    return upto(curve, step)

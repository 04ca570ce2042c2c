"""How the configurations of a guided search stand: those with a finished run of full length, of whatever stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from studies.contract.pruners import PatiencePruner
from studies.contract.states import TrialState
from studies.contract.study_file import SamplerSearch
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
    """Return the runs that came to their end, of configurations that have diverged with no seed."""
    full = (trial for trial in context.snapshot.trials if is_full(context, trial) or ran_out(context, trial))
    lost = {identity(trial) for trial in context.snapshot.trials if trial.state is TrialState.DIVERGED}
    return tuple(trial for trial in full if identity(trial) not in lost) if lost else tuple(full)


def is_full(context: Context[StageT], trial: Trial) -> bool:
    """Return whether a run has completed its full length; one that rests at a rung has not."""
    return trial.state is TrialState.COMPLETED and trial.num_steps >= full_length(context.spec, trial.params)


def ran_out(context: Context[StageT], trial: Trial) -> bool:
    """Return whether a run was stopped because it did not get better any more: that is an end too (guide, stage 3)."""
    return trial.state is TrialState.PRUNED and trial.stage in _patient(context)


@once
def _patient(context: Context[StageT]) -> frozenset[str]:
    """Return the stages that stop runs by their own course alone."""
    searches = [stage for stage in context.spec.stages if isinstance(stage, SamplerSearch)]
    return frozenset(stage.kind for stage in searches if isinstance(stage.pruner, PatiencePruner))


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
        curves=_Until(trial.curves, step),
    )


class _Until(Mapping[str, Curve]):
    """Curves up to and with a step, each cut when it is asked for: a measure reads one of them."""

    def __init__(self, whole: Mapping[str, Curve], step: int) -> None:
        self._whole = whole
        self._step = step

    def __getitem__(self, name: str) -> Curve:
        return _until(self._whole[name], step=self._step)

    def __contains__(self, name: object) -> bool:
        return name in self._whole

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)


@once
def _until(curve: Curve, *, step: int) -> Curve:
    return upto(curve, step)

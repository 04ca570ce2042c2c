"""Optuna's samplers and pruners by ask and tell, each as Optuna ships it unless said otherwise.

The value of a run is its best dev metric over its epochs. Nothing here knows the budget, so a search with a smaller
budget is the beginning of one with a larger budget.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, QMCSampler, RandomSampler, TPESampler

from studies.contract.base import Params, Scalar
from tests.bench.quality.axes import Axis, Categorical, Ordinal
from tests.bench.quality.slots import Run
from tests.bench.quality.task import Task

ETA = 3
"""Reduction factor of both pruners: the same third that the guide's halving keeps (guide, section 7)."""


@dataclass(frozen=True)
class Peer:
    """A sampler, by seed and slots, with a pruner, by the epochs of a full training."""

    sampler: Callable[[int, int], BaseSampler]
    pruner: Callable[[int], BasePruner] | None = None


def _tpe(seed: int, slots: int) -> BaseSampler:
    return TPESampler(seed=seed, constant_liar=slots > 1)


PEERS: Mapping[str, Peer] = {
    "random": Peer(lambda seed, _: RandomSampler(seed=seed)),
    "qmc": Peer(lambda seed, _: QMCSampler(seed=seed, scramble=True)),
    "tpe": Peer(_tpe),
    "gp": Peer(lambda seed, _: GPSampler(seed=seed)),
    "cma-es": Peer(lambda seed, _: CmaEsSampler(seed=seed)),
    "asha": Peer(
        lambda seed, _: RandomSampler(seed=seed),
        lambda epochs: SuccessiveHalvingPruner(min_resource=1, reduction_factor=ETA),
    ),
    "tpe-hyperband": Peer(
        _tpe, lambda epochs: HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=ETA)
    ),
}


class PeerSearch:
    """A peer at work on a task; `enqueued` is tried first."""

    def __init__(self, peer: Peer, task: Task, seed: int, slots: int, enqueued: Params | None) -> None:
        self._task = task
        self._seed = seed
        self._space = {axis.name: _distribution(axis) for axis in task.axes}
        self._prunes = peer.pruner is not None
        pruner = peer.pruner(task.epochs) if peer.pruner else NopPruner()
        with _quiet():
            sampler = peer.sampler(seed, slots)
            # Hyperband hands out its brackets by the study's name, which is random unless it is given.
            self._study = optuna.create_study(
                study_name=f"{task.name}-{seed}", direction="maximize", sampler=sampler, pruner=pruner
            )
        if enqueued is not None:
            self._study.enqueue_trial({axis.name: _told(axis, enqueued[axis.name]) for axis in task.axes})
        self._trials: dict[int, optuna.trial.Trial] = {}

    def next(self) -> Run:
        with _quiet():
            trial = self._study.ask(self._space)
        self._trials[trial.number] = trial
        params = {axis.name: _asked(axis, trial.params[axis.name]) for axis in self._task.axes}
        return Run(trial.number, params, self._seed, self._task.training(params, self._seed), self._task.epochs)

    def observe(self, run: Run) -> None:
        trial = self._trials[run.number]
        if run.seen == run.length:
            with _quiet():
                self._study.tell(trial, float(run.training.dev.max()))
        elif self._prunes:
            trial.report(float(run.training.dev[run.seen - 1]), run.seen)
            if trial.should_prune():
                run.stopped = True
                self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's notes that a sampler is experimental, and its log."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


# --- axes --------------------------------------------------------------------------------------------------------


def _distribution(axis: Axis) -> BaseDistribution:
    """Return the axis for Optuna: ordered choices as their indices, which keeps their order for the samplers."""
    if isinstance(axis, Categorical):
        return CategoricalDistribution(axis.choices)
    if isinstance(axis, Ordinal):
        return IntDistribution(0, len(axis.choices) - 1)
    if axis.integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def _told(axis: Axis, value: Scalar) -> Scalar:
    return axis.choices.index(float(value)) if isinstance(axis, Ordinal) else value


def _asked(axis: Axis, value: Scalar) -> Scalar:
    return axis.choices[int(value)] if isinstance(axis, Ordinal) else value

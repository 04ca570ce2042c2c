"""Optuna's pruners as pure functions of a request.

Each request rebuilds a small in-memory Optuna study from what the runs have reported and asks Optuna's own pruner about
every run under way, by its latest report. Nothing is kept between requests, so the same request gives the same answer.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from studies.contract import pruners
from studies.core.pruning import PruneRequest, ReportingRun, Verdict
from studies.storage.optuna_bridge.halving import halving_verdicts


class OptunaPruner:
    """Implements `studies.core.pruning.Pruner` by Optuna's pruners of the same names."""

    def __call__(self, request: PruneRequest) -> Mapping[str, Verdict]:
        """Return the runs under way that should stop, with the numbers of the reason."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, where a run has reported no number at all
            return dict(_verdicts(request))


def _verdicts(request: PruneRequest) -> Iterator[tuple[str, Verdict]]:
    study = optuna.create_study(study_name=request.study, direction="maximize" if request.maximize else "minimize")
    match request.pruner:
        case pruners.MedianPruner() as rule:
            return _by_median(study, request, rule)
        case pruners.PatiencePruner() as rule:
            return _by_patience(study, request, rule)
        case pruners.ThresholdPruner() as rule:
            return _by_threshold(study, request, rule)
        case pruners.SuccessiveHalvingPruner() | pruners.HyperbandPruner() as rule:
            return halving_verdicts(study, request, rule)


def _by_median(study: Study, request: PruneRequest, rule: pruners.MedianPruner) -> Iterator[tuple[str, Verdict]]:
    finished = [run for run in request.runs if run.state == "finished"]
    study.add_trials([_trial(run, TrialState.COMPLETE) for run in finished])
    pruner = optuna.pruners.MedianPruner(rule.startup_trials, n_warmup_steps=rule.warmup_steps or 0)
    for run in _under_way(request):
        if pruner.prune(study, _trial(run, TrialState.RUNNING)):
            step = run.reports[-1][0]
            bars = [value for peer in finished for at, value in peer.reports if at == step and not np.isnan(value)]
            bar = float(np.median(bars)) if bars else np.nan
            yield run.id, Verdict(step, _best(run.reports, maximize=request.maximize), bar, len(bars))


def _by_patience(study: Study, request: PruneRequest, rule: pruners.PatiencePruner) -> Iterator[tuple[str, Verdict]]:
    pruner = optuna.pruners.PatientPruner(None, rule.patience, rule.min_delta)
    for run in _under_way(request):
        if pruner.prune(study, _trial(run, TrialState.RUNNING)):
            before, since = run.reports[: -rule.patience - 1], run.reports[-rule.patience - 1 :]
            value, bar = (_best(part, maximize=request.maximize) for part in (since, before))
            yield run.id, Verdict(run.reports[-1][0], value, bar)


def _by_threshold(study: Study, request: PruneRequest, rule: pruners.ThresholdPruner) -> Iterator[tuple[str, Verdict]]:
    pruner = optuna.pruners.ThresholdPruner(rule.lower, rule.upper, n_warmup_steps=rule.warmup_steps)
    for run in _under_way(request):
        if pruner.prune(study, _trial(run, TrialState.RUNNING)):
            step, value = run.reports[-1]
            below = rule.lower is not None and value < rule.lower
            bar = rule.lower if below else rule.upper
            yield run.id, Verdict(step, value, np.nan if bar is None else bar)


def _under_way(request: PruneRequest) -> list[ReportingRun]:
    return [run for run in request.runs if run.state == "under way" and run.reports]


def _trial(run: ReportingRun, state: TrialState) -> FrozenTrial:
    value = 0.0 if state is TrialState.COMPLETE else None
    return create_trial(state=state, value=value, intermediate_values=dict(run.reports))


def _best(reports: Sequence[tuple[int, float]], *, maximize: bool) -> float:
    """Return the best value, NaN where there is none."""
    values = [value for _, value in reports if not np.isnan(value)]
    return (max if maximize else min)(values, default=np.nan)

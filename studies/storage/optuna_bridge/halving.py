"""Optuna's successive halving and Hyperband, asked about runs that are all under way at once.

Optuna judges a trial once, when it comes to a rung, against those that came before it, and notes in the trial what it
had there. Here these notes are made anew for every request. Who came first is told by how far the runs are: one that is
further has come to a rung before, and of equally far ones the first that was asked for. So no clock is needed, a run is
not held against one that is behind it, and one that still waits for its judgement never counts for others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optuna.pruners import BasePruner, SuccessiveHalvingPruner
from optuna.pruners import HyperbandPruner as Hyperband
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from studies.contract.pruners import HyperbandPruner
from studies.contract.pruners import SuccessiveHalvingPruner as Halving
from studies.core.pruning import PruneRequest, ReportingRun, Verdict

NOTE = "completed_rung_{}"
"""Name of Optuna's note of what a trial had at a rung. It is private to Optuna; that it is still this one is tested by
holding what is decided here against Optuna's own loop."""

_STATES = {"under way": TrialState.RUNNING, "finished": TrialState.COMPLETE, "stopped": TrialState.PRUNED}


@dataclass(frozen=True)
class _Place:
    """A run on its ladder.

    ``rungs`` are those that it has come to, step and value. One where it had no number is the last, whatever came.
    """

    run: ReportingRun
    bracket: int
    rungs: tuple[tuple[int, float], ...]


def halving_verdicts(
    study: Study, request: PruneRequest, rule: Halving | HyperbandPruner
) -> Iterator[tuple[str, Verdict]]:
    """Yield the runs under way that should stop at the last rung that they have come to."""
    pruner = _pruner(rule, request.steps)
    places = {run.number: _placed(run, _bracket(pruner, study, run.number), rule) for run in request.runs}
    study.add_trials(_in_order(places))
    stored = study.get_trials(deepcopy=False)
    arrived = [place for place in places.values() if place.run.state == "under way" and place.rungs]
    for place in sorted(arrived, key=lambda place: (-place.run.reached, place.run.number)):
        if pruner.prune(study, stored[place.run.number]):
            step, value = place.rungs[-1]
            known = _known(study, places, place)
            yield place.run.id, Verdict(step, value, _bar(known, rule.reduction_factor, request), len(known))


def _pruner(rule: Halving | HyperbandPruner, steps: int) -> BasePruner:
    first = rule.min_resource or 1
    if isinstance(rule, Halving):
        return SuccessiveHalvingPruner(min_resource=first, reduction_factor=rule.reduction_factor)
    return Hyperband(min_resource=first, max_resource=steps, reduction_factor=rule.reduction_factor)


def _bracket(pruner: BasePruner, study: Study, number: int) -> int:
    """Return the bracket that Hyperband deals a run to; successive halving has but one."""
    if not isinstance(pruner, Hyperband):
        return 0
    if not pruner._pruners:
        pruner._try_initialization(study)
    trial = create_trial(state=TrialState.RUNNING)
    trial.number = number
    return pruner._get_bracket_id(study, trial)


def _placed(run: ReportingRun, bracket: int, rule: Halving | HyperbandPruner) -> _Place:
    """Return a run with the rungs of its bracket: each bracket begins a rung later than the one before."""
    first = (rule.min_resource or 1) * rule.reduction_factor**bracket
    rungs = [report for report in run.reports if report[0] >= first]
    lost = next((place for place, (_, value) in enumerate(rungs) if math.isnan(value)), len(rungs))
    return _Place(run, bracket, tuple(rungs[: lost + 1]))


def _in_order(places: dict[int, _Place]) -> list[FrozenTrial]:
    """Return the runs as Optuna's trials, such that each gets its own number; gaps are filled."""
    gap = create_trial(state=TrialState.FAIL)
    return [_trial(places[number]) if number in places else gap for number in range(max(places, default=-1) + 1)]


def _trial(place: _Place) -> FrozenTrial:
    """Return a run with Optuna's notes; one under way comes to its last rung only when it is judged there."""
    under_way = place.run.state == "under way"
    noted = place.rungs[:-1] if under_way else place.rungs
    return create_trial(
        state=_STATES[place.run.state],
        value=None if under_way else 0.0,
        intermediate_values=dict(place.rungs[-1:]),
        system_attrs={NOTE.format(rung): value for rung, (_, value) in enumerate(noted) if not math.isnan(value)},
    )


def _known(study: Study, places: dict[int, _Place], place: _Place) -> list[float]:
    """Return what the runs of a bracket had at the last rung of one of them, as far as they have come there."""
    note = NOTE.format(len(place.rungs) - 1)
    trials = study.get_trials(deepcopy=False)
    peers = [trials[number] for number, peer in places.items() if peer.bracket == place.bracket]
    return [peer.system_attrs[note] for peer in peers if note in peer.system_attrs]


def _bar(values: Sequence[float], factor: int, request: PruneRequest) -> float:
    """Return the worst value that would have gone on; NaN where nobody came there with a number."""
    ranked = sorted(values, reverse=request.maximize)
    return ranked[max(1, len(ranked) // factor) - 1] if ranked else math.nan

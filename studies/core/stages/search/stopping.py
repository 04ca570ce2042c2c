"""Early stopping: runs that the search's pruner judges not worth going on with end with a reason."""

from __future__ import annotations

import math
from dataclasses import replace

from studies.contract import pruners
from studies.contract.study_file import SamplerSearch
from studies.core.actions import Action, EndTrial
from studies.core.context import Context
from studies.core.pruning import Verdict
from studies.core.records import number, plural
from studies.core.stages.search.reports import prune_request


def stop_early(context: Context[SamplerSearch]) -> tuple[Action, ...]:
    """End the runs under way that the pruner would not go on with."""
    if context.stage.pruner is None:
        return ()
    request = prune_request(context, context.stage.pruner)
    if not any(run.state == "under way" and run.reports for run in request.runs):
        return ()
    verdicts = context.pruner(request)
    lengths = {trial.id: trial.num_steps / request.steps for trial in context.trials}
    return tuple(
        EndTrial(trial_id, "pruned", reason(request.pruner, _own_steps(verdict, lengths[trial_id])))
        for trial_id, verdict in verdicts.items()
    )


def _own_steps(verdict: Verdict, share: float) -> Verdict:
    """Return a verdict at the run's own step."""
    return replace(verdict, step=round(verdict.step * share))


def reason(rule: pruners.Pruner, verdict: Verdict) -> str:
    """Say why a run was stopped: at which step, its value against which bar, by which rule."""
    came = "no number" if math.isnan(verdict.value) else number(verdict.value)
    bar = number(verdict.bar)
    opening, rung = f"Stopped at step {verdict.step:,}", f"Stopped at the rung of step {verdict.step:,}"
    match rule:
        case pruners.MedianPruner():
            peers = plural(verdict.peers, "finished run")
            return f"{opening} with {came} at best: the median of {peers} had {bar} there (median pruner)."
        case pruners.SuccessiveHalvingPruner():
            return f"{rung} with {came}: {_among(rule, verdict)} had {bar} or better (successive halving)."
        case pruners.HyperbandPruner():
            return f"{rung} with {came}: {_among(rule, verdict, ' of its bracket')} had {bar} or better (Hyperband)."
        case pruners.PatiencePruner():
            waited = plural(rule.patience, "evaluation")
            return f"{opening}: {came} at best in more than {waited}, behind the {bar} before them (patience)."
    return f"{opening} with {came}: {_bound(rule, verdict)} (threshold)."


def _among(rule: pruners.SuccessiveHalvingPruner | pruners.HyperbandPruner, verdict: Verdict, whose: str = "") -> str:
    runs = plural(verdict.peers, "run")
    return f"the best 1/{rule.reduction_factor} of {runs}{whose} that came there by then"


def _bound(rule: pruners.ThresholdPruner, verdict: Verdict) -> str:
    if math.isnan(verdict.value):
        return "the metric has to be a number"
    return f"{'below the lower' if verdict.bar == rule.lower else 'above the upper'} bound of {number(verdict.bar)}"

"""The decision of a user-defined search: the best configuration found, what it took, and what stopping runs saved."""

from __future__ import annotations

from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.study_file import SamplerSearch
from studies.core.context import Context
from studies.core.records import plural
from studies.core.schedules import describe
from studies.core.search.budget import cost
from studies.core.search.record import Verdict, against_before, decision, named
from studies.core.search.standing import standing
from studies.core.stages.search.history import points
from studies.core.stages.search.points import NAMES

RULE_NAME = "best dev metric of the search's runs (guide, stage 2: the dev metric decides)"


def conclude(context: Context[SamplerSearch]) -> Decision:
    now = standing(context)
    best = now.best
    tried = f"{plural(len(points(context)), 'point')} by {NAMES[context.stage.sampler]}"
    reason = f"{named(best)} {against_before(context, now)}, after {tried}{_stops(context)}."
    choice = {**best.params, "schedule": describe(best.schedule), "num_steps": best.num_steps}
    found = decision(context, now, Verdict(RULE_NAME, choice, reason, _cut_short(context)))
    pruner = context.stage.pruner.kind if context.stage.pruner else None
    evidence = {"sampler": context.stage.sampler, "pruner": pruner, "points": len(points(context))}
    saved = {"steps_saved": saved_steps(context), "steps_asked": sum(trial.num_steps for trial in context.trials)}
    return found.model_copy(update={"evidence": {**found.evidence, **evidence, **saved}})


def saved_steps(context: Context[SamplerSearch]) -> int:
    """Return the steps that stopped runs were spared."""
    stopped = context.ended_as(TrialState.PRUNED)
    return sum(trial.num_steps - cost(trial, context.spec.evaluate_every) for trial in stopped)


def _stops(context: Context[SamplerSearch]) -> str:
    if context.stage.pruner is None:
        return ""
    stopped, runs = len(context.ended_as(TrialState.PRUNED)), len(context.trials)
    if not stopped:
        return f"; the {context.stage.pruner.kind} pruner stopped none of {plural(runs, 'run')}"
    asked = sum(trial.num_steps for trial in context.trials)
    saved = f"saved {saved_steps(context):,} of {plural(asked, 'step')}"
    return f"; the {context.stage.pruner.kind} pruner stopped {stopped} of {plural(runs, 'run')}, which {saved}"


def _cut_short(context: Context[SamplerSearch]) -> tuple[str, ...]:
    """Say that the budget ended the search before it had all the runs that it wanted."""
    wanted, had = context.stage.trials, len(context.trials)
    if wanted is None or had >= wanted or context.stage.sampler == "grid":
        return ()
    return (f"Cut short: of {wanted} runs that the search may have {had} fitted into the steps that it may spend.",)

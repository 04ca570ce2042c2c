"""Stage 2's decision: batch size, momentum and rate together, and the number of steps refit (guide, stage 2)."""

from __future__ import annotations

from typing import Any

from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.study_file import BatchMomentum
from studies.core import curves
from studies.core.contest import Contest, final_order
from studies.core.contest_record import certainty, contest_warnings, flip, note, runs_of, shown
from studies.core.context import Context, left_out
from studies.core.judging import Contender
from studies.core.records import candidate, cut_short, dev_score, named, plain, trouble
from studies.core.snapshot import LOSS
from studies.core.stages.batch_momentum.length import Length, refit
from studies.core.stages.batch_momentum.phases import (
    PHASES,
    all_cells,
    baseline_of,
    standing,
    without_reused,
)
from studies.core.starting import has_momentum, start

RULE_NAME = "the dev metric decides among runs with a sound loss curve (guide, stage 2)"


def conclude(context: Context[BatchMomentum]) -> Decision:
    """Return the decision on all that the stage has shown; without a run to judge, what came in is kept."""
    field = standing(context)
    return _chosen(context, field) if field.contenders else _kept(context)


def _chosen(context: Context[BatchMomentum], field: Contest) -> Decision:
    order = final_order(field.contenders, baseline_of(context, field.contenders))
    best, length = order[0], refit(context, order[0])
    stays = _stays(context, order)
    runners_up = tuple(candidate(context, other, other.num_steps, note(best, other, stays)) for other in order[1:])
    return Decision(
        rule=RULE_NAME,
        choice=_choice(context, best, length.num_steps),
        reason=f"{_why(context, field, order)} {length.why}",
        evidence=_evidence(context, field, order),
        runners_up=runners_up,
        what_would_flip_it=_flip(context, field, order),
        candidates=(candidate(context, best, length.num_steps, "Best on the dev set."), *runners_up[:1]),
        warnings=_warnings(context, field, order, length),
    )


def _kept(context: Context[BatchMomentum]) -> Decision:
    origin = start(context)
    score = origin.score
    return Decision(
        rule=RULE_NAME,
        choice={**origin.params, "num_steps": origin.num_steps},
        reason="No run of this stage could be judged, so what the stage before chose is kept as it is.",
        evidence={"dev_before": score, "dev_after": score, "noise": None, "lead": None, "ranking": [], "cells": []},
        what_would_flip_it="Any completed run with a sound loss and a better dev metric: raise budget.trials.",
        candidates=context.incoming,
        warnings=(*trouble(context.ended_as(TrialState.FAILED)), *cut_short(context, _dropped(context))),
    )


def _stays(context: Context[BatchMomentum], order: list[Contender]) -> str:
    """Say what a tie leaves as it is, where the winner is what came in."""
    return "what came in stays" if order[0] == baseline_of(context, order) else ""


def _choice(context: Context[BatchMomentum], best: Contender, num_steps: int) -> dict[str, Any]:
    names = ("batch_size", "momentum", "lr") if has_momentum(context.spec) else ("batch_size", "lr")
    return {**{name: best.params[name] for name in names}, "num_steps": num_steps}


# --- words -------------------------------------------------------------------------------------------------------


def _why(context: Context[BatchMomentum], field: Contest, order: list[Contender]) -> str:
    best, *others = order
    opening = f"{named(best)} wins with {field.judged_by} {shown(context, field.judged_by, best)}{runs_of(best)}"
    if not others:
        return f"{opening}, the only configuration that could be judged."
    second = others[0]
    against = f"{named(second)} with {shown(context, field.judged_by, second)}{runs_of(second)}"
    return f"{opening} against {against}: {certainty(best, second, _stays(context, order))}."


def _flip(context: Context[BatchMomentum], field: Contest, order: list[Contender]) -> str:
    best, *others = order
    if not others:
        return "Any other configuration with a better dev metric: raise budget.trials so that more can be run."
    second, incumbent = others[0], baseline_of(context, order)
    errors = 1.0 if best == incumbent else -1.0 if second == incumbent else 0.0
    return flip(field.judged_by, best, second, name=named(second), errors=errors)


def _warnings(
    context: Context[BatchMomentum], field: Contest, order: list[Contender], length: Length
) -> tuple[str, ...]:
    best = order[0]
    found = list(contest_warnings(context, field, best))
    if not has_momentum(context.spec):
        found.append(f"The momentum axis dropped out: with {context.spec.optimizer} momentum is left alone.")
    if len(order) > 1 and not best.leads(order[1]).clear:
        found.append(f"{named(best)} and {named(order[1])} cannot be told apart beyond noise; both are carried on.")
    if any(each.capped for each in all_cells(context)):
        found.append(
            f"budget.steps ({context.spec.budget.steps:,}) caps the runs with small batches: they see fewer "
            "epochs than the others and may look worse than they are."
        )
    return (*found, *length.warnings, *cut_short(context, _dropped(context)))


def _dropped(context: Context[BatchMomentum]) -> int:
    """Return how many trials of the plan were never run."""
    keys = {each.key for each in without_reused(context, all_cells(context))}
    grid = len(keys - {trial.key for trial in context.trials})
    return grid + left_out(context, PHASES[2:])


# --- evidence ----------------------------------------------------------------------------------------------------


def _evidence(context: Context[BatchMomentum], field: Contest, order: list[Contender]) -> dict[str, Any]:
    best = order[0]
    lead = best.leads(order[1]) if len(order) > 1 else None
    baseline = baseline_of(context, order)
    before = dev_score(context, baseline.trials) if baseline else start(context).score
    return {
        "dev_before": before,
        "dev_after": dev_score(context, best.trials),
        "noise": plain(lead.standard_error if lead else best.estimate.standard_error),
        "lead": plain(lead.value) if lead else None,
        "judged_by": field.judged_by,
        "ranking": [contender.best_trial.id for contender in order],
        "convergence_step": curves.convergence_step(best.trials[0].curve(LOSS)),
        "dev_peak_step": curves.peak(best.trials[0].curve(context.spec.metric.name), maximize=context.maximize)[0],
        "momentum_axis": has_momentum(context.spec),
        "cells": [_cell(context, contender, before) for contender in order],
        "diverged": [trial.key for trial in context.trials if trial.state is TrialState.DIVERGED],
    }


def _cell(context: Context[BatchMomentum], contender: Contender, target: float | None) -> dict[str, Any]:
    return {
        "batch_size": contender.params["batch_size"],
        "momentum": contender.params.get("momentum"),
        "lr": contender.params["lr"],
        "num_steps": contender.num_steps,
        "score": dev_score(context, contender.trials),
        "value": plain(contender.mean),
        "standard_error": plain(contender.estimate.standard_error),
        "samples_to_target": samples_to_target(context, contender, target),
        "trial_id": contender.best_trial.id,
        "seeds": [trial.seed for trial in contender.trials],
    }


def samples_to_target(context: Context[BatchMomentum], contender: Contender, target: float | None) -> int | None:
    """Return the training examples until the smoothed dev metric first reached the baseline's (T); None: never."""
    dev = contender.trials[0].curve(context.spec.metric.name)
    step = None if target is None else curves.first_reached(dev, target, maximize=context.maximize)
    return None if step is None else step * int(contender.params["batch_size"])

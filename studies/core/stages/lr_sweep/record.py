"""The sweep's decision: which rate, for how many steps, and why (guide, stage 1)."""

from __future__ import annotations

from typing import Any

from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.study_file import LrSweep
from studies.core import curves
from studies.core.contest_record import against_noise, flip, note, shown, unsteady_warning
from studies.core.context import Context, left_out
from studies.core.plan import sweep_steps
from studies.core.records import candidate, cut_short, dev_score, gap, number, plain, plural, reasons, trouble
from studies.core.snapshot import LOSS, Trial
from studies.core.space import at_edge, lr_label
from studies.core.stages.lr_sweep.phases import PHASES, finalists
from studies.core.stages.lr_sweep.standing import (
    Standing,
    ahead_by,
    diverged_rates,
    fastest_of,
    judged_by_loss,
    lost,
    ranked,
    rate,
    standings,
)
from studies.core.starting import DEFAULT_LR
from studies.core.stats import Z

CARRIED = 2
"""Rates that go on to the next stage: an early choice has short-horizon bias (T)."""


def conclude(context: Context[LrSweep]) -> Decision:
    """Return the decision on all that the sweep has shown; there must be a rate to choose."""
    order = final_order(context)
    best, steps = order[0], steps_chosen(context, order[0])
    notes = [_note(order, place) for place in range(len(order))]
    candidates = [candidate(context, s.depth, steps, note) for s, note in zip(order, notes, strict=True)]
    return Decision(
        rule=_rule(context),
        choice={"lr": best.lr, "num_steps": steps},
        reason=f"{_why(context, order)} {_why_so_long(context, best, steps)}",
        evidence=_evidence(context, order),
        runners_up=tuple(candidates[1:]),
        what_would_flip_it=_flip(context, order),
        candidates=tuple(candidates[:CARRIED]),
        warnings=_warnings(context, order),
    )


def _rule(context: Context[LrSweep]) -> str:
    free = context.stage.free_seeds
    along = f"; up to {plural(free, 'repeat')} of leading rates beside the refinement (free_seeds)" if free else ""
    return f"fastest and deepest loss curve, then 1.5x the step of convergence (guide, stage 1; T){along}"


def final_order(context: Context[LrSweep]) -> list[Standing]:
    """Return all rates best first: the finalists by all their runs, then the others as they stood before."""
    pair = finalists(context)
    names = {standing.lr for standing in pair}
    return ranked(pair) + ranked(standing for standing in standings(context) if standing.lr not in names)


# --- the number of steps -----------------------------------------------------------------------------------------


def convergence(best: Standing) -> int | None:
    return curves.convergence_step(longest(best).curve(LOSS))


def longest(best: Standing) -> Trial:
    """Return the run of a rate that went on longest: the one that was continued, else its first."""
    return max(best.depth.trials, key=lambda trial: trial.num_steps)


def dev_plateau(context: Context[LrSweep], best: Standing) -> int | None:
    """Return the step at which the winner's dev metric had practically stopped gaining, None where nobody can tell."""
    return curves.plateau_step(longest(best).curve(context.spec.metric.name), maximize=context.maximize)


def steps_chosen(context: Context[LrSweep], best: Standing) -> int:
    """Return 1.5x the later of the loss's convergence and the dev metric's plateau, within the budget.

    All that the budget allows where the loss still falls (guide, stage 1). The dev metric is asked as well because it
    often gains long after the training loss has flattened, and a run must not end before that (T).
    """
    converged, cap = convergence(best), context.spec.budget.steps
    if converged is None:
        return cap
    needed = max(converged, dev_plateau(context, best) or 0)
    return max(context.spec.evaluate_every, curves.num_steps_after(needed, cap))


def _why_so_long(context: Context[LrSweep], best: Standing, steps: int) -> str:
    converged, plateau = convergence(best), dev_plateau(context, best) or 0
    if converged is None:
        return f"Its curve has not converged, so num_steps is the whole {steps:,} of budget.steps."
    capped = " as far as budget.steps allows" if steps == context.spec.budget.steps else ""
    if plateau <= converged:
        return f"It has practically converged at step {converged:,}, and 1.5x that{capped} makes num_steps {steps:,}."
    return (
        f"Its loss has practically converged at step {converged:,}, but {context.spec.metric.name} gains until step "
        f"{plateau:,}, and 1.5x that{capped} makes num_steps {steps:,}."
    )


# --- words -------------------------------------------------------------------------------------------------------


def _quantity(context: Context[LrSweep]) -> str:
    """Name what the rates were judged by: on the sweep's steps, which a run that was continued has more than."""
    if not judged_by_loss(context):
        return context.spec.metric.name
    continued = any(trial.num_steps > sweep_steps(context.spec) for trial in context.trials)
    return f"smoothed loss after {plural(sweep_steps(context.spec), 'step')}" if continued else "smoothed final loss"


def _shown(context: Context[LrSweep], standing: Standing) -> str:
    return shown(context, _quantity(context), standing.depth)


def _why(context: Context[LrSweep], order: list[Standing]) -> str:
    best, *others = order
    opening = f"lr {lr_label(best.lr)} wins with a {_quantity(context)} of {_shown(context, best)}"
    if not others:
        return f"{opening}, the only rate that could be judged."
    second = others[0]
    against = f"lr {lr_label(second.lr)} at {_shown(context, second)}"
    lead = best.depth.leads(second.depth)
    match ahead_by(best, second):
        case "depth":
            return f"{opening}, deeper than {against} by {gap(lead.value)}, {against_noise(lead)}."
        case "speed":
            areas = f"{number(-best.speed.mean)} against {number(-second.speed.mean)}"
            return f"{opening}: as deep within noise as {against}, and it falls faster (area {areas})."
        case _:
            return f"{opening}: a tie within noise with {against}, and the smaller rate is the more stable."


def _note(order: list[Standing], place: int) -> str:
    best, other = order[0], order[place]
    if not place:
        return "Fastest and deepest."
    decided = ahead_by(best, other)
    if decided == "depth":
        return note(best.depth, other.depth)
    lead = best.depth.leads(other.depth)
    where = f"{'Ahead' if lead.value < 0 else 'Behind'} by {gap(abs(lead.value))}, {against_noise(lead)}"
    return f"{where}, and {'slower' if decided == 'speed' else 'as fast: the smaller rate is the more stable'}."


def _flip(context: Context[LrSweep], order: list[Standing]) -> str:
    best, *others = order
    if not others:
        return "Any other rate with a finite loss: run more of the grid, with a larger budget.trials."
    second = others[0]
    # Once as deep within noise the faster of the two wins; otherwise it takes a clear lead.
    errors = -Z if ahead_by(best, second) == "depth" and fastest_of([best, second]) is second else Z
    return flip(_quantity(context), best.depth, second.depth, name=f"lr {lr_label(second.lr)}", errors=errors)


def _warnings(context: Context[LrSweep], order: list[Standing]) -> tuple[str, ...]:
    best = order[0]
    found = [
        *trouble([trial for trial in context.ended_as(TrialState.FAILED) if not lost(context, trial)]),
        *unsteady_warning(trial for trial in context.completed if rate(trial) in diverged_rates(context)),
        *(_lost_warning(trial) for trial in context.trials if lost(context, trial)),
    ]
    if len(order) > 1 and ahead_by(best, order[1]) == "tie":
        found.append(f"lr {lr_label(best.lr)} and lr {lr_label(order[1].lr)} tie within noise; both are carried on.")
    tried = [rate(trial) for trial in context.trials if trial.state in (TrialState.COMPLETED, TrialState.DIVERGED)]
    if side := at_edge(sorted(set(tried)), best.lr):
        found.append(f"lr {lr_label(best.lr)} is still the {side}est rate tried: a {side}er one may be better.")
    if convergence(best) is None:
        found.append(
            f"The loss still falls after {plural(longest(best).num_steps, 'step')}: a larger budget.steps may pay."
        )
    if not judged_by_loss(context):
        found.append(f"No training loss was reported, so the rates were judged by {context.spec.metric.name} alone.")
    return (*found, *cut_short(context, left_out(context, PHASES)))


def _lost_warning(trial: Trial) -> str:
    return f"A run that had not converged failed when it was continued, and its curve counts: {reasons([trial])}."


# --- evidence ----------------------------------------------------------------------------------------------------


def _evidence(context: Context[LrSweep], order: list[Standing]) -> dict[str, Any]:
    best = order[0]
    lead = best.depth.leads(order[1].depth) if len(order) > 1 else None
    default = next((standing for standing in order if standing.lr == DEFAULT_LR), None)
    return {
        "dev_before": dev_score(context, default.depth.trials) if default else None,
        "dev_after": dev_score(context, best.depth.trials),
        "noise": plain(lead.standard_error) if lead else plain(best.depth.estimate.standard_error),
        "lead": plain(lead.value) if lead else None,
        "decided_by": ahead_by(best, order[1]) if len(order) > 1 else None,
        "judged_by": "loss" if judged_by_loss(context) else context.spec.metric.name,
        "ranking": [standing.lr for standing in order],
        "convergence_step": convergence(best),
        "dev_plateau_step": dev_plateau(context, best),
        "cells": [_cell(context, standing) for standing in order],
        "diverged": sorted(diverged_rates(context)),
    }


def _cell(context: Context[LrSweep], standing: Standing) -> dict[str, Any]:
    return {
        "lr": standing.lr,
        "depth": plain(-standing.depth.mean),
        "area": plain(-standing.speed.mean),
        "standard_error": plain(standing.depth.estimate.standard_error),
        "score": dev_score(context, standing.depth.trials),
        "trial_id": standing.depth.best_trial.id,
        "seeds": [trial.seed for trial in standing.depth.trials],
    }

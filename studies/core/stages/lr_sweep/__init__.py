"""Stage 1 of the guide: the learning rate and the number of steps."""

from __future__ import annotations

from studies.contract.states import TrialState
from studies.contract.study_file import LrSweep
from studies.core.actions import Action, CloseStage, ContinueTrial, Fail
from studies.core.context import Context, Rule, next_trials
from studies.core.plan import sweep_steps
from studies.core.records import end_diverged, plural, reasons
from studies.core.space import lr_label
from studies.core.stages.lr_sweep.phases import PHASES, demand
from studies.core.stages.lr_sweep.record import conclude, convergence, final_order, longest
from studies.core.stages.lr_sweep.standing import diverged_rates, rate, standings


def act(context: Context[LrSweep]) -> tuple[Action, ...]:
    """Return what the sweep does now: end what diverged, ask for trials, continue the winner, or close."""
    ended = end_diverged(context)
    if ended:
        return ended
    if _continuing(context):
        return ()
    added = next_trials(context, PHASES)
    if added is not None:
        return added
    if not standings(context):
        return (Fail(_nothing_to_choose(context)),)
    return _continuation(context) or (CloseStage("lr_sweep", conclude(context)),)


def _continuing(context: Context[LrSweep]) -> bool:
    """Return whether the winner is under way again: until it is back, the sweep looks as if it had lost it."""
    return any(trial.num_steps > sweep_steps(context.spec) for trial in context.in_flight)


def _continuation(context: Context[LrSweep]) -> tuple[Action, ...]:
    """Continue a winner that has not converged, from its checkpoint to the cap (guide, stage 1)."""
    best = final_order(context)[0]
    trial, cap = longest(best), context.spec.budget.steps
    if convergence(best) is not None or trial.num_steps >= cap:
        return ()
    reason = f"The loss of lr {lr_label(best.lr)}, the winner, still falls after {trial.num_steps:,} steps."
    return (ContinueTrial(trial.id, cap, reason),)


def _nothing_to_choose(context: Context[LrSweep]) -> str:
    failed, diverged = context.ended_as(TrialState.FAILED), diverged_rates(context)
    if any(rate(trial) not in diverged for trial in context.completed):
        return (
            f"No trial of the sweep reported a finite training loss or {context.spec.metric.name}: check that the "
            "objective reports them under these names, then submit the study again."
        )
    if not failed:
        return (
            f"Every learning rate diverged, down to {lr_label(min(diverged))}: check inputs, labels and "
            "loss for NaN and for scale, then submit the study again, with smaller rates in the grid if they are sound."
        )
    others = f", and {plural(len(diverged), 'rate')} diverged" if diverged else ""
    return f"No trial of the sweep completed: {reasons(failed)}{others}. Mend what failed and submit the study again."


RULE = Rule(demand, act)

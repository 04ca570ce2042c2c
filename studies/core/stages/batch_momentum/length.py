"""The number of steps refit to the winner of stage 2: idle tails are cut, runs that still gain are lengthened."""

from __future__ import annotations

from dataclasses import dataclass

from studies.contract.study_file import BatchMomentum
from studies.core import curves
from studies.core.context import Context
from studies.core.judging import Contender
from studies.core.records import plural
from studies.core.snapshot import LOSS

IDLE = 0.75
"""A run is cut where 1.5x of what it needed is less than this share of its length: less is not worth a new baseline."""


@dataclass(frozen=True)
class Length:
    """The steps that further runs should take, and why."""

    num_steps: int
    why: str
    warnings: tuple[str, ...] = ()


def refit(context: Context[BatchMomentum], winner: Contender) -> Length:
    """Return the winner's length by the rule of stage 1 and the check on finished runs (guide, stage 2; T).

    A dev metric that is best in the last quarter wants a longer run; a run whose loss has long converged and whose
    dev peak is long past is cut to 1.5x the later of the two, one that was best in its first tenth to 1.5x its peak.
    """
    trial, steps, cap = winner.trials[0], winner.num_steps, context.spec.budget.steps
    verdict = curves.length_verdict(trial.curve(context.spec.metric.name), steps, maximize=context.maximize)
    if verdict == "too_short":
        return _lengthened(steps, cap)
    needed = _needed(context, winner, far_too_long=verdict == "too_long")
    if needed is None or needed >= IDLE * steps:
        return Length(steps, f"Its length of {plural(steps, 'step')} fits and stays.")
    return Length(needed, f"Its tail is idle, so {steps:,} steps are cut to {needed:,}, 1.5x what it needed.")


def _lengthened(steps: int, cap: int) -> Length:
    longer = curves.num_steps_after(steps, cap)
    if longer > steps:
        return Length(longer, f"It is best in its last quarter, so {steps:,} steps are lengthened to {longer:,}.")
    warning = f"The winner is at its best in the last quarter of {steps:,} steps: a larger budget.steps may pay."
    return Length(steps, f"It is best in its last quarter, but budget.steps keeps it at {steps:,}.", (warning,))


def _needed(context: Context[BatchMomentum], winner: Contender, *, far_too_long: bool) -> int | None:
    """Return 1.5x the later of convergence and dev peak; None while the loss falls.

    Where the dev metric was as good as best in the first tenth, the rest is overfitting and the loss no longer asked.
    """
    trial = winner.trials[0]
    converged = 0 if far_too_long else curves.convergence_step(trial.curve(LOSS))
    if converged is None:
        return None
    peak_step, _ = curves.peak(trial.curve(context.spec.metric.name), maximize=context.maximize)
    needed = curves.num_steps_after(max(converged, peak_step), context.spec.budget.steps)
    return max(context.spec.evaluate_every, needed)

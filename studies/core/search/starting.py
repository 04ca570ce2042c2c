"""What a stage of a guided search starts from: the best configuration known, or the defaults where there is none."""

from __future__ import annotations

from studies.core import schedules
from studies.core.actions import Proposal
from studies.core.context import Context, StageT
from studies.core.judging import Contender
from studies.core.search.lengths import full_length
from studies.core.search.space import Configuration, starting_params
from studies.core.search.standing import standing

DEFAULTS = "defaults"
"""Key of the run that a first stage begins with."""


def incumbent(context: Context[StageT]) -> Contender | None:
    """Return the best configuration with a finished run, None before the first."""
    order = standing(context).order
    return order[0] if order else None


def origin(context: Context[StageT]) -> Configuration:
    """Return the configuration that the next probe varies."""
    best = incumbent(context)
    if best is not None:
        return Configuration(best.params, best.schedule, best.num_steps)
    params = starting_params(context.spec)
    return Configuration(params, schedules.constant(), full_length(context.spec, params))


def proposal(context: Context[StageT], key: str, wanted: Configuration, reason: str) -> Proposal:
    """Return a full run of a configuration with the study's own seed."""
    best = incumbent(context)
    return Proposal(
        key=key,
        params=wanted.params,
        schedule=wanted.schedule,
        num_steps=wanted.num_steps,
        seed=context.spec.seed,
        reason=reason,
        parent_id=best.best_trial.id if best else None,
    )

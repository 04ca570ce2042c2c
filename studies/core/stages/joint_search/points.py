"""The points of the joint search: as many as there is room for, where the model expects the most."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.states import TrialState
from studies.contract.study_file import JointSearch
from studies.core.actions import Proposal
from studies.core.context import Context
from studies.core.search.budget import left
from studies.core.search.observing import observe
from studies.core.search.space import space_of
from studies.core.search.starting import proposal
from studies.core.search.suggest import suggest


def next_points(context: Context[JointSearch]) -> Sequence[Proposal]:
    """Return the next points, each as a full run."""
    space, count = space_of(context.spec), room(context)
    if count <= 0 or not len(space):
        return ()
    seen = observe(context, space)
    if not len(seen.values):
        return ()
    found = [space.configuration(point) for point in suggest(space, seen, count, context.spec.seed)]
    asked = len(context.trials)
    reason = "Greatest expected improvement over all hyperparameters, by a model of all runs so far (guide, section 7)."
    return [proposal(context, f"point={asked + index}", each, reason) for index, each in enumerate(found)]


def room(context: Context[JointSearch]) -> int:
    """Return how many points to ask for now; none where the budget has no room for a full run."""
    if left(context.snapshot, context.stage.kind) < context.spec.budget.steps:
        return 0
    running = sum(trial.state is TrialState.RUNNING for trial in context.trials)
    waiting = len(context.in_flight) - running
    if context.stage.parallel is not None:
        return context.stage.parallel - running - waiting
    return max(1, running // 4) - waiting

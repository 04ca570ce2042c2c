"""The points of the joint search: as many as there is room for, where the model expects the most."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.study_file import JointSearch
from studies.core.actions import Proposal
from studies.core.context import Context
from studies.core.search.budget import left
from studies.core.search.observing import observe
from studies.core.search.room import room
from studies.core.search.space import space_of
from studies.core.search.starting import proposal
from studies.core.search.suggest import suggest


def next_points(context: Context[JointSearch]) -> Sequence[Proposal]:
    """Return the next points, each as a full run."""
    space, count = space_of(context.spec), room(context, context.stage.parallel)
    if count <= 0 or not len(space) or left(context.snapshot, context.stage.kind) < context.spec.budget.steps:
        return ()
    seen = observe(context, space)
    if not len(seen.values):
        return ()
    found = [space.configuration(point) for point in suggest(space, seen, count, context.spec.seed)]
    asked = len(context.trials)
    reason = "Greatest expected improvement over all hyperparameters, by a model of all runs so far (guide, section 7)."
    return [proposal(context, f"point={asked + index}", each, reason) for index, each in enumerate(found)]

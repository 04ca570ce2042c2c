"""Stage 4 of a guided search: all hyperparameters together, on all runs so far (guide, section 7)."""

from __future__ import annotations

from studies.contract.study_file import JointSearch
from studies.core.actions import Action
from studies.core.context import Context, SearchRule
from studies.core.search.course import follow
from studies.core.search.stopping import stop_hopeless
from studies.core.stages.joint_search.points import next_points
from studies.core.stages.joint_search.record import conclude


def act(context: Context[JointSearch]) -> tuple[Action, ...]:
    """Return what the stage does now: stop what is hopeless, ask for more points, or close."""
    return follow(context, next_points, conclude, stop_hopeless)


RULE = SearchRule(act)

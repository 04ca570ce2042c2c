"""Stage 1 of a guided search: the learning rate, by successive halving (guide, section 7)."""

from __future__ import annotations

from studies.contract.study_file import LrHalving
from studies.core.actions import Action
from studies.core.context import Context, SearchRule
from studies.core.records import end_diverged
from studies.core.search.course import close
from studies.core.stages.lr_halving.climbing import begin, leave_behind, promote
from studies.core.stages.lr_halving.record import conclude


def act(context: Context[LrHalving]) -> tuple[Action, ...]:
    """Return what the sweep does now: end what diverged, begin every rate, let a third of them go on, or close."""
    acted = end_diverged(context) or begin(context) or promote(context)
    if acted or context.in_flight:
        return acted
    return leave_behind(context) or close(context, conclude)


RULE = SearchRule(act)

"""The decision of the repeats: which finalist is best by its mean, and whether its lead is real."""

from __future__ import annotations

from studies.contract.decision import Decision
from studies.contract.study_file import Confirm
from studies.core.context import Context
from studies.core.search.record import against_before, decision, named
from studies.core.search.standing import standing

RULE_NAME = "best mean over seeds among the finalists (guide, section 7)"


def conclude(context: Context[Confirm]) -> Decision:
    best = standing(context).best
    reason = f"{named(context, best)} {against_before(context)}."
    return decision(context, RULE_NAME, {**best.params, "num_steps": best.num_steps}, reason)

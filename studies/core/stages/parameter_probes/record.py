"""The decision of the parameter probes: which steps were for the better."""

from __future__ import annotations

from studies.contract.decision import Decision
from studies.contract.study_file import ParameterProbes
from studies.core.context import Context
from studies.core.search.record import against_before, changed, decision
from studies.core.search.standing import standing, standing_before

RULE_NAME = "one hyperparameter at a time from the best so far (guide, section 7)"


def conclude(context: Context[ParameterProbes]) -> Decision:
    best, before = standing(context).best, standing_before(context).order
    moved = changed(best, before[0] if before else None)
    names = ", ".join(moved) if moved else "What was there before"
    reason = f"{names} {against_before(context)}."
    return decision(context, RULE_NAME, best.params, reason)

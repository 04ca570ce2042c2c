"""The decision of the parameter probes: which steps were for the better."""

from __future__ import annotations

from studies.contract.decision import Decision
from studies.contract.study_file import ParameterProbes
from studies.core.context import Context
from studies.core.search.record import Verdict, against_before, changed, decision, named
from studies.core.search.standing import standing, standing_before

RULE_NAME = "one hyperparameter at a time from the best so far (guide, section 7)"


def conclude(context: Context[ParameterProbes]) -> Decision:
    now, before = standing(context), standing_before(context).order
    moved = changed(now.best, before[0] if before else None)
    what = f"{named(now.best)} {against_before(context, now)}"
    reason = f"{what}: better by {', '.join(moved)}." if before and moved else f"{what}."
    return decision(context, now, Verdict(RULE_NAME, now.best.params, reason))

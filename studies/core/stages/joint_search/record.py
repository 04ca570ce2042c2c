"""The decision of the joint search: the best configuration found, and what it took."""

from __future__ import annotations

from studies.contract.decision import Decision
from studies.contract.study_file import JointSearch
from studies.core.context import Context
from studies.core.records import plural
from studies.core.schedules import describe
from studies.core.search.record import Verdict, against_before, decision, named
from studies.core.search.standing import standing

RULE_NAME = "best dev metric after a joint search by expected improvement (guide, section 7)"


def conclude(context: Context[JointSearch]) -> Decision:
    now = standing(context)
    best = now.best
    reason = f"{named(best)} {against_before(context, now)}, after {plural(len(context.trials), 'point')}."
    choice = {**best.params, "schedule": describe(best.schedule), "num_steps": best.num_steps}
    return decision(context, now, Verdict(RULE_NAME, choice, reason))

"""The decision of the decay probes: whether a late decay pays, and in which form."""

from __future__ import annotations

from studies.contract.decision import Decision
from studies.contract.study_file import DecayProbes
from studies.core.context import Context
from studies.core.records import sentence
from studies.core.schedules import describe
from studies.core.search.record import Verdict, against_before, decision
from studies.core.search.standing import standing

RULE_NAME = "best dev metric among late decays and none (guide, section 7: late decay probes early)"


def conclude(context: Context[DecayProbes]) -> Decision:
    now = standing(context)
    best = now.best
    choice = {
        "schedule": best.schedule.kind,
        "description": describe(best.schedule),
        "start": best.schedule.start,
        "num_steps": best.num_steps,
    }
    reason = f"{sentence(describe(best.schedule))} {against_before(context, now)}."
    return decision(context, now, Verdict(RULE_NAME, choice, reason))

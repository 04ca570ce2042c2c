"""The decision of the repeats: which finalist is best by its mean, and whether its lead is real."""

from __future__ import annotations

from studies.contract.decision import Decision
from studies.contract.study_file import Confirm
from studies.core.contest_record import against_noise, runs_of, shown
from studies.core.context import Context
from studies.core.judging import Contender, by_mean
from studies.core.records import gap
from studies.core.schedules import describe
from studies.core.search.record import Verdict, decision, named
from studies.core.search.standing import Standing, standing
from studies.core.stages.confirm.repeats import finalists

RULE_NAME = "best mean over seeds among the finalists (guide, section 7)"


def conclude(context: Context[Confirm]) -> Decision:
    now = confirmed(context)
    best = now.best
    score = f"{now.judged_by} {shown(context, now.judged_by, best)}{runs_of(best)}"
    reason = f"{named(best)} has {score}. {_lead(context)}"
    choice = {**best.params, "schedule": describe(best.schedule), "num_steps": best.num_steps}
    return decision(context, now, Verdict(RULE_NAME, choice, reason))


def confirmed(context: Context[Confirm]) -> Standing:
    """Return the finalists best first by their means, then the others as they stood.

    A finalist that was repeated is known better than a single run, however lucky that one was.
    """
    now, last = standing(context), by_mean(finalists(context))
    keys = {contender.key for contender in last}
    return Standing((*last, *(each for each in now.order if each.key not in keys)), now.judged_by)


def _lead(context: Context[Confirm]) -> str:
    """Say in a plain sentence whether the lead is real."""
    last = by_mean(finalists(context))
    if len(last) <= 1:
        return "Nothing else has finished runs to compare it with."
    if not context.completed:
        return "The budget has no room for repeats, so its lead is known from single runs and may be luck."
    return _verdict(last[0], last[1])


def _verdict(best: Contender, second: Contender) -> str:
    lead = best.leads(second)
    place = f"{gap(lead.value)} ahead of the second, {against_noise(lead)}"
    if lead.clear:
        return f"Its lead is real: {place}."
    return f"Its lead is not real: {place}; the second is as good, and the higher mean decides."

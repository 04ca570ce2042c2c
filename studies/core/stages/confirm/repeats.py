"""Further seeds of the finalists: the best of many single runs owes part of its place to luck."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.study_file import Confirm
from studies.core.actions import Proposal
from studies.core.contest import settled
from studies.core.context import Context
from studies.core.judging import Contender, by_mean
from studies.core.repeating import repeats
from studies.core.search.budget import ceiling, spent
from studies.core.search.standing import standing, standing_before

WHY = "published best settings fail to replicate (guide, section 7)."


def finalist_repeats(context: Context[Confirm]) -> Sequence[Proposal]:
    """Return whole rounds of repeats: one at least, and more while the lead is within noise and the budget has room."""
    group = finalists(context)
    return repeats(group, lambda done: done > 0 and settled(by_mean(group), done), WHY, rounds(context, group))


def finalists(context: Context[Confirm]) -> list[Contender]:
    """Return the best configurations by the runs before any repeat, with all their runs."""
    now = {contender.key: contender for contender in standing(context).order}
    before = standing_before(context).order or standing(context).order
    return [now[contender.key] for contender in before[: context.stage.finalists] if contender.key in now]


def rounds(context: Context[Confirm], group: Sequence[Contender]) -> int:
    """Return how often every finalist can be repeated with what the stages before have left."""
    before = spent(context.snapshot) - sum(trial.num_steps for trial in context.trials)
    room = ceiling(context.spec, context.stage.kind) - before
    return room // sum(contender.num_steps for contender in group) if group else 0

"""Stage 3 of the guide: whether the learning rate should decay, from when on, and in which form."""

from __future__ import annotations

from studies.contract.study_file import DecaySchedule
from studies.core.actions import Action, CloseStage
from studies.core.context import Context, Rule, next_trials
from studies.core.records import end_diverged, nothing_to_judge
from studies.core.stages.decay_schedule.phases import PHASES, demand, standing
from studies.core.stages.decay_schedule.record import conclude


def act(context: Context[DecaySchedule]) -> tuple[Action, ...]:
    """Return what the stage does now: end what diverged, ask for trials, or close."""
    ended = end_diverged(context)
    if ended:
        return ended
    added = next_trials(context, PHASES)
    if added is not None:
        return added
    if not standing(context).contenders and (failure := nothing_to_judge(context)):
        return (failure,)
    return (CloseStage(context.stage.kind, conclude(context)),)


RULE = Rule(demand, act)

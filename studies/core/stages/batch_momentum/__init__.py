"""Stage 2 of the guide: batch size and momentum together, the learning rate scaled with them."""

from __future__ import annotations

from studies.contract.study_file import BatchMomentum
from studies.core.actions import Action, CloseStage
from studies.core.context import Context, Rule, next_trials
from studies.core.records import end_diverged, nothing_to_judge
from studies.core.stages.batch_momentum.phases import PHASES, demand, standing
from studies.core.stages.batch_momentum.record import conclude


def act(context: Context[BatchMomentum]) -> tuple[Action, ...]:
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
